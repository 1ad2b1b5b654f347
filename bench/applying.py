"""How fast dispatchers apply events and tell Temporal of journeys, several beside each other on one PostgreSQL.

Each is a process of its own, and all work for the same few seconds: what they did is counted afterwards.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from itertools import count
from multiprocessing.queues import SimpleQueue
from statistics import mean
from typing import Any, cast

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session
from temporalio.client import Client
from whenever import Instant

import wiring
from bench.figures import Figure
from bench.load import arrival
from bench.shape import MILESTONE, project
from intake.apply import Applier
from intake.dispatcher import Dispatcher
from lifecycle.course import Course
from lifecycle.language.map import Map
from lifecycle.plan import Plan
from lifecycle.state import STATE, State
from store import events, playbooks
from store.database import Database
from store.migrate import upgrade
from store.shards import shard_of
from store.tables import Customer, Journey, JourneyInbox, PlaybookVersion, table_of, values_of

SEVERAL = (1, 2, 4)
SECONDS = 3.0
PENDING, JOURNEYS = 3000, 1500
"""More than should be done in that time: events to apply; journeys, each to be started and then signalled once."""

DRY = "All was done before the time was up: the rate is higher than it says."

_CHUNK = 500
_PATIENCE = 60
_PAUSE = 0.01
_journeys = count()


class _Counting:
    """In the place of a Temporal client: counts what it is asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        raise AttributeError(name)


def calls_for_nobody(url: str) -> Figure:
    """Calls to Temporal for events that concern no journey."""
    upgrade(url)
    with closing(Database(url)) as database:
        client = _Counting()
        dispatcher = _dispatcher(database, cast("Client", client))
        database.write_now(lambda session: events.accept(session, [arrival() for _ in range(20)]))

        async def run() -> None:
            while await dispatcher.apply():
                await dispatcher.tell()

        asyncio.run(run())
        assert not database.read_now(events.waiting)
    return Figure("calls to Temporal for an event that concerns no journey", client.calls, "calls", 0, "exactly")


def _dispatcher(database: Database, client: Client) -> Dispatcher:
    found = project("1 hour", "1 hour")
    return Dispatcher(database, client, Applier(cast("Map", found.map), found.conditions))


def rates(url: str, address: str) -> list[Figure]:
    """On the PostgreSQL at `url`, which is emptied, and the Temporal server at `address`."""
    (plan,) = project("1 hour", "1 hour").plans.values()
    applied, told = [], []
    with closing(Database(url)) as database:
        for several in SEVERAL:
            database.write_now(lambda session: _fill(session, plan))
            applying, telling = _measured(database, url, address, several)
            name, dry = f"dispatchers: {several}", _dry(database)
            applied.append(Figure(f"applying, {name}", applying, "events a second", note=dry[0]))
            told.append(Figure(f"telling Temporal, {name}", telling, "calls a second", note=dry[1]))
    return [*applied, *told]


def _fill(session: Session, plan: Plan) -> None:
    session.execute(text("TRUNCATE event, customer, milestone CASCADE"))
    for _ in range(PENDING // _CHUNK):
        events.accept(session, [arrival() for _ in range(_CHUNK)])
    now = Instant.now()
    playbooks.publish(
        session,
        PlaybookVersion(id=plan.version, playbook=plan.playbook, plan=plan.packed.encode(), source="", created_at=now),
    )
    numbers = [next(_journeys) for _ in range(JOURNEYS)]
    people = [Customer(id=f"cus_{n:016x}", user_id=f"told-{n}", created_at=now, updated_at=now) for n in numbers]
    session.execute(insert(table_of(Customer)), [values_of(one) for one in people])
    started = [_journey(plan, one, number, now) for one, number in zip(people, numbers, strict=True)]
    session.execute(insert(table_of(Journey)), [values_of(one) for one in started])
    news = [JourneyInbox(journey_id=one.id, number=1, kind="milestone", name=MILESTONE, at=now) for one in started]
    session.execute(insert(table_of(JourneyInbox)), [values_of(one) for one in news])


def _journey(plan: Plan, customer: Customer, number: int, now: Instant) -> Journey:
    """One that an event has entered, and of which Temporal has not heard."""
    course = Course.begin(plan, State(customer.id, "Europe/Paris", now, now), now)
    return Journey(
        id=f"{plan.playbook}.{number:020x}",
        customer_id=customer.id,
        playbook=plan.playbook,
        version=plan.version,
        key="1",
        entry_event_id=1,
        history_mark=0,
        entered_at=now,
        state=STATE.dump_python(course.state, mode="json", exclude_defaults=True),
        inbox_last=1,
        shard=shard_of(customer.user_id),
    )


def _measured(database: Database, url: str, address: str, several: int) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    barrier, took = context.Barrier(several + 1), context.SimpleQueue()
    working = [context.Process(target=_work, args=(url, address, barrier, took), daemon=True) for _ in range(several)]
    for one in working:
        one.start()
    try:
        found = []
        for done in (_applied, _told):
            barrier.wait(_PATIENCE)
            barrier.wait(_PATIENCE)
            # Each has stopped at the end of what it had in hand, so each worked for a time of its own.
            found.append(database.read_now(done) / mean(took.get() for _ in working))
        return found[0], found[1]
    finally:
        for one in working:
            one.kill()
            one.join()


def _applied(session: Session) -> int:
    return PENDING - events.waiting(session)


def _dry(database: Database) -> tuple[str, str]:
    """What to say of a rate for which there was not enough to do."""
    applied, told = database.read_now(_applied), database.read_now(_told)
    return DRY if applied == PENDING else "", DRY if told == 2 * JOURNEYS else ""


def _told(session: Session) -> int:
    journey, inbox = table_of(Journey), table_of(JourneyInbox)
    started = select(func.count()).select_from(journey).where(journey.c.status == "open")
    signalled = select(func.count()).select_from(inbox).where(inbox.c.delivered_at.is_not(None))
    return (session.scalar(started) or 0) + (session.scalar(signalled) or 0)


def _work(url: str, address: str, barrier: Any, took: SimpleQueue[float]) -> None:
    asyncio.run(_both(url, address, barrier, took))


async def _both(url: str, address: str, barrier: Any, took: SimpleQueue[float]) -> None:
    with closing(Database(url)) as database:
        dispatcher = _dispatcher(database, await wiring.connect(address))
        await database.read(events.waiting)
        for work in (dispatcher.apply, dispatcher.tell):
            await asyncio.to_thread(partial(barrier.wait, _PATIENCE))
            took.put(await _for_a_while(work))
            await asyncio.to_thread(partial(barrier.wait, _PATIENCE))


async def _for_a_while(work: Callable[[], Awaitable[bool]]) -> float:
    """Work, and how long it took."""
    began = time.perf_counter()
    while time.perf_counter() < began + SECONDS:
        if not await work():
            await asyncio.sleep(_PAUSE)
    return time.perf_counter() - began
