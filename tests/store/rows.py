"""Rows for tests: small, valid, and written straight into a session."""

from __future__ import annotations

from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from store import customers, history, journeys, playbooks
from store.events import Arrival
from store.tables import Customer, Journey, Message, Milestone, PlaybookVersion

START = Instant.from_utc(2026, 3, 2, 9)


def at(hours: float) -> Instant:
    return START + TimeDelta(hours=hours)


def arrival(message_id: str, user_id: str = "ada", hours: float = 0) -> Arrival:
    return Arrival(
        source="cli",
        message_id=message_id,
        user_id=user_id,
        kind="track",
        name="purchase",
        properties={"revenue": 49.5},
        at=at(hours),
        received_at=at(hours),
    )


def add_customer(session: Session, user_id: str = "ada") -> Customer:
    return customers.lock_or_create(session, user_id, START)[0]


def add_milestone(session: Session, customer_id: str, name: str, event_id: int, hours: float = 0) -> None:
    milestone = Milestone(
        customer_id=customer_id, name=name, at=at(hours), applied_at=at(hours), event_id=event_id, properties={}
    )
    history.add(session, [milestone])


def add_version(session: Session, version: str = "v1", playbook: str = "welcome") -> bool:
    return playbooks.publish(
        session,
        PlaybookVersion(id=version, playbook=playbook, plan=b"\x00plan", source="playbook: welcome", created_at=START),
    )


def journey(customer_id: str, journey_id: str = "welcome.1", **values: object) -> Journey:
    made = Journey(
        id=journey_id,
        customer_id=customer_id,
        playbook="welcome",
        version="v1",
        key="",
        entry_event_id=1,
        history_mark=0,
        entered_at=START,
    )
    for name, value in values.items():
        setattr(made, name, value)
    return made


def add_journey(session: Session, user_id: str = "ada", journey_id: str = "welcome.1", **values: object) -> Journey:
    """A journey of a customer, both made; open unless `status` says otherwise."""
    customer = add_customer(session, user_id)
    add_version(session)
    made = journey(customer.id, journey_id, **{"status": "open", **values})
    assert journeys.add(session, made)
    return made


def message(journey: Journey, step: str = "hello", occurrence: str = "1", **values: object) -> Message:
    made = Message(
        id=f"{journey.id}/{step}/{occurrence}",
        journey_id=journey.id,
        step=step,
        occurrence=occurrence,
        customer_id=journey.customer_id,
        channel="email",
        template="onboarding/hello",
        state="sending",
        due_at=START,
        claimed_at=START,
    )
    for name, value in values.items():
        setattr(made, name, value)
    return made
