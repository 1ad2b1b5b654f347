"""The end of a journey races with what is still on its way to it: nothing that was accepted is lost (rules.md 3)."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode
from whenever import Instant

import wiring
from activities.contract import Act, Standing
from embedded import TemporalServer
from intake.apply import Applier
from intake.dispatcher import Dispatcher
from lifecycle.inputs import Skipped
from store import events
from store.database import Database
from store.tables import Consent, Customer, Journey, table_of
from tests.lifecycle.strategies import compiled, small_project
from worker import running

JOURNEYS = 40
AT_ONCE, NEVER = range(3), range(37, 40)
"""Whose journeys reach the goal before anything else, and whose never."""
PLAYBOOK = {
    "playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"}, "goal": "delta",
    "steps": [{"send": "mail/receipt"}, {"wait": "2 seconds"}, {"send": "mail/one"}, {"record": "gamma"}],
}  # fmt: skip


def prepare(session: Session, applier: Applier, now: Instant) -> None:
    project = replace(small_project(), plans={"random": compiled(PLAYBOOK)}, sources={"random": ""})
    wiring.publish(session, project, now)
    for number in range(JOURNEYS):
        customer = Customer(id=f"cus_{number}", user_id=f"cus_{number}", created_at=now, updated_at=now)
        customer.email = f"{customer.id}@example.com"
        session.add(customer)
        session.flush()
        session.add(Consent(customer_id=customer.id, topic="news", granted=True, source="test", at=now))
    session.flush()
    # Applied before anything runs: on a slow machine a journey could be over before a later delta is.
    accept(session, "purchase", list(AT_ONCE))
    accept(session, "delta", list(AT_ONCE))
    applier.apply_each(session, events.next_pending(session, now, 100), now)
    accept(session, "purchase", list(range(len(AT_ONCE), JOURNEYS)))


def accept(session: Session, name: str, numbers: list[int]) -> None:
    now = Instant.now()
    events.accept(
        session, [events.Arrival("test", f"{name}-{n}", f"cus_{n}", "track", now, now, name) for n in numbers]
    )


def row_of(session: Session, number: int) -> Journey | None:
    return session.scalar(select(Journey).where(table_of(Journey).c.customer_id == f"cus_{number}"))


def rows(session: Session) -> list[Journey]:
    return list(session.scalars(select(Journey).order_by(table_of(Journey).c.id)))


async def act(client: Client, journey: str, delay: float) -> None:
    """A person's command that may come at the very end; it is answered, or the journey is over."""
    await asyncio.sleep(delay)
    try:
        await client.get_workflow_handle(journey).execute_update(
            "act", Act(command=Skipped(Instant.now(), "message")), result_type=Standing
        )
    except WorkflowUpdateFailedError:
        pass
    except RPCError as error:
        # Gone, or busy: Temporal takes ten commands of one workflow at a time.
        if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.RESOURCE_EXHAUSTED):
            raise


async def live(client: Client, database: Database, dispatcher: Dispatcher, number: int, chance: float) -> None:
    """Commands and the goal of one journey, in the seconds in which it ends, counted from when it is open.

    However slow the machine, both ways to end are met: some reach the goal at once, and some never do.
    """
    while not (row := await database.read(partial(row_of, number=number))) or row.status == "starting":  # noqa: ASYNC110 - opened elsewhere
        await asyncio.sleep(0.05)
    async with asyncio.TaskGroup() as group:
        for part in (0.2, 0.5, 0.8):
            group.create_task(act(client, row.id, 0.5 + 3 * ((chance + part) % 1)))
        if number not in (*AT_ONCE, *NEVER):
            await asyncio.sleep(4.8 * chance)
            await database.write(partial(accept, name="delta", numbers=[number]))
            dispatcher.wake()


async def test_what_arrives_while_a_journey_ends_is_taken_in(url: str) -> None:
    chance = random.Random(3)
    database = Database(url)
    async with TemporalServer() as server:
        engine = wiring.engine(small_project(), database, server.client)
        async with running(engine) as dispatcher:
            await database.write(lambda session: prepare(session, engine.applier, Instant.now()))
            dispatcher.wake()
            async with asyncio.timeout(120), asyncio.TaskGroup() as group:
                for number in range(JOURNEYS):
                    group.create_task(live(server.client, database, dispatcher, number, chance.random()))
            async with asyncio.timeout(60):
                while any(row.status != "ended" for row in await database.read(rows)):  # noqa: ASYNC110 - ended elsewhere
                    await asyncio.sleep(0.05)
                while (await server.client.count_workflows("ExecutionStatus='Running'")).count:  # noqa: ASYNC110 - ended elsewhere
                    await asyncio.sleep(0.05)
            found = await database.read(rows)
    database.close()
    outcomes = {row.customer_id: row.exit_outcome for row in found}
    assert {outcomes[f"cus_{number}"] for number in AT_ONCE} == {"goal"}
    assert {outcomes[f"cus_{number}"] for number in NEVER} == {"finished"}
    for row in found:
        # The stamp that applying the goal set is how the journey ended, whatever it was doing.
        assert row.state is not None
        assert (row.state["outcome"] == "goal") == (row.exit_outcome == "goal")


async def test_commands_that_arrive_while_a_journey_continues_as_new_are_answered(
    server: TemporalServer, url: str
) -> None:
    """A new run begins only once nobody waits for an answer of the old one."""
    database = Database(url)
    engine = wiring.engine(small_project(), database, server.client)
    authored = PLAYBOOK | {"steps": [{"wait": "9 days"}, {"send": "mail/one"}]}
    project = replace(small_project(), plans={"random": compiled(authored)}, sources={"random": ""})
    async with running(engine) as dispatcher:
        await database.write(lambda session: wiring.publish(session, project, Instant.now()))
        await database.write(partial(accept, name="purchase", numbers=[0]))
        dispatcher.wake()
        async with asyncio.timeout(60):
            while not (found := await database.read(rows)) or found[0].status != "open":  # noqa: ASYNC110 - set elsewhere
                await asyncio.sleep(0.02)
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    group.create_task(act(server.client, found[0].id, number * 0.05))
        runs = [run async for run in server.client.list_workflows(f"WorkflowId = '{found[0].id}'")]
        await server.client.get_workflow_handle(found[0].id).terminate("the test is over")
    database.close()
    assert len(runs) > 1
