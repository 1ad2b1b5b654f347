"""Sending one message: drafted, decided and claimed, handed over, settled. The order is what keeps it from going twice.

1. Drafted: rendered before any transaction, so that the database's writers never wait for a template.
2. Claimed: in one transaction everything is looked at again and the row becomes `sending`. It is committed **before**
   the provider is called; a sender whose effect is in our own database claims and accepts at once.
3. Handed over: one call, without a transaction.
4. Settled: in one transaction the row gets what became of it, by the attempt that owns it, and the journey goes on.

A worker that dies between 2 and 4 leaves a row in `sending`. Whoever finds it there does not know, and says so:
`unknown`, and nothing is sent (rules.md 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from whenever import Instant, TimeDelta

from activities.asking import address_of
from activities.contract import Report, Work
from activities.facts import facts_of
from activities.tools import Tools
from activities.transaction import Aside, Context, perform
from lifecycle import policies
from lifecycle.interpreter import pending
from lifecycle.language.template import TemplateInfo
from lifecycle.ledger import OPEN, PENDING, SENDING, TAKEN, UNKNOWN, MessageState, News, message_id, refused_as
from lifecycle.plan import Plan
from lifecycle.state import STATE, UNKNOWN_RETRIES, Deliver, Result, State
from lifecycle.suppression import STOPPED
from messaging import addresses
from messaging.render import Rendered, RenderError
from messaging.senders.failover import who_had
from messaging.sending import Outcome, Outgoing
from store import customers, journeys, messages, suppressions
from store.tables import Customer, Message, Suppression

log = structlog.get_logger()

SHORT = 60.0
"""Seconds: a shorter wait stays in the activity, for a longer one the journey is asked (rules.md 9)."""

LONG = 300.0
"""Seconds for which a message is put off at least, where the journey is asked: a provider's bad hour is no loop."""

SHORT_TRIES = 5
"""How many short waits in a row, before the journey is asked."""

ABSENCE_PROVES = TimeDelta(minutes=5)
"""After so long a provider that does not list an SMS does not have it."""

LONGEST_VALIDITY = 36_000
"""Seconds: the most that Twilio takes as a ValidityPeriod."""

_NEWS: Mapping[str, News] = {
    "accepted": "accepted",
    "later": "later",
    "rejected": "rejected",
    "stopped": "stopped",
    "unknown": "ambiguous",
}


class Draft(NamedTuple):
    """A message before its claim. `made` is what it will say, or why it cannot be made; `earlier` is its row."""

    id: str
    command: Deliver
    state: State
    info: TemplateInfo
    made: Rendered | RenderError
    customer: Customer
    earlier: Message | None


class Claimed(Aside):
    """The row is `sending`, and this attempt owns it."""

    __slots__ = ("attempt", "outgoing")

    def __init__(self, outgoing: Outgoing, attempt: int) -> None:
        self.outgoing, self.attempt = outgoing, attempt


class NoToken(Aside):
    """The message may go, and the channel's rate has no room for it at this moment. Nothing was written."""


class Delivering:
    """One run of the activity `deliver`. `now` is the journey's clock."""

    def __init__(self, tools: Tools, work: Work, now: Callable[[], Instant]) -> None:
        self.tools, self.work, self.now = tools, work, now

    async def run(self) -> Report:
        """Send the message at hand, once, or say why not."""
        draft = await self.tools.database.read(self._draft)
        if draft is None:
            return Report(closed=True)
        found = await self._look_up(draft)
        answer = await self._claim(draft, found)
        if isinstance(answer, Report):
            return answer
        assert isinstance(answer, Claimed)
        sender = self.tools.senders[draft.command.channel]
        outcome = await self._in_thread(sender.send, answer.outgoing)
        return await self._settle(draft, answer, outcome)

    # --- drafting --------------------------------------------------------------------------------------------------

    def _draft(self, session: Session) -> Draft | None:
        tools, state = self.tools, STATE.validate_python(self.work.state)
        journey, customer = journeys.get(session, self.work.journey), customers.by_id(session, state.customer)
        if journey is None or customer is None or journey.status == "ended":
            return None
        plan = self.tools.asker.plan_of(session, journey.version)
        command = pending(plan, state)
        assert isinstance(command, Deliver)
        entry = plan.entry.milestone if plan.entry else None
        facts = facts_of(session, journey, customer, state, tools.map, entry, self.now())
        identity = message_id(journey.id, command.step, command.occurrence)
        info = tools.renderer.templates.infos[command.template, command.channel]
        made: Rendered | RenderError
        try:
            made = tools.renderer.render(
                command.template, command.channel, customer.language, facts, self._given(info, identity)
            )
        except RenderError as error:
            made = error
        return Draft(identity, command, state, info, made, customer, messages.by_id(session, identity))

    def _given(self, info: TemplateInfo, identity: str) -> Mapping[str, str]:
        """What layouts show besides the facts. Nobody unsubscribes from transactional mail, so it has no such links."""
        given = {"postal_address": self.tools.map.postal_address or "", "company": self.tools.map.company}
        links = self.tools.links
        if info.purpose == "marketing":
            given["unsubscribe_url"] = links.unsubscribe(identity)
            given["preferences_url"] = links.preferences(identity)
        else:
            given["confirm_url"] = links.confirm(identity)
        return given

    # --- an earlier attempt whose fate is unknown ------------------------------------------------------------------

    async def _look_up(self, draft: Draft) -> Outcome | None:
        """What the provider says about a message that it may have; None where there is nothing to ask."""
        earlier, sender = draft.earlier, self.tools.senders[draft.command.channel]
        if earlier is None or earlier.state != UNKNOWN or sender.stores:
            return None
        if earlier.claimed_at is None or earlier.recipient is None:
            return None
        sent = Outgoing(earlier.id, draft.command.channel, earlier.recipient, earlier.text or "")
        asked = who_had(sender, earlier.sender)
        return await self._in_thread(asked.look_up, sent, earlier.claimed_at)

    def _known(self, context: Context, draft: Draft, earlier: Message, found: Outcome | None) -> Result | None:
        """What is known of a message that was tried before; None where it may be claimed (again)."""
        state, session, now = MessageState(earlier.state), context.session, context.now
        if state in TAKEN:
            return Result("sent")
        if state is SENDING:
            log.warning("message.interrupted", message=earlier.id, attempt=earlier.attempt)
            messages.settle(session, earlier.id, earlier.attempt, "ambiguous", now, reason="interrupted")
            return Result("unknown", "interrupted")
        if state is UNKNOWN:
            if found is not None and found.what == "accepted":
                messages.learn(session, earlier.id, "accepted", now, found.provider_id)
                return Result("sent")
            if found is not None and found.what == "absent" and self._proves(earlier, now):
                messages.settle(session, earlier.id, earlier.attempt, "absent", now)
                return None
            return None if self._once_more(draft, earlier) else Result("unknown", earlier.reason)
        return None if state is PENDING else Result("refused", earlier.reason or state.value)

    def _proves(self, earlier: Message, now: Instant) -> bool:
        return earlier.claimed_at is not None and now - earlier.claimed_at >= ABSENCE_PROVES

    def _once_more(self, draft: Draft, earlier: Message) -> bool:
        """Whether a transactional message goes once more although it may have gone: where its template wants that."""
        return draft.info.resend and earlier.attempt == 1 and draft.state.tries >= len(UNKNOWN_RETRIES)

    # --- claiming --------------------------------------------------------------------------------------------------

    async def _claim(self, draft: Draft, found: Outcome | None) -> Report | Claimed:
        """Decide, and claim where it may go. Waits for the channel's rate, without holding anything."""
        rates, channel = self.tools.rates, draft.command.channel
        limited = rates.limited(channel) and not self.tools.senders[channel].stores
        token = not limited or rates.take(channel, Instant.now())
        answer = await self._perform(lambda context: self._decide(context, draft, found, token=token))
        if isinstance(answer, NoToken):
            token = await rates.token(self.tools.database, channel)
            if not token:
                raise _again("sending-rate", rates.wait(channel, Instant.now()))
            answer = await self._perform(lambda context: self._decide(context, draft, found, token=token))
        if limited and token and not isinstance(answer, Claimed):
            rates.give_back(channel, Instant.now())
        assert isinstance(answer, Report | Claimed)
        return answer

    def _decide(self, context: Context, draft: Draft, found: Outcome | None, *, token: bool) -> Result | Aside:
        """In the claim's transaction, under the customer's lock."""
        session, now, command = context.session, context.now, draft.command
        earlier = messages.by_id(session, draft.id)
        if earlier is not None:
            known = self._known(context, draft, earlier, found)
            if known is not None:
                return known
        asked = self.tools.asker.asked(
            session,
            draft.info,
            context.customer,
            now,
            journey=context.journey,
            plan=context.plan,
            message=draft.id,
            expires=command.expires,
        )
        decision = policies.decide(asked)
        sender, attempt = self.tools.senders[command.channel], earlier.attempt if earlier else 0
        values: dict[str, Any] = {
            "decision": {"checks": [check._asdict() for check in policies.explain(asked)]},
            "reason": decision.reason,
            "not_before": decision.until,
            "claimed_at": now,
            "purpose": draft.info.purpose,
            "topic": draft.info.topic,
        }
        if decision.outcome == "refuse":
            assert decision.reason is not None
            self._write(context, draft, earlier, refused_as(decision.reason), {**values, "settled_at": now})
            return Result("refused", decision.reason)
        if decision.outcome == "defer":
            self._write(context, draft, earlier, PENDING, values)
            return Result("deferred", decision.reason, decision.until)
        if isinstance(draft.made, RenderError):
            reason = draft.made.reason
            self._write(context, draft, earlier, MessageState.REJECTED, {**values, "reason": reason, "settled_at": now})
            return Result("refused", reason)
        outgoing = self._outgoing(context, draft, asked)
        values |= _content(draft.made, outgoing, sender.name)
        if sender.stores:
            accepted = {"accepted_at": now, "settled_at": now, "provider_id": sender.send(outgoing).provider_id}
            self._write(context, draft, earlier, MessageState.ACCEPTED, values | accepted)
            return Result("sent")
        if not token:
            return NoToken()
        if earlier is None:
            self._write(context, draft, None, SENDING, values)
        elif not messages.claim_again(session, draft.id, attempt, values):
            return Result("unknown", "interrupted")  # somebody else has it
        return Claimed(outgoing, attempt + 1)

    def _write(
        self, context: Context, draft: Draft, earlier: Message | None, state: MessageState, values: Mapping[str, Any]
    ) -> None:
        """Store a decision: in a new row, or in that of a message that was put off before."""
        if earlier is not None:
            messages.decide_again(context.session, draft.id, state, values)
            return
        command = draft.command
        row = Message(
            id=draft.id,
            journey_id=context.journey.id,
            step=command.step,
            occurrence=str(command.occurrence),
            customer_id=context.customer.id,
            channel=command.channel,
            template=command.template,
            state=state,
            due_at=context.state.came_due or context.now,
            expires_at=command.expires,
            **values,
        )
        messages.add(context.session, row)

    def _outgoing(self, context: Context, draft: Draft, asked: policies.Asked) -> Outgoing:
        command, made = draft.command, draft.made
        assert isinstance(made, Rendered)
        to = addresses.normal(command.channel, address_of(context.customer, command.channel) or "")
        assert to is not None  # the decision looked
        marketing = draft.info.purpose == "marketing"
        valid_for = None
        if command.channel == "sms":
            ends = [end for end in (command.expires, policies.closes(asked) if marketing else None) if end]
            if ends:
                left = int((min(ends) - context.now).total("seconds"))
                valid_for = min(max(left, 1), LONGEST_VALIDITY)
        return Outgoing(
            draft.id,
            command.channel,
            to,
            made.text,
            made.subject,
            made.html,
            made.from_,
            made.reply_to,
            self.tools.links.unsubscribe(draft.id) if marketing and command.channel == "email" else None,
            (context.plan.playbook, command.template),
            made.tracking,
            valid_for,
        )

    # --- settling --------------------------------------------------------------------------------------------------

    async def _settle(self, draft: Draft, claimed: Claimed, outcome: Outcome) -> Report:
        """Store what became of the message, and let the journey go on; a short wait is for this activity itself."""
        wait = outcome.wait or 2.0**claimed.attempt
        short = outcome.what == "later" and wait < SHORT and activity.info().attempt <= SHORT_TRIES
        until = self.now().add(seconds=wait if short else max(wait, LONG))
        if draft.command.expires is not None:
            until = min(until, draft.command.expires)

        def settle(session: Session) -> Report | Aside:
            now = self.now()
            self._store(session, claimed, outcome, now, until)
            if short:
                return Aside()
            plan = self._plan(session)
            return perform(session, self.work, plan, now, lambda context: _result(context, draft.id), settling=True)

        answer = await self.tools.database.write(settle)
        if isinstance(answer, Report):
            return answer
        raise _again(outcome.reason or "later", wait)

    def _store(self, session: Session, claimed: Claimed, outcome: Outcome, now: Instant, until: Instant) -> None:
        values: dict[str, Any] = {"reason": outcome.reason}
        if outcome.what == "accepted":
            values = {"provider_id": outcome.provider_id, "accepted_at": now, "reason": None}
        elif outcome.what == "later":
            values["not_before"] = until
        if outcome.sender:
            values["sender"] = outcome.sender
        outgoing = claimed.outgoing
        messages.settle(session, outgoing.id, claimed.attempt, _NEWS[outcome.what], now, **values)
        if outcome.what == "stopped":
            address = addresses.fingerprint(self.tools.asker.secret, outgoing.channel, outgoing.to)
            stopped = Suppression(
                channel=outgoing.channel,
                address=address,
                reason=STOPPED,
                scope="all",
                at=now,
                message_id=outgoing.id,
                made_by=outcome.sender,
            )
            suppressions.add(session, stopped)

    async def _perform(self, do: Callable[[Context], Result | Aside | None]) -> Report | Aside:
        return await self.tools.database.write(
            lambda session: perform(session, self.work, self._plan(session), self.now(), do)
        )

    def _plan(self, session: Session) -> Plan:
        journey = journeys.get(session, self.work.journey)
        return self.tools.asker.plan_of(session, journey.version if journey else "")

    async def _in_thread(self, call: Callable[..., Outcome], *given: Any) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self.tools.threads, call, *given)


def _content(made: Rendered, outgoing: Outgoing, sender: str) -> dict[str, Any]:
    return {
        "recipient": outgoing.to,
        "subject": made.subject or None,
        "html": made.html or None,
        "text": made.text,
        "segments": made.segments or None,
        "language": made.language or None,
        "sender": sender,
    }


def _result(context: Context, message: str) -> Result:
    """What the ledger says about a message that was handed over, as the journey hears it."""
    row = messages.by_id(context.session, message)
    assert row is not None
    state = MessageState(row.state)
    if state in TAKEN:
        return Result("sent")
    if state is PENDING:
        return Result("deferred", row.reason, row.not_before)
    return Result("unknown" if state in OPEN else "refused", row.reason or state.value)


def _again(reason: str, wait: float) -> ApplicationError:
    """Ends this attempt; Temporal makes the next one after `wait` seconds. An ordinary answer, which alarms nobody."""
    return ApplicationError(
        reason, type=reason, next_retry_delay=timedelta(seconds=wait), category=ApplicationErrorCategory.BENIGN
    )
