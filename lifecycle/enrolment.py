"""Entering a playbook: whom an event lets in, as which journey, and why it does not (rules.md 1, 2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from whenever import Instant, TimeDelta

from lifecycle.events import Applied, Entering, Event, OpenJourney, Wake
from lifecycle.facts import Conditions, Facts
from lifecycle.plan import Entry, Plan

LATE_FOR_ENTRY = TimeDelta(hours=24)
"""An event that happened longer ago than this before it arrived enters nothing, unless `backfill` is asked for."""


class Gate(NamedTuple):
    """One thing that an event has to pass before it enters a playbook; `because` says why where it does not."""

    check: str
    passed: bool
    because: str


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


@dataclass(slots=True)
class Entries:
    """What an event lets its customer enter; it is written into `done`, which holds all else that the event does.

    `journeys` are the customer's open ones, without those in `gone`, which it ends; `been` are the keys of all there
    ever were, by playbook. `facts` gives the customer's after the event, with that of the entry.
    """

    event: Event
    journeys: list[OpenJourney]
    been: Mapping[str, set[str]]
    gone: set[str]
    facts: Callable[[Mapping[str, Any]], Facts]
    conditions: Conditions
    now: Instant
    done: Applied

    def into(self, plans: Iterable[Plan]) -> None:
        """Let the customer enter those of these that the event leads into."""
        kind, milestones = self.event.kind, self.done.milestones
        named = kind in ("enrol", "due")
        if not named and not milestones:
            return
        for plan in plans:
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
        facts = partial(self.facts, properties)
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
