"""Answers to the questions that a journey asks about its customer: which arm, which date, has it ever happened."""

from __future__ import annotations

from functools import lru_cache

from whenever import Date, Instant

from lifecycle import calendar
from lifecycle import plan as p
from lifecycle.facts import Conditions, Facts
from lifecycle.inputs import Result
from lifecycle.interpreter import moment_of


def answer(step: p.Step, facts: Facts, conditions: Conditions, zone: str, read_at: int = 0) -> Result:
    """The result of a `Decide` at `step`. `read_at` is the last inbox number given when the facts were read."""
    if isinstance(step, p.Branch):
        return _arm(step, facts, conditions)
    if isinstance(step, p.Wait):
        return _date(step, facts, zone, read_at)
    assert isinstance(step, p.WaitFor)
    seen = next((key for key in step.keys if facts.milestones.get(key) and facts.milestones[key].count), None)
    return Result("resolved", event=(seen, 0) if seen else None)


def _arm(step: p.Branch, facts: Facts, conditions: Conditions) -> Result:
    """A missing value takes `else` at once: guessing at later arms could take one that the author meant to exclude."""
    for index, (condition, _) in enumerate(step.arms):
        verdict = conditions.evaluate(condition, facts)
        if verdict.value:
            return _chosen(index)
        if verdict.missing:
            return Result("chosen", arm=None, missing=verdict.missing)
    return _chosen(None)


@lru_cache(maxsize=64)
def _chosen(arm: int | None) -> Result:
    return Result("chosen", arm=arm)


def _date(step: p.Wait, facts: Facts, zone: str, read_at: int) -> Result:
    moment = moment_of(step)
    assert moment.attribute is not None
    root, _, name = moment.attribute.partition(".")
    value = getattr(facts, root, {}).get(name)
    date = as_date(value, zone)
    if date is None:
        return Result("resolved", missing=(moment.attribute,), read_at=read_at)
    return Result("resolved", until=calendar.attribute_moment(moment, date, zone), read_at=read_at)


def as_date(value: object, zone: str) -> Date | None:
    """The day that an attribute names: `2026-05-01`, or an instant, whose day is that in `zone`."""
    text = str(value or "")
    for parse in (Date.parse_iso, lambda text: Instant.parse_iso(text).to_tz(zone).date()):
        try:
            return parse(text)
        except ValueError:
            continue
    return None
