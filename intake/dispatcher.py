"""The dispatcher: applies stored events in order, then starts and signals the journeys that they concern.

Every call to Temporal is made from stored rows after their commit, so a dispatcher that dies at any point is simply
followed by the next one: decisions are never taken again, calls are at worst repeated (rules.md 1, 4). Applying and
telling go side by side: while Temporal is away or slow, events are applied all the same.

Any number of dispatchers share one PostgreSQL. Each applies what lies in shards that nobody else holds, and tells of
journeys in shards that it leased (`store.shards`); the order of locks is shards, then customers by id, then journeys.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeVar

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
from intake.waking import listen
from lifecycle.state import STATE, State
from store import customers, events, inbox, journeys, shards
from store.database import Database
from store.tables import Journey, JourneyInbox

log = structlog.get_logger()

PLAYBOOK = SearchAttributeKey.for_keyword("Playbook")
"""The one search attribute of a journey (rules.md 24), set when it starts."""

BATCH = 200
"""Journeys to start, and rows to deliver, in one round of telling."""

AT_ONCE = 20
LEASE = 10
"""Seconds for which a shard is leased for telling: so long a dead teller's journeys wait. A round that takes longer may
meet another teller, which does no harm."""

SHARDS_AT_ONCE = 16
"""Shards that one transaction takes at most."""


class Slice(NamedTuple):
    """How much one transaction applies: at most so many events, for about so many seconds."""

    events: int
    seconds: float


SLICES = {"sqlite": Slice(20, 0.02), "postgresql": Slice(100, 0.2)}
"""SQLite has one writer, and whoever sends events waits for it; on PostgreSQL only the customers concerned are kept."""

FEWEST = 10
"""Events that a transaction reads at least. It reads more while there is time for more."""

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
        self._name = secrets.token_hex(8)
        self._slice = SLICES[database.url.get_backend_name()]
        self._wanted, self._shards = FEWEST, SHARDS_AT_ONCE

    def wake(self) -> None:
        """Look at once instead of within a second."""
        self._arrived.set()

    def tell_soon(self) -> None:
        """Look at once for journeys that are to be told, which somebody else has stored."""
        self._applied.set()

    async def run(self) -> None:
        """Dispatch until cancelled. Trouble of any kind is logged, and met again a second later."""
        await asyncio.gather(
            forever(self.apply, self._arrived),
            forever(self.tell, self._applied),
            forever(self.resume),
            listen(self.database, self.wake),
        )

    async def apply(self) -> bool:
        """Apply a batch of what is pending; True where there may be more."""
        applied, more = await self.database.write(self._apply_pending)
        if applied:
            self._applied.set()
        return more

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
        # Leases are between machines, so they go by real time, whatever the clock of those who are told of.
        if not await self.database.read(lambda session: shards.with_news(session, Instant.now())):
            return False
        leased, starting = await self.database.write(self._lease)
        started: list[Journey] = []
        told: list[JourneyInbox] = []
        try:
            started, trouble = await _all(self._start_one(journey, begin) for journey, begin in starting)
            ids = [journey.id for journey in started]
            rows = await self.database.read(lambda session: inbox.undelivered(session, BATCH, leased, ids))
            groups, more_trouble = await _all(self._deliver_one(journey, group) for journey, group in _grouped(rows))
            told = [row for group in groups for row in group]
        finally:
            await self.database.write(lambda session: self._mark(session, leased, started, told))
        if error := trouble or more_trouble:
            raise error
        return len(starting) == BATCH or len(rows) == BATCH or len(leased) == SHARDS_AT_ONCE

    def _apply_pending(self, session: Session) -> tuple[bool, bool]:
        """Whether there was anything to apply, and whether there may be more."""
        now = self.clock()
        taken = shards.lock_waiting(session, now, self._shards)
        if not taken:
            return False, False
        found = events.next_pending(session, now, self._wanted, shards=taken)
        many = len(found) == self._wanted
        more = many or len(taken) == self._shards
        # Where few wait in each, several are taken, or it would take a transaction for each; where many do, fewer.
        self._shards = max(1, self._shards // 2) if many else min(SHARDS_AT_ONCE, 2 * self._shards)
        people = {event.user_id for event in found} | {event.previous_id for event in found if event.previous_id}
        customers.lock_each(session, user_ids=people)
        until, done = time.monotonic() + self._slice.seconds, 0

        def in_time() -> bool:
            nonlocal done
            if done and time.monotonic() >= until:
                return False
            done += 1
            return True

        whole = self.applier.apply_each(session, found, now, in_time)
        # Next time, no more is read and locked than there was time for, or twice that, for it may go quicker.
        self._wanted = min(self._slice.events, max(FEWEST, 2 * done))
        return True, more or not whole

    # --- Temporal --------------------------------------------------------------------------------------------------

    def _lease(self, session: Session) -> tuple[list[int], list[tuple[Journey, Begin]]]:
        now = Instant.now()
        leased = shards.lease(session, self._name, now, now.add(seconds=LEASE), SHARDS_AT_ONCE)
        found = journeys.to_start(session, BATCH, leased)
        return leased, [(journey, self._begin(session, journey)) for journey in found]

    def _mark(
        self, session: Session, leased: Sequence[int], started: Sequence[Journey], told: Sequence[JourneyInbox]
    ) -> None:
        now = self.clock()
        if started:
            # Whoever changes their journeys meanwhile has locked them.
            customers.lock_each(session, customer_ids={journey.customer_id for journey in started})
        for journey in started:
            journeys.mark_started(session, journey.id, now)
        inbox.mark_delivered(session, [(row.journey_id, row.number) for row in told], now)
        shards.release(session, self._name, leased)

    def _begin(self, session: Session, journey: Journey) -> Begin:
        """The start that was decided when the journey was entered."""
        entered = STATE.validate_python(journey.state)
        # Not the row's customer: who was merged since would find another variant than the stored state has.
        new = State(entered.customer, entered.zone, entered.entered, entered.entered)
        return Begin(
            plan=self.applier.plan(session, journey.version).packed,
            state=STATE.dump_python(new, mode="json", exclude_defaults=True),
            simulated=journey.simulated,
        )

    async def _start_one(self, journey: Journey, begin: Begin) -> Journey:
        async with self._limit:
            # One that has run and ended already is not started anew; its row says how it ended.
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await start(self.client, journey, begin, WorkflowIDReusePolicy.REJECT_DUPLICATE)
        return journey

    async def _deliver_one(self, journey: str, rows: list[JourneyInbox]) -> list[JourneyInbox]:
        async with self._limit:
            await deliver(self.client, journey, rows)
        return rows


def _grouped(rows: list[JourneyInbox]) -> list[tuple[str, list[JourneyInbox]]]:
    """Rows by journey, each journey's in number order."""
    rows.sort(key=attrgetter("journey_id", "number"))
    return [(journey, list(group)) for journey, group in groupby(rows, attrgetter("journey_id"))]


async def start(client: Client, journey: Journey, begin: Begin, reuse: WorkflowIDReusePolicy) -> None:
    """Start the workflow of a journey; nothing happens where it runs already.

    WorkflowAlreadyStartedError where it has run, and `reuse` does not let it run again.
    """
    await client.start_workflow(
        "Journey",
        begin,
        id=journey.id,
        task_queue=JOURNEYS,
        id_reuse_policy=reuse,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=TypedSearchAttributes([SearchAttributePair(PLAYBOOK, journey.playbook)]),
        priority=Priority(priority_key=3, fairness_key=journey.playbook[:64]),
        static_summary=journey.playbook,
        rpc_timeout=RPC_TIMEOUT,
    )


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
