"""The dispatcher: applies stored events in order, then starts and signals the journeys that they concern.

Every call to Temporal is made from stored rows after their commit, so a dispatcher that dies at any point is simply
followed by the next one: decisions are never taken again, calls are at worst repeated (rules.md 1, 4). Applying and
telling go side by side: while Temporal is away or slow, events are applied all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from whenever import Instant

from activities.contract import JOURNEYS, Begin, Delivery
from activities.transaction import from_row
from intake.apply import Applier
from intake.looping import forever
from intake.resuming import Resuming
from lifecycle.state import STATE, State
from store import events, inbox, journeys, shards
from store.database import Database
from store.tables import Journey, JourneyInbox

log = structlog.get_logger()

PLAYBOOK = SearchAttributeKey.for_keyword("Playbook")
"""The one search attribute of a journey (rules.md 24), set when it starts."""

BATCH = 200
AT_ONCE = 20
SHARDS_AT_ONCE = 16
"""Shards that one transaction locks: while few events come, it would else take one transaction for each."""

RPC_TIMEOUT = timedelta(seconds=10)

T = TypeVar("T")


class Dispatcher:
    """Runs in a worker. `clock` gives the time at which events are applied; real time but in simulations."""

    def __init__(
        self, database: Database, client: Client, applier: Applier, clock: Callable[[], Instant] = Instant.now
    ) -> None:
        self.database, self.client, self.applier, self.clock = database, client, applier, clock
        self.resuming = Resuming(database)
        self._arrived = asyncio.Event()
        self._applied = asyncio.Event()
        self._limit = asyncio.Semaphore(AT_ONCE)

    def wake(self) -> None:
        """Look at once instead of within a second."""
        self._arrived.set()

    async def run(self) -> None:
        """Dispatch until cancelled. Trouble of any kind is logged, and met again a second later."""
        await asyncio.gather(
            forever(self.apply, self._arrived),
            forever(self.tell, self._applied),
            forever(self.resume),
        )

    async def apply(self) -> bool:
        """Apply a batch of what is pending; True where there may be more."""
        found = await self.database.write(self._apply_pending)
        if found:
            self._applied.set()
        return bool(found)

    async def resume(self) -> bool:
        """Write to those whom an ended pause held; True where there may be more."""
        woken = await self.resuming.step(self.clock())
        if woken:
            self._applied.set()
        return bool(woken)

    async def tell(self) -> bool:
        """Start and signal what the events that were applied concern; True where there may be more.

        One journey that cannot be told keeps nobody else from being told; the first such error is raised at the end.
        """
        started, trouble = await self._start()
        told, more_trouble = await self._deliver()
        if error := trouble or more_trouble:
            raise error
        return bool(started or told)

    def _apply_pending(self, session: Session) -> int:
        now, done = self.clock(), 0
        for shard in shards.lock_waiting(session, now, SHARDS_AT_ONCE):
            found = events.next_pending(session, now, BATCH - done, shard=shard)
            self.applier.apply_each(session, found, now)
            done += len(found)
            if done >= BATCH:
                break
        return done

    # --- Temporal --------------------------------------------------------------------------------------------------

    async def _start(self) -> tuple[int, BaseException | None]:
        starting = await self.database.read(self._to_start)
        done, trouble = await _all(self._start_one(journey, begin) for journey, begin in starting)
        if done:
            await self.database.write(lambda session: self._mark_started(session, done))
        return len(done), trouble

    def _mark_started(self, session: Session, done: list[str]) -> None:
        now = self.clock()
        journeys.lock_all(session, done)  # in an order of their own: others may be applying events to them
        for journey in done:
            journeys.mark_started(session, journey, now)

    def _to_start(self, session: Session) -> list[tuple[Journey, Begin]]:
        return [(journey, self._begin(session, journey)) for journey in journeys.to_start(session, BATCH)]

    def _begin(self, session: Session, journey: Journey) -> Begin:
        """The start that was decided when the journey was entered."""
        entered = STATE.validate_python(journey.state)
        new = State(journey.customer_id, entered.zone, entered.entered, entered.entered)
        return Begin(
            plan=self.applier.plan(session, journey.version).packed,
            state=STATE.dump_python(new, mode="json", exclude_defaults=True),
            simulated=journey.simulated,
        )

    async def _start_one(self, journey: Journey, begin: Begin) -> str:
        async with self._limit:
            # One that has run and ended already is not started anew; its row says how it ended.
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await self.client.start_workflow(
                    "Journey",
                    begin,
                    id=journey.id,
                    task_queue=JOURNEYS,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    search_attributes=TypedSearchAttributes([SearchAttributePair(PLAYBOOK, journey.playbook)]),
                    priority=Priority(priority_key=3, fairness_key=journey.playbook[:64]),
                    static_summary=journey.playbook,
                    rpc_timeout=RPC_TIMEOUT,
                )
        return journey.id

    async def _deliver(self) -> tuple[int, BaseException | None]:
        rows = await self.database.read(lambda session: inbox.undelivered(session, BATCH))
        rows.sort(key=attrgetter("journey_id", "number"))
        groups = [(journey, list(group)) for journey, group in groupby(rows, attrgetter("journey_id"))]
        done, trouble = await _all(self._deliver_one(journey, group) for journey, group in groups)
        taken = [(row.journey_id, row.number) for group in done for row in group]
        if taken:
            now = self.clock()
            await self.database.write(lambda session: inbox.mark_delivered(session, taken, now))
        return len(taken), trouble

    async def _deliver_one(self, journey: str, rows: list[JourneyInbox]) -> list[JourneyInbox]:
        async with self._limit:
            await deliver(self.client, journey, rows)
        return rows


async def deliver(client: Client, journey: str, rows: Iterable[JourneyInbox]) -> None:
    """Signal inbox rows to a journey that was started. RPCError where Temporal does not answer."""
    delivery = Delivery(rows=[from_row(row) for row in rows])
    try:
        await client.get_workflow_handle(journey).signal("deliver", delivery, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        # Closed meanwhile, with its row: these need not be told. Open by its row: an orphan, for the sweep.
        log.info("journey.not_running", journey=journey)


async def _all(calls: Iterable[Awaitable[T]]) -> tuple[list[T], BaseException | None]:
    """What the calls returned, those left out that failed, and the first failure."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    return [answer for answer in answers if not isinstance(answer, BaseException)], next(iter(failures), None)
