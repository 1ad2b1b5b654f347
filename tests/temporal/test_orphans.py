"""Rows and workflows that fell apart behind our back: the orphan sweep brings them together again (rules.md 14)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from whenever import Instant, TimeDelta

import wiring
from activities.contract import JOURNEYS
from embedded import TemporalServer
from intake import orphans
from intake.dispatcher import Dispatcher
from intake.orphans import OrphanSweep
from store import events
from store.database import Database
from store.tables import Consent, Customer, Journey, Message, table_of
from tests.lifecycle.strategies import compiled, small_project
from worker import running

PLAYBOOK = {
    "playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"},
    "steps": [
        {"send": "mail/receipt"},
        {"wait_for": "beta", "timeout": "1 hour"},
        {"send": "mail/one"},
        {"wait": "2 seconds"},
        {"send": "mail/two"},
    ],
}  # fmt: skip
ALL = ["mail/receipt", "mail/one", "mail/two"]


@dataclass
class Scene:
    """One customer in one journey on a real server; whoever sweeps looks at everything, however young it is."""

    server: TemporalServer
    engine: wiring.Engine
    dispatcher: Dispatcher

    async def sweep(self) -> dict[str, int]:
        engine, counts, cursor = self.engine, dict[str, int](), ""
        sweep = OrphanSweep(engine.database, engine.client, engine.applier, age=TimeDelta.ZERO)
        while True:
            answer = await sweep.run(cursor, Instant.now())
            counts |= answer.counts
            cursor = answer.cursor
            if not cursor:
                return counts

    async def happen(self, milestone: str) -> None:
        now = Instant.now()
        arrival = events.Arrival("test", milestone, "cus_1", "track", now, now, milestone)
        await self.engine.database.write(lambda session: events.accept(session, [arrival]))
        self.dispatcher.wake()

    async def journey(self) -> Journey:
        return await self.engine.database.read(lambda session: session.scalars(select(Journey)).one())

    async def sent(self) -> list[str]:
        """The templates of all messages that were accepted, each as often as it was."""
        message = table_of(Message)
        found = select(Message).where(message.c.state == "accepted").order_by(message.c.accepted_at)
        return await self.engine.database.read(lambda session: [one.template for one in session.scalars(found)])

    async def terminate(self) -> None:
        journey = await self.journey()
        await self.engine.client.get_workflow_handle(journey.id).terminate("behind our back")

    async def status(self) -> WorkflowExecutionStatus | None:
        journey = await self.journey()
        return (await self.engine.client.get_workflow_handle(journey.id).describe()).status

    async def begin(self) -> None:
        """Enter the journey, and wait until its first message is out and it rests."""
        await self.happen("purchase")
        await until(lambda: self._has_sent(1))

    async def _has_sent(self, count: int) -> bool:
        return len(await self.sent()) >= count

    async def restarted(self) -> bool:
        """Temporal's list is behind by a moment: what has just been terminated is met by one of the next sweeps."""
        return await self.sweep() == {"restarted": 1}

    async def ended(self) -> bool:
        return (await self.journey()).status == "ended"


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(90):
        while not await holds():  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(0.05)


def prepare(session: Session, now: Instant) -> None:
    project = replace(small_project(), plans={"random": compiled(PLAYBOOK)}, sources={"random": ""})
    wiring.publish(session, project, now)
    session.add(Customer(id="cus_1", user_id="cus_1", email="ada@example.com", created_at=now, updated_at=now))
    session.flush()
    session.add(Consent(customer_id="cus_1", topic="news", granted=True, source="test", at=now))


@contextlib.asynccontextmanager
async def scene(url: str) -> AsyncIterator[Scene]:
    with contextlib.closing(Database(url)) as database:
        async with TemporalServer() as server:
            engine = wiring.engine(small_project(), database, server.client)
            await database.write(partial(prepare, now=Instant.now()))
            async with running(engine) as dispatcher:
                yield Scene(server, engine, dispatcher)


async def test_a_journey_that_was_terminated_goes_on_and_sends_each_message_once(url: str) -> None:
    async with scene(url) as stage:
        await stage.begin()
        await stage.terminate()
        await stage.happen("beta")  # signalled to nobody, and counted as delivered
        await asyncio.sleep(3)
        assert await stage.sent() == ALL[:1], "without the sweep it never goes on"
        assert not await stage.ended()
        assert await stage.sweep() == {"restarted": 1}
        await until(stage.ended)
        assert await stage.sent() == ALL
        assert (await stage.journey()).exit_outcome == "finished"


async def test_it_may_be_terminated_again_and_again(url: str) -> None:
    async with scene(url) as stage:
        await stage.begin()
        await stage.terminate()
        await until(stage.restarted)
        await stage.happen("beta")
        await until(lambda: stage._has_sent(2))
        await stage.terminate()
        await until(stage.restarted)
        await until(stage.ended)
        assert await stage.sent() == ALL


async def test_a_journey_that_runs_is_left_alone(url: str) -> None:
    async with scene(url) as stage:
        await stage.begin()
        assert await stage.sweep() == {}
        assert await stage.status() is WorkflowExecutionStatus.RUNNING


async def test_a_workflow_whose_row_is_closed_is_ended(url: str) -> None:
    async with scene(url) as stage:
        await stage.begin()
        journey, now = table_of(Journey), Instant.now()
        await until(lambda: _listed(stage))
        closed = update(journey).values(status="ended", ended_at=now, exit_at=now, exit_outcome="exited")
        await stage.engine.database.write(lambda session: session.execute(closed))
        assert await stage.sweep() == {"ended": 1}
        assert await stage.status() is WorkflowExecutionStatus.TERMINATED
        assert await stage.sweep() == {}, "and nothing that is closed is started again"


async def _listed(stage: Scene) -> bool:
    query = "WorkflowType = 'Journey' AND ExecutionStatus = 'Running'"
    return (await stage.engine.client.count_workflows(query)).count == 1


async def test_a_journey_whose_tasks_fail_is_told_of(url: str) -> None:
    async with scene(url) as stage:
        await stage.begin()
        journey = await stage.journey()
        await stage.engine.client.start_workflow(
            "NobodyKnowsThis", id=journey.id, task_queue=JOURNEYS,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        )  # fmt: skip
        overdue = update(table_of(Journey)).values(due=Instant.now().subtract(hours=1))
        await stage.engine.database.write(lambda session: session.execute(overdue))
        seen: dict[str, int] = {}

        async def told() -> bool:
            seen.update(await stage.sweep())
            return bool(seen)

        await until(told)
        assert seen == {"failing": 1}


async def test_a_page_is_followed_by_the_next(url: str) -> None:
    async with scene(url) as stage:
        await stage.begin()
        sweep = OrphanSweep(stage.engine.database, stage.engine.client, stage.engine.applier, age=TimeDelta.ZERO)
        first = await sweep.run("", Instant.now())
        assert first.cursor.startswith("running:")
        assert (await sweep.run(first.cursor, Instant.now())).cursor == ""
        assert orphans.PAGE > 1
