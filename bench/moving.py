"""What it takes to move those inside a playbook to another version: end to end, and what a plan of it costs."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from bench import stack
from bench.figures import Figure
from bench.server import Storage, running
from bench.shape import project
from intake import planning, rollouts
from intake.rollouts import Wanted
from store import rollouts as stored
from store.database import Database
from store.migrate import upgrade
from store.tables import Journey, table_of
from worker import running as working

INSIDE = 300
_BETWEEN_LOOKS = 0.1
_PATIENCE = 300.0


async def moving() -> list[Figure]:
    """On Temporal's server and SQLite, both on disk, as `milepost dev` runs them."""
    async with running(Storage.DISK_WAL) as (server, _):
        return await _moved(server.address)


async def _moved(address: str) -> list[Figure]:
    users = [f"user-{number}" for number in range(INSIDE)]
    before, after = project("2 hours", "1 hour"), project("1 hour", "1 hour")
    (name,), (plan,) = after.plans, after.plans.values()
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        url = stack.database_url(Path(folder))
        upgrade(url)
        with closing(Database(url)) as database:
            engine = wiring.engine(before, database, await wiring.connect(address))
            await database.write(lambda session: wiring.publish(session, before, Instant.now(), holdouts=False))
            async with working(engine):
                await stack.introduce(database, users)
                for user in users:
                    await stack.track(database, user)
                await _until(database, _waiting, INSIDE)
                planned = await asyncio.to_thread(_planned, database, name)
                wanted = Wanted(name, "follow", plan)
                began, cpu = time.perf_counter(), time.process_time()
                row = await database.write(lambda session: rollouts.begin(session, wanted, "bench", Instant.now()))
                moved = partial(_moved_by, number=row.id or 0)
                await _until(database, moved, INSIDE)
                took, cpu = time.perf_counter() - began, time.process_time() - cpu
    note = f"{INSIDE} wait at one step; the server, the worker and the database share this machine."
    return [
        Figure("moves a second", INSIDE / took, "a second", note=note),
        Figure("CPU of Milepost for one move", cpu * 1000 / INSIDE, "ms"),
        Figure("milepost plan, customers looked at", planned, "a second"),
    ]


def _planned(database: Database, name: str) -> float:
    """Customers a second whose place before and after is found out."""
    (plan,) = project("1 hour", "1 hour").plans.values()

    def count(session: Session) -> planning.Change:
        found = planning.change(session, name, plan, "")
        planning.count(session, found, {}, Instant.now())
        return found

    began = time.perf_counter()
    found = database.read_now(count)
    return found.inside / (time.perf_counter() - began)


def _waiting(session: Session) -> int:
    journey = table_of(Journey)
    found = select(func.count()).where(journey.c.status == "open", journey.c.due > Instant.now().add(minutes=30))
    return session.scalar(found) or 0


def _moved_by(session: Session, number: int) -> int:
    return stored.counts(session, number).get("moved", 0)


async def _until(database: Database, count: Callable[[Session], int], wanted: int) -> None:
    async with asyncio.timeout(_PATIENCE):
        while await database.read(count) < wanted:  # noqa: ASYNC110 - workers in threads
            await asyncio.sleep(_BETWEEN_LOOKS)
