"""What a scenario would have to expect to hold: its list as it is, with the entries changed that went otherwise.

An entry whose thing happens at another time keeps everything but its day, and its clock time where it has one. What no
longer happens goes. What is new comes into `expect`, which lists everything, and not into `expect_some`.
"""

from __future__ import annotations

from collections.abc import Iterator

from lifecycle.alignment import Pair, aligned
from lifecycle.coverage import Coverage
from lifecycle.expectations import STRICT, Templates, clock_of, written
from lifecycle.language.faults import Faults
from lifecycle.language.rewrite import CannotRewrite, Edit, rewrite
from lifecycle.language.scenario import Expected, Scenarios
from lifecycle.language.source import read
from lifecycle.language.validate import validate
from lifecycle.plan import Plan
from lifecycle.scenarios import Trial, compared_with, trials
from lifecycle.simulated import World
from lifecycle.timeline import Line

_LISTS = ("expect", "expect_some")

_NOTED = STRICT | {"goal", "recorded", "enrolled", "refused"}
"""What is written down where nothing is expected yet."""


def revise(text: str, number: int, trial: Trial, plan: Plan, world: World) -> str:
    """The text of a test file in which the scenario of that `number` (from 0), which failed, holds.

    Raises CannotRewrite where a person has to decide: where `never` is broken, where what is expected contradicts
    itself, and where anything but expectations would change.
    """
    failure, scenario = trial.failure, trial.scenario
    if failure is not None and failure.cause == "never":
        raise CannotRewrite(f"{failure.why}, and `never` forbids it: mend the playbook, or take it out of `never`")
    if failure is not None and failure.cause == "contradiction":
        raise CannotRewrite("what it expects contradicts itself")
    new = text
    for key in [key for key in _LISTS if getattr(scenario, key) is not None] or ["expect"]:
        new = rewrite(new, number, key, _revised(trial, key, world.templates))
    _prove(text, new, number, plan, world)
    return new


def _prove(text: str, new: str, number: int, plan: Plan, world: World) -> None:
    """Raise CannotRewrite unless the scenario holds now, and everything else says what it said before."""
    faults = Faults()
    old, now = (read("", one.encode(), faults) for one in (text, new))
    scenarios = validate(Scenarios, now, faults) if now else None
    if old is None or now is None or scenarios is None:
        raise CannotRewrite("its file could not be read any more")
    for data in (old.data, now.data):
        for key in _LISTS:
            data["scenarios"][number].pop(key, None)
    if old.data != now.data:
        raise CannotRewrite("something else in its file would change")
    one = scenarios.model_copy(update={"scenarios": [scenarios.scenarios[number]]})
    failure = next(trials(plan, one, world, Coverage.of(plan))).failure
    if failure:
        raise CannotRewrite(f"it would not hold afterwards either: {failure.why}")


def _revised(trial: Trial, key: str, templates: Templates) -> list[Edit]:
    """The entries of the list `key`, as they have to be for the scenario to hold.

    Raises CannotRewrite where nothing of what it expects is left.
    """
    entries: list[Expected] | None = getattr(trial.scenario, key)
    if not entries:
        lines = [line for line in trial.lines if line.what in (STRICT | {"goal"} if entries == [] else _NOTED)]
        lines = [line for line in lines if line.template or line.what != "refused"]
        return [Edit(text=text) for text in _anew(lines, trial, templates)] if key == "expect" else []
    pairs = aligned(entries, compared_with(trial, key), trial.zone)
    if key == "expect_some":
        kept = [_kept(pair, entries, trial) for pair in pairs if pair.entry is not None]
        if all(edit.text == "" for edit in kept):
            raise CannotRewrite("nothing of what it expects happens any more")
        return kept
    dated = any(entry.at for entry in entries)
    return list(_listed(pairs, entries, trial, templates, dated=dated))


def _listed(
    pairs: list[Pair], entries: list[Expected], trial: Trial, templates: Templates, *, dated: bool
) -> Iterator[Edit]:
    before: Line | None = None
    for pair in pairs:
        new = pair.line is not None and not pair.same and not pair.moved
        if pair.line is None or not new or not any(pair.line is one for one in trial.strict):
            if pair.entry is not None:
                yield _kept(pair, entries, trial)
        else:
            at = entries[pair.entry].at is not None if pair.entry is not None else dated and _turns(pair.line, before)
            yield Edit(pair.entry, text=written(pair.line, trial.zone, templates, at=at, ends=True))
        before = pair.line or before


def _kept(pair: Pair, entries: list[Expected], trial: Trial) -> Edit:
    assert pair.entry is not None
    if pair.same:
        return Edit(pair.entry)
    if not pair.moved or pair.line is None:
        return Edit(pair.entry, text="")
    has_clock = entries[pair.entry].at is not None
    return Edit(
        pair.entry, day=pair.line.day, at=clock_of(pair.line, trial.zone).format_iso()[:5] if has_clock else None
    )


def _anew(lines: list[Line], trial: Trial, templates: Templates) -> Iterator[str]:
    before: Line | None = None
    for line in lines:
        ends = any(line is one for one in trial.strict)
        yield written(line, trial.zone, templates, at=_turns(line, before), ends=ends)
        before = line


def _turns(line: Line, before: Line | None) -> bool:
    """Whether a line has another time than the one before it: then a person would write it."""
    return before is None or before.at != line.at
