"""A database that one test has left is as new for the next."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from sqlalchemy import text
from whenever import Instant

from store.database import Database
from store.tables import Customer, Milestone, Row
from tests.databases import Postgres

NOW = Instant.from_utc(2026, 3, 2, 9)


@pytest.fixture
def left(postgres: Postgres) -> tuple[str, list[Any], int]:
    """A database that a test has left, what was in it before, and the number of the milestone that came into it."""
    url = postgres.migrated()
    before, number = contents(url), filled(url)
    assert contents(url) != before
    return url, before, number


def filled(url: str) -> int:
    def write(session: Any) -> int:
        session.execute(text("UPDATE shard SET id = id + 1000 WHERE id > 60"))
        session.add(Customer(id="cus_1", user_id="ada", created_at=NOW, updated_at=NOW))
        session.flush()
        row = Milestone(customer_id="cus_1", name="purchase", at=NOW, applied_at=NOW, event_id=1, properties={})
        session.add(row)
        session.flush()
        assert row.id
        return row.id

    with contextlib.closing(Database(url)) as database:
        return database.write_now(write)


def contents(url: str) -> list[Any]:
    with contextlib.closing(Database(url)) as database:
        rows = [text(f"SELECT '{name}', t.* FROM \"{name}\" t ORDER BY 2") for name in Row.metadata.tables]
        return database.read_now(lambda session: [list(row) for query in rows for row in session.execute(query)])


def test_it_has_what_it_was_made_with_and_counts_from_one(postgres: Postgres, left: tuple[str, list[Any], int]) -> None:
    url, before, number = left
    with contextlib.closing(Database(url)) as forgotten:
        forgotten.read_now(lambda session: session.execute(text("SELECT 1")))  # a connection that stays open
        postgres.give_back(url)
    assert postgres.migrated() == url
    assert contents(url) == before
    assert filled(url) == number
    postgres.give_back(url)


def test_one_with_another_table_is_dropped(postgres: Postgres, left: tuple[str, list[Any], int]) -> None:
    url, *_ = left
    with contextlib.closing(Database(url)) as database:
        database.write_now(lambda session: session.execute(text("CREATE TABLE another (id int)")))
    postgres.give_back(url)
    other = postgres.migrated()
    assert other != url
    postgres.give_back(other)
