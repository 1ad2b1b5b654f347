"""Calls that share a transaction on SQLite: each stands or falls alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store import events, group_commit
from store.database import Database
from tests.store.rows import add_customer, arrival


class Commits:
    """Counts the transactions that a database commits, and can make the next commit fail."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        self.failing = 0
        event.listen(database._write_engine, "commit", self._on_commit)

    def _on_commit(self, connection: object) -> None:
        if self.failing:
            self.failing -= 1
            raise OSError("disk full")
        self.count += 1


def accept(message_id: str) -> Callable[[Session], list[int | None]]:
    return lambda session: events.accept(session, [arrival(message_id)])


def stored(session: Session) -> list[str]:
    return list(session.scalars(text("SELECT message_id FROM event ORDER BY id")))


async def together(database: Database, *calls: Coroutine[Any, Any, object]) -> list[object]:
    """Hand in calls while the writer is busy, so that they share a transaction."""
    begun, go = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        begun.set()
        assert go.wait(60)

    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(begun.wait, 10)
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    go.set()
    await holding
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_calls_that_are_queued_together_share_one_commit(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "LONGEST", 60)  # however slow the machine
    commits = Commits(sqlite_database)
    answers = await together(sqlite_database, *(sqlite_database.write(accept(f"e{n}")) for n in range(100)))
    assert answers == [[n] for n in range(1, 101)]
    assert commits.count == 1


async def test_a_call_that_fails_hurts_no_other_of_its_group(sqlite_database: Database) -> None:
    def raises(session: Session) -> None:
        events.accept(session, [arrival("never")])
        raise LookupError("mine alone")

    def breaks_a_key(session: Session) -> None:
        add_customer(session)
        session.execute(text("INSERT INTO customer SELECT * FROM customer"))

    answers = await together(
        sqlite_database,
        sqlite_database.write(accept("a")),
        sqlite_database.write(raises),
        sqlite_database.write(breaks_a_key),
        sqlite_database.write(accept("b")),
    )
    assert answers[0] == [1]
    assert isinstance(answers[1], LookupError)
    assert isinstance(answers[2], IntegrityError)
    assert isinstance(answers[3], list)
    assert await sqlite_database.read(stored) == ["a", "b"]
    assert await sqlite_database.read(lambda session: session.scalar(text("SELECT count(*) FROM customer"))) == 0


async def test_nobody_hears_of_success_before_the_commit(sqlite_database: Database) -> None:
    visible: list[list[str]] = []

    async def write_and_look(message_id: str) -> None:
        await sqlite_database.write(accept(message_id))
        visible.append(sqlite_database.read_now(stored))

    await together(sqlite_database, write_and_look("a"), write_and_look("b"))
    assert visible == [["a", "b"], ["a", "b"]]


async def test_a_group_whose_commit_fails_is_repeated_call_by_call(sqlite_database: Database) -> None:
    commits = Commits(sqlite_database)

    def disturbs(session: Session) -> None:
        events.accept(session, [arrival("never")])
        commits.failing = 1  # for the group, and again for its own repetition

    disturbed, calm = await together(
        sqlite_database, sqlite_database.write(disturbs), sqlite_database.write(accept("calm"))
    )
    assert isinstance(disturbed, OSError)
    assert calm == [1]
    assert await sqlite_database.read(stored) == ["calm"]


async def test_a_call_that_loses_the_whole_transaction_is_alone_in_failing(sqlite_database: Database) -> None:
    def fill_the_disk(session: Session) -> None:
        # What SQLite does by itself when the disk is full.
        session.connection().exec_driver_sql("ROLLBACK")
        raise OSError("disk full")

    answers = await together(
        sqlite_database,
        sqlite_database.write(accept("a")),
        sqlite_database.write(fill_the_disk),
        sqlite_database.write(accept("b")),
    )
    assert [type(answer) for answer in answers] == [list, OSError, list]
    assert await sqlite_database.read(stored) == ["a", "b"]


async def test_a_call_that_was_cancelled_in_the_queue_does_not_run(sqlite_database: Database) -> None:
    async def cancelled() -> None:
        writing = asyncio.ensure_future(sqlite_database.write(accept("never")))
        await asyncio.sleep(0)
        writing.cancel()

    await together(sqlite_database, cancelled(), sqlite_database.write(accept("a")))
    assert await sqlite_database.read(stored) == ["a"]


def test_a_write_within_a_write_is_an_error_and_no_deadlock(sqlite_database: Database) -> None:
    with pytest.raises(RuntimeError, match="within a write"):
        sqlite_database.write_now(lambda session: sqlite_database.write_now(accept("a")))
