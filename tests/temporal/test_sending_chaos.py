"""Providers that fail in every way, and workers that are killed while they send: no message goes twice, none is lost.

The providers are a process of their own whose log is the truth. The short form runs with the suite; `make chaos` runs
1,000 messages of each channel and ten kills. What a person would wait minutes for takes seconds here.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from embedded import TemporalServer, free_port
from intake.verifying import verify
from lifecycle.ledger import TAKEN, message_id
from lifecycle.reasons import REASONS
from store import events
from store.database import Database
from store.tables import Callback, Consent, Customer, Journey, Message, Trace, table_of
from tests.lifecycle.strategies import compiled, small_project
from tests.provider.faults import AMBIGUOUS
from tests.temporal.sending_rig import Killer, Providers

FULL = os.environ.get("MILEPOST_TEST_CHAOS") == "full"
JOURNEYS, KILLS, MINUTE = (1000, 10, 1.0) if FULL else (40, 3, 0.1)
"""Each journey has a message of each channel."""
SEED = int(os.environ.get("MILEPOST_TEST_SEED", "7"))
UNCOMMITTED = os.environ.get("MILEPOST_TEST_UNCOMMITTED") == "1"
"""Whether the worker leaves out what this test is about: then it must fail."""
FAULTS = 0.1
PATIENCE = 900 if FULL else 120
QUICK = ('history.timerProcessorMaxTimeShift="10ms"', 'history.defaultWorkflowTaskTimeout="2s"')
"""Else Temporal's timers fire up to a second late, which is long where a minute is short, and a task that a killed
worker had in hand is missed after ten."""
PLAYBOOK = {
    "playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"},
    "steps": [{"send": "mail/one"}, {"wait": "1 seconds"}, {"send": "text/one"}],
}  # fmt: skip
NOBODY_KNOWS = {code for code, reason in REASONS.items() if reason.kind == "unknown"}


def prepare(session: Session, now: Instant) -> None:
    plan = compiled(PLAYBOOK)
    wiring.publish(session, replace(small_project(), plans={"random": plan}, sources={"random": ""}), now)
    # SMS have hours: where these customers live it is early in the afternoon.
    ahead = 13 - now.to_tz("UTC").hour
    for number in range(JOURNEYS):
        customer = f"cus_{number}"
        own: dict[str, Any] = {"email": f"{customer}@example.com", "phone": f"+3361234{number:04}"}
        own["time_zone"] = f"Etc/GMT{-ahead:+d}"
        session.add(Customer(id=customer, user_id=customer, created_at=now, updated_at=now, **own))
        session.flush()
        session.add(Consent(customer_id=customer, topic="news", granted=True, source="test", at=now))
    session.flush()


def enter(session: Session, numbers: Iterable[int]) -> None:
    now = Instant.now()
    arrivals = [
        events.Arrival("test", f"purchase-{number}", f"cus_{number}", "track", now, now, "purchase", {"revenue": 5.0})
        for number in numbers
    ]
    events.accept(session, arrivals)


def not_ended(session: Session) -> int:
    journey = table_of(Journey)
    return JOURNEYS - (session.scalar(select(func.count()).where(journey.c.status == "ended")) or 0)


def unsettled(session: Session) -> int:
    """Claims, and SMS that nobody knows of, and callbacks that nobody has read yet."""
    one, callback = table_of(Message), table_of(Callback)
    open_ = (one.c.state == "sending") | ((one.c.state == "unknown") & (one.c.channel == "sms"))
    waiting = session.scalar(select(func.count()).where(callback.c.state == "pending")) or 0
    return waiting + (session.scalar(select(func.count()).where(open_)) or 0)


def unread(session: Session) -> int:
    callback = table_of(Callback)
    return session.scalar(select(func.count()).where(callback.c.state == "pending")) or 0


def ledger(session: Session) -> dict[str, tuple[str, str]]:
    """By id: channel and state."""
    one = table_of(Message)
    return {row.id: (row.channel, row.state) for row in session.execute(select(one.c.id, one.c.channel, one.c.state))}


def ever_unknown(session: Session) -> set[str]:
    """Messages of which a journey has heard that nobody can tell."""
    line = table_of(Trace)
    rows = session.execute(select(line.c.journey_id, line.c.step, line.c.reason).where(line.c.step.is_not(None)))
    return {message_id(row.journey_id, row.step, 1) for row in rows if row.reason in NOBODY_KNOWS}


async def until_none(database: Database, counted: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while await database.read(counted):  # noqa: ASYNC110 - done in another process
            await asyncio.sleep(0.2)


async def test_no_message_goes_twice_or_is_lost_whatever_providers_do_and_whenever_workers_die(
    tmp_path: Path, url: str
) -> None:
    database, port = Database(url), free_port()
    began = time.monotonic()
    async with TemporalServer(tmp_path / "temporal.db", config=QUICK) as server:
        with Providers(tmp_path, port, FAULTS, SEED) as providers:
            given = {
                "database": url, "temporal": server.address, "provider": providers.url, "port": port,
                "event_key": providers.event_key, "log": str(tmp_path / "sends.log"), "minute": MINUTE,
                "uncommitted": UNCOMMITTED,
            }  # fmt: skip
            killer = Killer(given, database, SEED, KILLS, JOURNEYS / 120)
            try:
                await database.write(lambda session: prepare(session, Instant.now()))
                killing = asyncio.create_task(asyncio.to_thread(killer.run))
                for first in range(0, JOURNEYS, JOURNEYS // 20):
                    numbers = range(first, min(first + JOURNEYS // 20, JOURNEYS))
                    await database.write(partial(enter, numbers=numbers))
                    await asyncio.sleep(KILLS / 20)
                await killing
                await until_none(database, not_ended)
                await until_none(database, unsettled)
                before, ever = await database.read(ledger), await database.read(ever_unknown)
                had = Counter(line["id"] for line in providers.lines("accepted"))
                while await asyncio.to_thread(providers.replay):
                    pass
                await until_none(database, unread)
                after = await database.read(ledger)
                review = await asyncio.to_thread(verify, database, Instant.now())
                answered, called = providers.lines("answered"), providers.lines("called")
            finally:
                killer.stop()
                database.close()

    unknown = {name for name, (_, state) in before.items() if state == "unknown"}
    for_good = {name for name, (_, state) in after.items() if state == "unknown"}
    shares = (f"{len(names) / len(before):.1%}" for names in (ever, unknown, for_good))
    sys.stdout.write(
        f"\nseed {SEED}: {len(before)} messages in {time.monotonic() - began:.0f} s, {killer.kills} kills, "
        f"{killer.while_sending} of them while sending, {len(killer.interrupted)} messages interrupted\n"
        "unknown: {} at some time, {} before lost callbacks came, {} for good\n".format(*shares)
    )
    for (channel, state), number in sorted(Counter(after.values()).items()):
        sys.stdout.write(f"{channel} {state}: {number}\n")
    assert len(before) == 2 * JOURNEYS
    assert killer.kills >= KILLS
    assert killer.while_sending >= KILLS // 2
    # A repeated callback is refused; a signature that is not believed would be a 401.
    assert {200, 204} <= {line["status"] for line in called if "status" in line} <= {200, 204, 400}
    # 1. Nobody gets a message twice.
    assert {name: times for name, times in had.items() if times > 1} == {}
    # 2. What the ledger calls accepted is in the log.
    assert {name for name, (_, state) in before.items() if state in TAKEN} - had.keys() == set()
    # 3. What is in the log is accepted or unknown in the ledger.
    assert {name: before.get(name) for name in had if before[name][1] not in {*TAKEN, "unknown"}} == {}
    # 4. Where nobody could tell, the answer was ambiguous, or the worker was killed in the middle.
    ambiguous = {line["id"] for line in answered if line["fault"] in AMBIGUOUS}
    assert (unknown | ever) - ambiguous - killer.interrupted == set()
    # 5. Once lost callbacks have come, nothing that was accepted is unknown, and no SMS is.
    assert {name for name in had if after[name][1] not in TAKEN} == set()
    assert [name for name, (channel, state) in after.items() if channel == "sms" and state == "unknown"] == []
    # And `milepost verify` says the same without the log.
    assert review.checked == len(before)
    assert review.duplicates == []
    assert {one.id for one in review.lost} == {name for name, (_, state) in after.items() if state == "lost"}
    assert {one.id for one in review.unknown} == for_good
