"""Kill -9 is a test case: journeys while their worker is killed, again and again.

`make chaos` runs two hundred journeys and twenty kills; the short form runs with the suite.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from embedded import TemporalServer
from store import events
from store.database import Database
from store.tables import Consent, Customer, Journey, Message, table_of
from tests.lifecycle.strategies import compiled, small_project

FULL = os.environ.get("MILEPOST_TEST_CHAOS") == "full"
JOURNEYS, KILLS = (200, 20) if FULL else (60, 6)
WAVE = JOURNEYS // KILLS
"""Journeys that begin with each of the first workers: whoever is killed had something to do."""
PATIENCE = 30.0
"""Seconds for a worker to get at a delivery: starting takes a while on a machine that is busy, and so does Temporal's
noticing that the one before is dead."""
DURING_DELIVER, AFTER_COMMIT = KILLS // 2, KILLS // 4
"""Kills between a delivery's commit and Temporal's hearing of it: those that would send twice."""
QUICK = ('history.timerProcessorMaxTimeShift="10ms"', 'history.defaultWorkflowTaskTimeout="2s"')
"""Else Temporal's timers fire up to a second late, and a task that a killed worker had in hand is missed after ten."""
SEED = int(os.environ.get("MILEPOST_TEST_SEED", "7"))
PLAYBOOK = {
    "playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"},
    "steps": [
        {"send": "mail/receipt"},
        {"wait": "1 seconds"},
        {"send": "mail/one"},
        {
            "wait_for": "beta", "timeout": "3 seconds",
            # No SMS: this runs by the real clock, and at night an SMS would wait for the morning.
            "timed_out": [{"send": "mail/one", "id": "late"}], "reached": [{"send": "mail/two"}],
        },
        {"record": "gamma"},
        {"send": "mail/two", "id": "last"},
    ],
}  # fmt: skip
EXPECTED = 4 * JOURNEYS


class Killer:
    """Starts a worker and kills it, again and again; `log` tells what it was doing."""

    def __init__(self, url: str, address: str, log: Path, feed: Callable[[int], object]) -> None:
        """`feed` is called before each worker, with how many have been killed."""
        arguments = [sys.executable, "-m", "tests.temporal.crashing_worker", url, address, str(log)]
        self.log, self.feed, self.random = log, feed, random.Random(SEED)
        self.nursery = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.worker = 0
        self.kills = self.during_deliver = self.after_commit = 0

    def start(self) -> None:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write("go\n")
        self.nursery.stdin.flush()
        self.worker = int(self.nursery.stdout.readline())

    def kill(self) -> None:
        os.kill(self.worker, signal.SIGKILL)
        self.kills += 1
        self.during_deliver += self._delivering() > 0
        self.after_commit += self._delivering("committed") > 0

    def _delivering(self, since: str = "begin") -> int:
        """How many deliveries the present worker had begun, or committed, and not ended."""
        mine = [line.split() for line in self.log.read_text().splitlines() if line.split()[1] == str(self.worker)]
        count = Counter((journey, step) for what, _, journey, step in mine if what == since)
        count.subtract((journey, step) for what, _, journey, step in mine if what == "end")
        return sum(count.values())

    def run(self) -> None:
        """Kill one worker after the other, in turn while it delivers and just after it has committed a delivery."""
        while self.kills < KILLS or self.during_deliver < DURING_DELIVER or self.after_commit < AFTER_COMMIT:
            assert self.kills < 3 * KILLS, "the worker is hardly ever delivering"
            self.feed(self.kills)
            self.start()
            since = "begin" if self.kills % 2 else "committed"
            patience = time.monotonic() + PATIENCE
            while not (self.log.exists() and self._delivering(since)) and time.monotonic() < patience:
                time.sleep(0.01)
            time.sleep(self.random.uniform(0, 0.05))
            self.kill()
        self.start()

    def stop(self) -> None:
        os.kill(self.worker, signal.SIGKILL)
        self.nursery.kill()
        self.nursery.communicate()


def prepare(session: Session, now: Instant) -> None:
    plan = compiled(PLAYBOOK)
    wiring.publish(session, replace(small_project(), plans={"random": plan}, sources={"random": ""}), now)
    for number in range(JOURNEYS):
        customer = f"cus_{number}"
        own: dict[str, Any] = {"email": f"{customer}@example.com", "phone": "+33612345678"}
        session.add(Customer(id=customer, user_id=customer, created_at=now, updated_at=now, **own))
        session.flush()
        session.add(Consent(customer_id=customer, topic="news", granted=True, source="test", at=now))
    session.flush()


def feed(session: Session, kills: int, now: Instant) -> None:
    """A wave of journeys begins, and every other one of the wave before reaches what it waits for."""
    wave = range(JOURNEYS)[kills * WAVE : (kills + 1) * WAVE]
    accept(session, "purchase", wave, now)
    accept(session, "beta", range(JOURNEYS)[max(kills - 1, 0) * WAVE : kills * WAVE : 2], now)


def accept(session: Session, name: str, numbers: range, now: Instant) -> None:
    arrivals = [
        events.Arrival("test", f"{name}-{number}", f"cus_{number}", "track", now, now, name, {"revenue": 5.0})
        for number in numbers
    ]
    events.accept(session, arrivals)


def open_journeys(session: Session) -> int:
    journey = table_of(Journey)
    return JOURNEYS - (session.scalar(select(func.count()).where(journey.c.status == "ended")) or 0)


def sent(session: Session) -> Counter[tuple[str, str, str]]:
    message = table_of(Message)
    rows = session.execute(select(message.c.journey_id, message.c.step, message.c.occurrence, message.c.state))
    return Counter((row.journey_id, row.step, row.occurrence) for row in rows if row.state == "accepted")


async def test_every_message_goes_once_though_the_worker_is_killed_again_and_again(tmp_path: Path, url: str) -> None:
    database = Database(url)
    async with TemporalServer(tmp_path / "temporal.db", config=QUICK) as server:

        def give(kills: int) -> None:
            database.write_now(lambda session: feed(session, kills, Instant.now()))

        killer = Killer(url, server.address, tmp_path / "deliveries.log", give)
        try:
            await database.write(lambda session: prepare(session, Instant.now()))
            await asyncio.to_thread(killer.run)
            async with asyncio.timeout(240):
                while await database.read(open_journeys):  # noqa: ASYNC110 - ended in another process
                    await asyncio.sleep(0.2)
            left, found = await database.read(open_journeys), await database.read(sent)
        finally:
            killer.stop()
            database.close()
    sys.stdout.write(
        f"seed {SEED}: {killer.kills} kills, {killer.during_deliver} of them while deliver ran, "
        f"{killer.after_commit} after its commit; {len(found)} messages\n"
    )
    assert left == 0
    assert killer.kills >= KILLS
    assert killer.during_deliver >= DURING_DELIVER
    assert [message for message, times in found.items() if times > 1] == []
    assert len(found) == EXPECTED
