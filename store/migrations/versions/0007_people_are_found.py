"""Customers and accounts are found by the beginning of what they are called, and what was learnt of them is listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import FindKey, Json, find_key

revision = "0007"
down_revision: str | None = "0006"

_FOUND_BY = {
    "customer": ("find_id", "find_email", "find_phone", "find_name", "find_surname"),
    "account": ("find_id", "find_name"),
}
_ABOUT = sa.text("kind IN ('identify', 'alias', 'group', 'due')")
_CHUNK = 5000


def upgrade() -> None:
    for table, columns in _FOUND_BY.items():
        for column in columns:
            op.add_column(table, sa.Column(column, FindKey, nullable=True))
    _fill("customer", ("user_id", "email", "phone"), _of_customer)
    _fill("account", ("group_id",), _of_account)
    for table, columns in _FOUND_BY.items():
        for column in columns:
            there = sa.text(f"{column} IS NOT NULL")
            op.create_index(f"ix_{table}_{column}", table, [column], sqlite_where=there, postgresql_where=there)
    op.create_index("ix_event_about", "event", ["customer_id", "at"], sqlite_where=_ABOUT, postgresql_where=_ABOUT)


def downgrade() -> None:
    op.drop_index("ix_event_about", "event")
    for table, columns in _FOUND_BY.items():
        for column in columns:
            op.drop_index(f"ix_{table}_{column}", table)
            op.drop_column(table, column)


def _of_customer(row: Any) -> dict[str, str | None]:
    known = row.attributes or {}
    first, last = known.get("first_name"), known.get("last_name")
    whole = " ".join(one for one in (first, last) if isinstance(one, str) and one)
    phone = "".join(one for one in row.phone or "" if one in "+0123456789")[:40]
    return {
        "find_id": find_key(row.user_id),
        "find_email": find_key(row.email),
        "find_phone": phone or None,
        "find_name": find_key(whole or known.get("name")),
        "find_surname": find_key(last),
    }


def _of_account(row: Any) -> dict[str, str | None]:
    return {"find_id": find_key(row.group_id), "find_name": find_key((row.attributes or {}).get("name"))}


def _fill(name: str, texts: Sequence[str], found_by: Callable[[Any], Mapping[str, str | None]]) -> None:
    table = sa.table(name, sa.column("id"), *map(sa.column, (*texts, *_FOUND_BY[name])), sa.column("attributes", Json))
    connection, after = op.get_bind(), ""
    writing = sa.update(table).where(table.c.id == sa.bindparam("of"))
    writing = writing.values({one: sa.bindparam(one) for one in _FOUND_BY[name]})
    page = sa.select(table).order_by(table.c.id).limit(_CHUNK)
    while rows := connection.execute(page.where(table.c.id > after)).all():
        connection.execute(writing, [{"of": row.id, **found_by(row)} for row in rows])
        after = rows[-1].id
