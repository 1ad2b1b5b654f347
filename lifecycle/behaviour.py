"""What each customer does under a behaviour file: pure, a function of the file, its seed and the customer's name.

Every number is drawn from a hash of seed, customer and what it is about. So the same customers do the same however many
processes live their lives, and a milestone that is added to the file changes nothing about the others.

A forecast goes on where a customer stands: what has happened is not drawn again, of what has not only what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from whenever import Instant, Time

from lifecycle.calendar import resolve
from lifecycle.doing import DAY, Delay, Doing, draw, seconds_of
from lifecycle.events import Person
from lifecycle.facts import Milestones
from lifecycle.language.behaviour import ENTRY, Behaviour, Habit
from lifecycle.language.map import Map
from lifecycle.language.times import parse_hours
from lifecycle.plan import Plan
from lifecycle.simulated import Happening, Sent
from lifecycle.values import typed

DRAWN = ("message.delivered", "message.opened", "message.clicked")
"""Milestones of messages that a behaviour may have: what a bounce suppresses, no simulation knows."""

ADDRESSES = {"email": "ada@example.com", "phone": "+33123456789"}
"""Everybody has an address in a simulation."""


class Conduct:
    """A behaviour file made ready for the lives of many customers in a world of `plans`.

    What no plan listens to is not made to happen to messages: a cohort opens millions of them.
    """

    def __init__(self, behaviour: Behaviour, map: Map, plans: Iterable[Plan]) -> None:
        self.map, self.seed, self.entries = map, behaviour.seed, behaviour.entries
        self.measured = False
        types = map.customer_types()
        self._attributes = {name: _read(name, types[name], weights) for name, weights in behaviour.customers.items()}
        self._consent = dict(behaviour.consent)
        entries = {plan.entry.milestone or "" for plan in plans if plan.entry}
        self._heard = entries.union(*(plan.interest for plan in plans))
        self._wanted: dict[str, list[str]] = {}
        self._take({name: _doing(name, habit, map) for name, habit in behaviour.milestones.items()})

    @classmethod
    def of(cls, map: Map, plans: Iterable[Plan], seen: Mapping[str, Doing]) -> Conduct:
        """What customers were seen to do after they came; what they had done until then does not count."""
        conduct = cls(Behaviour(), map, plans)
        conduct.measured = True
        conduct._take(seen)
        return conduct

    def _take(self, ready: Mapping[str, Doing]) -> None:
        self.doings = {name: one for name, one in ready.items() if name not in DRAWN}
        self.reactions = {name: one for name, one in ready.items() if name in DRAWN}

    def person(self, customer: str) -> Person:
        """A customer of this name, with attributes, addresses and no history."""
        given = {
            name: _pick(values, draw(self.seed, customer, f"customers.{name}"))
            for name, values in self._attributes.items()
        }
        return Person(customer, ADDRESSES | given)

    def consent(self, customer: str) -> dict[str, bool]:
        """What a customer said to each topic of the file."""
        return {name: draw(self.seed, customer, f"consent.{name}") < rate for name, rate in self._consent.items()}

    def comes(self, person: Person, start: Instant) -> Instant:
        """When a customer comes, in a cohort that begins at `start`."""
        span, hours = seconds_of(self.entries.over), self.entries.hours
        after = draw(self.seed, person.id, ENTRY) * span
        if hours is None:
            return start.add(seconds=int(after))
        zone = person.zone(self.map)
        opens, closes = (_of_day(clock) for clock in parse_hours(hours))
        clock = int(opens + draw(self.seed, person.id, "entry.hours") * (closes - opens))
        date = start.to_tz(zone).date().add(days=int(after / DAY))
        at = resolve(date.at(Time(clock // 3600, clock % 3600 // 60, clock % 60)), zone)
        return max(at, start)

    def happenings(
        self,
        customer: str,
        origin: Instant,
        now: Instant | None = None,
        history: Mapping[str, Milestones] | None = None,
    ) -> list[Happening]:
        """What a customer does who came at `origin`, in the order of time.

        With `now`, only what comes after it, given the `history` until then.
        """
        known = history or {}
        found: list[Happening] = []
        times: dict[str, tuple[Instant | None, Instant | None]] = {ENTRY: (origin, origin)}  # the first, the last
        for name in self.doings:
            self._draw(name, customer, now, known, times, found)
        found.sort(key=lambda one: one.at)
        return found

    def _draw(
        self,
        name: str,
        customer: str,
        now: Instant | None,
        known: Mapping[str, Milestones],
        times: dict[str, tuple[Instant | None, Instant | None]],
        found: list[Happening],
    ) -> Instant | None:
        """The first time that a milestone happens, its own past included; what lies ahead is added to `found`."""
        if name in times:
            return times[name][0]
        doing = self.doings[name]
        past = known.get(name, Milestones())
        came = times[ENTRY][0]
        if self.measured and past.last is not None and came is not None and past.last <= came:
            past = Milestones()
        first = origin = self._draw(doing.follows, customer, now, known, times, found)
        if past.count:
            first = past.first
            origin = past.last
        times[name] = (first, None)
        for turn in range(past.count, doing.times):
            if origin is None:
                break
            elapsed = (now - origin).total("seconds") if now is not None and now > origin else 0.0
            # Whoever does it at all does it as often as the file says: only the first time is a question.
            one = doing if turn == 0 else Doing(name, 1.0, doing.delay, doing.follows)
            after = one.after(draw(self.seed, customer, f"{name}.{turn}"), elapsed)
            if after is None:
                first = None if turn == 0 else first
                break
            origin = origin.add(seconds=int(after))
            first = origin if turn == 0 else first
            properties = self.properties(doing, customer, turn)
            found.append(Happening(origin, "milestone", name, properties))
        times[name] = (first, origin)
        return first

    def properties(self, doing: Doing, customer: str, turn: int = 0) -> dict[str, Any]:
        """What a milestone brings along."""
        return {
            key: _pick(values, draw(self.seed, customer, f"{doing.name}.{turn}.{key}"))
            for key, values in doing.properties
        }

    def reacts(self, sent: Sent, now: Instant | None = None, seen: Iterable[str] = ()) -> Iterator[Happening]:
        """What a customer does about a message. With `now`, only what comes after it and is not among those `seen`."""
        wanted = self._wanted.get(sent.step)
        if wanted is None:
            names = self.reactions
            wanted = [name for name in names if name in self._heard or f"{name}:{sent.step}" in self._heard]
            self._wanted[sent.step] = wanted
        if not wanted:
            return
        about = f"{sent.journey}.{sent.step}.{sent.occurrence}"
        times: dict[str, Instant | None] = {ENTRY: sent.at}
        for name in wanted:
            if name in seen or (name == "message.opened" and sent.channel != "email"):
                continue
            at = self._reaction(name, sent, about, now, times, seen)
            if at is not None:
                yield Happening(at, "milestone", name, {}, sent.step)

    def _reaction(
        self,
        name: str,
        sent: Sent,
        about: str,
        now: Instant | None,
        times: dict[str, Instant | None],
        seen: Iterable[str],
    ) -> Instant | None:
        if name in seen:
            return sent.at
        if name not in times:
            doing = self.reactions[name]
            origin = self._reaction(doing.follows, sent, about, now, times, seen)
            times[name] = None
            if origin is not None:
                elapsed = (now - origin).total("seconds") if now is not None and now > origin else 0.0
                after = doing.after(draw(self.seed, sent.customer, f"{name}.{about}"), elapsed)
                times[name] = None if after is None else origin.add(seconds=int(after))
        return times[name]


def _doing(name: str, habit: Habit, map: Map) -> Doing:
    types = map.properties_of(name) or {}
    properties = tuple((key, tuple(_read(key, types[key], weights))) for key, weights in habit.with_.items())
    return Doing(name, habit.rate, Delay.read(habit.after), habit.from_, habit.times, properties)


def _read(name: str, type: str, weights: Mapping[str, float]) -> list[tuple[Any, float]]:
    return [(typed(name, value, type), weight) for value, weight in weights.items()]


def _pick(values: Sequence[tuple[Any, float]], number: float) -> Any:
    mark = number * sum([weight for _, weight in values])
    for value, weight in values:
        mark -= weight
        if mark < 0:
            return value
    return values[-1][0]


def _of_day(clock: Time) -> int:
    return clock.hour * 3600 + clock.minute * 60
