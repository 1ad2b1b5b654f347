"""Customers: found by the product's id or by ours, locked while an event is applied or a message claimed.

Who was merged into another customer is a tombstone, and everything here follows it to whoever it leads to (rules.md
21): nobody outside need know that there are tombstones. A tombstone never leads back to itself, because only a customer
who is none is ever merged, and only into one who is none.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from sqlalchemy import Select, bindparam, select, union
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from whenever import Instant

from store.journeys import UNDER_WAY
from store.statements import add_new, dialect
from store.tables import Customer, Journey, Message, table_of
from store.tables.people import findable

_customer, _journey, _message = table_of(Customer), table_of(Journey), table_of(Message)


def _locking(statement: Select[Customer]) -> Select[Customer]:
    # NO KEY UPDATE: rows that merely point at the customer (a foreign key) may still be added elsewhere meanwhile.
    # SQLite has no row locks and needs none: its one writer has the whole database.
    return statement.with_for_update(key_share=True).execution_options(populate_existing=True)


_IS_ID, _IS_NAME = _customer.c.id == bindparam("one"), _customer.c.user_id == bindparam("one")
_NO_TOMBSTONE = _customer.c.merged_into.is_(None)
_BY_ID = select(Customer).where(_IS_ID)
_LOCK_ID, _LOCK_NAME = (_locking(select(Customer).where(meant, _NO_TOMBSTONE)) for meant in (_IS_ID, _IS_NAME))
_INTO_OF_ID, _INTO_OF_NAME = (select(_customer.c.merged_into).where(meant) for meant in (_IS_ID, _IS_NAME))
_HOMES = select(_customer.c.user_id, _customer.c.merged_into).where(
    _customer.c.user_id.in_(bindparam("names", expanding=True)), ~_NO_TOMBSTONE
)


def get(session: Session, user_id: str) -> Customer | None:
    """The customer whom the product calls, or once called, `user_id`."""
    return _followed(session, session.scalar(select(Customer).where(_customer.c.user_id == user_id)))


def by_id(session: Session, customer_id: str) -> Customer | None:
    """The customer with our own id (`cus_...`)."""
    return _followed(session, session.scalar(_BY_ID, {"one": customer_id}))


def lock(session: Session, customer_id: str) -> Customer | None:
    """The customer, read anew and kept from all other transactions that lock it until this one ends."""
    return _locked(session, _LOCK_ID, customer_id, _INTO_OF_ID)


def lock_or_create(session: Session, user_id: str, now: Instant) -> tuple[Customer, bool]:
    """The locked customer whom the product calls `user_id`, and whether this call made it.

    Safe where two processes meet a new customer at once: one of them makes it, the other waits and finds it.
    """
    customer = _locked(session, _LOCK_NAME, user_id, _INTO_OF_NAME)
    if customer is not None:
        return customer, False
    made = create(session, user_id, now)
    customer = _locked(session, _LOCK_NAME, user_id, _INTO_OF_NAME)
    assert customer is not None
    return customer, made


def create(session: Session, user_id: str, now: Instant) -> bool:
    """Make a customer; False where there is one, or a tombstone, of this name."""
    made = Customer(id=f"cus_{secrets.token_hex(8)}", user_id=user_id, created_at=now, updated_at=now)
    return add_new(session, findable(made))


def lock_both(session: Session, one: str, other: str) -> tuple[Customer, Customer] | None:
    """Two customers by the product's ids, locked in the order of our ids, so that nobody waits in a ring.

    None where either is a tombstone or not there, or both are one.
    """
    found = _locking(
        select(Customer)
        .where(_customer.c.user_id.in_((one, other)), _customer.c.merged_into.is_(None))
        .order_by(_customer.c.id)
    )
    by_name = {customer.user_id: customer for customer in session.scalars(found)}
    return (by_name[one], by_name[other]) if len(by_name) == 2 else None


def own_row(session: Session, user_id: str) -> Customer | None:
    """The row of this very name, also where it is a tombstone."""
    return session.scalar(
        select(Customer).where(_customer.c.user_id == user_id).execution_options(populate_existing=True)
    )


def homes(session: Session, user_ids: Collection[str]) -> dict[str, str]:
    """Of those names that are tombstones': the name of the customer to whom each leads."""
    rows = session.execute(_HOMES, {"names": list(user_ids)}).all()
    leads = {name: by_id(session, into) for name, into in rows}
    return {name: customer.user_id for name, customer in leads.items() if customer is not None}


def merged_into(session: Session, customer_id: str) -> list[Customer]:
    """The tombstones that lead to a customer, by whichever way."""
    found: list[Customer] = []
    ahead = [customer_id]
    while ahead:
        near = list(
            session.scalars(select(Customer).where(_customer.c.merged_into.in_(ahead)).order_by(_customer.c.id))
        )
        found += near
        ahead = [one.id for one in near]
    return found


def lock_each(session: Session, *, user_ids: Collection[str] = (), customer_ids: Collection[str] = ()) -> None:
    """Lock customers, named by either kind of id, whom they were merged into, and then the journeys that these are in.

    For whoever is going to change several of them, in whichever order: here each kind is locked in the order of its
    ids, so that no two wait for each other. Ids of nobody are passed over. SQLite has one writer anyway.
    """
    if dialect(session) == "sqlite":
        return
    named = _customer.c.user_id.in_(user_ids) if user_ids else _customer.c.id.in_(customer_ids)
    # One set of ids, for its index: of several conditions joined by OR none would be used.
    chosen = union(select(_customer.c.id).where(named), select(_customer.c.merged_into).where(named))
    found = select(_customer.c.id).where(_customer.c.id.in_(chosen)).order_by(_customer.c.id)
    ids = list(session.scalars(found.with_for_update(key_share=True)))
    theirs = select(_journey.c.id).where(_journey.c.customer_id.in_(ids), _journey.c.status.in_(UNDER_WAY))
    session.execute(theirs.order_by(_journey.c.id).with_for_update(key_share=True))


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


def _followed(session: Session, customer: Customer | None) -> Customer | None:
    while customer is not None and customer.merged_into is not None:
        customer = session.scalar(_BY_ID, {"one": customer.merged_into})
    return customer


def _locked(session: Session, locking: Select[Customer], one: str, leading: Select[str]) -> Customer | None:
    """Tombstones are followed by reading them: whoever holds one and waits for another would be waited for."""
    while True:
        customer = session.scalar(locking, {"one": one})
        if customer is not None:
            return customer
        into = session.scalar(leading, {"one": one})
        if into is None:
            return None
        locking, one, leading = _LOCK_ID, into, _INTO_OF_ID
