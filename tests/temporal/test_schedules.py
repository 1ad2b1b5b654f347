"""Sweeps are begun by Temporal's schedules, and do what they have to, page by page."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import Worker
from whenever import Instant

import wiring
from activities.contract import JOURNEYS, SweepAnswer, SweepOrder
from activities.sweeping import Sweep, SweepActivities
from embedded import TemporalServer
from intake import scheduling
from rehearsal import rehearse
from store.database import Database
from tests.lifecycle.strategies import small_project
from worker import running
from workflows.sweep import SweepWorkflow


@contextlib.asynccontextmanager
async def sweeper(client: Client, sweeps: dict[str, Sweep]) -> Any:
    worker = Worker(
        client, task_queue=JOURNEYS, workflows=[SweepWorkflow], activities=[SweepActivities(sweeps).sweep],
        workflow_runner=wiring.runner(),
    )  # fmt: skip
    async with worker:
        yield


async def schedules(client: Client) -> list[str]:
    return sorted([one.id async for one in await client.list_schedules()])


async def test_a_worker_has_a_schedule_for_each_sweep(url: str) -> None:
    async with TemporalServer() as server:
        with contextlib.closing(Database(url)) as database:
            engine = wiring.engine(small_project(), database, server.client)
            names = [scheduling.schedule_id(name) for name in wiring.sweeps(engine)]
            for _ in range(2):  # the second start finds them, and changes nothing
                async with running(engine), asyncio.timeout(60):
                    while await schedules(server.client) != sorted(names):  # noqa: ASYNC110 - made elsewhere
                        await asyncio.sleep(0.1)
            async with running(engine), asyncio.timeout(90):
                handle = server.client.get_schedule_handle(scheduling.schedule_id("due"))
                await handle.trigger()
                while not (await handle.describe()).info.recent_actions:  # noqa: ASYNC110 - begun elsewhere
                    await asyncio.sleep(0.1)
                run = (await handle.describe()).info.recent_actions[0].action
                result = await server.client.get_workflow_handle(run.workflow_id).result()  # type: ignore[attr-defined]
                assert result == {}


async def test_a_schedule_is_brought_up_to_date_and_stays_paused() -> None:
    async with TemporalServer() as server:

        async def sweep(cursor: str, now: Instant) -> SweepAnswer:
            return SweepAnswer()

        await scheduling.ensure(server.client, {"one": Sweep(timedelta(minutes=1), sweep)})
        handle = server.client.get_schedule_handle("milepost-sweep-one")
        await handle.pause(note="for the test")
        await scheduling.ensure(server.client, {"one": Sweep(timedelta(minutes=7), sweep)})
        found = (await handle.describe()).schedule
        assert [one.every for one in found.spec.intervals] == [timedelta(minutes=7)]
        assert found.state.paused


async def test_a_sweep_runs_page_by_page_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def page(cursor: str, now: Instant) -> SweepAnswer:
        seen.append(cursor)
        return SweepAnswer(counts={"looked_at": 10}, cursor=str(len(seen)) if len(seen) < 205 else "")

    async with TemporalServer() as server, sweeper(server.client, {"some": Sweep(timedelta(minutes=1), page)}):
        async with asyncio.timeout(60):
            handle = await server.client.start_workflow(
                "Sweep", SweepOrder(name="some"), id="some", task_queue=JOURNEYS, result_type=dict
            )
            assert await handle.result() == {"looked_at": 50}, "the last run says what it did; the one before 200 pages"
        runs = [run async for run in server.client.list_workflows("WorkflowId = 'some'")]
    assert seen == ["", *(str(number) for number in range(1, 205))]
    assert len(runs) <= 2


async def test_a_sweep_that_no_worker_knows_fails_and_says_so() -> None:
    async with TemporalServer() as server, sweeper(server.client, {}):
        handle = await server.client.start_workflow(
            "Sweep", SweepOrder(name="later"), id="later", task_queue=JOURNEYS, result_type=dict
        )
        with pytest.raises(Exception, match="failed"):
            await asyncio.wait_for(handle.result(), 60)
        assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED


async def test_a_rehearsal_has_no_schedules(url: str) -> None:
    async with TemporalServer(skipping=True) as server, rehearse(small_project(), url, server=server):
        assert await schedules(server.client) == []
