"""What a scenario says that cannot be, whatever the playbook does: expectations of which one rules out another, and
lists that are not in the order of time.

The days of an entry count from the entry of its own journey. So what is said of order holds only where a scenario has
one journey.
"""

from __future__ import annotations

from lifecycle.expectations import thing_of, wanted
from lifecycle.language.faults import Fault, Faults
from lifecycle.language.map import Map
from lifecycle.language.scenario import Expected, Given, Scenario, Scenarios
from lifecycle.language.times import parse_clock
from lifecycle.plan import Enrol, Plan, Record

_STRICT = ("send", "task", "end")
_LISTS = ("expect", "expect_some")


def contradictions(scenario: Scenario, scenarios: Scenarios, plan: Plan, map_: Map) -> list[Fault]:
    """Every contradiction within a scenario, each at its place."""
    work = _Scenario(scenario)
    work.never()
    work.both()
    work.given(scenarios)
    journeys = _journeys(scenario, plan, map_)
    for key in _LISTS:
        entries: list[Expected] = getattr(scenario, key) or []
        if journeys == 1:
            work.order(entries)
        work.ends(entries, journeys)
        if journeys == 0 and entries and plan.entry is not None:
            message = "nothing in `given` begins a journey, so that nothing can be expected"
            work.faults.add(
                entries[0].place(), "contradiction", message, f"a journey begins with `{plan.entry.milestone}`"
            )
    return work.faults.found


class _Scenario:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.faults = Faults()

    def never(self) -> None:
        """A message that is both expected and forbidden."""
        for key in _LISTS:
            for entry in getattr(self.scenario, key) or ():
                if entry.send in self.scenario.never:
                    where = self.scenario.place("never", self.scenario.never.index(entry.send)).line
                    message = f"`{entry.send}` is expected here and forbidden by `never` in line {where}"
                    self.faults.add(entry.place("send"), "contradiction", message, "take it out of one of them")

    def both(self) -> None:
        """`expect` lists everything of a kind, so whatever `expect_some` lists of it must be in it, in that order."""
        if self.scenario.expect is None:
            return
        rest = list(self.scenario.expect)
        for entry in self.scenario.expect_some or ():
            if thing_of(entry)[0] not in _STRICT:
                continue
            at = next((index for index, one in enumerate(rest) if _may_be_one(one, entry)), None)
            if at is None:
                message = f"`expect` is to list everything, and has no {_short(entry)} at this point"
                self.faults.add(entry.place(), "contradiction", message, "mend one of them, or leave out `expect_some`")
                return
            rest = rest[at + 1 :]

    def order(self, entries: list[Expected]) -> None:
        """Entries of one journey that go back in time."""
        day, clock = -1, None
        for entry in entries:
            at = parse_clock(entry.at) if entry.at else None
            if entry.day < day or (entry.day == day and at and clock and at < clock):
                message = f"{_short(entry)} comes before the entry above it"
                self.faults.add(entry.place(), "out-of-order", message, "write what is expected in the order of time")
                return
            day, clock = entry.day, at if entry.day > day else (at or clock)

    def ends(self, entries: list[Expected], journeys: int | None) -> None:
        """More ends than journeys, or something after the only one."""
        ended = [index for index, entry in enumerate(entries) if entry.end is not None]
        if not ended or not journeys:
            return
        if len(ended) > journeys:
            place = entries[ended[journeys]].place("end")
            if journeys == 1:
                message = f"this is a second end, and a journey ends once: in line {entries[ended[0]].place().line}"
            else:
                message = f"these are {len(ended)} ends, and `given` begins {journeys} journeys at most"
            self.faults.add(place, "contradiction", message)
        elif journeys == 1 and ended[0] < len(entries) - 1:
            after = entries[ended[0] + 1]
            message = f"{_short(after)} is expected after the end in line {entries[ended[0]].place().line}"
            self.faults.add(after.place(), "contradiction", message, "nothing happens after the end")

    def given(self, scenarios: Scenarios) -> None:
        """What is given is sorted before it happens, so a list in another order does not say what it seems to say."""
        start = scenarios.start.replace("T", " ").partition(" ")[2] or "10:00"
        before: Given | None = None
        for given in self.scenario.given or ():
            if before and (given.day, _clock(given, start)) < (before.day, _clock(before, start)):
                by_default = given.at is None and given.day == before.day
                hint = f"without `at` it happens at {start}, the time of `start`" if by_default else None
                message = "this happens before what stands above it; write what is given in the order of time"
                self.faults.add(given.place(), "out-of-order", message, hint)
                return
            before = given


def _clock(given: Given, start: str) -> object:
    return parse_clock(given.at or start)


def _short(entry: Expected) -> str:
    return f"`{' '.join(wanted(entry).split())}`"


def _may_be_one(one: Expected, other: Expected) -> bool:
    """Whether one line could be what both entries say."""
    fits = all(
        a is None or b is None or a == b for a, b in ((one.at, other.at), (one.channel, other.channel))
    )  # fmt: skip
    return fits and one.day == other.day and thing_of(one) == thing_of(other)


def _journeys(scenario: Scenario, plan: Plan, map_: Map) -> int | None:
    """How many journeys a scenario can have at most; None where that cannot be told."""
    entry = plan.entry
    for step in plan.steps.values():
        again = isinstance(step, Record) and entry is not None and step.milestone == entry.milestone
        if again or (isinstance(step, Enrol) and step.playbook == plan.playbook):
            return None
    if entry is None or entry.timed or scenario.given is None:
        return 1
    once = entry.reentry == "never" and not entry.per
    rule = map_.milestones.get(entry.milestone or "")
    if (rule is not None and rule.when is not None) or (entry.milestone or "").startswith("segment."):
        return 1 if once else None
    begun = sum(map_.canonical(given.milestone) == entry.milestone for given in scenario.given if given.milestone)
    return min(begun, 1) if once else begun
