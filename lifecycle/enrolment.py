"""Applying one event to one customer: what changes, which journeys it concerns, and which ones begin (rules.md 1, 2).

Pure: the dispatcher applies the answer to the database in one transaction, the simulator to its memory. The order is
fixed: attributes, history, segments, exits and goals of open journeys, wake-ups, entries. A milestone that is derived
from others (`when:`) happens in the moment in which its condition turns true; so do those of a segment, where what is
stored of its members says otherwise than its condition does now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

from whenever import Instant, TimeDelta

from lifecycle import calendar
from lifecycle.calendar import Frozen
from lifecycle.facts import NOTHING, Conditions, Facts, Milestones
from lifecycle.language.map import Map, is_zone
from lifecycle.language.segments import MILESTONES, milestone_of
from lifecycle.language.times import parse_span
from lifecycle.plan import Entry, Plan

LATE_FOR_ENTRY = TimeDelta(hours=24)
"""An event that happened longer ago than this before it arrived enters nothing, unless `backfill` is asked for."""

Kind = Literal["track", "identify", "group", "alias", "set", "record", "enrol", "message", "consent", "segment", "due"]

HAPPENS = frozenset({"track", "record", "message", "consent"})
"""The kinds of event that are a milestone."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event to apply. `at` is when it happened. `properties` are those of a milestone, or the new attributes; for
    `group` all attributes of the account to which the customer belongs from now on.

    `name` is the milestone, or the playbook of an `enrol` or a `due` (a sweep found that the customer's time to enter
    it has come, and names that in the property `slot`). A `segment` asks whether the customer has come into or gone out
    of one, which time alone may have done; `name` is the milestone that this would be. `journey` and `of` say which
    message a `message.*` milestone is about. `received` is when it arrived, where that is not the moment at which it is
    applied: a worker that was away for a weekend makes no event late.
    """

    id: int
    kind: Kind
    name: str
    at: Instant
    properties: Mapping[str, Any] = field(default_factory=dict)
    journey: str | None = None
    of: str | None = None
    backfill: bool = False
    received: Instant | None = None


@dataclass(slots=True)
class Person:
    """A customer as stored: attributes without defaults (`account` holds those of their account), and how often each
    milestone has happened.
    """

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    stage: str | None = None
    history: dict[str, Milestones] = field(default_factory=dict)
    account: dict[str, Any] = field(default_factory=dict)

    def zone(self, map: Map) -> str:
        zone = self.attributes.get("time_zone")
        return zone if isinstance(zone, str) and is_zone(zone) else map.time_zone

    def known(self, map: Map) -> dict[str, Any]:
        """The attributes that have a value, declared defaults filled in."""
        return _valued(map.defaults(), self.attributes)

    def facts(self, map: Map, now: Instant, **more: Any) -> Facts:
        """What conditions may look at; `more` are the journey's own names."""
        account = _valued(map.defaults("account"), self.account)
        return Facts(now, self.known(map), account, milestones=self.history, stage=self.stage, **more)


class Joined(NamedTuple):
    """A visitor who is merged into a customer by the event at hand (lifecycle.merging). `person` is both together,
    `touched` names what is new to the journeys of either.
    """

    customer: Person
    visitor: Person
    person: Person
    touched: frozenset[str]


@dataclass(slots=True)
class OpenJourney:
    """A journey that has not ended. `heard` are the keys of interest that were delivered to it already."""

    id: str
    plan: Plan
    entered: Instant
    event: Mapping[str, Any] = field(default_factory=dict)
    per: str | None = None
    heard: set[str] = field(default_factory=set)
    frozen: Frozen = ()
    goal_reached: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """Something that a journey must hear of; it becomes an inbox row. `keys` are the keys of interest."""

    journey: str
    kind: Literal["milestone", "attribute", "goal", "exit"]
    name: str
    keys: tuple[str, ...] = ()
    of: str | None = None
    outcome: Literal["goal", "exited"] | None = None


@dataclass(frozen=True, slots=True)
class Entering:
    """A journey to begin. `key` tells apart the journeys of one customer through one playbook."""

    plan: Plan
    id: str
    key: str
    per: str | None
    arm: Literal["journey", "holdout"]
    event: Mapping[str, Any]


class Gate(NamedTuple):
    """One thing that an event has to pass before it enters a playbook; `because` says why where it does not."""

    check: str
    passed: bool
    because: str


@dataclass(slots=True)
class Applied:
    """What an event does. `person` is the customer after it, `segments` those that they came into (True) or left."""

    person: Person
    milestones: list[str] = field(default_factory=list)
    segments: dict[str, bool] = field(default_factory=dict)
    wakes: list[Wake] = field(default_factory=list)
    entered: list[Entering] = field(default_factory=list)
    not_entered: list[tuple[str, str]] = field(default_factory=list)


def journey_id(playbook: str, customer: str, key: str) -> str:
    """Derived, so that applying an event again cannot begin a second journey."""
    digest = hashlib.blake2b(f"{playbook}|{customer}|{key}".encode(), digest_size=10).hexdigest()
    return f"{playbook}.{digest}"


def arm_of(customer: str, plan: Plan) -> Literal["journey", "holdout"]:
    """The arm is drawn from the customer and the playbook, so that it is the same whenever it is drawn."""
    if not plan.holdout:
        return "journey"
    digest = hashlib.blake2b(f"{customer}|holdout|{plan.playbook}".encode(), digest_size=8).digest()
    return "holdout" if int.from_bytes(digest, "big") / 2**64 * 100 < plan.holdout else "journey"


def gates(
    entry: Entry, event: Event, facts: Callable[[], Facts], conditions: Conditions, now: Instant
) -> Iterator[Gate]:
    """What the event of an entry milestone has to pass before it enters anybody, in the order in which it is asked.

    `facts` gives the customer's after the event. What has to do with earlier journeys comes after these.
    """
    late = (event.received or now) - event.at > LATE_FOR_ENTRY and not event.backfill
    yield Gate("in-time", not late, "it happened more than a day before it arrived; ask for backfill to let it enter")
    if entry.condition:
        verdict = conditions.evaluate(entry.condition, facts())
        unknown = f"not known: {', '.join(verdict.missing)}"
        because = unknown if verdict.missing else f"the entry asks for: {entry.condition}"
        yield Gate("condition", bool(verdict.value) and not verdict.missing, because)
    if entry.per:
        there = event.properties.get(entry.per) is not None
        yield Gate("occurrence", there, f"the milestone came without {entry.per}")


def memberships(person: Person, map: Map, conditions: Conditions, now: Instant) -> set[str]:
    """The segments that somebody is in, by what is known of them at `now`."""
    if not map.segments:
        return set()
    facts = person.facts(map, now)
    return {name for name, segment in map.segments.items() if _holds(segment.if_, facts, conditions)}


def apply(
    event: Event,
    person: Person,
    journeys: Iterable[OpenJourney],
    been: Mapping[str, set[str]],
    plans: Iterable[Plan],
    map: Map,
    conditions: Conditions,
    now: Instant,
    members: Callable[[], Collection[str]] = frozenset,
    joined: Joined | None = None,
) -> Applied:
    """Apply `event` at `now`. `journeys` are the customer's open ones; `been` the keys of all there ever were, by
    playbook; `plans` the versions that new journeys take; `members` gives the segments that the customer is in, and
    is asked only where the event may change one. What belongs to somebody who is `joined` is among all of these.
    """
    work = _Apply(event, person, list(journeys), been, list(plans), map, conditions, now, members, joined)
    return work.run()


def missed(
    milestone: Event, person: Person, journey: OpenJourney, map: Map, conditions: Conditions, at: Instant
) -> list[Wake]:
    """What a milestone that was applied at `at` is to a journey that did not know then that it was its customer's.

    It counts as one since the entry; a wait that asks for a new one is not over by what lies in the past.
    """
    work = _Apply(milestone, person, [journey], {}, [], map, conditions, at, past=True)
    work.done = Applied(person, [milestone.name])
    work.exits(set())
    work.wakes(set())
    return work.done.wakes


def counts(event: Event, name: str, plan: Plan, journey: str, per: str | None) -> bool:
    """Whether a milestone that an event makes counts for a journey, which was entered for the value `per`.

    With `per`, a product's milestone counts only with the same value; a message's only for its own journey.
    """
    if event.journey is not None and name == event.name:
        return event.journey == journey
    if name.startswith(MILESTONES):  # it is about the customer, whatever the occurrence
        return True
    asked = plan.entry.per if plan.entry else None
    return asked is None or str(event.properties.get(asked)) == per


@dataclass(slots=True)
class _Apply:
    event: Event
    before: Person
    journeys: list[OpenJourney]
    been: Mapping[str, set[str]]
    plans: list[Plan]
    map: Map
    conditions: Conditions
    now: Instant
    members: Callable[[], Collection[str]] = frozenset
    joined: Joined | None = None
    past: bool = False
    done: Applied = field(init=False)
    gone: set[str] = field(default_factory=set)
    after: Facts | None = None

    def run(self) -> Applied:
        before, event = self.before, self.event
        known = self.joined.person if self.joined else before
        person = Person(known.id, dict(known.attributes), known.stage, dict(known.history), dict(known.account))
        self.done = Applied(person)
        touched = set(self.joined.touched) if self.joined else set()
        if event.kind in ("identify", "set"):
            touched |= self._attributes()
        if event.kind == "group":
            touched |= self._account()
        if event.kind in HAPPENS:
            self.done.milestones = [event.name]
            self._count(event.name)
            touched.add(f"milestones.{event.name}")
        self._derive(touched)
        for name in self.done.milestones:
            self._stage(name)
        if person.stage != before.stage:
            touched.add("stage")
        self._segments(touched)
        self.exits(touched)
        self.wakes(touched)
        self._entries()
        return self.done

    def _facts(self, event: Mapping[str, Any] = NOTHING) -> Facts:
        """The customer's after the event, as far as it has been applied. Attributes come first of all, and are put
        together once.
        """
        person, after = self.done.person, self.after
        if after is None:
            after = self.after = person.facts(self.map, self.now)
        return Facts(self.now, after.customer, after.account, event, None, person.history, NOTHING, person.stage)

    def _attributes(self) -> set[str]:
        attributes = self.done.person.attributes
        changed = {name for name, value in self.event.properties.items() if attributes.get(name) != value}
        attributes.update(self.event.properties)
        return {f"customer.{name}" for name in changed}

    def _account(self) -> set[str]:
        old, new = self.done.person.account, dict(self.event.properties)
        self.done.person.account = new
        return {f"account.{name}" for name in old.keys() | new.keys() if old.get(name) != new.get(name)}

    def _count(self, name: str) -> None:
        history, at = self.done.person.history, self.event.at
        old = history.get(name)
        if old is None:
            history[name] = Milestones(1, at, at)
            return
        first = at if old.first is None else min(old.first, at)
        last = at if old.last is None else max(old.last, at)
        history[name] = Milestones(old.count + 1, first, last)

    def _derive(self, touched: set[str]) -> None:
        """Milestones whose condition was false before the event and is true after it, one leading to another."""
        waiting = list(self.map.derived)
        while waiting:
            near = [(name, when) for name, when in waiting if _touches(self.conditions.names(when), touched)]
            if not near:
                return
            befores = [one.facts(self.map, self.now) for one in self._known_before()]
            after = self._facts()
            true = [
                (name, when)
                for name, when in near
                if self.conditions.evaluate(when, after).value
                and not any(self.conditions.evaluate(when, before).value for before in befores)
            ]
            if not true:
                return
            for name, when in true:
                waiting.remove((name, when))
                self.done.milestones.append(name)
                self._count(name)
                touched.add(f"milestones.{name}")

    def _known_before(self) -> list[Person]:
        """The customer before the event, and whoever joins: what was true of one of them does not turn true."""
        return [self.before, self.joined.visitor] if self.joined else [self.before]

    def _stage(self, milestone: str) -> None:
        """Forward only; those who had lapsed come back to whatever stage the milestone names."""
        rule = self.map.milestones.get(milestone)
        if rule is None or rule.stage is None or rule.stage not in self.map.stages:
            return
        person, order = self.done.person, self.map.order
        now = self.map.stages.get(person.stage or "")
        if now is None or now.lapsed or order[rule.stage] > order[person.stage or ""]:
            person.stage = rule.stage

    # --- segments -------------------------------------------------------------------------------------------------

    def _segments(self, touched: set[str]) -> None:
        """The segments that the customer has come into or gone out of.

        What is asked is what is stored, never what the condition said before the event: time alone may have changed
        that, and a segment may be new.
        """
        if not self.map.segments:
            return
        event = self.event
        looked_at = touched
        if event.kind == "set":  # what a journey sets is there already when its event comes
            looked_at = touched | {f"customer.{name}" for name in event.properties}
        near = [(name, one.if_) for name, one in self.map.segments.items() if self._concerns(name, one.if_, looked_at)]
        if not near:
            return
        members, facts = self.members(), self._facts()
        for name, condition in near:
            inside = _holds(condition, facts, self.conditions)
            if inside != (name in members):
                milestone = milestone_of(name, inside=inside)
                self.done.segments[name] = inside
                self.done.milestones.append(milestone)
                self._count(milestone)

    def _concerns(self, segment: str, condition: str, looked_at: set[str]) -> bool:
        event = self.event
        if event.kind == "segment":
            return event.name in (milestone_of(segment, inside=True), milestone_of(segment, inside=False))
        if event.kind == "group" or self.joined:  # another account, or another history
            return True
        return _touches(self.conditions.names(condition), looked_at)

    # --- open journeys --------------------------------------------------------------------------------------------

    def exits(self, touched: set[str]) -> None:
        for journey in self.journeys:
            wake = self._goal(journey) or self._leave(journey, touched)
            if wake is None:
                continue
            self.done.wakes.append(wake)
            if wake.kind == "exit":
                self.gone.add(journey.id)
            else:
                journey.goal_reached = True

    def _goal(self, journey: OpenJourney) -> Wake | None:
        goal = journey.plan.goal
        if goal is None or journey.goal_reached or goal.milestone not in self.done.milestones:
            return None
        if not self._counts(journey, goal.milestone):
            return None
        if goal.within:
            zone = self.done.person.zone(self.map)
            window = calendar.add(journey.entered, parse_span(goal.within), zone)
            if self.now > calendar.thaw(window, journey.entered, journey.frozen):
                return None
        if goal.then == "continue":
            return Wake(journey.id, "goal", goal.milestone)
        return Wake(journey.id, "exit", goal.milestone, outcome="goal")

    def _leave(self, journey: OpenJourney, touched: set[str]) -> Wake | None:
        for leave in journey.plan.exits:
            if leave.milestone:
                if leave.milestone in self.done.milestones and self._counts(journey, leave.milestone):
                    return Wake(journey.id, "exit", leave.milestone, outcome="exited")
            elif leave.condition and (_touches(leave.names, touched) or self._of_account(leave.names)):
                facts = self._facts(journey.event)
                if self.conditions.evaluate(leave.condition, facts).value:
                    return Wake(journey.id, "exit", leave.condition, outcome="exited")
        return None

    def _of_account(self, names: Iterable[str]) -> bool:
        """Whether a condition looks at the account, which a call about somebody else may have changed meanwhile."""
        return not self.past and any(name.startswith("account.") for name in names)

    def _counts(self, journey: OpenJourney, name: str) -> bool:
        return counts(self.event, name, journey.plan, journey.id, journey.per)

    def wakes(self, touched: set[str]) -> None:
        for journey in self.journeys:
            if journey.id in self.gone:
                continue
            for name in self.done.milestones:
                self._wake(journey, name)
            for dotted in journey.plan.attributes:
                if dotted in touched:
                    self.done.wakes.append(Wake(journey.id, "attribute", dotted))

    def _wake(self, journey: OpenJourney, name: str) -> None:
        if not self._counts(journey, name):
            return
        of = self.event.of if name == self.event.name else None
        news = []
        for key in (f"{name}:{of}", name) if of else (name,):
            interest = journey.plan.interest.get(key)
            if (interest == "all" and not self.past) or (interest == "first" and key not in journey.heard):
                news.append(key)
        if news:
            journey.heard.update(news)
            self.done.wakes.append(Wake(journey.id, "milestone", name, tuple(news), of))

    # --- entries --------------------------------------------------------------------------------------------------

    def _entries(self) -> None:
        kind, milestones = self.event.kind, self.done.milestones
        named = kind in ("enrol", "due")
        if not named and not milestones:
            return
        for plan in self.plans:
            if named and plan.playbook != self.event.name:
                continue
            if kind == "enrol":
                self._enter(plan, per=None, reentry="never", event={})
            elif plan.entry and (plan.entry.timed if named else plan.entry.milestone in milestones):
                self._consider(plan)

    def _consider(self, plan: Plan) -> None:
        entry, event = plan.entry, self.event
        assert entry is not None
        properties = {**event.properties, "name": entry.milestone or event.name}
        facts = partial(self._facts, properties)
        for gate in gates(entry, event, facts, self.conditions, self.now):
            if not gate.passed:
                self._not(plan, gate.because)
                return
        per = str(event.properties[entry.per]) if entry.per else None
        self._enter(plan, per, entry.reentry, properties)

    def _enter(self, plan: Plan, per: str | None, reentry: str, event: Mapping[str, Any]) -> None:
        been = self.been.get(plan.playbook, set())
        inside = [
            j for j in self.journeys if j.plan.playbook == plan.playbook and j.per == per and j.id not in self.gone
        ]
        key = str(event["slot"]) if reentry == "each" else per or ""
        if reentry in ("never", "each"):
            if key in been:
                before = "before" if reentry == "never" else f"for {key} before"
                self._not(plan, f"the customer has been in it {before}")
                return
        else:
            key = f"{key}#{self.event.id}"
            if key in been or (inside and reentry == "after_exit"):
                self._not(plan, "the customer is in it now")
                return
            for journey in inside:
                self.gone.add(journey.id)
                self.done.wakes.append(Wake(journey.id, "exit", "restarted", outcome="exited"))
        person = self.done.person
        identity = journey_id(plan.playbook, person.id, key)
        self.done.entered.append(Entering(plan, identity, key, per, arm_of(person.id, plan), event))

    def _not(self, plan: Plan, because: str) -> None:
        self.done.not_entered.append((plan.playbook, because))


def _holds(condition: str, facts: Facts, conditions: Conditions) -> bool:
    """Whether a condition is true; a value that is missing makes it not so."""
    verdict = conditions.evaluate(condition, facts)
    return bool(verdict.value) and not verdict.missing


def _touches(names: tuple[str, ...], touched: set[str]) -> bool:
    """Whether a condition that looks at these names looks at anything that an event changed."""
    return not _looked_at(names).isdisjoint(touched)


@lru_cache(maxsize=4096)
def _looked_at(names: tuple[str, ...]) -> frozenset[str]:
    """Names, and what each belongs to: `milestones.x.count` looks at `milestones.x`."""
    return frozenset([*names, *(name.rpartition(".")[0] for name in names)])


def _valued(defaults: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` over `defaults`, but those that are None."""
    return defaults | {name: value for name, value in values.items() if value is not None} if values else defaults
