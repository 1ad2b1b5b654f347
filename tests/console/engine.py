"""Journeys that are lived through in this process, under a clock of the test's own, in seconds instead of months.

`Temporal` stands in the place of a client: what the dispatcher and commands of people ask of Temporal, it does at once.
All else is the real thing: the dispatcher, the core, the activities, the database. So what pages show was made as it is
made in production, only quicker.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment
from whenever import Instant

import wiring
from activities.contract import Act, Begin, Delivery, Report, Standing, Work
from activities.journey import JourneyActivities
from intake.dispatcher import Dispatcher
from lifecycle.commands import Command, WaitUntil
from lifecycle.course import Course, due_of
from lifecycle.inputs import FromInbox, TimerFired
from lifecycle.interpreter import pending, refusal
from lifecycle.plan import unpack
from lifecycle.state import STATE
from project import Project
from store import events, shards
from store.database import Database

ACTIVITIES = {
    "Deliver": "deliver", "Decide": "decide", "AssignTask": "assign_task", "Note": "note", "Move": "move",
    "Finish": "finish",
}  # fmt: skip
"""The activity that carries out each kind of command, as in workflows/journey.py."""


class Run:
    """One journey, driven as `JourneyWorkflow` drives it."""

    def __init__(self, identity: str, begin: Begin) -> None:
        self.id, self.plan, self.version = identity, unpack(begin.plan), begin.version
        state = STATE.validate_python(begin.state)
        self.course = Course.begin(self.plan, state, state.entered)
        self.arrived: list[FromInbox] = []

    @property
    def due(self) -> Instant | None:
        return due_of(self.plan, self.course.state)

    async def settle(self, activities: JourneyActivities, now: Instant) -> bool:
        """Go on until nothing is left to do at `now`; True where the journey is over."""
        while True:
            arrived, self.arrived = self.arrived, []
            self.course.receive(self.plan, arrived, now)
            command = pending(self.plan, self.course.state)
            if not isinstance(command, WaitUntil):
                if await self._work(command, activities, now):
                    return True
            elif command.due is not None and command.due <= now:
                self.course.feed(self.plan, TimerFired(command.due), now)
            else:
                return False

    async def _work(self, command: Command, activities: JourneyActivities, now: Instant) -> bool:
        work = Work(
            journey=self.id,
            state=STATE.dump_python(self.course.state, mode="json", exclude_defaults=True),
            lines=self.course.lines,
            certain=self.course.confirmed.clock.format_iso(),
            version=self.version,
        )
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, started_time=now.to_stdlib())
        do = cast("Callable[[Work], Awaitable[Report]]", getattr(activities, ACTIVITIES[type(command).__name__]))
        report = await environment.run(do, work)
        self.course.receive(self.plan, report.rows, now)
        if report.pauses:
            self.course.learn(self.plan, report.pauses, now)
            return False
        if report.moved is not None:
            if report.moved.version:
                self.plan, self.version = unpack(report.plan), report.moved.version
            self.course.feed(self.plan, report.moved, now)
        if report.result is not None:
            self.course.feed(self.plan, report.result, now)
        self.course.lines = []
        return report.closed


@dataclass
class Handle:
    runs: dict[str, Run]
    id: str

    async def signal(self, name: str, delivery: Delivery, **_: Any) -> None:
        self._run().arrived.extend(delivery.rows)

    async def execute_update(self, name: str, act: Act, **_: Any) -> Standing:
        run = self._run()
        refused = refusal(run.course.state, act.command)
        if refused:
            return Standing(refused=refused)
        run.course.feed(run.plan, act.command, act.command.at)
        data = STATE.dump_python(run.course.state, mode="json", exclude_defaults=True)
        return Standing(state=data, lines=list(run.course.lines))

    async def query(self, name: str) -> dict[str, Any]:
        return dict(STATE.dump_python(self._run().course.state, mode="json", exclude_defaults=True))

    async def terminate(self, reason: str) -> None:
        self.runs.pop(self.id, None)

    async def describe(self) -> None:
        self._run()

    def _run(self) -> Run:
        if self.id not in self.runs:
            raise RPCError("there is no such workflow", RPCStatusCode.NOT_FOUND, b"")
        return self.runs[self.id]


@dataclass
class Temporal:
    """What is asked of a Temporal client, done in this process."""

    runs: dict[str, Run] = field(default_factory=dict)

    async def start_workflow(self, name: str, begin: Begin, *, id: str, **_: Any) -> None:
        self.runs[id] = Run(id, begin)

    def get_workflow_handle(self, id: str) -> Handle:
        return Handle(self.runs, id)


class Engine:
    """Runs the journeys of a database that holds the published playbooks of `project`. `now` is the time for all."""

    def __init__(self, project: Project, database: Database, now: Instant, outside: wiring.Outside) -> None:
        self.project, self.database, self.now = project, database, now
        self.temporal = Temporal()
        self.client = cast("Client", self.temporal)
        self.engine = wiring.engine(project, database, self.client, outside)
        self.activities = JourneyActivities(self.engine.tools)
        self.dispatcher = Dispatcher(database, self.client, self.engine.applier, self.clock)

    def clock(self) -> Instant:
        return self.now

    def close(self) -> None:
        self.engine.tools.threads.shutdown()

    async def go_to(self, at: Instant) -> None:
        """Let everything happen that comes due up to `at`, each at its own time, and stand there."""
        while (due := self._next_due()) is not None and due <= at:
            self.now = max(self.now, due)
            await self.catch_up()
        self.now = at
        await self.catch_up()

    async def catch_up(self) -> None:
        """Let everything happen that is to happen now."""
        while True:
            for run in list(self.temporal.runs.values()):
                if await run.settle(self.activities, self.now):
                    del self.temporal.runs[run.id]
            if not await self.database.read(self._news):
                return
            while await self.dispatcher.apply():
                pass
            while await self.dispatcher.tell():
                pass

    async def wake(self) -> None:
        """Let those go on whom a pause held that has ended."""
        while await self.dispatcher.resume():
            pass
        await self.catch_up()

    def _news(self, session: Session) -> bool:
        # Leases of shards go by real time, as in the dispatcher.
        return bool(events.next_pending(session, self.now, 1)) or bool(shards.with_news(session, Instant.now()))

    def _next_due(self) -> Instant | None:
        return min((run.due for run in self.temporal.runs.values() if run.due is not None), default=None)
