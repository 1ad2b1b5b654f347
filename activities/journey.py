"""The activities of a journey: deliver, decide, assign task, note, finish. Each is one transaction (`transaction.py`).

A message is rendered before its transaction, so that the database's one writer never waits for a template; what the
decision looks at is read again inside.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from temporalio import activity
from whenever import Instant

from activities.contract import Report, Work
from activities.facts import consent_of, facts_of
from activities.transaction import Context, perform
from lifecycle import policies
from lifecycle.answers import answer
from lifecycle.facts import Conditions
from lifecycle.interpreter import pending
from lifecycle.language.map import Map
from lifecycle.plan import Plan, unpack
from lifecycle.state import STATE, AssignTask, Decide, Deliver, Result
from messaging.render import Rendered, Renderer, RenderError
from store import customers, journeys, messages, playbooks, tasks
from store.database import Database
from store.tables import Customer, Message, Task

Do = Callable[[Context], Result | None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What the activities work with."""

    database: Database
    map: Map
    renderer: Renderer
    conditions: Conditions
    public_url: str


class JourneyActivities:
    """Registered with a worker as they are; the names are those of `activities.contract`."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.plans: dict[str, Plan] = {}

    @activity.defn(name="deliver")
    async def deliver(self, work: Work) -> Report:
        """Decide whether the message at hand may go, and let it go once."""
        now = _clock(work)
        rendered = await self.tools.database.read(lambda session: self._render(session, work, now()))
        return await self._perform(work, now, lambda context: self._deliver(context, rendered))

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

    @activity.defn(name="finish")
    async def finish(self, work: Work) -> Report:
        """Close the journey's row."""
        return await self._perform(work, _clock(work), lambda context: None)

    async def _perform(self, work: Work, now: Callable[[], Instant], do: Do) -> Report:
        return await self.tools.database.write(
            lambda session: perform(session, work, self._plan(session, work.journey), now(), do)
        )

    def _plan(self, session: Session, journey_id: str) -> Plan:
        journey = journeys.get(session, journey_id)
        version = journey.version if journey else ""
        if version not in self.plans:
            packed = playbooks.plan(session, version)
            if packed is None:
                raise LookupError(f"the playbook version {version or '?'} is not in the database")
            self.plans[version] = unpack(packed.decode())
        return self.plans[version]

    # --- deliver ---------------------------------------------------------------------------------------------------

    def _render(self, session: Session, work: Work, now: Instant) -> Rendered | RenderError | None:
        """The message as this customer will read it; None where there is nobody to write to."""
        state = STATE.validate_python(work.state)
        journey, customer = journeys.get(session, work.journey), customers.by_id(session, state.customer)
        if journey is None or customer is None or journey.status == "ended":
            return None
        plan = self._plan(session, work.journey)
        command = pending(plan, state)
        assert isinstance(command, Deliver)
        entry = plan.entry.milestone if plan.entry else None
        facts = facts_of(session, journey, customer, state, self.tools.map, entry, now)
        identity = message_id(journey.id, command.step, command.occurrence)
        try:
            return self.tools.renderer.render(
                command.template, command.channel, customer.language, facts, self._extra(command, identity)
            )
        except RenderError as error:
            return error

    def _extra(self, command: Deliver, identity: str) -> Mapping[str, str]:
        """What layouts show besides the facts. Nobody unsubscribes from transactional mail, so it has no such links."""
        given = {"postal_address": self.tools.map.postal_address or "", "company": self.tools.map.company}
        if self.tools.renderer.templates.infos[command.template, command.channel].purpose == "marketing":
            url = self.tools.public_url.rstrip("/")
            given["unsubscribe_url"] = f"{url}/unsubscribe/{identity}"
            given["preferences_url"] = f"{url}/preferences/{identity}"
        return given

    def _deliver(self, context: Context, rendered: Rendered | RenderError | None) -> Result:
        command, session = context.command, context.session
        assert isinstance(command, Deliver)
        identity = message_id(context.journey.id, command.step, command.occurrence)
        earlier = messages.by_id(session, identity)
        if earlier is not None:
            return Result("sent") if earlier.state == "accepted" else Result("refused", earlier.reason)
        asked = self._asked(context, command)
        checks = [check._asdict() for check in policies.explain(asked)]
        reason = policies.refusal(asked)
        message = Message(
            id=identity,
            journey_id=context.journey.id,
            step=command.step,
            occurrence=str(command.occurrence),
            customer_id=context.customer.id,
            channel=command.channel,
            template=command.template,
            language=context.customer.language,
            state="refused",
            due_at=context.state.came_due or context.now,
            expires_at=command.expires,
            claimed_at=context.now,
            settled_at=context.now,
            decision={"checks": checks},
            reason=reason,
        )
        if reason is None and not isinstance(rendered, Rendered):
            message.reason = reason = str(rendered or "the message could not be rendered")
        if reason is None and isinstance(rendered, Rendered):
            # The outbox is the sender: its effect is this very row, so that claim and acceptance are one transaction.
            _fill(message, rendered, context.customer, context.now)
        messages.claim(session, message)
        return Result("refused", reason) if reason else Result("sent")

    def _asked(self, context: Context, command: Deliver) -> policies.Asked:
        template = self.tools.renderer.templates.infos[command.template, command.channel]
        customer = context.customer
        return policies.Asked(
            template,
            self.tools.map,
            context.now,
            "holdout" if context.journey.arm == "holdout" else "journey",
            exited=context.journey.exit_at is not None,
            expires=command.expires,
            consent=consent_of(context.session, customer.id, template.topic, command.channel),
            address=bool(address_of(customer, command.channel)),
            stage=customer.stage,
        )

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
                assignee=self._assignee(command.assign, context.customer),
                due_at=command.due,
                created_at=context.now,
            ),
        )
        return Result("done")

    def _assignee(self, assign: str, customer: Customer) -> str | None:
        """The person that `customer.success_manager` names, or the text itself; None where nobody is known."""
        if not assign.startswith("customer."):
            return assign
        known: dict[str, Any] = self.tools.map.defaults() | customer.attributes
        value = known.get(assign.partition(".")[2])
        return None if value is None else str(value)


def message_id(journey: str, step: str, occurrence: int | str) -> str:
    """The id of a message or task: what it is, never when or how often it was tried."""
    return hashlib.blake2b(f"{journey}|{step}|{occurrence}".encode(), digest_size=12).hexdigest()


def address_of(customer: Customer, channel: str) -> str | None:
    """Where a customer can be reached by a channel."""
    return customer.email if channel == "email" else customer.phone


def _fill(message: Message, rendered: Rendered, customer: Customer, now: Instant) -> None:
    message.state, message.accepted_at = "accepted", now
    message.recipient = address_of(customer, message.channel)
    message.subject, message.html, message.text = rendered.subject or None, rendered.html or None, rendered.text
    message.segments, message.language = rendered.segments or None, rendered.language or None


def _clock(work: Work) -> Callable[[], Instant]:
    """The journey's time: when Temporal started this attempt, and what has passed since (rules.md 5)."""
    started = Instant(activity.info().started_time).add(seconds=work.offset)
    began = time.monotonic()
    return lambda: started.add(seconds=time.monotonic() - began)
