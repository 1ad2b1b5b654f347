"""The claim of a message: in one transaction, under the customer's lock, everything is looked at once more.

What is known of an earlier attempt comes first, then the decision (`lifecycle.policies`). A message that may go gets
its row in `sending`, which is committed before anybody calls a provider; one that may not gets its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog
from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from activities.asking import address_of
from activities.tools import Tools
from activities.transaction import Aside, Context
from lifecycle import policies
from lifecycle.commands import Deliver
from lifecycle.inputs import Result
from lifecycle.language.template import TemplateInfo
from lifecycle.ledger import PENDING, SENDING, TAKEN, UNKNOWN, MessageState, refused_as
from lifecycle.plan import Plan
from lifecycle.state import UNKNOWN_RETRIES, State
from messaging import addresses
from messaging.render import Rendered, RenderError
from messaging.sending import Outcome, Outgoing
from store import messages
from store.tables import Customer, Message

log = structlog.get_logger()

ABSENCE_PROVES = TimeDelta(minutes=5)
"""After so long a provider that does not list an SMS does not have it."""

LONGEST_VALIDITY = 36_000
"""Seconds: the most that Twilio takes as a ValidityPeriod."""


class Draft(NamedTuple):
    """A message before its claim. `made` is what it will say, or why it cannot be made; `earlier` is its row.

    `info` is None where the template is gone: a journey may be older than the templates of today. `occurrence` is the
    one of its step, as the ledger has it; `plan` that of the version in which the journey came to it.
    """

    id: str
    occurrence: str
    command: Deliver
    state: State
    info: TemplateInfo | None
    made: Rendered | RenderError
    customer: Customer
    plan: Plan
    earlier: Message | None


class Claimed(Aside):
    """The row is `sending`, and this attempt owns it."""

    __slots__ = ("attempt", "outgoing")

    def __init__(self, outgoing: Outgoing, attempt: int) -> None:
        self.outgoing, self.attempt = outgoing, attempt


class NoToken(Aside):
    """The message may go, and the channel's rate has no room for it at this moment. Nothing was written."""


class Claim:
    """The claim of one draft. `found` is what its provider said about an earlier attempt, `token` whether the rate of
    the channel has room for it.
    """

    def __init__(self, tools: Tools, draft: Draft, found: Outcome | None, *, token: bool) -> None:
        self.tools, self.draft, self.found, self.token = tools, draft, found, token

    def make(self, context: Context) -> Result | Aside:
        """Decide, and claim where the message may go."""
        session, now, draft = context.session, context.now, self.draft
        earlier = messages.by_id(session, draft.id)
        if earlier is not None:
            known = self._known(context, earlier)
            if known is not None:
                return known
        values: dict[str, Any] = {"claimed_at": now}
        if draft.info is None:
            return self._reject(context, earlier, values)
        asked = self._asked(context, draft.info)
        decision = policies.decide(asked)
        values |= {
            "decision": {"checks": [check._asdict() for check in policies.explain(asked)]},
            "reason": decision.reason,
            "not_before": decision.until,
            "purpose": draft.info.purpose,
            "topic": draft.info.topic,
        }
        if decision.outcome == "refuse":
            assert decision.reason is not None
            self._write(context, earlier, refused_as(decision.reason), {**values, "settled_at": now})
            return Result("refused", decision.reason)
        if decision.outcome == "defer":
            self._write(context, earlier, PENDING, values)
            return Result("deferred", decision.reason, decision.until)
        if isinstance(draft.made, RenderError):
            return self._reject(context, earlier, values)
        return self._take(context, earlier, values | _content(draft.made), self._outgoing(context, draft.made, asked))

    def _asked(self, context: Context, info: TemplateInfo) -> policies.Asked:
        """What the decision looks at."""
        return self.tools.asker.asked(
            context.session,
            info,
            context.customer,
            context.now,
            journey=context.journey,
            plan=context.plan,
            message=self.draft.id,
            expires=self.draft.command.expires,
        )

    def _known(self, context: Context, earlier: Message) -> Result | None:
        """What is known of a message that was tried before; None where it may be claimed (again)."""
        state, session, now, found = MessageState(earlier.state), context.session, context.now, self.found
        if state in TAKEN:
            return Result("sent")
        if state is SENDING:
            log.warning("message.interrupted", message=earlier.id, attempt=earlier.attempt)
            messages.settle(session, earlier.id, earlier.attempt, "ambiguous", now, reason="interrupted")
            return Result("unknown", "interrupted")
        if state is UNKNOWN:
            if found is not None and is_this(session, earlier, found):
                messages.learn(session, earlier.id, "accepted", now, found.provider_id)
                return Result("sent")
            if found is not None and found.what == "absent" and absence_proves(earlier, now):
                messages.settle(session, earlier.id, earlier.attempt, "absent", now)
                return None
            return None if self._once_more() else Result("unknown", earlier.reason)
        return None if state is PENDING else Result("refused", earlier.reason or state.value)

    def _once_more(self) -> bool:
        """Whether a transactional message goes once more although it may have gone: where its template wants that.

        Once, because the journey goes on after an attempt that nobody is sure of when it has asked so often.
        """
        info = self.draft.info
        return info is not None and info.resend and self.draft.state.tries >= len(UNKNOWN_RETRIES)

    def _take(
        self, context: Context, earlier: Message | None, values: dict[str, Any], outgoing: Outgoing
    ) -> Result | Aside:
        """Take a message that may go: for the outbox, whose effect this very row is, or for a provider."""
        draft, now = self.draft, context.now
        sender = self.tools.senders[draft.command.channel]
        values["recipient"] = outgoing.to
        if sender.stores:
            values |= {"sender": sender.name, "provider_id": sender.send(outgoing).provider_id}
            values |= {"accepted_at": now, "settled_at": now}
            self._write(context, earlier, MessageState.ACCEPTED, values)
            return Result("sent")
        if not self.token:
            return NoToken()
        # Which of two accounts gets it is known with the answer only: until then the row names none, so that both are
        # asked where the answer never comes.
        values["sender"] = None
        attempt = earlier.attempt if earlier else 0
        if earlier is None:
            taken = self._write(context, None, SENDING, values)
        else:
            now_by = {"template": draft.command.template, "channel": draft.command.channel}
            taken = messages.claim_again(context.session, draft.id, attempt, {**values, **now_by})
        return Claimed(outgoing, attempt + 1) if taken else Result("unknown", "interrupted")

    def _reject(self, context: Context, earlier: Message | None, values: Mapping[str, Any]) -> Result:
        assert isinstance(self.draft.made, RenderError)
        reason = self.draft.made.reason
        settled = {**values, "reason": reason, "settled_at": context.now}
        self._write(context, earlier, MessageState.REJECTED, settled)
        return Result("refused", reason)

    def _write(self, context: Context, earlier: Message | None, state: MessageState, values: Mapping[str, Any]) -> bool:
        """Store a decision: in a new row, or in that of a message that was put off before; whether it was stored."""
        draft, command = self.draft, self.draft.command
        if earlier is not None:
            # Another version of the playbook may send it by another template.
            now = {"template": command.template, "channel": command.channel}
            return messages.decide_again(context.session, draft.id, state, {**values, **now})
        row = Message(
            id=draft.id,
            journey_id=context.journey.id,
            step=command.step,
            occurrence=draft.occurrence,
            customer_id=context.customer.id,
            channel=command.channel,
            template=command.template,
            state=state,
            due_at=context.state.came_due or context.now,
            expires_at=command.expires,
            **values,
        )
        return messages.add(context.session, row)

    def _outgoing(self, context: Context, made: Rendered, asked: policies.Asked) -> Outgoing:
        command = self.draft.command
        to = addresses.normal(command.channel, address_of(context.customer, command.channel) or "")
        assert to is not None  # the decision looked
        valid_for = None
        if command.channel == "sms":
            ends = [end for end in (command.expires, policies.closes(asked) if asked.marketing else None) if end]
            if ends:
                left = int((min(ends) - context.now).total("seconds"))
                valid_for = min(max(left, 1), LONGEST_VALIDITY)
        unsubscribes = asked.marketing and command.channel == "email"
        return Outgoing(
            self.draft.id,
            command.channel,
            to,
            made.text,
            made.subject,
            made.html,
            made.from_,
            made.reply_to,
            self.tools.links.unsubscribe(self.draft.id) if unsubscribes else None,
            (context.plan.playbook, command.template),
            made.tracking,
            valid_for,
        )


def is_this(session: Session, message: Message, found: Outcome) -> bool:
    """Whether a provider has this very message: what it found may be another one of the same words to the same number,
    which our ledger then knows.
    """
    if found.what != "accepted":
        return False
    return found.provider_id is None or not messages.known_elsewhere(session, found.provider_id, message.id)


def absence_proves(message: Message, now: Instant) -> bool:
    """Whether the provider, which does not have it, had time enough to list it."""
    return message.claimed_at is not None and now - message.claimed_at >= ABSENCE_PROVES


def _content(made: Rendered) -> dict[str, Any]:
    return {
        "subject": made.subject or None,
        "html": made.html or None,
        "text": made.text,
        "segments": made.segments or None,
        "language": made.language or None,
    }
