"""The activities of a journey: deliver, decide, assign task, note, move, finish. Each ends in one transaction.

What that transaction is made of stands in `transaction.py`, how a message is sent in `delivering.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy.orm import Session
from temporalio import activity
from whenever import Instant

from activities.contract import Report, Work
from activities.delivering import Delivering
from activities.facts import facts_of, person_of
from activities.moving import Moving
from activities.tools import Tools
from activities.transaction import Context, Turn, perform
from lifecycle.answers import answer
from lifecycle.commands import AssignTask, Decide
from lifecycle.inputs import Result
from lifecycle.ledger import message_id
from lifecycle.plan import Plan
from store import journeys, tasks
from store.tables import Task

Do = Callable[[Context], Result | Turn | None]


class JourneyActivities:
    """Registered with a worker as they are; the names are those of `activities.contract`."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self._moving = Moving(tools)

    @activity.defn(name="deliver")
    async def deliver(self, work: Work) -> Report:
        """Decide whether the message at hand may go, and let it go once."""
        return await Delivering(self.tools, work, _clock(work)).run()

    @activity.defn(name="decide")
    async def decide(self, work: Work) -> Report:
        """Answer the question at hand from the customer's facts."""
        return await self._perform(work, _clock(work), self._decide)

    @activity.defn(name="assign_task")
    async def assign_task(self, work: Work) -> Report:
        """Give a task to a person."""
        return await self._perform(work, _clock(work), self._assign)

    @activity.defn(name="note")
    async def note(self, work: Work) -> Report:
        """Carry out effects that nothing else would carry out in time."""
        return await self._perform(work, _clock(work), lambda context: Result("done"))

    @activity.defn(name="move")
    async def move(self, work: Work) -> Report:
        """Find out what an apply makes of the journey, and store where it stands then."""
        report = await self._perform(work, _clock(work), self._moving.do)
        if report.moved is None or not report.moved.version:
            return report
        # Only now: what is stored for a repetition would else hold the plan once for each journey.
        version = report.moved.version
        plan = await self.tools.database.read(lambda session: self.tools.asker.plan_of(session, version))
        return report.model_copy(update={"plan": plan.packed})

    @activity.defn(name="finish")
    async def finish(self, work: Work) -> Report:
        """Close the journey's row."""
        return await self._perform(work, _clock(work), lambda context: None)

    async def _perform(self, work: Work, now: Callable[[], Instant], do: Do) -> Report:
        def run(session: Session) -> Report:
            report = perform(session, work, self._plan(session, work), now(), do)
            assert isinstance(report, Report)
            return report

        return await self.tools.database.write(run)

    def _plan(self, session: Session, work: Work) -> Plan:
        journey = journeys.get(session, work.journey)
        return self.tools.asker.plan_of(session, work.version or (journey.version if journey else ""))

    # --- decide, assign --------------------------------------------------------------------------------------------

    def _decide(self, context: Context) -> Result:
        assert isinstance(context.command, Decide)
        entry = context.plan.entry.milestone if context.plan.entry else None
        facts = facts_of(
            context.session, context.journey, context.customer, context.state, self.tools.map, entry, context.now
        )
        step = context.plan.steps[context.command.step]
        read_at = context.journey.inbox_last
        return answer(step, facts, self.tools.conditions, context.state.zone, read_at)

    def _assign(self, context: Context) -> Result:
        command = context.command
        assert isinstance(command, AssignTask)
        if context.journey.arm == "holdout":
            return Result("refused", "holdout")
        tasks.add(
            context.session,
            Task(
                id=message_id(context.journey.id, command.step, command.occurrence),
                journey_id=context.journey.id,
                step=command.step,
                occurrence=str(command.occurrence),
                customer_id=context.customer.id,
                title=command.title,
                assignee=self._assignee(command.assign, context),
                due_at=command.due,
                created_at=context.now,
            ),
        )
        return Result("done")

    def _assignee(self, assign: str, context: Context) -> str | None:
        """The person that `customer.success_manager` names, or the text itself; None where nobody is known."""
        if not assign.startswith(("customer.", "account.")):
            return assign
        root, _, name = assign.partition(".")
        facts = person_of(context.session, context.customer).facts(self.tools.map, context.now)
        value = (facts.customer if root == "customer" else facts.account).get(name)
        return None if value is None else str(value)


def _clock(work: Work) -> Callable[[], Instant]:
    """The journey's time: when Temporal started this attempt, and what has passed since (rules.md 5)."""
    started = Instant(activity.info().started_time).add(seconds=work.offset)
    began = time.monotonic()
    return lambda: started.add(seconds=time.monotonic() - began)
