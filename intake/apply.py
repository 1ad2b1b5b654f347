"""Applying one stored event to one customer, in one transaction (rules.md 1, 2).

The core decides (`lifecycle.applying`); here its answer becomes rows: the customer, the history, the segments that
they are in, inbox rows and exit stamps of open journeys, and new journeys that are `starting`. Temporal is not called
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy.orm import Session
from whenever import Instant

from activities.facts import OWN, person_of
from activities.transaction import trace_of
from intake import consents, known, merging, traits
from intake.merging import Merging
from intake.wakes import wake
from lifecycle import applying
from lifecycle.course import Course, due_of
from lifecycle.events import Applied, Entering, Person
from lifecycle.facts import Conditions
from lifecycle.language.map import Map
from lifecycle.plan import Plan, unpack
from lifecycle.state import STATE, State
from store import accounts, customers, events, history, journeys, playbooks, segments, shards, traces
from store.errors import StoreError, about_the_value
from store.tables import Account, Customer, Event, Journey, Milestone
from trouble import place_of

log = structlog.get_logger()

ATTEMPTS = 5
"""After so many failed attempts an event is set aside, so that its customer's later ones proceed."""

TOGETHER = 200
"""How many events of an id that is to be merged are read at once."""


@dataclass(slots=True)
class Applier:
    """Applies events. `plans` keeps the plans of versions by id; they never change."""

    map: Map
    conditions: Conditions
    simulated: bool = False
    plans: dict[str, Plan] = field(default_factory=dict)

    def apply_each(
        self, session: Session, found: Sequence[Event], now: Instant, in_time: Callable[[], bool] = lambda: True
    ) -> bool:
        """Apply events in their order. One that fails is retried later; it holds back its customer's, nobody else's.

        False where the rest is to be read anew, in another transaction: it is not `in_time` any more; an account was
        changed, and is held until this one ends; or an id was merged, and its events come among these.
        """
        held = self._moved(session, found)
        for event in found:
            assert event.id is not None
            if not in_time():
                return False
            if event.user_id in held:
                continue
            if not self._ready(session, event, now):
                events.wait(session, event.id, now.add(seconds=1))
                held.add(event.user_id)
                continue
            try:
                with session.begin_nested():
                    outcome = self.apply(session, event, now)
                if outcome and _ends(outcome):
                    return False
            except StoreError:
                raise
            except Exception as error:  # whatever it is, the others must not wait for it
                if not about_the_value(error):  # the database's trouble, which is not this event's
                    raise
                reason = type(error).__name__
                attempt = event.attempts + 1
                log.warning("event.failed", number=event.id, attempt=attempt, because=reason, at=place_of(error))
                if event.attempts + 1 >= ATTEMPTS:
                    events.set_aside(session, event.id, reason)
                else:
                    events.put_off(session, event.id, now.add(seconds=2**event.attempts), reason)
                    held.add(event.user_id)
        return True

    def apply(self, session: Session, event: Event, now: Instant) -> dict[str, Any] | None:
        """Apply `event` at `now`; what it did, as `track` shows it. None where it has been applied already."""
        assert event.id is not None
        merged = Merging(session, event, self.map, self.conditions, self.plan, now).carry_out()
        joined = merged.joined if merged else None
        if joined and event.previous_id:
            events.move(session, event.previous_id, event.shard)
        customer, _ = customers.lock_or_create(session, event.user_id, now)
        told: dict[str, Any] = {"merged": merged.as_data()} if merged else {}
        if customer.erased_at is not None:
            return _nobodys(session, event, customer, told, now)
        person = joined.customer if joined else person_of(session, customer)
        said = known.event_of(session, event, customer, self.map)
        if event.kind == "group":
            account, changed = self._attach(session, customer, event, now)
            said = replace(said, properties=account.attributes)
            told["account"] = {"id": account.id, "changed": changed}
        had = journeys.outlines(session, customer.id)
        active = [self.plan(session, version) for version in playbooks.taken_by(session, customer.id).values()]
        done = applying.apply(
            said,
            person,
            known.open_journeys(session, customer.id, [one for one in had if one.open], self.plan, now),
            known.been(had),
            active,
            self.map,
            self.conditions,
            now,
            lambda: segments.of_customer(session, customer.id),
            joined,
        )
        outcome = _outcome(done) | told
        if event.kind == "identify" and "consent" in event.properties:
            proof = consents.Proof(event.source, event.at)
            outcome["consents"] = traits.record_traits(
                session, self.map, customer, event.properties["consent"], proof, now
            )
        if not events.mark_applied(session, event.id, now, customer.id, outcome):
            return None
        _save(session, customer, done.person, now)
        _remember(session, customer, done.milestones, event, now)
        segments.change(session, customer.id, done.segments, now)
        wake(session, done.wakes, event.id, now)
        if done.entered:
            mark = history.mark(session)
            for entering in done.entered:
                self._enter(session, done.person, entering, event, mark, now)
        return outcome

    def _moved(self, session: Session, found: Sequence[Event]) -> set[str]:
        """The names among these events that lead to a customer of another shard; their events are moved there."""
        shard_of = {event.user_id: event.shard for event in found}
        moved = set()
        for name, home in customers.homes(session, shard_of).items():
            shard = shards.shard_of(home)
            if shard != shard_of[name]:
                events.move(session, name, shard)
                moved.add(name)
        return moved

    def _ready(self, session: Session, event: Event, now: Instant) -> bool:
        """Whether what came in earlier under an id that the event merges is applied; it is, if that can be done now.

        Whoever has that id's shard is not waited for: they might wait for ours.
        """
        if event.previous_id is None or not merging.pending(session, event):
            return True
        assert event.id is not None
        old = event.previous_id
        if not shards.try_lock(session, shards.shard_of(old)):
            return False
        while earlier := events.next_pending(session, now, TOGETHER, user_id=old, before=event.id):
            self.apply_each(session, earlier, now)
        return not events.pending_before(session, old, event.id)

    def _attach(self, session: Session, customer: Customer, event: Event, now: Instant) -> tuple[Account, bool]:
        """The account that a `group` call names, to which the customer belongs from now on; and whether it changed."""
        assert event.name is not None
        account, changed = accounts.learn(session, event.name, event.properties, now)
        if customer.account_id != account.id:
            customer.account_id = account.id
            customers.save(session, customer, now)
        return account, changed

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
        person: Person,
        entering: Entering,
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


def _ends(outcome: dict[str, Any]) -> bool:
    merged, account = outcome.get("merged", {}), outcome.get("account", {})
    return merged.get("state") == "merged" or bool(account.get("changed"))


def _nobodys(
    session: Session, event: Event, customer: Customer, told: dict[str, Any], now: Instant
) -> dict[str, Any] | None:
    """An event of somebody who was erased: that it came is recorded, and nothing of what it says."""
    assert event.id is not None
    outcome = {"erased": True} | told
    if not events.mark_applied(session, event.id, now, customer.id, outcome):
        return None
    events.empty(session, event.id)
    return outcome


def _outcome(done: Applied) -> dict[str, Any]:
    return {
        "entered": [{"playbook": one.plan.playbook, "journey": one.id} for one in done.entered],
        "signalled": list(dict.fromkeys(wake.journey for wake in done.wakes)),
        "not_entered": [{"playbook": name, "because": why} for name, why in done.not_entered],
    }


def _save(session: Session, customer: Customer, person: Person, now: Instant) -> None:
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
