"""Merging while others are at it: two dispatchers and a worker lose nothing and never wait for each other in a ring."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import project
import wiring
from intake.apply import Applier
from intake.dispatcher import Dispatcher
from store import customers, events, shards
from store.database import Database
from store.events import Arrival
from store.tables import Customer, Event, Journey
from tests.intake.house import START, House, write_project

PLAYBOOKS = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait_for: {milestone: beta}, timeout: 9 days}]\n"}
PEOPLE = 25


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    found = project.load(write_project(tmp_path / "house", PLAYBOOKS))
    assert found.map is not None
    database.write_now(lambda session: wiring.publish(session, found, START))
    return House(found, database, Applier(found.map, found.conditions))


def arrivals() -> Iterator[Arrival]:
    """Visitors of whom each buys, becomes a customer, and goes on under both ids; then customers become one another."""

    def one(
        number: int, user: str, kind: str, name: str | None = None, previous: str | None = None, **traits: int
    ) -> Arrival:
        return Arrival("test", f"{user}-{number}", user, kind, START, START, name, traits, previous_id=previous)

    for person in range(PEOPLE):
        user, anon = f"user-{person}", f"anon-{person}"
        yield one(1, anon, "track", "purchase")
        yield one(2, user, "alias", previous=anon)
        yield one(3, anon, "track", "beta")
        yield one(4, user, "track", "delta")
        yield one(5, user, "group", f"account-{person % 2}", seats=person)
    for person in range(0, PEOPLE - 1, 2):
        lower, upper = sorted((f"user-{person}", f"user-{person + 1}"), reverse=bool(person % 4))
        yield one(6, lower, "alias", previous=upper)
        yield one(7, upper, "track", "omega")


def run(house: House, *more: Callable[[threading.Event], None]) -> None:
    """Two dispatchers, and what else is given, until nothing is pending; whatever goes wrong in any is raised."""
    over = threading.Event()

    def dispatch() -> None:
        one = Dispatcher(house.database, cast("Any", None), house.applier, lambda: START.add(seconds=next(ticks)))
        for _ in range(2_000):
            house.database.write_now(one._apply_pending)
            if not house.database.read_now(events.waiting):
                return
        raise AssertionError("it never comes to an end")

    ticks = iter(range(10**6))
    with ThreadPoolExecutor(8) as pool:
        others = [pool.submit(other, over) for other in more]
        dispatchers = [pool.submit(dispatch) for _ in range(2)]
        try:
            for one in dispatchers:
                one.result(120)
        finally:
            over.set()
        for one in others:
            one.result(10)


def worker(house: House) -> Callable[[threading.Event], None]:
    """Locks the customers of journeys as activities do: by the id with which the journey began."""

    def work(over: threading.Event) -> None:
        begun: dict[str, str] = {}
        while not over.is_set():
            for journey in house.rows(Journey):
                begun.setdefault(journey.id, journey.customer_id)

            def look(session: Session, journey: str, customer: str) -> None:
                locked = customers.lock(session, customer)
                owner = session.scalar(select(Journey.customer_id).where(Journey.id == journey))  # type: ignore[call-overload]
                assert locked is not None
                assert locked.id == owner

            for journey_id, customer in begun.items():
                house.write(lambda session, j=journey_id, c=customer: look(session, j, c))  # type: ignore[misc]

    return work


def test_two_dispatchers_and_a_worker_merge_many_and_lose_nothing(house: House) -> None:
    sent = list(arrivals())
    house.write(lambda session: events.accept(session, sent))
    run(house, worker(house))
    assert {event.state for event in house.rows(Event)} == {"applied"}
    roots = [one for one in house.rows(Customer) if one.merged_into is None]
    assert len(roots) == PEOPLE - PEOPLE // 2
    for person in range(PEOPLE):
        assert house.customer(f"anon-{person}").id == house.customer(f"user-{person}").id
    for root in roots:
        names = house.history(root.user_id)
        assert names.count("purchase") == names.count("beta") == names.count("delta") == len(names) // 3
        going = [one for one in house.journeys(root.user_id) if one.exit_at is None]
        assert len(going) == 1
        heard = [name for _, _, name in house.heard(going[0].id)]
        assert heard == ["beta"]


def test_of_each_person_events_are_applied_in_their_order_around_the_alias(house: House) -> None:
    sent = [one for one in arrivals() if not one.message_id.endswith(("-6", "-7"))]
    house.write(lambda session: events.accept(session, sent))
    run(house)
    for person in range(PEOPLE):
        assert house.history(f"user-{person}") == ["purchase", "beta", "delta"]


@pytest.mark.parametrize("url", ["postgres_url"], indirect=True)  # SQLite has one writer
def test_a_merge_does_not_wait_for_whoever_has_the_other_shard(house: House) -> None:
    assert shards.shard_of("anon") != shards.shard_of("ada")
    house.accept("purchase", START, user="anon")
    alias = house.accept(None, START, "alias", previous_id="anon")
    holding, go_on = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        shards.lock(session, shards.shard_of("anon"))
        holding.set()
        assert go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(house.write, hold)
        try:
            assert holding.wait(30)
            waiting = house.read(
                lambda session: events.next_pending(session, START, 9, shards=[shards.shard_of("ada")])
            )
            house.write(lambda session: house.applier.apply_each(session, waiting, START))
            assert house.event(alias).state == "pending"
        finally:
            go_on.set()
        held.result(30)
    house.apply(START.add(seconds=2))
    assert house.event(alias).state == "applied"
    assert house.history() == ["purchase"]
