"""Applying one event to one customer: what changes, which journeys it concerns, and which ones begin (rules.md 1, 2).

Pure: the dispatcher applies the answer to the database in one transaction, the simulator to its memory. The order is
fixed: attributes, history, segments, exits and goals of open journeys, wake-ups (`lifecycle.wakes`), entries
(`lifecycle.enrolment`). A milestone that is derived from others (`when:`) happens in the moment in which its condition
turns true; so do those of a segment, where what is stored of its members says otherwise than its condition does now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whenever import Instant

from lifecycle.enrolment import Entries
from lifecycle.events import HAPPENS, Applied, Event, Joined, OpenJourney, Person, touches
from lifecycle.facts import NOTHING, Conditions, Facts, Milestones
from lifecycle.language.map import Map
from lifecycle.language.segments import milestone_of
from lifecycle.plan import Plan
from lifecycle.wakes import News


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
    done: Applied = field(init=False)
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
        news = News(event, self.done, self.map, self.conditions, self.now, self._facts)
        news.to(self.journeys, touched)
        gone, facts, done = news.gone, self._facts, self.done
        Entries(event, self.journeys, self.been, gone, facts, self.conditions, self.now, done).into(self.plans)
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
            near = [(name, when) for name, when in waiting if touches(self.conditions.names(when), touched)]
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
        return touches(self.conditions.names(condition), looked_at)


def _holds(condition: str, facts: Facts, conditions: Conditions) -> bool:
    """Whether a condition is true; a value that is missing makes it not so."""
    verdict = conditions.evaluate(condition, facts)
    return bool(verdict.value) and not verdict.missing
