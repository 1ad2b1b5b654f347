"""Several dispatchers on one PostgreSQL: nothing out of order, nothing twice, and none waits for another for ever.

MILEPOST_TEST_EVENT_LOCKS=1 puts a lock on the events in the place of the lock on their shard: then the first test must
fail (rules.md 11).
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.service import RPCError
from whenever import Instant

import project
import wiring
from intake.apply import Applier
from intake.dispatcher import Dispatcher
from store import customers, events, shards
from store.database import Database
from store.tables import Event, Milestone, Telling, table_of
from tests.intake.house import START, House, write_project
from tests.intake.test_dispatcher import PLAYBOOKS, FakeTemporal, applied, settle

EVENT_LOCKS = os.environ.get("MILEPOST_TEST_EVENT_LOCKS") == "1"
DISPATCHERS, HOT, EVENTS = 4, 5, 600

Build = Callable[[], House]


@pytest.fixture
def build(postgres_url: str, tmp_path: Path) -> Iterator[Build]:
    """Builds houses that share one PostgreSQL database: each is as a process of its own."""
    found = project.load(write_project(tmp_path / "house", PLAYBOOKS))
    assert found.map is not None
    map_, opened = found.map, list[Database]()

    def built() -> House:
        opened.append(Database(postgres_url))
        return House(found, opened[-1], Applier(map_, found.conditions))

    first = built()
    first.write(lambda session: wiring.publish(session, found, START))
    yield built
    for one in opened:
        one.close()


@dataclass
class SlowTemporal(FakeTemporal):
    """Takes its time for each call, so that several dispatchers are at it at once."""

    seconds: float = 0.01
    met: list[str] = field(default_factory=list)

    async def start_workflow(self, name: str, begin: Any, **options: Any) -> None:
        self.met.append(options["id"])
        await asyncio.sleep(self.seconds)
        await super().start_workflow(name, begin, **options)


def dispatcher(house: House, temporal: FakeTemporal) -> Dispatcher:
    return Dispatcher(house.database, cast("Client", temporal), house.applier, lambda: START)


def by_event_locks(self: Dispatcher, session: Session) -> int:
    """What must not be done: dispatchers take the next events that nobody else holds."""
    event = table_of(Event)
    waiting = select(Event).where(event.c.state == "pending").order_by(event.c.id).limit(20)
    found = list(session.scalars(waiting.with_for_update(skip_locked=True)))
    self.applier.apply_each(session, found, self.clock())
    return len(found)


def test_with_four_dispatchers_and_five_hot_customers_nothing_is_out_of_order(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    if EVENT_LOCKS:
        monkeypatch.setattr(Dispatcher, "_apply_pending", by_event_locks)
    house, fed, errors = build(), threading.Event(), list[Exception]()

    def dispatch() -> None:
        own = dispatcher(build(), FakeTemporal())
        try:
            while not fed.is_set() or own.database.read_now(events.waiting):
                own.database.write_now(own._apply_pending)
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    working = [threading.Thread(target=dispatch) for _ in range(DISPATCHERS)]
    for one in working:
        one.start()
    for first in range(0, EVENTS, 50):
        chunk = [
            events.Arrival("test", f"e{n}", f"hot-{n % HOT}", "track", START, START, "delta", {"n": n})
            for n in range(first, first + 50)
        ]
        house.write(lambda session, chunk=chunk: events.accept(session, chunk))  # type: ignore[misc]
    fed.set()
    for one in working:
        one.join(120)
    rows = house.rows(Milestone)  # in the order in which they were applied
    late, last = 0, dict[str, int]()
    for row in rows:
        late += row.event_id < last.get(row.customer_id, 0)
        last[row.customer_id] = max(row.event_id, last.get(row.customer_id, 0))
    sys.stdout.write(f"\n{late} of {len(rows)} events out of order, {len(errors)} dispatchers in trouble\n")
    assert late == 0
    assert errors == []
    assert Counter(row.event_id for row in rows) == Counter(range(1, EVENTS + 1))


async def test_a_journey_is_started_by_one_dispatcher_and_not_by_the_others(build: Build) -> None:
    house, temporal = build(), SlowTemporal()
    for number in range(200):
        house.accept("purchase", START, user=f"user-{number}")
    several = [dispatcher(build(), temporal) for _ in range(DISPATCHERS)]
    await applied(several[0])

    async def tell(one: Dispatcher) -> int:
        rounds = 0
        while await one.tell():
            rounds += 1
        return rounds

    rounds = await asyncio.gather(*(tell(one) for one in several))
    while await several[0].tell():
        pass
    assert len(temporal.met) == len(set(temporal.met)) == 200
    assert all(rounds)  # each had its share
    assert [row.teller for row in house.rows(Telling) if row.teller] == []


async def test_a_teller_that_dies_is_followed_by_another_once_its_lease_is_over(build: Build) -> None:
    house, temporal = build(), FakeTemporal()
    house.accept("purchase", START)
    one = dispatcher(build(), temporal)
    await applied(one)
    now = Instant.now()
    house.write(lambda session: shards.lease(session, "dead", now, now.add(seconds=60), 64))
    await settle(one)
    assert temporal.started == []
    over = text("UPDATE telling SET until = now() - interval '1 second' WHERE teller = 'dead'")
    house.write(lambda session: session.execute(over))
    await settle(one)
    assert temporal.started == [house.journey().id]


async def test_a_failed_round_gives_its_shards_back(build: Build) -> None:
    house, temporal = build(), FakeTemporal(away=True)
    house.accept("purchase", START)
    one, other = dispatcher(build(), temporal), dispatcher(build(), temporal)
    await applied(one)
    with pytest.raises(RPCError):
        await one.tell()
    temporal.away = False
    await settle(other)
    assert temporal.started == [house.journey().id]


async def test_a_dispatcher_that_is_stopped_while_it_tells_gives_its_shards_back(build: Build) -> None:
    house, temporal = build(), SlowTemporal(seconds=60)
    house.accept("purchase", START)
    one = dispatcher(build(), temporal)
    await applied(one)
    telling = asyncio.create_task(one.tell())
    async with asyncio.timeout(60):
        while not temporal.met:  # noqa: ASYNC110 - it is on its way
            await asyncio.sleep(0.01)
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    temporal.seconds = 0
    await settle(dispatcher(build(), temporal))
    assert temporal.started == [house.journey().id]


def test_customers_are_locked_in_the_order_of_their_ids_whatever_the_order_of_their_events(build: Build) -> None:
    house = build()
    # Of one shard, so that their events are applied in the order in which they came.
    users = [name for name in map("user-{}".format, range(1000)) if shards.shard_of(name) == 0][:2]
    for user in users:
        house.accept("delta", START, user=user)
        house.apply(START)
    first, second = sorted(users, key=lambda user: house.customer(user).id)
    ids = [house.customer(user).id for user in (first, second)]
    for user in (second, first):  # the one whose id comes later has the earlier event
        house.accept("delta", START, user=user)
    locked, go, errors = threading.Event(), threading.Event(), list[Exception]()

    def like_a_stop_by_sms(session: Session) -> None:
        customers.lock(session, ids[0])
        locked.set()
        assert go.wait(60)
        customers.lock(session, ids[1])

    def run(work: Callable[[], object]) -> threading.Thread:
        def noted() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - told below
                errors.append(error)

        thread = threading.Thread(target=noted)
        thread.start()
        return thread

    other, own = build(), dispatcher(build(), FakeTemporal())
    stopping = run(lambda: other.write(like_a_stop_by_sms))
    assert locked.wait(10)
    applying = run(lambda: own.database.write_now(own._apply_pending))
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while not house.read(lambda session: session.scalar(waits)):
        pass
    go.set()
    for thread in (stopping, applying):
        thread.join(20)
    assert errors == []
    assert house.read(events.waiting) == 0


def test_shards_whose_events_all_wait_behind_a_failed_one_are_passed_over(build: Build) -> None:
    house = build()
    users = [f"user-{number}" for number in range(60)]
    for user in users:
        failed = house.accept("delta", START, user=user)
        house.write(lambda session, failed=failed: events.put_off(session, failed, START.add(hours=1), "E"))  # type: ignore[misc]
        house.accept("delta", START, user=user)
    assert house.write(lambda session: shards.lock_waiting(session, START, 64)) == []
    house.accept("delta", START, user="well")
    assert house.write(lambda session: shards.lock_waiting(session, START, 64)) == [shards.shard_of("well")]
