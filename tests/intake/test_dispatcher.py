"""The dispatcher: nothing is lost while Temporal is away, and a call that is repeated does no harm (rules.md 1, 4)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.contract import Begin, Delivery
from intake import reader
from intake.dispatcher import BATCH, Dispatcher
from lifecycle.course import Course
from lifecycle.plan import unpack
from lifecycle.state import STATE
from store import pauses
from store.tables import Pause
from tests.intake.conftest import Build
from tests.intake.house import START, House, day

PLAYBOOKS = {
    "welcome": "entry: {milestone: purchase}\nexit: [omega]\nsteps: [{wait_for: {milestone: beta}, timeout: 9 days}]\n"
}


@dataclass
class FakeTemporal:
    """Stands in for a Temporal client: keeps what it is told, and fails where and as often as it is asked to."""

    started: list[str] = field(default_factory=list)
    begins: dict[str, Begin] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    delivered: list[tuple[str, list[int]]] = field(default_factory=list)
    away: bool = False
    loses: bool = False
    refuses: dict[str, Exception] = field(default_factory=dict)
    calls: int = 0

    async def start_workflow(self, name: str, begin: Begin, **options: Any) -> None:
        assert name == "Journey"
        self.options = options
        self._take(options["id"])
        self.started.append(options["id"])
        self.begins[options["id"]] = begin
        self._lose()

    def get_workflow_handle(self, journey: str) -> _Handle:
        return _Handle(self, journey)

    def _take(self, journey: str) -> None:
        self.calls += 1
        if self.away:
            raise RPCError("gone", RPCStatusCode.UNAVAILABLE, b"")
        if journey in self.refuses:
            raise self.refuses[journey]

    def _lose(self) -> None:
        """The call has arrived, its answer is lost."""
        if self.loses:
            raise RPCError("lost", RPCStatusCode.DEADLINE_EXCEEDED, b"")


@dataclass
class _Handle:
    temporal: FakeTemporal
    journey: str

    async def signal(self, name: str, delivery: Delivery, **options: Any) -> None:
        assert name == "deliver"
        self.temporal._take(self.journey)
        self.temporal.delivered.append((self.journey, [row.number for row in delivery.rows]))
        self.temporal._lose()


def dispatcher(house: House, temporal: FakeTemporal) -> Dispatcher:
    return Dispatcher(house.database, cast("Client", temporal), house.applier, lambda: START)


async def applied(one: Dispatcher) -> None:
    while await one.apply():
        pass


async def settle(one: Dispatcher) -> None:
    while await one.apply() | await one.tell():
        pass


async def test_an_event_is_applied_then_its_journeys_are_started_then_told(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    house.accept("purchase", START)
    house.accept("beta", START)
    await settle(dispatcher(house, temporal))
    journey = house.journey()
    assert temporal.started == [journey.id]
    assert temporal.delivered == [(journey.id, [1])]
    assert (journey.status, journey.started_at) == ("open", START)
    assert [row.delivered_at for row in house.inbox(journey.id)] == [START]


async def test_a_journey_is_started_once_for_ever_and_never_by_a_signal(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    house.accept("purchase", START)
    await settle(dispatcher(house, temporal))
    assert temporal.options["id_reuse_policy"] is WorkflowIDReusePolicy.REJECT_DUPLICATE
    assert temporal.options["id_conflict_policy"] is WorkflowIDConflictPolicy.USE_EXISTING
    assert "start_signal" not in temporal.options


async def test_the_workflow_begins_in_the_state_that_is_stored(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    house.accept("purchase", START)
    one = dispatcher(house, temporal)
    await applied(one)
    house.identify(time_zone="Asia/Tokyo")  # between entry and start: the journey keeps the zone that it began with
    await settle(one)
    journey = house.journey()
    begin = temporal.begins[journey.id]
    state = STATE.validate_python(begin.state)
    assert Course.begin(unpack(begin.plan), state, state.entered).state == STATE.validate_python(journey.state)


async def test_a_pause_made_before_the_start_holds_the_journey_from_its_start(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    house.accept("purchase", START)
    one = dispatcher(house, temporal)
    await applied(one)
    target = house.journey().id
    row = Pause(scope="journey", target=target, policy="freeze", reason="r", started_at=START, made_by="test")
    house.write(lambda session: pauses.start(session, row))
    await settle(one)
    held = house.read(lambda session: reader.position(session, house.journey(), START))
    assert held.word == "held"


async def test_an_event_that_concerns_no_journey_makes_no_call(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    house.accept("delta", START)
    await settle(dispatcher(house, temporal))
    assert house.history() == ["delta"]
    assert temporal.calls == 0


async def test_while_temporal_is_away_events_are_applied_and_calls_are_made_later(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal(away=True)
    one = dispatcher(house, temporal)
    house.accept("purchase", START)
    house.accept("beta", START)
    await applied(one)
    with pytest.raises(RPCError):
        await one.tell()
    assert house.history() == ["purchase", "beta"]
    assert house.journey().status == "starting"
    temporal.away = False
    await settle(one)
    assert temporal.started == [house.journey().id]
    assert temporal.delivered == [(house.journey().id, [1])]


async def test_a_lost_answer_repeats_the_call_and_never_the_decision(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal(loses=True)
    one = dispatcher(house, temporal)
    house.accept("purchase", START)
    await applied(one)
    with pytest.raises(RPCError):
        await one.tell()
    temporal.loses = False
    await settle(one)
    journey = house.journey().id
    assert temporal.started == [journey, journey]
    house.accept("beta", day(1))
    await applied(one)
    temporal.loses = True
    with pytest.raises(RPCError):
        await one.tell()
    temporal.loses = False
    await settle(dispatcher(house, temporal))  # another process, which knows of nothing
    assert temporal.delivered == [(journey, [1]), (journey, [1])]
    assert len(house.journeys()) == 1
    assert house.heard(journey) == [(1, "milestone", "beta")]


async def test_a_journey_that_has_run_and_ended_is_not_started_anew(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    house.accept("purchase", START)
    one = dispatcher(house, temporal)
    await applied(one)
    journey = house.journey().id
    temporal.refuses[journey] = WorkflowAlreadyStartedError(journey, "Journey")
    await settle(one)
    assert house.journey().status == "open"


async def test_news_for_a_workflow_that_is_gone_is_dropped(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    one = dispatcher(house, temporal)
    house.accept("purchase", START)
    await settle(one)
    journey = house.journey().id
    temporal.refuses[journey] = RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
    house.accept("beta", START)
    await settle(one)
    assert [row.delivered_at for row in house.inbox(journey)] == [START]


async def test_one_journey_that_cannot_be_started_keeps_nobody_else_waiting(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    one = dispatcher(house, temporal)
    for user in ("ada", "grace"):
        house.accept("purchase", START, user=user)
        house.accept("beta", START, user=user)
    await applied(one)
    poisoned, well = house.journey("ada").id, house.journey("grace").id
    temporal.refuses[poisoned] = RPCError("too large", RPCStatusCode.INVALID_ARGUMENT, b"")
    with pytest.raises(RPCError):
        await one.tell()
    assert temporal.started == [well]
    assert temporal.delivered == [(well, [1])]
    assert [house.journey(user).status for user in ("ada", "grace")] == ["starting", "open"]


async def test_more_than_a_batch_is_worked_off_to_the_end(build: Build) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    for number in range(BATCH + 5):
        house.accept("purchase", START, user=f"user-{number}")
    await settle(dispatcher(house, temporal))
    assert len(set(temporal.started)) == BATCH + 5


@contextlib.asynccontextmanager
async def running(one: Dispatcher) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(check: Any, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110 - what is waited for happens in a server or a database
            await asyncio.sleep(0.01)


async def test_it_outlives_trouble_of_any_kind(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal(away=True)
    one = dispatcher(house, temporal)
    monkeypatch.setattr("intake.looping.POLL", 0.05)
    broken = [RuntimeError("nobody foresaw this")]

    def clock() -> Any:
        if broken:
            raise broken.pop()
        return START

    one.clock = clock
    house.accept("purchase", START)
    async with running(one):
        await until(lambda: temporal.calls)
        temporal.away = False
        await until(lambda: temporal.started)


async def test_a_wake_is_answered_at_once_and_not_at_the_next_look(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, temporal = build(PLAYBOOKS), FakeTemporal()
    monkeypatch.setattr("intake.looping.POLL", 3600.0)
    one = dispatcher(house, temporal)
    async with running(one):
        await asyncio.sleep(0.1)
        house.accept("purchase", START)
        one.wake()
        await until(lambda: temporal.started)
