"""What will be sent: journeys under way go on in memory, and customers come as they came lately.

Everybody is driven by the same core as a simulated customer (`lifecycle.simulator`), from the state that is stored of
them, and does from now on what a behaviour says of somebody who has come so far (`lifecycle.behaviour`). Messages are
counted by the minute in which they come due; what the providers' rates make of that is `lifecycle.limits`.

Whoever comes new does so as others did in the past weeks: the same event at the same hour of the same weekday, whole
weeks later. So it is neither drawn nor averaged how many come on a Monday morning; that more come each week is not
seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from whenever import Instant, TimeDelta

from lifecycle.behaviour import Conduct
from lifecycle.caps import Counted
from lifecycle.cohort import before
from lifecycle.course import standing
from lifecycle.events import Entering, Person
from lifecycle.facts import Milestones
from lifecycle.inputs import FromInbox, Paused, Resumed
from lifecycle.interpreter import Run
from lifecycle.plan import Plan
from lifecycle.simulated import Happening, Sent, SimulatedJourney, World
from lifecycle.simulator import Life
from lifecycle.state import State

Minute = int
"""Seconds since 1970 at which a minute begins."""


@dataclass(slots=True)
class UnderWay:
    """A journey as it is stored. `rows` and `pauses` came since its state was; `messages` gives the state of each
    step's last message, `sent` those that went out, each with the milestones that are known of it already.
    """

    entering: Entering
    state: State
    rows: Sequence[FromInbox] = ()
    pauses: Sequence[Paused | Resumed] = ()
    heard: set[str] = field(default_factory=set)
    goal_reached: bool = False
    messages: dict[str, str] = field(default_factory=dict)
    sent: list[tuple[Sent, frozenset[str]]] = field(default_factory=list)


@dataclass(slots=True)
class Customer:
    """Somebody with journeys under way, and all that their next messages depend on. `came` is their first entry."""

    person: Person
    came: Instant
    consent: dict[str, bool]
    journeys: list[UnderWay]
    been: dict[str, set[str]]
    counted: list[Counted] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that entered somebody lately. `been` are the keys of the journeys that they had had before.

    `person` is who they are, with what had happened to them before the event.
    """

    person: Person
    consent: Mapping[str, bool]
    what: Literal["milestone", "due"]
    name: str
    properties: Mapping[str, Any]
    at: Instant
    been: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Coming:
    """An arrival that comes again, `number` telling it from its others, at `at`."""

    arrival: Arrival
    number: int
    at: Instant


class Chunk(NamedTuple):
    """Some of those who are looked at; each stands for `weight` customers, more than one where this is a sample."""

    everybody: Sequence[Customer | Coming]
    weight: float = 1.0


@dataclass(slots=True)
class Volumes:
    """Messages by channel and minute in which they come due, and how many customers were looked at for them."""

    due: dict[str, dict[Minute, float]] = field(default_factory=dict)
    lives: int = 0

    def add(self, other: Volumes) -> None:
        """Count those of others too."""
        self.lives += other.lives
        for channel, minutes in other.due.items():
            mine = self.due.setdefault(channel, {})
            for minute, count in minutes.items():
                mine[minute] = mine.get(minute, 0.0) + count


class Ahead:
    """The time from `now` to `until` in a world. It can be handed to another process."""

    def __init__(self, world: World, conduct: Conduct, now: Instant, until: Instant) -> None:
        self.world, self.conduct, self.now, self.until = world, conduct, now, until

    def live(self, chunk: Chunk) -> Volumes:
        """What these customers are sent."""
        volumes = Volumes(lives=len(chunk.everybody))
        for one in chunk.everybody:
            life = self.go_on(one) if isinstance(one, Customer) else self.come(one)
            for journey in life.journeys:
                for line in journey.lines:
                    if line.what == "sent":
                        minutes = volumes.due.setdefault(line.channel or "", {})
                        minute = max(line.at, self.now).timestamp() // 60 * 60
                        minutes[minute] = minutes.get(minute, 0.0) + chunk.weight
        return volumes

    def go_on(self, customer: Customer) -> Life:
        """The life of somebody whose journeys are under way, from now on."""
        person, now, conduct = customer.person, self.now, self.conduct
        life = Life(self.world, person, customer.consent, conduct.reacts)
        life.now = now
        life.been = {name: set(keys) for name, keys in customer.been.items()}
        life.posted.counted = sorted(customer.counted, key=lambda one: one.at)
        for one in customer.journeys:
            for sent, seen in one.sent:
                life.expect(conduct.reacts(sent, now, seen))
        for one in customer.journeys:
            life.take_up(taken_up(one, now), now)
        ahead = conduct.happenings(person.id, customer.came, now, person.history)
        life.run(before(ahead, self.until), self.until)
        return life

    def come(self, coming: Coming) -> Life:
        """The life of somebody who comes new."""
        arrival, conduct = coming.arrival, self.conduct
        known = arrival.person
        name = f"{known.id}.{coming.number}"
        person = Person(name, dict(known.attributes), known.stage, dict(known.history), dict(known.account))
        life = Life(self.world, person, arrival.consent, conduct.reacts)
        life.been = {name: set(keys) for name, keys in arrival.been.items()}
        properties = arrival.properties
        entry = Happening(coming.at, arrival.what, arrival.name, properties)
        history = dict(person.history)
        if arrival.what == "milestone":
            old = history.get(arrival.name, Milestones())
            history[arrival.name] = Milestones(old.count + 1, old.first or coming.at, coming.at)
        ahead = conduct.happenings(name, coming.at, coming.at, history)
        life.run([entry, *before(ahead, self.until)], self.until)
        return life


def again(arrivals: Sequence[Arrival], window: TimeDelta, now: Instant, until: Instant) -> Iterator[Coming]:
    """The arrivals of the `window` before now once more, as often as it fits until `until`; in no order."""
    for arrival in arrivals:
        at, number = arrival.at + window, 1
        while at <= until:
            if at > now:
                yield Coming(arrival, number, at)
            at, number = at + window, number + 1


def taken_up(one: UnderWay, now: Instant) -> SimulatedJourney:
    """A stored journey as a simulated life goes on with it."""
    plan: Plan = one.entering.plan
    state = standing(plan, one.state, one.rows, now, one.pauses).state.copy()
    journey = SimulatedJourney(one.entering, Run(plan, state, now), state.entered, 0, heard=set(one.heard))
    journey.messages.update(one.messages)
    journey.goal_reached, journey.given = one.goal_reached, state.seen
    return journey
