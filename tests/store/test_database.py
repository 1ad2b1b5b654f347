"""Transactions: what a caller of `write` and `read` may rely on, on both databases."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store import customers, events
from store.database import Database
from store.errors import DatabaseBusy, DatabaseUnreachable
from tests.store.rows import START, add_customer, arrival


def accept(*message_ids: str) -> Callable[[Session], list[int | None]]:
    return lambda session: events.accept(session, [arrival(message_id) for message_id in message_ids])


def stored(session: Session) -> list[str]:
    return list(session.scalars(text("SELECT message_id FROM event ORDER BY id")))


async def test_a_write_returns_its_result_once_it_is_there_for_all_readers(database: Database) -> None:
    assert await database.write(accept("a")) == [1]
    assert await database.read(stored) == ["a"]
    assert database.read_now(stored) == ["a"]


async def test_a_write_that_raises_leaves_nothing_and_tells_its_caller(database: Database) -> None:
    def fails(session: Session) -> None:
        events.accept(session, [arrival("a")])
        raise LookupError("no such playbook")

    with pytest.raises(LookupError, match="no such playbook"):
        await database.write(fails)
    assert await database.read(stored) == []


async def test_rows_stay_readable_after_their_transaction(database: Database) -> None:
    written = await database.write(add_customer)
    read = await database.read(lambda session: customers.get(session, "ada"))
    assert read is not None
    assert (written.id, written.created_at) == (read.id, read.created_at)


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read.?only"):
        await database.read(accept("a"))
    assert await database.read(stored) == []


async def test_a_reader_sees_one_instant_from_its_first_query_on(database: Database) -> None:
    looked, written = threading.Event(), threading.Event()

    def twice(session: Session) -> tuple[list[str], list[str]]:
        before = stored(session)
        looked.set()
        assert written.wait(10)
        return before, stored(session)

    reading = asyncio.create_task(database.read(twice))
    await asyncio.to_thread(looked.wait, 10)
    await database.write(accept("a"))
    written.set()
    assert await reading == ([], [])


async def test_threads_write_as_well_as_tasks(database: Database) -> None:
    with_threads = [asyncio.to_thread(database.write_now, accept(f"t{n}")) for n in range(20)]
    await asyncio.gather(*with_threads, *(database.write(accept(f"a{n}")) for n in range(20)))
    assert len(await database.read(stored)) == 40


async def test_two_writers_who_meet_a_new_customer_at_once_agree_on_one(database: Database) -> None:
    found = await asyncio.gather(
        *(database.write(lambda session: customers.lock_or_create(session, "ada", START)) for _ in range(12))
    )
    assert len({customer.id for customer, _ in found}) == 1
    assert [made for _, made in found].count(True) == 1


async def test_no_change_is_lost_while_the_customer_is_locked(database: Database) -> None:
    def count_on(session: Session) -> None:
        customer = add_customer(session)
        customer.attributes["visits"] = customer.attributes.get("visits", 0) + 1
        customers.save(session, customer, START)

    await asyncio.gather(*(database.write(count_on) for _ in range(30)))
    customer = await database.read(lambda session: customers.get(session, "ada"))
    assert customer is not None
    assert customer.attributes == {"visits": 30}


async def test_closing_finishes_what_is_queued_and_takes_no_more(database: Database) -> None:
    writing = [asyncio.ensure_future(database.write(accept(f"e{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    database.close()
    assert len(await asyncio.gather(*writing)) == 50
    with pytest.raises(RuntimeError):
        await database.write(accept("late"))
    database.close()


def test_a_lock_that_another_process_keeps_is_reported_in_words(sqlite_url: str) -> None:
    database = Database(sqlite_url, patience=0.2)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(DatabaseBusy, match=r"milepost\.db was locked by another process for 0\.2 s"):
            database.write_now(accept("a"))
        assert database.read_now(stored) == []
        other.execute("ROLLBACK")
        assert database.write_now(accept("a")) == [1]
    finally:
        other.close()
        database.close()


def test_all_who_queue_behind_a_kept_lock_hear_of_it_together(sqlite_url: str) -> None:
    database = Database(sqlite_url, patience=0.3)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")

    async def several() -> list[object]:
        writes = [database.write(accept(f"e{n}")) for n in range(100)]  # half a minute, one after the other
        return list(await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), 15))

    try:
        assert {type(answer) for answer in asyncio.run(several())} == {DatabaseBusy}
    finally:
        other.close()
        database.close()


def test_a_database_that_is_not_there_is_reported_in_words(tmp_path: Path) -> None:
    nowhere = [f"sqlite:///{tmp_path}/none/m.db", "postgresql+psycopg://ada:secret@127.0.0.1:1/milepost"]
    for address in nowhere:
        database = Database(address)
        for call in (database.write_now, database.read_now):
            with pytest.raises(DatabaseUnreachable, match=r"cannot be (opened|reached)") as caught:
                call(stored)
            assert "secret" not in str(caught.value)
        database.close()


@pytest.mark.parametrize("address", ["milepost.db", "mysql://localhost/m", "sqlite://", "sqlite:///:memory:", ""])
def test_an_address_that_cannot_serve_is_refused_with_one_that_can(address: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///milepost\.db"):
        Database(address)
