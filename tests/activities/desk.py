"""A journey whose activities are run by hand, one attempt at a time, with a sender that answers as it is told."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from temporalio.testing import ActivityEnvironment
from whenever import Instant

import wiring
from activities.contract import Report, Work
from activities.journey import JourneyActivities
from lifecycle.course import Course, due_of
from lifecycle.inputs import TimerFired
from lifecycle.language.template import Channel
from lifecycle.state import STATE
from messaging.sending import Outcome, Outgoing, Sender
from store import journeys, messages
from store.tables import Message
from tests.intake.house import House


class Killed(BaseException):
    """The worker dies where this is raised."""


@dataclass
class Scripted:
    """Answers with `answers` in turn; `found` is what a look-up says. `seen` is what the ledger said at each call."""

    house: House
    answers: list[Outcome | BaseException] = field(default_factory=list)
    found: Outcome = field(default_factory=lambda: Outcome("unknown"))
    sent: list[Outgoing] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    looked_up: list[Outgoing] = field(default_factory=list)
    name: str = "scripted"
    stores: bool = False

    def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        row = self.house.read(lambda session: messages.by_id(session, message.id))
        self.seen.append(row.state if row else "no row")
        answer = (
            self.answers.pop(0)
            if self.answers
            else Outcome("accepted", provider_id=f"P{len(self.sent)}", sender=self.name)
        )
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        self.looked_up.append(message)
        return self.found

    def forget(self, subject: str) -> Outcome:
        return Outcome("accepted")

    def close(self) -> None:
        pass


class Desk:
    """One journey of Ada's, driven as the workflow drives it: `deliver` is one attempt, `wait` lets the timer fire."""

    def __init__(self, house: House, now: Instant, **outside: Any) -> None:
        self.house, self.now, self.attempt = house, now, 1
        self.sender = Scripted(house)
        senders = {"email": self.sender, "sms": self.sender}
        out = wiring.Outside(senders=senders, **outside)  # type: ignore[arg-type]
        client: Any = None
        self.engine = wiring.engine(house.project, house.database, client, out)
        self.activities = JourneyActivities(self.engine.tools)
        row = house.journey()
        self.journey = row.id
        self.plan = house.read(lambda session: self.engine.applier.plan(session, row.version))
        state = STATE.validate_python(row.state)
        self.course = Course(state, state)

    def use(self, senders: Mapping[Channel, Sender]) -> None:
        """Let other senders have the messages."""
        self.activities = JourneyActivities(dataclasses.replace(self.engine.tools, senders=senders))

    def deliver(self) -> Report:
        """One attempt of the activity, and what the workflow makes of it. A killed one changes nothing there."""
        return self._run(self.activities.deliver)

    def _run(self, do: Callable[[Work], Coroutine[Any, Any, Report]]) -> Report:
        work = Work(
            journey=self.journey,
            state=STATE.dump_python(self.course.state, mode="json", exclude_defaults=True),
            lines=self.course.lines,
            certain=self.course.confirmed.clock.format_iso(),
        )
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(
            environment.info, started_time=self.now.to_stdlib(), attempt=self.attempt
        )
        try:
            report: Report = asyncio.run(environment.run(do, work))
        finally:
            self.attempt += 1
        self.attempt = 1
        self.course.receive(self.plan, report.rows, self.now)
        if report.pauses:
            self.course.learn(self.plan, report.pauses, self.now)
            return report
        if report.result is not None:
            self.course.feed(self.plan, report.result, self.now)
        self.course.lines = []
        return report

    def finish(self) -> Report:
        """The activity that closes the journey's row."""
        return self._run(self.activities.finish)

    def what(self) -> tuple[str | None, str | None]:
        """One attempt: its result and the reason."""
        result = self.deliver().result
        return (result.what, result.reason) if result else (None, None)

    def wait(self) -> Instant:
        """Let the time pass until the journey's timer fires."""
        due = due_of(self.plan, self.course.state)
        assert due is not None
        self.now = max(self.now, due)
        self.course.feed(self.plan, TimerFired(due), self.now)
        return self.now

    def message(self) -> Message:
        """The only message there is."""
        (row,) = self.house.rows(Message)
        return row

    def ended(self) -> bool:
        row = self.house.read(lambda session: journeys.get(session, self.journey))
        return row is not None and row.status == "ended"


Open = Callable[..., Desk]
