"""Running `NAME.test.yaml`: what a playbook does for one customer, against what its author expects.

`expect` is strict about messages, tasks and the end; other lines (milestones, records, refusals ...) are compared where
they are listed. A split is chosen with `with: {split: {NAME: VARIANT}}`: the scenario's customer is then one who
belongs to that variant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from whenever import Date, Instant

from lifecycle.alignment import aligned
from lifecycle.calendar import resolve
from lifecycle.contradictions import contradictions
from lifecycle.coverage import Coverage, Watched, arms_seen
from lifecycle.events import Person
from lifecycle.expectations import LINE_OF, SHOWN, STRICT, actual, matches, thing_of, wanted
from lifecycle.interpreter.run import variant_of
from lifecycle.language.faults import Place
from lifecycle.language.scenario import Expected, Given, Scenario, Scenarios
from lifecycle.language.times import parse_clock
from lifecycle.plan import Plan, Split
from lifecycle.simulated import Happening, World, beginning
from lifecycle.simulator import Life
from lifecycle.timeline import Line

HORIZON_DAYS = 1500
"""How long a scenario's life is lived on after its last event; every wait ends, so every journey does within it."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was expected beside what happened instead; empty where there is nothing. `same`: one is the other."""

    expected: str
    actual: str
    same: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A scenario that went otherwise. `expected` and `actual` are timelines, a line each, in the order of time, and
    `rows` are both beside each other.

    `cause`: what happens is not what is listed; or it is listed under `never`; or what is expected contradicts itself.
    """

    place: Place
    scenario: str
    expected: list[str]
    actual: list[str]
    why: str
    rows: list[Row]
    cause: str = "differs"


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario that was run: its timeline on the clocks of `zone`, and the failure where it went otherwise.

    `strict` are those lines that `expect` has to list. `not_begun` says why there was no journey, where there was none.
    """

    scenario: Scenario
    lines: list[Line]
    strict: list[Line]
    zone: str
    not_begun: str | None
    failure: Failure | None


def trials(plan: Plan, scenarios: Scenarios, world: World, coverage: Coverage) -> Iterator[Trial]:
    """Run one scenario after the other, and note in `coverage` what they go through."""
    watched = replace(plan, steps=Watched(plan.steps, coverage.seen_steps), holdout=0.0)
    world = replace(world, plans=[watched])
    for scenario in scenarios.scenarios:
        lines, zone, not_begun = live(watched, scenarios, scenario, world)
        coverage.seen_arms |= set(arms_seen(watched, lines)) & coverage.arms
        goal_ends = plan.goal is not None and plan.goal.then == "exit"
        strict = [line for line in lines if line.what in STRICT or (line.what == "goal" and goal_ends)]
        wrong = contradictions(scenario, scenarios, plan, world.map)
        trial = Trial(scenario, lines, strict, zone, not_begun, None)
        failure = _contradictory(trial, wrong[0].place, wrong[0].message) if wrong else _compared(trial)
        yield replace(trial, failure=failure)


def live(plan: Plan, scenarios: Scenarios, scenario: Scenario, world: World) -> tuple[list[Line], str, str | None]:
    """The timeline of a scenario, of every journey that its customer has through the playbook; their time zone; and why
    there was no journey, where there was none.
    """
    attributes = {**scenarios.customer, **scenario.with_}
    wanted = attributes.pop("split", {})
    strict = "consent" in attributes
    consent = dict.fromkeys(attributes.pop("consent", None) or [], True)
    stage = attributes.pop("stage", None) or plan.stage
    person = Person(_customer_in(plan, wanted), attributes, stage)
    zone = person.zone(world.map)
    start = _start(scenarios.start, zone)
    happenings = [_happening(given, start, zone) for given in scenario.given or []]
    first = beginning(plan, start, zone) or Happening(start, "enrol", plan.playbook)
    # No milestone enters what time or another playbook enters, so what is given happens besides.
    if scenario.given is None or first.what != "milestone":
        happenings.insert(0, first)
    happenings.sort(key=lambda happening: happening.at)
    life = Life(replace(world, strict_consent=strict), person, consent)
    life.run(happenings, start.add(hours=24 * HORIZON_DAYS))
    lines = [line for journey in life.journeys for line in journey.lines]
    not_begun = None
    if not life.journeys:
        not_begun = life.not_entered[-1][1] if life.not_entered else "nothing in `given` begins one"
    return sorted(lines, key=lambda line: line.at), zone, not_begun


def _compared(trial: Trial) -> Failure | None:
    """Hold a timeline against what its scenario expects."""
    scenario = trial.scenario
    for index, name in enumerate(scenario.never):
        sent = next((line for line in trial.lines if line.what == "sent" and line.template == name), None)
        if sent:
            return _never(trial, index, name, sent)
    for key, strict in (("expect", trial.strict), ("expect_some", [])):
        entries: list[Expected] | None = getattr(scenario, key)
        if entries is not None and (wrong := _first_difference(entries, trial, strict)) is not None:
            index, why = wrong
            return _failure(trial, scenario.place(key, index) if entries else scenario.place(key), why, key)
    if scenario.expect is None and scenario.expect_some is None and not scenario.never:
        why = "it expects nothing yet: write `expect`, or let `milepost test --update` write down what happens"
        return _failure(trial, scenario.place(), why, "expect")
    return None


def _first_difference(entries: list[Expected], trial: Trial, strict: list[Line]) -> tuple[int, str] | None:
    position, zone = 0, trial.zone
    for line in trial.lines:
        if position < len(entries) and matches(entries[position], line, zone):
            position += 1
        elif any(line is one for one in strict):
            if position < len(entries):
                return (
                    position,
                    f"expected {_short(wanted(entries[position]))}, and it was {_short(actual(line, zone))}",
                )
            return len(entries) - 1, f"{_short(actual(line, zone))} is not expected"
    if position < len(entries):
        because = f", because no journey began ({trial.not_begun})" if trial.not_begun else ""
        return position, f"it never came to {_short(wanted(entries[position]))}{because}"
    return None


def _short(shown: str) -> str:
    return f"`{' '.join(shown.split())}`"


def compared_with(trial: Trial, key: str) -> list[Line]:
    """The lines of a trial that a list of expectations is held against, and shown beside."""
    entries: list[Expected] = getattr(trial.scenario, key) or []
    listed = {LINE_OF.get(thing_of(entry)[0]) for entry in entries}
    return [line for line in trial.lines if line.what in SHOWN or line.what in listed]


def _failure(trial: Trial, place: Place, why: str, key: str, cause: str = "differs") -> Failure:
    entries: list[Expected] = getattr(trial.scenario, key) or []
    lines = compared_with(trial, key)
    rows = [_row(pair.entry, pair.line, pair.same, entries, trial, key) for pair in aligned(entries, lines, trial.zone)]
    expected = [wanted(entry) for entry in entries]
    return Failure(place, trial.scenario.name, expected, [actual(line, trial.zone) for line in lines], why, rows, cause)


def _row(entry: int | None, line: Line | None, same: bool, entries: Sequence[Expected], trial: Trial, key: str) -> Row:
    passed_over = entry is None and (key == "expect_some" or not any(line is one for one in trial.strict))
    left = wanted(entries[entry]) if entry is not None else ""
    return Row(left, actual(line, trial.zone) if line else "", same or passed_over)


def _never(trial: Trial, index: int, name: str, sent: Line) -> Failure:
    lines = [line for line in trial.lines if line.what in SHOWN]
    rows = [Row(f"never: {name}" if line is sent else "", actual(line, trial.zone), line is not sent) for line in lines]
    shown = [row.actual for row in rows]
    place = trial.scenario.place("never", index)
    return Failure(place, trial.scenario.name, [f"never: {name}"], shown, f"{name} was sent", rows, "never")


def _contradictory(trial: Trial, place: Place, message: str) -> Failure:
    key = "expect_some" if trial.scenario.expect is None and trial.scenario.expect_some else "expect"
    return _failure(trial, place, message, key, "contradiction")


def _start(text: str, zone: str) -> Instant:
    day, _, clock = text.replace("T", " ").partition(" ")
    return resolve(Date.parse_iso(day).at(parse_clock(clock or "10:00")), zone)


def _happening(given: Given, start: Instant, zone: str) -> Happening:
    local = start.to_tz(zone)
    at = resolve(local.date().add(days=given.day).at(parse_clock(given.at) if given.at else local.time()), zone)
    if given.set is not None:
        return Happening(at, "set", properties={k.removeprefix("customer."): v for k, v in given.set.items()})
    if given.pause is not None:
        return Happening(at, "pause", given.pause)
    if given.resume is not None:
        return Happening(at, "resume", given.resume)
    if given.exit is not None:
        return Happening(at, "exit", given.exit)
    return Happening(at, "milestone", given.milestone or "", given.properties(), given.of)


def _customer_in(plan: Plan, wanted: Mapping[str, Any]) -> str:
    """An id whose customer belongs to the wanted variants."""
    splits = [step for step in plan.steps.values() if isinstance(step, Split) and step.name in wanted]
    for number in range(1, 10_000):
        customer = f"customer-{number}"
        if all(variant_of(customer, split)[0] == wanted[split.name] for split in splits):
            return customer
    return "customer-1"
