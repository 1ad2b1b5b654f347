"""Customers: found by the product's id or by ours, locked while an event is applied or a message claimed."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from whenever import Instant

from store.statements import add_new
from store.tables import Customer, Message, table_of

_customer, _message = table_of(Customer), table_of(Message)


def get(session: Session, user_id: str) -> Customer | None:
    """The customer whom the product calls `user_id`."""
    return session.scalar(select(Customer).where(_customer.c.user_id == user_id))


def by_id(session: Session, customer_id: str) -> Customer | None:
    """The customer with our own id (`cus_...`)."""
    return session.scalar(select(Customer).where(_customer.c.id == customer_id))


def lock(session: Session, customer_id: str) -> Customer | None:
    """The customer, read anew and kept from all other transactions that lock it until this one ends."""
    return session.scalar(_locking(select(Customer).where(_customer.c.id == customer_id)))


def lock_or_create(session: Session, user_id: str, now: Instant) -> tuple[Customer, bool]:
    """The locked customer whom the product calls `user_id`, and whether this call made it.

    Safe where two processes meet a new customer at once: one of them makes it, the other waits and finds it.
    """
    found = _locking(select(Customer).where(_customer.c.user_id == user_id))
    customer = session.scalar(found)
    if customer is not None:
        return customer, False
    made = add_new(session, Customer(id=f"cus_{secrets.token_hex(8)}", user_id=user_id, created_at=now, updated_at=now))
    return session.execute(found).scalar_one(), made


def lock_each(session: Session, *, user_ids: Collection[str] = (), customer_ids: Collection[str] = ()) -> None:
    """Lock customers, named by either kind of id, and those whom they were merged into, in the order of our ids.

    Whoever locks several customers takes this order, so that no two wait for each other. Ids of nobody are passed over.
    """
    named = _customer.c.user_id.in_(user_ids) if user_ids else _customer.c.id.in_(customer_ids)
    # One set of ids, for its index: of several conditions joined by OR none would be used.
    chosen = union(select(_customer.c.id).where(named), select(_customer.c.merged_into).where(named))
    locked = select(_customer.c.id).where(_customer.c.id.in_(chosen)).order_by(_customer.c.id)
    session.execute(locked.with_for_update(key_share=True))


def with_number(session: Session, number: str) -> list[str]:
    """The ids of customers who have this number (E.164), or to whom an SMS went there, in their order."""
    now = select(_customer.c.id).where(_customer.c.phone == number)
    before = select(_message.c.customer_id).where(_message.c.channel == "sms", _message.c.recipient == number)
    return sorted(session.scalars(now.union(before)))


def save(session: Session, customer: Customer, now: Instant) -> None:
    """Store what was changed on a customer that was locked in this session, its attributes included."""
    customer.updated_at = now
    # A change within the mapping is not noticed by itself.
    flag_modified(customer, "attributes")
    session.flush()


def _locking(statement: Select[Customer]) -> Select[Customer]:
    # NO KEY UPDATE: rows that merely point at the customer (a foreign key) may still be added elsewhere meanwhile.
    # SQLite has no row locks and needs none: its one writer has the whole database.
    return statement.with_for_update(key_share=True).execution_options(populate_existing=True)
