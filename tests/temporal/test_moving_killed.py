"""Kill -9 in the middle of an apply: everybody moves, and nobody twice (rules.md 16).

`make chaos` moves ten thousand; the short form, of a few dozen, runs with the suite and sends their messages as well.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from embedded import TemporalServer
from intake import rollouts
from intake.rollouts import Wanted
from lifecycle.plan import Plan
from store import events
from store import rollouts as stored
from store.database import Database
from store.tables import Consent, Customer, Journey, Message, Trace, table_of
from tests.lifecycle.strategies import compiled, small_project
from tests.temporal.test_kill import QUICK

FULL = os.environ.get("MILEPOST_TEST_CHAOS") == "full"
JOURNEYS, KILLS = (int(os.environ.get("MILEPOST_TEST_MOVES", "10000")), 20) if FULL else (24, 3)
WINDOW = 200 if FULL else 8
SHORTER = "5 hours" if FULL else "1 seconds"
"""The few get their message within the test; for ten thousand it is enough that their deadline is the new one."""

_journey = table_of(Journey)


def version(wait: str) -> Plan:
    entry = {"milestone": "purchase"}
    steps = [{"wait": wait}, {"send": "mail/receipt"}]
    return compiled({"playbook": "random", "stage": "stranger", "entry": entry, "steps": steps})


def prepare(session: Session, now: Instant) -> None:
    plan = version("9 hours")
    wiring.publish(session, replace(small_project(), plans={"random": plan}, sources={"random": ""}), now)
    arrivals = []
    for number in range(JOURNEYS):
        name = f"cus_{number}"
        own: dict[str, Any] = {"email": f"{name}@example.com"}
        session.add(Customer(id=name, user_id=name, created_at=now, updated_at=now, **own))
        arrivals.append(events.Arrival("test", name, name, "track", now, now, "purchase", {"revenue": 5.0}))
    session.flush()
    for number in range(JOURNEYS):
        session.add(Consent(customer_id=f"cus_{number}", topic="news", granted=True, source="test", at=now))
    session.flush()
    for first in range(0, JOURNEYS, 500):
        events.accept(session, arrivals[first : first + 500])


def begin(session: Session) -> int:
    wanted = Wanted("random", "follow", version(SHORTER))
    return rollouts.begin(session, wanted, "test", Instant.now()).id or 0


def started(session: Session) -> int:
    found = select(func.count()).where(_journey.c.status == "open", _journey.c.due.is_not(None))
    return session.scalar(found) or 0


class Nursery:
    """Starts workers and kills them."""

    def __init__(self, url: str, address: str, log: Path) -> None:
        arguments = [sys.executable, "-m", "tests.temporal.crashing_worker", url, address, str(log)]
        environment = {**os.environ, "MILEPOST_TEST_WINDOW": str(WINDOW)}
        self.log = log
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.worker = 0

    def start(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.worker = int(self.process.stdout.readline())

    def kill(self) -> bool:
        """Kill the worker; whether a journey was between its commit and Temporal's hearing of it."""
        os.kill(self.worker, signal.SIGKILL)
        mine = [line.split() for line in self.log.read_text().splitlines() if line.split()[1] == str(self.worker)]
        count = Counter(journey for what, _, journey, _ in mine if what == "committed")
        count.subtract(journey for what, _, journey, _ in mine if what == "end")
        return any(times > 0 for times in count.values())

    def stop(self) -> None:
        os.kill(self.worker, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()


async def until(holds: Callable[[], Any], patience: float) -> None:
    async with asyncio.timeout(patience):
        while not await holds():  # noqa: ASYNC110 - it is done in another process
            await asyncio.sleep(0.1)


async def test_everybody_moves_once_though_the_worker_is_killed_again_and_again(tmp_path: Path, url: str) -> None:
    database = Database(url)
    patience = 3600 if FULL else 120
    async with TemporalServer(tmp_path / "temporal.db", config=QUICK) as server:
        await database.write(lambda session: prepare(session, Instant.now()))
        nursery = Nursery(url, server.address, tmp_path / "moves.log")
        try:
            nursery.start()

            async def all_started() -> bool:
                return await database.read(started) == JOURNEYS

            began = time.monotonic()
            await until(all_started, patience)
            starting = time.monotonic() - began
            nursery.kill()
            number = await database.write(begin)
            began, in_between = time.monotonic(), 0

            async def counts() -> dict[str, int]:
                return await database.read(lambda session: stored.counts(session, number))

            for kill in range(KILLS):
                nursery.start()
                share = JOURNEYS * (kill + 1) // (KILLS + 2)

                async def far_enough(share: int = share) -> bool:
                    return (await counts()).get("moved", 0) >= share

                await until(far_enough, patience)
                in_between += nursery.kill()
            nursery.start()

            async def done() -> bool:
                row = await database.read(partial(stored.get, number=number))
                return row is not None and row.state == "done"

            await until(done, patience)
            moving = time.monotonic() - began
            assert await counts() == {"moved": JOURNEYS}
            versions = await database.read(lambda session: stored.customers(session, "random"))
            if FULL:
                assert versions == {version(SHORTER).version: JOURNEYS}
            else:
                await until(lambda: database.read(_all_ended), patience)
            lines, sent, dues = await database.read(_told)
        finally:
            nursery.stop()
            database.close()
    sys.stdout.write(
        f"{JOURNEYS} journeys, {KILLS} kills, {in_between} of them between a move's commit and its answer; "
        f"{starting:.0f} s to start, {moving:.0f} s to move: {JOURNEYS / moving:.0f} a second, kills included\n"
    )
    assert set(lines.values()) == {1}
    assert len(lines) == JOURNEYS
    if FULL:
        assert dues == {5.0}
    else:
        assert sent == dict.fromkeys(lines, 1)


def _all_ended(session: Session) -> bool:
    return session.scalar(select(func.count()).where(_journey.c.status == "ended")) == JOURNEYS


def _told(session: Session) -> tuple[Counter[str], Counter[str], set[float]]:
    """How often each journey moved, and was sent its message; after how many hours they are due."""
    trace, message = table_of(Trace), table_of(Message)
    moved = Counter(session.scalars(select(trace.c.journey_id).where(trace.c.what == "moved")))
    sent = Counter(session.scalars(select(message.c.journey_id).where(message.c.state == "accepted")))
    rows = session.execute(select(_journey.c.entered_at, _journey.c.due).where(_journey.c.due.is_not(None)))
    return moved, sent, {round((due - entered).total("hours"), 2) for entered, due in rows}
