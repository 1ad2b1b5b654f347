"""Finding people, accounts and journeys by what somebody types of them: a handful of rows, whatever the tables hold.

Each way of finding reads a range of one index, or a key, and stops after so many rows. What is read are outlines: who
is shown is asked for by id afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import CompoundSelect, Select, bindparam, literal, select, union_all
from sqlalchemy.orm import Session

from store.statements import LIMIT
from store.tables import Account, Customer, Journey, table_of
from store.types import find_key

_customer, _account, _journey = table_of(Customer), table_of(Account), table_of(Journey)

Kind = Literal["customer", "account"]

_LAST = "\U0010ffff"
"""Comes after all that begins alike."""


class Hit(NamedTuple):
    """Something that was found: our id of it, and by what (`e-mail`), as it is kept for searching (`matched`)."""

    kind: Kind
    id: str
    by: str
    matched: str


_WAYS = (
    ("customer", "id", _customer, "find_id"),
    ("customer", "e-mail", _customer, "find_email"),
    ("customer", "name", _customer, "find_name"),
    ("customer", "surname", _customer, "find_surname"),
    ("account", "account", _account, "find_id"),
    ("account", "account", _account, "find_name"),
)


@cache
def _beginning() -> CompoundSelect[tuple[str, str, str, str]]:
    ways: list[Select[tuple[str, str, str, str]]] = []
    for kind, by, table, name in _WAYS:
        column = table.c[name]
        found = (
            select(literal(kind), table.c.id, literal(by), column)
            .where(column >= bindparam("first"), column < bindparam("last"))
            .order_by(column)
            .limit(LIMIT)
            .subquery()
        )
        ways.append(select(found))
    return union_all(*ways)


_BY_PHONE = (
    select(_customer.c.id, _customer.c.find_phone)
    .where(_customer.c.find_phone >= bindparam("first"), _customer.c.find_phone < bindparam("last"))
    .order_by(_customer.c.find_phone)
    .limit(LIMIT)
)
_BY_OUR_ID = select(_customer.c.id).where(_customer.c.id == bindparam("id"))
_BY_OUR_ACCOUNT = select(_account.c.id).where(_account.c.id == bindparam("id"))
_BY_JOURNEY = select(_journey.c.customer_id).where(_journey.c.id == bindparam("id"))


def beginning(session: Session, typed: str, limit: int) -> list[Hit]:
    """What begins with a text, however its letters are written: at most `limit` of each way, each in its own order."""
    first = find_key(typed)
    if first is None:
        return []
    rows = session.execute(_beginning(), {"first": first, "last": first + _LAST, "limit": limit})
    return [Hit._make(row) for row in rows]


def with_number(session: Session, digits: str, limit: int) -> list[Hit]:
    """Customers whose phone number, without what people put between its digits, begins like this (`+3361`)."""
    rows = session.execute(_BY_PHONE, {"first": digits, "last": digits + _LAST, "limit": limit})
    return [Hit("customer", row[0], "phone", row[1]) for row in rows]


def named(session: Session, identity: str) -> list[Hit]:
    """Whom or what an id of ours means: a customer's, an account's, or a journey's, which leads to its customer."""
    ways: Sequence[tuple[Kind, str, Select[Any]]] = (
        ("customer", "our id", _BY_OUR_ID),
        ("account", "our id", _BY_OUR_ACCOUNT),
        ("customer", "journey", _BY_JOURNEY),
    )
    found = []
    for kind, by, statement in ways:
        meant: str | None = session.scalar(statement, {"id": identity})
        if meant is not None:
            found.append(Hit(kind, meant, by, identity))
    return found


_CUSTOMERS = select(Customer).where(_customer.c.id.in_(bindparam("ids", expanding=True)))
_ACCOUNTS = select(Account).where(_account.c.id.in_(bindparam("ids", expanding=True)))


def customers(session: Session, ids: Sequence[str]) -> dict[str, Customer]:
    """The rows with these ids as they are, tombstones among them."""
    return {row.id: row for row in session.scalars(_CUSTOMERS, {"ids": list(ids)})} if ids else {}


def accounts(session: Session, ids: Sequence[str]) -> dict[str, Account]:
    """The accounts with these ids."""
    return {row.id: row for row in session.scalars(_ACCOUNTS, {"ids": list(ids)})} if ids else {}


_MEMBERS = (
    select(Customer)
    .where(_customer.c.account_id == bindparam("account"), _customer.c.id > bindparam("after"))
    .order_by(_customer.c.id)
    .limit(LIMIT)
)


def members(session: Session, account_id: str, after: str, limit: int) -> list[Customer]:
    """Customers of an account in the order of their ids, those above `after`: a page."""
    return list(session.scalars(_MEMBERS, {"account": account_id, "after": after, "limit": limit}))
