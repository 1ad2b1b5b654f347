"""Temporal is stopped under a steady load of events, and started again: nothing is refused, lost, repeated or late.

The short form runs with the suite; `make chaos` stops it for a minute under 100 events a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from embedded import TemporalServer, free_port
from intake.acceptor import Acceptor
from intake.dispatcher import Dispatcher
from intake.overview import lag
from store import events
from store.database import Database
from store.tables import Customer, Journey, JourneyInbox, Message, Milestone, table_of
from tests.lifecycle.strategies import compiled, small_project
from worker import running

FULL = os.environ.get("MILEPOST_TEST_CHAOS") == "full"
PER_SECOND, BEFORE, AWAY, AFTER = (100, 5, 60, 5) if FULL else (20, 2, 5, 2)
"""Events a second, and for how many seconds Temporal is there, away and there again."""
DRAINED = 60
"""Seconds within which all that waited is told."""
STORY = ["purchase", *["delta"] * 8, "beta"]
"""What each customer does, one after the other."""
PLAYBOOK = {
    "playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"},
    "steps": [{"wait_for": "beta", "timeout": "1 days", "reached": [{"send": "mail/one"}]}],
}  # fmt: skip
CUSTOMERS = PER_SECOND * (BEFORE + AWAY + AFTER) // len(STORY)


def prepare(session: Session) -> None:
    now = Instant.now()
    plan = compiled(PLAYBOOK)
    wiring.publish(session, replace(small_project(), plans={"random": plan}, sources={"random": ""}), now)


async def customer(acceptor: Acceptor, number: int) -> float:
    """One customer's story, an event at a time; the longest that an event took to be accepted, in seconds."""
    longest = 0.0
    for place, name in enumerate(STORY):
        began, now = time.monotonic(), Instant.now()
        arrival = events.Arrival("test", f"{number}-{place}", f"cus_{number}", "track", now, now, name)
        ids = await acceptor.accept([arrival])
        assert ids != [None]
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0.2)
    return longest


async def load(acceptor: Acceptor) -> list[float]:
    """Every customer, as many at once as give the rate."""
    began, tasks = time.monotonic(), list[asyncio.Task[float]]()
    for number in range(CUSTOMERS):
        tasks.append(asyncio.create_task(customer(acceptor, number)))
        ahead = began + (number + 1) * len(STORY) / PER_SECOND - time.monotonic()
        await asyncio.sleep(max(ahead, 0))
    return await asyncio.gather(*tasks)


def untold(session: Session) -> int:
    """Events that are not applied, journeys that are not started, and rows that are not delivered."""
    journey, inbox = table_of(Journey), table_of(JourneyInbox)
    starting = session.scalar(select(func.count()).where(journey.c.status == "starting")) or 0
    undelivered = session.scalar(select(func.count()).where(inbox.c.delivered_at.is_(None))) or 0
    return lag(session, Instant.now()).waiting + starting + undelivered


def not_ended(session: Session) -> int:
    return CUSTOMERS - (session.scalar(select(func.count()).where(table_of(Journey).c.status == "ended")) or 0)


async def until_none(database: Database, counted: Callable[[Session], int], seconds: float) -> float:
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while await database.read(counted):  # noqa: ASYNC110 - done by the worker
            await asyncio.sleep(0.1)
    return time.monotonic() - began


async def test_events_outlive_temporal_and_reach_their_journeys_once_and_in_order(tmp_path: Path, url: str) -> None:
    data, port = tmp_path / "temporal.db", free_port()
    with contextlib.closing(Database(url)) as database:
        await database.write(prepare)
        first = TemporalServer(data, port)
        async with first:
            engine = wiring.engine(small_project(), database, first.client)
            dispatcher = Dispatcher(database, first.client, engine.applier)
            async with running(engine, dispatcher):
                loading = asyncio.create_task(load(Acceptor(database, dispatcher.wake)))
                await asyncio.sleep(BEFORE)
                await asyncio.to_thread(first.stop)
                await asyncio.sleep(AWAY)
                waited = await database.read(untold)
                async with TemporalServer(data, port):
                    longest = await loading
                    drained = await until_none(database, untold, DRAINED)
                    await until_none(database, not_ended, 120)
                    history = await database.read(stories)
                    had = await database.read(messages)
    sys.stdout.write(
        f"\n{CUSTOMERS * len(STORY)} events, the slowest accepted in {max(longest) * 1000:.0f} ms; "
        f"{waited} things untold after {AWAY} s without Temporal, {drained:.1f} s after the load none\n"
    )
    assert waited > 0
    assert set(history) == {f"cus_{number}" for number in range(CUSTOMERS)}
    assert {user: story for user, story in history.items() if story != STORY} == {}
    assert set(had.values()) == {1}
    assert len(had) == CUSTOMERS


def stories(session: Session) -> dict[str, list[str]]:
    """By customer: what happened, in the order in which it was applied."""
    person, milestone = table_of(Customer), table_of(Milestone)
    rows = session.execute(
        select(person.c.user_id, milestone.c.name).join(person, person.c.id == milestone.c.customer_id)
        .where(milestone.c.name.in_(STORY)).order_by(milestone.c.id)
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for user, name in rows:
        found.setdefault(user, []).append(name)
    return found


def messages(session: Session) -> Counter[str]:
    """By journey: how many messages it decided upon, accepted or refused."""
    return Counter(session.scalars(select(table_of(Message).c.journey_id)))
