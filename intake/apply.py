"""Applying one stored event to one customer, in one transaction (rules.md 1, 2).

The core decides (`lifecycle.enrolment`); here its answer becomes rows: the customer, the history, inbox rows and exit
stamps of open journeys, and new journeys that are `starting`. Temporal is not called here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from whenever import Instant

from activities.facts import OWN, person_of
from activities.transaction import trace_of
from intake import consents, known
from lifecycle import enrolment
from lifecycle.course import Course, due_of
from lifecycle.facts import Conditions
from lifecycle.language.map import Map
from lifecycle.plan import Plan, unpack
from lifecycle.state import STATE, State
from store import customers, events, history, inbox, journeys, playbooks, traces
from store.errors import StoreError
from store.tables import Customer, Event, Journey, Milestone
from trouble import place_of

log = structlog.get_logger()

ATTEMPTS = 5
"""After so many failed attempts an event is set aside, so that its customer's later ones proceed."""


@dataclass(slots=True)
class Applier:
    """Applies events. `plans` keeps the plans of versions by id; they never change."""

    map: Map
    conditions: Conditions
    simulated: bool = False
    plans: dict[str, Plan] = field(default_factory=dict)

    def apply_each(self, session: Session, found: Iterable[Event], now: Instant) -> None:
        """Apply events in their order. One that fails is retried later; it holds back its customer's, nobody else's."""
        found, held = list(found), set[str]()
        customers.lock_all(session, {event.user_id for event in found})
        for event in found:
            assert event.id is not None
            if event.user_id in held:
                continue
            try:
                with session.begin_nested():
                    self.apply(session, event, now)
            except (StoreError, OperationalError):  # the database's trouble, which is not this event's
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the others must not wait for it
                reason = type(error).__name__
                attempt = event.attempts + 1
                log.warning("event.failed", number=event.id, attempt=attempt, because=reason, at=place_of(error))
                if event.attempts + 1 >= ATTEMPTS:
                    events.set_aside(session, event.id, reason)
                else:
                    events.put_off(session, event.id, now.add(seconds=2**event.attempts), reason)
                    held.add(event.user_id)

    def apply(self, session: Session, event: Event, now: Instant) -> dict[str, Any] | None:
        """Apply `event` at `now`; what it did, as `track` shows it. None where it has been applied already."""
        assert event.id is not None
        customer, _ = customers.lock_or_create(session, event.user_id, now)
        had = journeys.outlines(session, customer.id)
        active = [self.plan(session, version) for version in playbooks.active(session).values()]
        done = enrolment.apply(
            known.event_of(session, event, customer, self.map),
            person_of(session, customer),
            known.open_journeys(session, customer.id, [one for one in had if one.open], self.plan, now),
            known.been(had),
            active,
            self.map,
            self.conditions,
            now,
        )
        outcome = _outcome(done)
        if event.kind == "identify" and "consent" in event.properties:
            proof = consents.Proof(event.source, event.at)
            outcome["consents"] = consents.record_traits(
                session, self.map, customer, event.properties["consent"], proof, now
            )
        if not events.mark_applied(session, event.id, now, customer.id, outcome):
            return None
        _save(session, customer, done.person, now)
        _remember(session, customer, done.milestones, event, now)
        for journey in dict.fromkeys(wake.journey for wake in done.wakes):
            _wake(session, journey, [wake for wake in done.wakes if wake.journey == journey], event, now)
        if done.entered:
            mark = history.mark(session, customer.id)
            for entering in done.entered:
                self._enter(session, done.person, entering, event, mark, now)
        return outcome

    def plan(self, session: Session, version: str) -> Plan:
        """The plan of a version."""
        if version not in self.plans:
            packed = playbooks.plan(session, version)
            if packed is None:
                raise LookupError(f"the playbook version {version} is not in the database")
            self.plans[version] = unpack(packed.decode())
        return self.plans[version]

    def _enter(
        self,
        session: Session,
        person: enrolment.Person,
        entering: enrolment.Entering,
        event: Event,
        mark: int,
        now: Instant,
    ) -> None:
        plan = entering.plan
        silent = entering.arm == "holdout" and not plan.transactional
        course = Course.begin(plan, State(person.id, person.zone(self.map), now, now), now)
        assert event.id is not None
        journey = Journey(
            id=entering.id,
            customer_id=person.id,
            playbook=plan.playbook,
            version=plan.version,
            arm=entering.arm,
            key=entering.key,
            entry_event_id=event.id,
            history_mark=mark,
            per_value=entering.per,
            entered_at=now,
            status="holdout" if silent else "starting",
            state=STATE.dump_python(course.state, mode="json", exclude_defaults=True),
            seq=course.state.n,
            due=None if silent else due_of(plan, course.state),
            step=course.state.step,
            simulated=self.simulated,
            shard=event.shard,
        )
        if not journeys.add(session, journey):
            raise RuntimeError(f"the journey {journey.id} exists, though its customer has not been in it")
        if not silent:
            traces.add(session, [trace_of(journey.id, line) for line in course.lines])


def _outcome(done: enrolment.Applied) -> dict[str, Any]:
    return {
        "entered": [{"playbook": one.plan.playbook, "journey": one.id} for one in done.entered],
        "signalled": list(dict.fromkeys(wake.journey for wake in done.wakes)),
        "not_entered": [{"playbook": name, "because": why} for name, why in done.not_entered],
    }


def _save(session: Session, customer: Customer, person: enrolment.Person, now: Instant) -> None:
    own = {name: value if isinstance(value := person.attributes.get(name), str) else None for name in OWN}
    rest = {name: value for name, value in person.attributes.items() if name not in OWN}
    new = {**own, "attributes": rest, "stage": person.stage}
    changed = {name: value for name, value in new.items() if getattr(customer, name) != value}
    if changed:
        for name, value in changed.items():
            setattr(customer, name, value)
        customers.save(session, customer, now)


def _remember(session: Session, customer: Customer, names: list[str], event: Event, now: Instant) -> None:
    assert event.id is not None
    rows = [
        Milestone(
            customer_id=customer.id,
            name=name,
            at=event.at,
            applied_at=now,
            event_id=event.id,
            properties=event.properties,
        )
        for name in names
    ]
    history.add(session, rows)


def _wake(session: Session, journey: str, wakes: Iterable[enrolment.Wake], event: Event, now: Instant) -> None:
    entries = []
    for wake in wakes:
        data: dict[str, Any] = {"keys": list(wake.keys)} if wake.keys else {}
        if wake.of:
            data["of"] = wake.of
        if wake.outcome:
            data["outcome"] = wake.outcome
            journeys.stamp_exit(session, journey, now, wake.outcome, wake.name)
        entries.append(inbox.Entry(wake.kind, wake.name, now, event.id, data))
    inbox.append(session, journey, entries)
