"""Accepting under load: one commit for many, an answer for each, and nobody pays for another's bad event."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event as hook
from sqlalchemy import select
from sqlalchemy.orm import Session

from intake.acceptor import Acceptor, Overloaded, Unstorable
from intake.doors import CHUNK
from intake.waking import APART, Notifier, listen
from store.database import Database
from store.errors import DatabaseUnreachable
from store.events import Arrival
from store.tables import Event, table_of
from tests.intake.house import START


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    opened = Database(request.getfixturevalue(request.param))
    yield opened
    opened.close()


def arrival(message: str, user: str = "ada", **properties: Any) -> Arrival:
    return Arrival("test", message, user, "track", START, START, "purchase", properties)


def stored(database: Database) -> list[str]:
    """The message ids of all events, in the order of acknowledgement."""
    found = select(Event).order_by(table_of(Event).c.id)
    return database.read_now(lambda session: [one.message_id for one in session.scalars(found)])


class Commits:
    """Counts transactions that are committed."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        hook.listen(database._write_engine, "commit", self._one)

    def _one(self, connection: object) -> None:
        self.count += 1


@contextmanager
def held_up(database: Database) -> Iterator[None]:
    """While the block runs, whatever is written waits."""
    go, begun = threading.Event(), threading.Event()

    def wait(session: Session) -> None:
        begun.set()
        assert go.wait(60)

    writers = [database._submit(wait) for _ in range(1 if database._writer else 8)]
    assert begun.wait(60)
    try:
        yield
    finally:
        go.set()
        for one in writers:
            one.result(10)


async def test_what_arrives_while_a_commit_is_under_way_shares_the_next(database: Database) -> None:
    acceptor = Acceptor(database)
    with held_up(database):
        calls = [asyncio.create_task(acceptor.accept([arrival(f"e{number}")])) for number in range(100)]
        await asyncio.sleep(0.05)
        commits = Commits(database)
    ids = [given for (given,) in await asyncio.gather(*calls)]
    assert None not in ids
    assert len(set(ids)) == 100
    assert sorted(stored(database)) == sorted(f"e{number}" for number in range(100))
    assert commits.count < 20
    assert (acceptor.counts.accepted, acceptor.waiting) == (100, 0)


async def test_the_events_of_a_call_keep_their_order_and_stay_in_one_insert(database: Database) -> None:
    acceptor = Acceptor(database)
    calls = [[arrival(f"{call}-{number}") for number in range(120)] for call in range(12)]
    answers = await asyncio.gather(*(acceptor.accept(call) for call in calls))
    for ids in answers:
        given = [one for one in ids if one is not None]
        assert given == sorted(given)
        assert len(given) == 120
    assert len(stored(database)) == 12 * 120


async def test_one_call_right_after_the_other_waits_for_nobody(database: Database) -> None:
    acceptor = Acceptor(database)
    async with asyncio.timeout(20):
        for number in range(20):
            assert await acceptor.accept([arrival(f"e{number}")]) != [None]


async def test_a_repeat_in_the_same_group_or_a_later_one_is_told_from_the_first(database: Database) -> None:
    acceptor = Acceptor(database)
    first, again = await asyncio.gather(acceptor.accept([arrival("a")]), acceptor.accept([arrival("a")]))
    assert [first, again].count([None]) == 1
    assert await acceptor.accept([arrival("a"), arrival("b")]) != [None, None]
    assert stored(database) == ["a", "b"]
    assert (acceptor.counts.accepted, acceptor.counts.duplicates) == (2, 2)


async def test_one_bad_event_fails_alone(database: Database) -> None:
    acceptor = Acceptor(database)
    bad = [arrival("b1"), arrival("b2", revenue=float("inf")), arrival("b3")]
    with held_up(database):
        calls = [asyncio.create_task(acceptor.accept(one)) for one in ([arrival("a")], bad, [arrival("c")])]
        await asyncio.sleep(0.05)
    good, refused, well = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(refused, Unstorable)
    assert refused.places == (1,)
    assert [given is None for given in refused.ids] == [False, True, False]
    assert isinstance(good, list)
    assert isinstance(well, list)
    assert sorted(stored(database)) == ["a", "b1", "b3", "c"]
    assert acceptor.counts.unstorable == 1


@pytest.mark.parametrize("message", ["a\0b", "\ud800"], ids=["NUL", "half a character"])
async def test_what_a_database_cannot_hold_is_unstorable_and_no_trouble_of_its_own(
    postgres_url: str, message: str
) -> None:
    database = Database(postgres_url)
    with pytest.raises(Unstorable):
        await Acceptor(database).accept([arrival(message)])
    database.close()


async def test_an_id_that_is_too_long_for_an_index_is_unstorable(postgres_url: str) -> None:
    database = Database(postgres_url)
    long = "".join(str(number) for number in range(20_000))  # not one that packs well
    with pytest.raises(Unstorable):
        await Acceptor(database).accept([arrival(long)])
    database.close()


async def test_beyond_the_declared_number_a_call_is_refused_and_the_others_are_kept(database: Database) -> None:
    acceptor = Acceptor(database, most=10)
    with held_up(database):
        calls = [asyncio.create_task(acceptor.accept([arrival(f"e{number}")])) for number in range(10)]
        await asyncio.sleep(0.05)
        assert acceptor.waiting == 10
        with pytest.raises(Overloaded):
            await acceptor.accept([arrival("one more")])
    await asyncio.gather(*calls)
    await acceptor.accept([arrival("later")])
    assert len(stored(database)) == 11
    assert acceptor.counts.overloaded == 1


async def test_a_caller_that_goes_away_hurts_nobody(database: Database) -> None:
    acceptor = Acceptor(database)
    with held_up(database):
        gone, stays = (asyncio.create_task(acceptor.accept([arrival(one)])) for one in ("gone", "stays"))
        await asyncio.sleep(0.05)
        gone.cancel()
    assert await stays != [None]
    assert acceptor.waiting == 0
    assert await acceptor.accept([arrival("after")]) != [None]


async def test_a_database_that_is_away_is_said_to_all_who_wait() -> None:
    database = Database("sqlite:////nowhere/at/all.db")
    acceptor = Acceptor(database)
    calls = (acceptor.accept([arrival(f"e{number}")]) for number in range(3))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [DatabaseUnreachable] * 3
    assert acceptor.waiting == 0
    database.close()


async def test_more_than_a_chunk_in_a_call_is_a_mistake_of_ours(database: Database) -> None:
    acceptor = Acceptor(database)
    with pytest.raises(ValueError, match="at most"):
        await acceptor.accept([arrival(str(number)) for number in range(CHUNK + 1)])
    assert await acceptor.accept([]) == []


async def test_after_each_commit_whoever_applies_is_woken(database: Database) -> None:
    seen: list[int] = []
    acceptor = Acceptor(database, lambda: seen.append(len(stored(database))))
    await acceptor.accept([arrival("a")])
    assert seen == [1]


# --- other processes, on PostgreSQL ----------------------------------------------------------------------------------


@pytest.fixture
async def woken(postgres_url: str) -> AsyncIterator[tuple[Database, list[float]]]:
    """A database, and the times at which whoever listens there was woken; it listens already."""
    database, times = Database(postgres_url), list[float]()
    listening = asyncio.create_task(listen(database, lambda: times.append(asyncio.get_running_loop().time())))
    await until(lambda: bool(times))
    times.clear()
    yield database, times
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    database.close()


async def until(check: Any) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110 - what is waited for happens elsewhere
            await asyncio.sleep(0.01)


@pytest.fixture
async def notifier(woken: tuple[Database, list[float]]) -> AsyncIterator[Notifier]:
    async with aclosing(Notifier(woken[0])) as made:
        yield made


async def test_many_notifications_become_few(woken: tuple[Database, list[float]], notifier: Notifier) -> None:
    _, times = woken
    began = asyncio.get_running_loop().time()
    for _ in range(200):
        notifier.notify()
        await asyncio.sleep(0.001)
    await asyncio.sleep(10 * APART)
    assert 1 <= len(times) <= (times[-1] - began) / APART + 2


async def test_a_notification_soon_after_another_is_not_lost(
    woken: tuple[Database, list[float]], notifier: Notifier
) -> None:
    _, times = woken
    for number in range(1, 10):
        notifier.notify()  # while the pause after the one before goes on
        await until(lambda number=number: len(times) == number)


async def test_who_listens_and_who_notifies_outlive_a_lost_connection(
    woken: tuple[Database, list[float]], notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, times = woken
    monkeypatch.setattr("intake.waking.POLL", 0.05)
    monkeypatch.setattr("intake.looping.POLL", 0.05)
    notifier.notify()
    await until(lambda: times)
    address = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query ~ '^(LISTEN|NOTIFY)' AND datname = current_database()"
        )
    times.clear()
    await until(lambda: times)  # it connected anew, and looks for what it missed
    times.clear()
    notifier.notify()  # over a connection that is gone
    await asyncio.sleep(0.1)
    notifier.notify()
    await until(lambda: times)
