"""Playbooks over a log of real events: each customer's life in the core, counted. Nobody in it is asked for consent.

Events are taken as they are read and lived through customer by customer, in the order of their own times; those of one
instant in the order of the log. Attributes that came without a time held from the beginning. Months and days are the
customer's own, in their time zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from whenever import Instant

from lifecycle.comparing import Difference, lived
from lifecycle.differences import Sums
from lifecycle.events import Person
from lifecycle.plan import Plan
from lifecycle.segment import FIRST, read_line
from lifecycle.simulated import Happening, SimulatedJourney, World
from lifecycle.simulator import Life
from lifecycle.values import NotOfItsType, converted

FOR_EVER = Instant.from_utc(2300, 1, 1)
LIVED = ("track", "identify")
"""The types of calls that are lived through: nobody is merged here, and nobody has an account."""

TICK = 50
"""After how many customers progress is told."""


@dataclass(slots=True)
class Counts:
    """What one playbook did. `messages` are those sent, by step and month (`1997-01`); `exits` are journeys by reason.

    An exit is `finished`, `goal`, or the reason that the playbook gives. `days` are messages by date.
    """

    entered: int = 0
    messages: dict[str, dict[str, int]] = field(default_factory=dict)
    exits: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.days.total()

    @property
    def busiest(self) -> tuple[str, int] | None:
        """The date with most messages, the first of several."""
        return max(sorted(self.days.items()), key=lambda day: day[1], default=None)


@dataclass(slots=True)
class Report:
    """Customers and events that were read, and what each playbook did."""

    customers: int
    events: int
    playbooks: dict[str, Counts]

    def data(self) -> dict[str, Any]:
        """The report as plain data, for `--format json`."""
        return {
            "customers": self.customers,
            "events": self.events,
            "playbooks": {name: _data(counts) for name, counts in self.playbooks.items()},
        }


def _data(counts: Counts) -> dict[str, Any]:
    busiest = counts.busiest
    return {
        "entered": counts.entered,
        "messages": counts.messages,
        "exits": dict(counts.exits.most_common()),
        "busiest": {"date": busiest[0], "messages": busiest[1]} if busiest else None,
    }


class Backtest:
    """Take every line of a log, then run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events = 0
        self._lives: dict[str, list[Happening]] = {}

    @property
    def customers(self) -> int:
        return len(self._lives)

    @property
    def users(self) -> Sequence[str]:
        """The product's ids of the customers, in the order of the log."""
        return list(self._lives)

    def take(self, line: bytes | str) -> str | None:
        """Take one line of the log; why it cannot be used, or None."""
        found = self.read(line)
        if isinstance(found, str):
            return found
        self.keep(*found)
        return None

    def read(self, line: bytes | str) -> tuple[str, Happening] | str:
        """What a line says, by the world's own map: to whom something happened, and what; or why it cannot be used."""
        call = read_line(line, LIVED)
        if isinstance(call, str):
            return call
        set_ = call.kind == "identify"
        at = call.at or (FIRST if set_ else None)
        if at is None:
            return "it has no `timestamp`"
        map_ = self.world.map
        types = map_.customer_types() if set_ else map_.properties_of(map_.canonical(call.name)) or {}
        try:
            properties = converted(call.properties, types)
        except NotOfItsType as error:
            return str(error)
        return call.user, Happening(at, "set" if set_ else "milestone", call.name, properties)

    def keep(self, user: str, happening: Happening) -> None:
        """Keep what was read of the log."""
        self.events += 1
        self._lives.setdefault(user, []).append(happening)

    def run(self, tick: Callable[[int], object] = lambda done: None) -> Report:
        """Let everybody live until all of their journeys have ended. `tick` hears how many customers are done."""
        report = Report(self.customers, self.events, {plan.playbook: Counts() for plan in self.world.plans})
        for number, user in enumerate(self._lives):
            if number % TICK == 0:
                tick(number)
            _count(self.live(user), report)
        tick(self.customers)
        _order(report, self.world)
        return report

    def live(self, user: str) -> Life:
        """One customer's life, until all of their journeys have ended."""
        happenings = self._lives.get(user, [])
        happenings.sort(key=attrgetter("at"))
        life = Life(self.world, Person(user))
        life.run(happenings, FOR_EVER)
        return life


class Comparison:
    """The same log through two worlds. `sums` fills while `run` goes on; `report` counts what the new one did."""

    def __init__(self, old: World, new: World) -> None:
        self._old, self._new = Backtest(old), Backtest(new)
        self.sums = Sums()
        self.report = Report(0, 0, {plan.playbook: Counts() for plan in new.plans})

    @property
    def customers(self) -> int:
        return self._new.customers

    @property
    def events(self) -> int:
        return self._new.events

    @property
    def users(self) -> Sequence[str]:
        return self._new.users

    def take(self, line: bytes | str) -> str | None:
        """Take one line of the log; why it cannot be used, or None. What either map cannot read is left out of both."""
        new, old = self._new.read(line), self._old.read(line)
        if isinstance(new, str) or isinstance(old, str):
            return new if isinstance(new, str) else str(old)
        (user, happening), (_, before) = new, old
        self._new.keep(user, happening)
        self._old.keep(user, happening if before == happening else before)
        return None

    def run(self, tick: Callable[[int], object] = lambda done: None) -> Iterator[Difference]:
        """Let everybody live both lives, and give those in whom something differs. `tick` as in a back-test."""
        self.report.customers, self.report.events = self.customers, self.events
        for number, user in enumerate(self.users):
            if number % TICK == 0:
                tick(number)
            old, new = self._old.live(user), self._new.live(user)
            _count(new, self.report)
            difference = self.sums.add(user, map(lived, old.journeys), map(lived, new.journeys))
            if difference:
                yield difference
        tick(self.customers)
        _order(self.report, self._new.world)


def _count(life: Life, report: Report) -> None:
    for playbook in {journey.plan.playbook for journey in life.journeys}:
        report.playbooks[playbook].entered += 1
    for journey in life.journeys:
        counts = report.playbooks[journey.plan.playbook]
        _messages(journey, counts)
        counts.exits[journey.end or "still under way"] += 1


def _messages(journey: SimulatedJourney, counts: Counts) -> None:
    zone = journey.state.zone
    for line in journey.lines:
        if line.what == "sent" and line.step is not None:
            day = line.at.to_tz(zone).date().format_iso()
            by_month = counts.messages.setdefault(line.step, {})
            by_month[day[:7]] = by_month.get(day[:7], 0) + 1
            counts.days[day] += 1


def _order(report: Report, world: World) -> None:
    """Steps in the order in which a journey comes to them, months in their own."""
    for plan in world.plans:
        messages = report.playbooks[plan.playbook].messages
        report.playbooks[plan.playbook].messages = {
            step: dict(sorted(messages[step].items())) for step in _walk(plan) if step in messages
        }


def _walk(plan: Plan) -> Iterator[str]:
    """The steps of a plan, each before those that follow it alone."""
    seen: set[str] = set()
    waiting = [plan.first]
    while waiting:
        step = waiting.pop(0)
        if step is not None and step not in seen:
            seen.add(step)
            yield step
            waiting.extend(plan.targets(step))
