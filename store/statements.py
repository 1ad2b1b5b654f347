"""Statements that SQLAlchemy spells per database although both have them: an insert that passes over what is there.

A statement that runs for every event or message is built once, as a constant or by a function that is cached, with
`bindparam` for what changes: to build one takes as long as to run it, and longer where it has aliases.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Integer, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from store.tables import Row, table_of, values_of

Insert: TypeAlias = postgresql.Insert | sqlite.Insert

LIMIT = bindparam("limit", type_=Integer)
"""For statements that read at most so many rows."""


def insert(session: Session, table: Table) -> Insert:
    """An INSERT that knows ON CONFLICT, for the session's database."""
    return insert_for(dialect(session), table)


def insert_for(dialect: str, table: Table) -> Insert:
    """`insert` for statements that are built once: building one takes as long as running it."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def dialect(session: Session) -> str:
    """`sqlite` or `postgresql`."""
    return session.get_bind().dialect.name


@cache
def _inserting_new(dialect: str, table: Table) -> ReturningInsert[Any]:
    return insert_for(dialect, table).on_conflict_do_nothing().returning(next(iter(table.primary_key)))


@cache
def _inserting(dialect: str, table: Table) -> Insert:
    return insert_for(dialect, table)


def add_new(session: Session, row: Row) -> bool:
    """Insert a row unless one with its id or another of its unique keys is there; whether it was inserted."""
    statement = _inserting_new(dialect(session), table_of(type(row)))
    return session.execute(statement, values_of(row)).first() is not None


def add_all(session: Session, rows: Sequence[Row]) -> None:
    """Insert rows of one table, in their order. Ids that the database gives are not read back."""
    if rows:
        session.execute(_inserting(dialect(session), table_of(type(rows[0]))), [values_of(row) for row in rows])


def changed(result: Any) -> bool:
    """Whether an UPDATE met a row."""
    return bool(result.rowcount)
