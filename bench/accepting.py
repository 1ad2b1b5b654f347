"""What accepting an event costs beside the database's own rate for the same rows, and how long a call waits."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from statistics import median, quantiles
from typing import Any

import psycopg
from sqlalchemy import make_url

from bench.doors import door
from bench.figures import Figure
from bench.load import CLIENTS, NOW, SECONDS, arrival, rate
from intake.acceptor import Acceptor
from store.database import Database
from store.shards import shard_of

ROUNDS = 3
BATCH = 100
RATIO = 0.5
PER_SECOND, STEADY, LONGEST = 200, 3, 50
"""Calls a second, for so many seconds; the milliseconds that the slowest hundredth may wait."""

_COLUMNS = (
    "source", "message_id", "user_id", "kind", "name", "properties", "at", "received_at", "state", "attempts", "hops",
    "backfill", "shard",
)  # fmt: skip

_HTTP = (
    "One process that reads HTTP, checks the key and reads the call is busy before the database is; processes "
    "that serve the API add up."
)


def accepting(url: str) -> list[Figure]:
    """At the acceptor, through HTTP, and the bare driver, in turns."""
    sqlite = make_url(url).get_backend_name() == "sqlite"
    name, raw = ("SQLite", _raw_sqlite) if sqlite else ("PostgreSQL", _raw_postgres)
    figures = []
    with door(url) as opened:
        for what, path, size in (("single", "POST /v1/track", 1), ("batched", "POST /v1/batch", BATCH)):
            # The bare driver commits as many rows at once as clients wait together.
            together = max(size, CLIENTS[size])
            contenders = [partial(_ours, url, size), partial(opened.rate, size), partial(raw, url, together)]
            ours, over_http, theirs = _in_turns(contenders)
            figures += [
                Figure(f"{name}, {what}, at the acceptor", ours, "events a second"),
                Figure(f"{name}, {what}, {path}", over_http, "events a second"),
                Figure(f"{name}, {what}: the driver alone", theirs, "events a second"),
                Figure(f"{name}, {what}, at the acceptor: ratio", ours / theirs, "× driver", RATIO, "least"),
                Figure(f"{name}, {what}, {path}: ratio", over_http / theirs, "× driver", RATIO, "least", _HTTP),
            ]
    return [*figures, _waited(name, url)]


def _in_turns(contenders: Sequence[Callable[[], float]]) -> list[float]:
    """The median of each over the rounds, every other one in the other order."""
    rounds = []
    for turn in range(ROUNDS):
        back = -1 if turn % 2 else 1
        rounds.append([one() for one in contenders[::back]][::back])
    return [median(column) for column in zip(*rounds, strict=True)]


def _ours(url: str, size: int) -> float:
    with closing(Database(url)) as database:

        async def run() -> float:
            acceptor = Acceptor(database)
            await acceptor.accept([arrival()])
            call = lambda: acceptor.accept([arrival() for _ in range(size)])  # noqa: E731
            return await rate([call] * CLIENTS[size], size)

        return asyncio.run(run())


def _row(at: object, backfill: object) -> tuple[Any, ...]:
    one = arrival()
    named = (one.source, one.message_id, one.user_id, one.kind, one.name, json.dumps(one.properties))
    return (*named, at, at, "pending", 0, 0, backfill, shard_of(one.user_id))


def _raw_sqlite(url: str, size: int) -> float:
    at, places = NOW.timestamp(unit="microsecond"), ", ".join("?" * len(_COLUMNS))
    insert = f"INSERT INTO event ({', '.join(_COLUMNS)}) VALUES ({places}) ON CONFLICT DO NOTHING"
    with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

        def commit() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, [_row(at, 0) for _ in range(size)])
            connection.execute("COMMIT")

        return _rate(commit, size)


def _raw_postgres(url: str, size: int) -> float:
    at, places = NOW.to_stdlib(), ", ".join(["%s"] * len(_COLUMNS))
    insert = f"INSERT INTO event ({', '.join(_COLUMNS)}) VALUES ({places}) ON CONFLICT DO NOTHING"
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection, connection.cursor() as cursor:

        def commit() -> None:
            cursor.executemany(insert.encode(), [_row(at, False) for _ in range(size)])
            connection.commit()

        return _rate(commit, size)


def _rate(commit: Callable[[], None], size: int) -> float:
    done, began = 0, time.perf_counter()
    while time.perf_counter() < began + SECONDS:
        commit()
        done += size
    return done / (time.perf_counter() - began)


def _waited(name: str, url: str) -> Figure:
    """How long the slowest hundredth of calls waits while they come steadily."""
    with closing(Database(url)) as database:

        async def run() -> list[float]:
            acceptor = Acceptor(database)
            await acceptor.accept([arrival()])

            async def call() -> float:
                began = time.perf_counter()
                await acceptor.accept([arrival()])
                return (time.perf_counter() - began) * 1000

            began, tasks = time.perf_counter(), []
            for number in range(PER_SECOND * STEADY):
                tasks.append(asyncio.create_task(call()))
                await asyncio.sleep(max(0.0, began + (number + 1) / PER_SECOND - time.perf_counter()))
            return await asyncio.gather(*tasks)

        p99 = quantiles(asyncio.run(run()), n=100)[98]
    return Figure(f"{name}, p99 at {PER_SECOND} a second, at the acceptor", p99, "ms", LONGEST)
