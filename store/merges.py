"""Merging: all that hangs on one customer is hung on another, who is the same person (rules.md 21)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store import customers
from store.tables import (
    Consent,
    ConsentRequest,
    Customer,
    Journey,
    Message,
    Milestone,
    Pause,
    SegmentMember,
    Task,
    table_of,
)

_MOVED = tuple(table_of(model) for model in (Milestone, Consent, ConsentRequest, Journey, Message, Task))
_journey, _member, _pause = table_of(Journey), table_of(SegmentMember), table_of(Pause)


def merge(session: Session, visitor: Customer, customer: Customer, keys: Mapping[str, str], now: Instant) -> None:
    """Move what is the visitor's to the customer and leave a tombstone. Both are locked in this session.

    `keys` are new keys of journeys, by id, whose key the customer has had too. Suppressions belong to addresses, and
    stay. Of what the visitor had nothing is left on the tombstone but its names.
    """
    for journey, key in keys.items():
        session.execute(update(_journey).where(_journey.c.id == journey).values(key=key))
    both = select(_member.c.segment).where(_member.c.customer_id == customer.id)
    session.execute(_member.delete().where(_member.c.customer_id == visitor.id, _member.c.segment.in_(both)))
    for table in (*_MOVED, _member):
        session.execute(update(table).where(table.c.customer_id == visitor.id).values(customer_id=customer.id))
    held = update(_pause).where(_pause.c.scope == "customer", _pause.c.target == visitor.id)
    session.execute(held.values(target=customer.id))
    if customer.account_id is None:
        customer.account_id = visitor.account_id
    customers.save(session, customer, now)
    visitor.merged_into, visitor.account_id, visitor.stage, visitor.attributes = customer.id, None, None, {}
    visitor.email = visitor.phone = visitor.time_zone = visitor.language = None
    customers.save(session, visitor, now)
