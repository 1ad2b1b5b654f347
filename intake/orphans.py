"""The orphan sweep (rules.md 14): rows of journeys and the workflows that run them are held against each other.

1. A row that is open, and no workflow runs it (somebody terminated it, or Temporal lost its last moments): it is
   started again from the stored state, with all that its inbox holds beyond that state in its very start. The id was
   used before, and that is allowed here: our row says that the journey runs. What was sent stands in the ledger, under
   names that the new run uses as well, so that nothing goes twice. A row that is closed is never started.
2. A workflow that runs although its row is closed (Temporal came back from a backup): it is terminated.
3. A workflow whose tasks fail again and again stands still until somebody mends the code: that is an error in the log.

Only what is older than some minutes is looked at, since rows and Temporal's lists lag behind each other. Whatever a
list does not have is asked for by itself before anything is done.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from functools import partial

import structlog
from sqlalchemy.orm import Session
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode
from whenever import Instant, TimeDelta

from activities.contract import Begin, SweepAnswer
from activities.transaction import from_row
from intake.apply import Applier
from intake.dispatcher import RPC_TIMEOUT, deliver, start
from lifecycle.course import COURSE, Course
from lifecycle.state import STATE
from store import inbox, journeys
from store.database import Database
from store.journeys import UnderWay
from store.tables import Journey

log = structlog.get_logger()

PAGE = 100
"""Rows in one question to Temporal."""

LISTED = 500
"""Workflows in one page of Temporal's list."""

AT_ONCE = 20

AGE = TimeDelta(minutes=5)
"""What is younger may just be on its way."""

FAILING = 3
"""A task that was tried as often as this fails by itself, and not because a worker went away."""

_RUNNING = "running:"
"""How the cursor of the second half begins; that of the first is the last journey that was looked at."""


class OrphanSweep:
    """`age` is how old a row has to be, and how long overdue a journey whose tasks may fail."""

    def __init__(self, database: Database, client: Client, applier: Applier, age: TimeDelta = AGE) -> None:
        self.database, self.client, self.applier, self.age = database, client, applier, age
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def run(self, cursor: str, now: Instant) -> SweepAnswer:
        """One page: first of open rows, then of running workflows."""
        if cursor.startswith(_RUNNING):
            return await self._closed(cursor.removeprefix(_RUNNING), now)
        return await self._open(cursor, now)

    # --- open rows -------------------------------------------------------------------------------------------------

    async def _open(self, after: str, now: Instant) -> SweepAnswer:
        before = now - self.age
        rows = await self.database.read(partial(journeys.open_before, before=before, after=after, limit=PAGE))
        running = await self._running([row.id for row in rows])
        missing = [row for row in rows if row.id not in running]
        late = [row for row in rows if row.id in running and row.due is not None and row.due < before and not row.held]
        restarted = await asyncio.gather(*(self._restart(row, now) for row in missing))
        failing = await asyncio.gather(*(self._fails(row) for row in late))
        counts = {"restarted": sum(restarted), "failing": sum(failing)}
        return SweepAnswer(counts=_some(counts), cursor=rows[-1].id if len(rows) == PAGE else _RUNNING)

    async def _running(self, ids: Sequence[str]) -> set[str]:
        """Which of these journeys run, as far as Temporal's list knows."""
        if not ids:
            return set()
        named = ", ".join(f"'{one}'" for one in ids)
        query = f"WorkflowId IN ({named}) AND ExecutionStatus = 'Running'"
        return {found.id async for found in self.client.list_workflows(query, page_size=len(ids))}

    async def _describe(self, journey: str) -> WorkflowExecutionDescription | None:
        try:
            async with self._limit:
                return await self.client.get_workflow_handle(journey).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None

    async def _restart(self, row: UnderWay, now: Instant) -> bool:
        found = await self._describe(row.id)
        if found is not None and found.status == WorkflowExecutionStatus.RUNNING:
            return False
        begun = await self.database.read(partial(self._begin, journey_id=row.id, now=now))
        if begun is None:
            return False
        journey, begin, told = begun
        async with self._limit:
            await start(self.client, journey, begin, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
        log.warning("journey.restarted", journey=row.id, was=found.status.name if found and found.status else "GONE")
        # What came in meanwhile was signalled to a workflow that did not run, and counts as delivered.
        newer = await self.database.read(lambda session: inbox.after(session, row.id, told))
        if newer:
            await deliver(self.client, row.id, newer)
        return True

    def _begin(self, session: Session, journey_id: str, now: Instant) -> tuple[Journey, Begin, int] | None:
        """How a journey goes on from where its row says it stands, and the last inbox number that is in it."""
        journey = journeys.get(session, journey_id)
        if journey is None or journey.status != "open":
            return None
        plan, state = self.applier.plan(session, journey.version), STATE.validate_python(journey.state)
        rows = inbox.after(session, journey_id, state.seen)
        course = Course(state, state)
        course.receive(plan, [from_row(row) for row in rows], now)
        data = COURSE.dump_python(course, mode="json", exclude_defaults=True)
        return journey, Begin(plan=plan.packed, course=data), max([state.seen, *(row.number for row in rows)])

    async def _fails(self, row: UnderWay) -> bool:
        found = await self._describe(row.id)
        if found is None or not found.raw_description.HasField("pending_workflow_task"):
            return False
        attempt = found.raw_description.pending_workflow_task.attempt
        if attempt < FAILING:
            return False
        log.error("journey.task_fails", journey=row.id, attempt=attempt)
        return True

    # --- running workflows -----------------------------------------------------------------------------------------

    async def _closed(self, token: str, now: Instant) -> SweepAnswer:
        found = self.client.list_workflows(
            "WorkflowType = 'Journey' AND ExecutionStatus = 'Running'",
            page_size=LISTED,
            next_page_token=base64.b64decode(token) or None,
        )
        await found.fetch_next_page(page_size=LISTED)
        listed = [one.id for one in found.current_page or ()]
        before = now - self.age
        over = await self.database.read(lambda session: journeys.ended_before(session, listed, before))
        ended = await asyncio.gather(*(self._end(journey) for journey in over))
        following = base64.b64encode(found.next_page_token).decode() if found.next_page_token else ""
        return SweepAnswer(counts=_some({"ended": sum(ended)}), cursor=_RUNNING + following if following else "")

    async def _end(self, journey: str) -> bool:
        try:
            async with self._limit:
                handle = self.client.get_workflow_handle(journey)
                await handle.terminate("the journey has ended", rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        log.warning("journey.ended_behind_its_row", journey=journey)
        return True


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
