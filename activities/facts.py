"""What is known of a customer, read from the database as `lifecycle.facts` wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.events import Person
from lifecycle.facts import Facts
from lifecycle.language.map import Map
from lifecycle.state import State
from store import accounts, events, history, messages
from store.tables import Customer, Journey

OWN = frozenset({"email", "phone", "time_zone", "language"})
"""Attributes that have a column of their own."""


def attributes_of(customer: Customer) -> dict[str, Any]:
    """All attributes of a customer, those in columns of their own among them."""
    return customer.attributes | {name: value for name in OWN if (value := getattr(customer, name)) is not None}


def person_of(session: Session, customer: Customer) -> Person:
    """A customer with history, as the core sees them."""
    attributes = attributes_of(customer)
    company = accounts.by_id(session, customer.account_id) if customer.account_id else None
    account = dict(company.attributes) if company else {}
    return Person(customer.id, attributes, customer.stage, history.summary(session, customer.id), account)


def event_of(session: Session, event_id: int | None, name: str | None = None) -> Mapping[str, Any]:
    """The properties of an event, and its `name`; nothing where there is no such event any more."""
    event = events.get(session, event_id) if event_id else None
    return {**(event.properties if event else {}), "name": name or (event.name if event else None)}


def facts_of(
    session: Session, journey: Journey, customer: Customer, state: State, map: Map, entry: str | None, now: Instant
) -> Facts:
    """Everything that a condition or template of this journey may look at. `entry` is the plan's entry milestone."""
    reached = event_of(session, state.reached[1], state.reached[0]) if state.reached else None
    return person_of(session, customer).facts(
        map,
        now,
        event=event_of(session, journey.entry_event_id, entry),
        reached=reached,
        messages=messages.states_by_step(session, journey.id),
    )
