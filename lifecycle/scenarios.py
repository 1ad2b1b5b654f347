"""Running `NAME.test.yaml`: what a playbook does for one customer, against what its author expects.

`expect` is strict about messages, tasks and the end; other lines (milestones, records, refusals ...) are compared where
they are listed. A split is chosen with `with: {split: {NAME: VARIANT}}`: the scenario's customer is then one who
belongs to that variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from whenever import Date, Instant, Time

from lifecycle.calendar import resolve
from lifecycle.coverage import Coverage, Watched, arms_of, arms_seen
from lifecycle.enrolment import Person
from lifecycle.interpreter.run import variant_of
from lifecycle.language.faults import Place
from lifecycle.language.scenario import Expected, Given, Scenario, Scenarios
from lifecycle.language.times import parse_clock
from lifecycle.plan import Plan, Split
from lifecycle.simulator import Happening, Life, World, beginning
from lifecycle.state import Line

HORIZON_DAYS = 1500
"""How long a scenario's life is lived on after its last event; every wait ends, so every journey does within it."""

STRICT = frozenset({"sent", "task", "exited", "finished"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A scenario that went otherwise. `expected` and `actual` are timelines, a line each, in the order of time."""

    place: Place
    scenario: str
    expected: list[str]
    actual: list[str]
    why: str


def run_scenarios(plan: Plan, scenarios: Scenarios, world: World) -> tuple[int, list[Failure], Coverage]:
    """How many scenarios held, those that did not, and what they covered."""
    coverage = Coverage(set(plan.steps), set(arms_of(plan)))
    failures: list[Failure] = []
    steps = Watched(plan.steps, coverage.seen_steps)
    watched = replace(plan, steps=steps, holdout=0.0)
    world = replace(world, plans=[watched])
    for scenario in scenarios.scenarios:
        lines, zone = live(watched, scenarios, scenario, world)
        coverage.seen_arms |= set(arms_seen(watched, lines)) & coverage.arms
        failure = compare(scenario, lines, zone)
        if failure:
            failures.append(failure)
    return len(scenarios.scenarios) - len(failures), failures, coverage


def live(plan: Plan, scenarios: Scenarios, scenario: Scenario, world: World) -> tuple[list[Line], str]:
    """The timeline of a scenario, of every journey that its customer has through the playbook; and their time zone."""
    attributes = {**scenarios.customer, **scenario.with_}
    wanted = attributes.pop("split", {})
    strict = "consent" in attributes
    consent = dict.fromkeys(attributes.pop("consent", None) or [], True)
    stage = attributes.pop("stage", None) or plan.stage
    person = Person(_customer_in(plan, wanted), attributes, stage)
    zone = person.zone(world.map)
    start = _start(scenarios.start, zone)
    happenings = [_happening(given, start, zone) for given in scenario.given or []]
    first = beginning(plan, start, zone)
    # No milestone enters what time enters, so what is given happens besides.
    if first is not None and (scenario.given is None or first.what == "due"):
        happenings.insert(0, first)
    happenings.sort(key=lambda happening: happening.at)
    life = Life(replace(world, strict_consent=strict), person, consent)
    life.run(happenings, start.add(hours=24 * HORIZON_DAYS))
    lines = [line for journey in life.journeys for line in journey.lines]
    return sorted(lines, key=lambda line: line.at), zone


def compare(scenario: Scenario, lines: list[Line], zone: str) -> Failure | None:
    """Hold a timeline against what a scenario expects."""
    actual = [_actual(line, zone) for line in lines if line.what in STRICT or line.what in ("refused", "goal")]
    for name in scenario.never:
        sent = next((line for line in lines if line.what == "sent" and line.template == name), None)
        if sent:
            return Failure(scenario.place("never"), scenario.name, [f"never: {name}"], actual, f"{name} was sent")
    for key, strict in (("expect", True), ("expect_some", False)):
        entries: list[Expected] | None = getattr(scenario, key)
        if entries is not None and (wrong := _first_difference(entries, lines, strict, zone)) is not None:
            index, why = wrong
            return Failure(scenario.place(key, index), scenario.name, [_wanted(e) for e in entries], actual, why)
    return None


def _first_difference(entries: list[Expected], lines: list[Line], strict: bool, zone: str) -> tuple[int, str] | None:
    position = 0
    for line in lines:
        if position < len(entries) and matches(entries[position], line, zone):
            position += 1
        elif strict and (line.what in STRICT or (line.what == "goal" and line is lines[-1])):
            if position < len(entries):
                return position, f"expected {_wanted(entries[position])}; it was {_actual(line, zone)}"
            return len(entries) - 1, f"not expected: {_actual(line, zone)}"
    if position < len(entries):
        return position, f"it never came to {_wanted(entries[position])}"
    return None


def matches(entry: Expected, line: Line, zone: str) -> bool:
    """Whether a line of a timeline is the one that an entry names."""
    if line.day != entry.day:
        return False
    if entry.send is not None:
        right = line.what == "sent" and line.template == entry.send and entry.channel in (None, line.channel)
    elif entry.refused is not None:
        right = line.what == "refused" and line.template == entry.refused and entry.reason in (None, line.reason)
    elif entry.task is not None:
        right = line.what == "task" and line.reason == entry.task
    elif entry.milestone is not None:
        right = line.what == "milestone" and (line.to or "").partition(":")[0] == entry.milestone
    elif entry.record is not None:
        right = line.what == "recorded" and line.to == entry.record
    elif entry.enrol is not None:
        right = line.what == "enrolled" and line.to == entry.enrol
    elif entry.goal is not None:
        right = line.what == "goal" and line.to == entry.goal
    elif entry.set is not None:
        wanted = ", ".join(f"{key.removeprefix('customer.')} = {value}" for key, value in entry.set.items())
        right = line.what == "set" and line.to == wanted
    elif entry.end is not None:
        right = (line.what == "exited" and line.reason == entry.end) or line.what == entry.end
    else:
        right = False
    return right and (entry.at is None or _clock(line, zone) == parse_clock(entry.at))


def _clock(line: Line, zone: str) -> Time:
    return line.at.to_tz(zone).time().round("minute")


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


def _actual(line: Line, zone: str) -> str:
    what = {
        "sent": f"send: {line.template} ({line.channel})",
        "refused": f"refused: {line.template or line.step} ({line.reason})",
        "task": f"task: {line.reason}",
        "goal": f"goal: {line.to}",
        "exited": f"end: {line.reason}",
        "finished": "end: finished",
    }[line.what]
    return f"day {line.day} {_clock(line, zone).format_iso()[:5]}  {what}"


def _wanted(entry: Expected) -> str:
    shown = entry.model_dump(exclude_none=True, exclude={"day", "at"})
    what = ", ".join(f"{key}: {value}" for key, value in shown.items())
    return f"day {entry.day} {entry.at or '':5}  {what}"
