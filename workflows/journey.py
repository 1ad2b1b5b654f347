"""A journey on Temporal: a thin driver of the core.

Handlers only append; one loop feeds the core and carries out what it wants. Every activity brings back what is new in
the journey's inbox, and the journey ends only once its row is closed, with everything that arrived taken in: otherwise
a signal accepted while the workflow completes is lost without a trace.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from whenever import Instant

    from activities.contract import QUEUES, Act, Begin, Delivery, Report, Standing, Work
    from lifecycle.commands import AssignTask, Command, Decide, Deliver, Finish, Move, Note, WaitUntil
    from lifecycle.course import COURSE, Course
    from lifecycle.inputs import ByPerson, FromInbox, TimerFired
    from lifecycle.interpreter import pending, refusal
    from lifecycle.plan import Send, unpack
    from lifecycle.state import STATE

RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=1)
)
"""A database that is away comes back: bookkeeping is tried until it does."""

PATIENCE = timedelta(minutes=1)
"""How long an attempt may take before its worker counts as dead."""

SENDING = timedelta(seconds=150)
"""The same for a message: a provider may be asked about an earlier attempt, and two may be tried, each in its time."""

TRANSACTIONAL = Priority(priority_key=1)
"""A receipt does not wait behind a campaign."""

BULK = Priority(priority_key=5)
"""An apply moves ten thousand journeys, and nobody waits for it."""


@workflow.defn(name="Journey")
class JourneyWorkflow:
    """One customer's run of a playbook. Its id is the journey's id.

    `version` is that to which it has moved; empty: it runs the one with which it began.
    """

    @workflow.init
    def __init__(self, begin: Begin) -> None:
        self.plan, self.packed, self.version = unpack(begin.plan), begin.plan, begin.version
        self.arrived: list[FromInbox] = []
        self.commands: list[ByPerson] = []
        self.taken = 0
        self.over = False
        if begin.course is not None:
            self.offset = begin.offset
            self.course = COURSE.validate_python(begin.course)
            return
        state = STATE.validate_python(begin.state)
        started = Instant(workflow.info().start_time)
        self.offset = (state.entered - started).total("seconds") if begin.simulated else 0.0
        self.course = Course.begin(self.plan, state, state.entered)

    @workflow.run
    async def run(self, begin: Begin) -> None:
        """Live until the journey's row is closed."""
        while True:
            self._drain()
            command = pending(self.plan, self.course.state)
            if not isinstance(command, WaitUntil):
                if await self._work(command):
                    break
            elif workflow.info().is_continue_as_new_suggested() and not self.arrived:
                await self._continue()
            else:
                await self._rest(command.due)
        self.over = True
        self._drain()
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.signal(name="deliver")
    def deliver(self, delivery: Delivery) -> None:
        """Inbox rows of this journey, in any order, any number of times."""
        self.arrived.extend(delivery.rows)

    @workflow.update(name="act")
    async def act(self, act: Act) -> Standing:
        """A person's command. The answer is for the caller to store: where the journey stands after it."""
        command = act.command
        refused = "the journey has already ended" if self.over else refusal(self.course.state, command)
        if refused:
            return Standing(refused=refused)
        self.commands.append(command)
        number = self.taken + len(self.commands)
        await workflow.wait_condition(lambda: self.taken >= number)
        data = STATE.dump_python(self.course.state, mode="json", exclude_defaults=True)
        return Standing(state=data, lines=self.course.lines)

    @workflow.query(name="state")
    def state(self) -> dict[str, Any]:
        """Where the journey stands, with the lines of its timeline that are not stored yet left out."""
        return dict(STATE.dump_python(self.course.state, mode="json", exclude_defaults=True))

    @workflow.query(name="offset")
    def ahead(self) -> float:
        """By how many seconds the journey's clock is ahead of Temporal's."""
        return self.offset

    def _now(self) -> Instant:
        now = Instant(workflow.now())
        return now.add(seconds=self.offset) if self.offset else now

    def _drain(self) -> None:
        """Take in everything that has arrived, before anything else is decided."""
        now = self._now()
        arrived, self.arrived = self.arrived, []
        self.course.receive(self.plan, arrived, now)
        commands, self.commands = self.commands, []
        for command in commands:
            self.course.feed(self.plan, command, now)
            self.taken += 1

    async def _rest(self, due: Instant | None) -> None:
        """Wait for something to arrive, or for `due`."""
        left = None if due is None else (due - self._now()).total("seconds")
        if left is None or left > 0:
            try:
                await workflow.wait_condition(
                    lambda: bool(self.arrived or self.commands),
                    timeout=left,
                    timeout_summary=self.course.state.step,
                )
            except TimeoutError:
                pass
            else:
                return
        assert due is not None
        self.course.feed(self.plan, TimerFired(due), self._now())

    async def _work(self, command: Command) -> bool:
        """Have a command carried out, and take in what came of it; True once the journey's row is closed."""
        name, queue, summary = _activity(command)
        state = self.course.state
        work = Work(
            journey=workflow.info().workflow_id,
            state=STATE.dump_python(state, mode="json", exclude_defaults=True),
            lines=self.course.lines,
            certain=self.course.confirmed.clock.format_iso(),
            offset=self.offset,
            version=self.version,
        )
        report: Report = await workflow.execute_activity(
            name,
            work,
            task_queue=queue,
            result_type=Report,
            start_to_close_timeout=SENDING if isinstance(command, Deliver) else PATIENCE,
            retry_policy=RETRY,
            summary=summary,
            priority=self._priority(command),
        )
        now = self._now()
        self.course.receive(self.plan, report.rows, now)
        if report.pauses:
            self.course.learn(self.plan, report.pauses, now)
            return False
        if report.moved is not None:
            if report.moved.version:
                self.plan, self.packed, self.version = unpack(report.plan), report.plan, report.moved.version
            self.course.feed(self.plan, report.moved, now)
        if report.result is not None:
            self.course.feed(self.plan, report.result, now)
        self.course.lines = []  # the activity made the same lines from the same news, and has stored them
        return report.closed

    def _priority(self, command: Command) -> Priority:
        """Transactional messages go before all journeys' others, moves after them; the rest has that of the journey."""
        if isinstance(command, Move):
            return BULK
        step = self.plan.steps.get(command.step) if isinstance(command, Deliver) else None
        return TRANSACTIONAL if isinstance(step, Send) and step.transactional else Priority.default

    async def _continue(self) -> None:
        """Go on in a new run, so that histories stay small. Only at rest, with nothing on its way.

        What arrives while handlers finish is taken in by the loop first: nobody else would, and a handler would wait
        for it for ever.
        """
        await workflow.wait_condition(lambda: bool(self.arrived or self.commands) or workflow.all_handlers_finished())
        if self.arrived or self.commands:
            return
        course = COURSE.dump_python(self.course, mode="json", exclude_defaults=True)
        workflow.continue_as_new(Begin(plan=self.packed, course=course, offset=self.offset, version=self.version))


def _activity(command: Command) -> tuple[str, str | None, str]:
    """A command's activity, its task queue (None: the workflow's own) and what Temporal's UI calls it."""
    if isinstance(command, Deliver):
        return "deliver", QUEUES[command.channel], command.template
    if isinstance(command, Decide):
        return "decide", None, command.step
    if isinstance(command, AssignTask):
        return "assign_task", None, command.step
    if isinstance(command, Note):
        return "note", None, "note"
    if isinstance(command, Move):
        return "move", None, f"apply {command.apply}"
    assert isinstance(command, Finish)
    return "finish", None, command.reason or command.outcome
