"""Sending one message: drafted, decided and claimed, handed over, settled. The order is what keeps it from going twice.

1. Drafted: rendered before any transaction, so that the database's writers never wait for a template.
2. Claimed: in one transaction everything is looked at again and the row becomes `sending`. It is committed **before**
   the provider is called; a sender whose effect is in our own database claims and accepts at once.
3. Handed over: one call, without a transaction, and soon after the claim.
4. Settled: in one transaction the row gets what became of it, by the attempt that owns it, and the journey goes on.

A worker that dies between 2 and 4 leaves a row in `sending`. Whoever finds it there does not know, and says so:
`unknown`, and nothing is sent (rules.md 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from whenever import Instant, TimeDelta

from activities.claiming import Claim, Claimed, Draft, NoToken
from activities.contract import Report, Work
from activities.facts import facts_of
from activities.tools import Tools
from activities.transaction import Aside, Context, perform
from lifecycle.commands import Deliver
from lifecycle.inputs import Result
from lifecycle.interpreter import pending
from lifecycle.language.template import TemplateInfo
from lifecycle.ledger import OPEN, PENDING, TAKEN, UNKNOWN, MessageState, News, message_id
from lifecycle.state import STATE
from lifecycle.suppression import STOPPED
from messaging import addresses
from messaging.render import Rendered, RenderError
from messaging.senders.failover import who_had
from messaging.sending import Outcome, Outgoing, Sender
from store import customers, erasures, journeys, messages, suppressions
from store.errors import StoreError
from store.tables import Suppression

log = structlog.get_logger()

SHORT = 60.0
"""Seconds: a shorter wait stays in the activity, for a longer one the journey is asked (rules.md 9)."""

LONG = 300.0
"""Seconds for which a message is put off at least, where the journey is asked: a provider's bad hour is no loop."""

SHORT_TRIES = 5
"""How many short waits in a row, before the journey is asked."""

LONGEST_WAIT = 300.0
"""Seconds: an attempt that surely failed is made again after 2, 4, 8 ... seconds, and no later than this."""

STALE = TimeDelta(seconds=45)
"""A claim that is older is not handed over: whoever stood still for so long cannot know what others made of it."""

SETTLE_AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to store what became of a message: nobody else knows it."""

T = TypeVar("T")

_NEWS: Mapping[str, News] = {
    "accepted": "accepted",
    "later": "later",
    "rejected": "rejected",
    "stopped": "stopped",
    "unknown": "ambiguous",
}


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
        answer, begun = await self._claim(draft, found)
        if isinstance(answer, Report):
            return answer
        assert isinstance(answer, Claimed)
        sender = self.tools.senders[draft.command.channel]
        outcome = await self._in_thread(hand_over, sender, answer.outgoing, begun)
        return await self._settle(draft, answer, outcome)

    # --- drafting --------------------------------------------------------------------------------------------------

    def _draft(self, session: Session) -> Draft | None:
        tools, state = self.tools, STATE.validate_python(self.work.state)
        journey, customer = journeys.get(session, self.work.journey), customers.by_id(session, state.customer)
        if journey is None or customer is None or journey.status == "ended":
            return None
        plan = self.tools.asker.plan_of(session, self.work.version or journey.version)
        command = pending(plan, state)
        assert isinstance(command, Deliver)
        entry = plan.entry.milestone if plan.entry else None
        facts = facts_of(session, journey, customer, state, tools.map, entry, self.now())
        identity = message_id(journey.id, command.step, command.occurrence)
        info = tools.renderer.info(command.template, command.channel)
        made: Rendered | RenderError
        try:
            made = tools.renderer.render(
                command.template, command.channel, customer.language, facts, self._given(info, identity)
            )
        except RenderError as error:
            made = error
        return Draft(
            identity,
            str(command.occurrence),
            command,
            state,
            info,
            made,
            customer,
            plan,
            messages.by_id(session, identity),
        )

    def _given(self, info: TemplateInfo | None, identity: str) -> Mapping[str, str]:
        """What layouts show besides the facts. Nobody unsubscribes from transactional mail, so it has no such links."""
        given = {"postal_address": self.tools.map.postal_address or "", "company": self.tools.map.company}
        links = self.tools.links
        if info is not None and info.purpose == "marketing":
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

    # --- claiming --------------------------------------------------------------------------------------------------

    async def _claim(self, draft: Draft, found: Outcome | None) -> tuple[Report | Claimed, Instant]:
        """Decide, and claim where it may go; and the real time before that. Waits for the channel's rate, without
        holding anything.
        """
        rates, channel = self.tools.rates, draft.command.channel
        limited = rates.limited(channel) and not self.tools.senders[channel].stores
        token, begun = not limited or rates.take(channel, Instant.now()), Instant.now()
        answer = await self._perform(draft, self._claim_of(draft, found, token=token).make)
        if isinstance(answer, NoToken):
            token = await rates.token(self.tools.database, channel)
            if not token:
                raise _again("sending-rate", rates.wait(channel, Instant.now()))
            begun = Instant.now()
            answer = await self._perform(draft, self._claim_of(draft, found, token=token).make)
        if limited and token and not isinstance(answer, Claimed):
            rates.give_back(channel, Instant.now())
        assert isinstance(answer, Report | Claimed)
        return answer, begun

    def _claim_of(self, draft: Draft, found: Outcome | None, *, token: bool) -> Claim:
        return Claim(self.tools, draft, found, token=token)

    # --- settling --------------------------------------------------------------------------------------------------

    async def _settle(self, draft: Draft, claimed: Claimed, outcome: Outcome) -> Report:
        """Store what became of the message, and let the journey go on; a short wait is for this activity itself."""
        wait = outcome.wait or min(2.0 ** min(claimed.attempt, 10), LONGEST_WAIT)
        short = outcome.what == "later" and wait < SHORT and activity.info().attempt <= SHORT_TRIES
        now = self.now()
        until = now.add(seconds=wait if short else max(wait, LONG))
        if draft.command.expires is not None:
            until = max(min(until, draft.command.expires), now.add(seconds=1))

        def settle(session: Session) -> Report | Aside:
            # As claims and callbacks do it: the customer first, then the message.
            customer = customers.lock(session, draft.customer.id)
            now = self.now()
            stored = self._store(session, claimed, outcome, now, until)
            if customer is not None and customer.erased_at is not None:
                forget_too(session, claimed.outgoing, outcome, customer.id)
            if short:
                return Aside()
            sent = Result("sent") if stored and outcome.what == "accepted" else None
            do: Callable[[Context], Result] = lambda context: sent or _result(context, draft.id)  # noqa: E731
            return perform(session, self.work, draft.plan, now, do, settling=True)

        answer = await self._surely(settle)
        if isinstance(answer, Report):
            return answer
        raise _again(outcome.reason or "later", wait)

    async def _surely(self, settle: Callable[[Session], T]) -> T:
        """Store what only this attempt knows, through a moment in which the database is away."""
        for wait in SETTLE_AGAIN:
            try:
                return await self.tools.database.write(settle)
            except (StoreError, OperationalError) as error:
                log.warning("message.settles_late", because=type(error).__name__)
                await asyncio.sleep(wait)
        return await self.tools.database.write(settle)

    def _store(self, session: Session, claimed: Claimed, outcome: Outcome, now: Instant, until: Instant) -> bool:
        """False where somebody knows better what became of the message."""
        values: dict[str, Any] = {"reason": outcome.reason}
        if outcome.what == "accepted":
            values = {"provider_id": outcome.provider_id, "accepted_at": now, "reason": None}
        elif outcome.what == "later":
            values["not_before"] = until
        if outcome.sender:
            values["sender"] = outcome.sender
        outgoing = claimed.outgoing
        stored = messages.settle(session, outgoing.id, claimed.attempt, _NEWS[outcome.what], now, **values)
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
        return stored

    async def _perform(self, draft: Draft, do: Callable[[Context], Result | Aside | None]) -> Report | Aside:
        return await self.tools.database.write(lambda session: perform(session, self.work, draft.plan, self.now(), do))

    async def _in_thread(self, call: Callable[..., Outcome], *given: Any) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self.tools.threads, call, *given)


def hand_over(sender: Sender, outgoing: Outgoing, begun: Instant) -> Outcome:
    """Call the provider, unless this process stood still since the claim. Real time, which goes on in sleep."""
    if Instant.now() - begun > STALE:
        return Outcome("later", "stood-still", wait=1.0)
    return sender.send(outgoing)


def forget_too(session: Session, outgoing: Outgoing, outcome: Outcome, customer: str) -> None:
    """The customer was erased while the message was on its way: its provider, who may have it, is to forget it too."""
    subject = outgoing.to if outgoing.channel == "email" else outcome.provider_id
    if subject is not None and outcome.what in ("accepted", "unknown"):
        erasures.ask(session, customer, outcome.sender or outgoing.channel, subject, Instant.now())


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
        reason,
        type=reason,
        next_retry_delay=timedelta(seconds=max(wait, 0.05)),
        category=ApplicationErrorCategory.BENIGN,
    )
