"""A message that a person sends again. It is no business of its journey, which may be over: no workflow drives it.

It goes the way of every other message (`delivering`): drafted anew, decided and claimed in one transaction, handed
over, settled. Two things differ. The end of the journey does not refuse it, for a person decided; and what may have
gone is never tried again: only what surely did not go is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import cast

from sqlalchemy.orm import Session
from temporalio.exceptions import ApplicationError
from whenever import Instant

from activities.claiming import Claim, Claimed, Draft
from activities.contract import Report, Work
from activities.delivering import Delivering, forget_too, hand_over
from activities.facts import facts_of
from activities.tools import Tools
from activities.transaction import Aside, Context
from lifecycle import policies
from lifecycle.commands import Deliver
from lifecycle.inputs import Result
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.ledger import PENDING, SENDING, TAKEN, UNKNOWN, MessageState
from lifecycle.state import STATE
from messaging.render import Rendered, RenderError
from messaging.sending import Outcome
from store import customers, journeys, messages, pauses
from store.tables import Journey, Message, Resend

AGAIN = 60.0
"""Seconds after which it is tried again at the earliest, where it surely did not go."""


class ByHand(Claim):
    """The claim of a message that a person sends again."""

    def _asked(self, context: Context, info: TemplateInfo) -> policies.Asked:
        asked = super()._asked(context, info)
        lying = lying_on(context.session, context.journey, self.draft.command.channel, context.now)
        return asked._replace(exited=False, pauses=lying)

    def _known(self, context: Context, earlier: Message) -> Result | None:
        state = MessageState(earlier.state)
        if state in TAKEN:
            return Result("sent")
        if state in (SENDING, UNKNOWN):
            return Result("unknown", earlier.reason)
        return None if state is PENDING else Result("refused", earlier.reason or state.value)


class Resending(Delivering):
    """One attempt at a message that a person sends again."""

    def __init__(self, tools: Tools, resend: Resend, now: Callable[[], Instant]) -> None:
        super().__init__(tools, Work(journey="", state={}), now)
        self.resend = resend

    async def attempt(self) -> Instant | None:
        """Send it, or say in the ledger why not; when to try again, None where it is settled."""
        draft = await self.tools.database.read(self._draft)
        if draft is None:
            return None
        try:
            answer, begun = await self._claim(draft, None)
        except ApplicationError as no_room:  # in the channel's rate
            return self.now().add(seconds=(no_room.next_retry_delay or timedelta(seconds=AGAIN)).total_seconds())
        if isinstance(answer, Report):
            deferred = answer.result is not None and answer.result.what == "deferred"
            at = answer.result.until if answer.result else None
            return (at or self.now().add(seconds=AGAIN)) if deferred else None
        sender = self.tools.senders[draft.command.channel]
        outcome = await self._in_thread(hand_over, sender, answer.outgoing, begun)
        return await self._settled(draft, answer, outcome)

    def _draft(self, session: Session) -> Draft | None:
        tools, original = self.tools, messages.by_id(session, self.resend.original)
        journey = journeys.get(session, original.journey_id) if original else None
        customer = customers.by_id(session, original.customer_id) if original else None
        if original is None or journey is None or journey.state is None:
            return None
        if customer is None or customer.erased_at is not None:
            return None
        channel = cast("Channel", original.channel)
        state = replace(STATE.validate_python(journey.state), came_due=None)
        plan = tools.asker.plan_of(session, journey.version)
        facts = facts_of(
            session, journey, customer, state, tools.map, plan.entry.milestone if plan.entry else None, self.now()
        )
        identity, info = self.resend.message_id, tools.renderer.info(original.template, channel)
        made: Rendered | RenderError
        try:
            made = tools.renderer.render(
                original.template, channel, customer.language, facts, self._given(info, identity)
            )
        except RenderError as error:
            made = error
        command = Deliver(original.step, 0, original.template, channel, self.resend.expires_at)
        earlier = messages.by_id(session, identity)
        return Draft(identity, self.resend.occurrence, command, state, info, made, customer, plan, earlier)

    def _claim_of(self, draft: Draft, found: Outcome | None, *, token: bool) -> Claim:
        return ByHand(self.tools, draft, found, token=token)

    async def _perform(self, draft: Draft, do: Callable[[Context], Result | Aside | None]) -> Report | Aside:
        def run(session: Session) -> Report | Aside:
            original = messages.by_id(session, self.resend.original)
            assert original is not None
            # The customer first, as everywhere; then the journey, which this changes nothing of.
            customer = customers.lock(session, original.customer_id)
            journey = journeys.get(session, original.journey_id)
            assert customer is not None
            assert journey is not None
            if journey.state is None:  # erased since it was drafted
                return Report(result=Result("refused", "erased"))
            state = replace(STATE.validate_python(journey.state), came_due=None)
            command = Deliver(
                original.step, 0, original.template, cast("Channel", original.channel), self.resend.expires_at
            )
            answer = do(Context(session, draft.plan, journey, customer, command, state, self.now()))
            assert answer is not None
            return answer if isinstance(answer, Aside) else Report(result=answer)

        return await self.tools.database.write(run)

    async def _settled(self, draft: Draft, claimed: Claimed, outcome: Outcome) -> Instant | None:
        """Store what became of it; when to try again where it surely did not go."""

        def settle(session: Session) -> Instant | None:
            customer = customers.lock(session, draft.customer.id)
            now = self.now()
            until = min(now.add(seconds=max(outcome.wait or 0.0, AGAIN)), self.resend.expires_at)
            self._store(session, claimed, outcome, now, until)
            if customer is not None and customer.erased_at is not None:
                forget_too(session, claimed.outgoing, outcome, customer.id)
            return until if outcome.what == "later" else None

        return await self._surely(settle)


def lying_on(session: Session, journey: Journey, channel: str, now: Instant) -> list[policies.Lying]:
    """The pauses that hold a message of a journey by a channel now."""
    found = pauses.concerning(
        session,
        journey_id=journey.id,
        customer_id=journey.customer_id,
        playbook=journey.playbook,
        channels=[channel],
        since=now,
    )
    return [
        policies.Lying(one.scope, one.reason, one.ends_at, bool(one.transactional))
        for one in found
        if one.ended_at is None
    ]
