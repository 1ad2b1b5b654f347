"""Sending a message again by hand: it is asked for in one transaction with the audit log, and a worker sends it.

It is a new message: the occurrence `manual:N` of its step, with an id of its own (rules.md 16), whatever became of the
first. So it is sent once at most, as every message is; `activities.resending` says how. Whoever asks again while it is
not settled is refused.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from activities.resending import Resending
from activities.tools import Tools
from intake import asking
from intake.asking import Conflict
from intake.pauses import Impossible
from intake.reader import Unknown
from lifecycle.ledger import OPEN, message_id
from store import audit, customers, journeys, messages, resends
from store.tables import Audit, Message, Resend

EXPIRES = TimeDelta(hours=72)
"""For so long it may wait for quiet hours, caps or the end of a pause."""


def ask(session: Session, message: str, *, reason: str, who: str, now: Instant, key: str | None = None) -> str:
    """Let a message be sent again; the id of the one that it will be. `key` as in `intake.asking`.

    Raises Unknown, Impossible without a reason, and Conflict: the message, or one that repeats it, is still on its way;
    or its customer was erased.
    """
    original = sendable(session, message)
    if not reason.strip():
        raise Impossible("say why: the reason is kept in the audit log")
    # Whoever asks at the same time waits here, so that each has a number of its own.
    customers.lock(session, original.customer_id)
    if (earlier := asking.before(session, "resend", original.id, key, {}, ("message", "step"))) is not None:
        return str((earlier.data or {})["message"])
    count, waiting = resends.of_step(session, original.journey_id, original.step)
    if waiting is not None:
        raise Conflict("a message of this step is being sent again already")
    occurrence = resends.occurrence(count + 1)
    made = message_id(original.journey_id, original.step, occurrence)
    resends.add(
        session,
        Resend(
            message_id=made,
            original=original.id,
            occurrence=occurrence,
            asked_at=now,
            expires_at=now + EXPIRES,
            retry_at=now,
        ),
    )
    data = asking.keyed({"message": made, "step": original.step}, key)
    audit.record(session, Audit(at=now, who=who, what="resend", target=original.id, reason=reason, data=data))
    return made


def sendable(session: Session, message: str) -> Message:
    """A message that may be sent again, by its id; raises Unknown and Conflict as `ask` does."""
    original = messages.by_id(session, message)
    if original is None:
        raise Unknown(f"there is no message `{message}`")
    if original.state in OPEN:
        raise Conflict(f"the message is {original.state}: it may still go by itself, so it is not sent again")
    customer = customers.by_id(session, original.customer_id)
    if customer is None or customer.erased_at is not None:
        raise Conflict("the customer was erased: nothing is sent to them any more")
    journey = journeys.get(session, original.journey_id)
    if journey is None or journey.simulated or journey.state is None:
        raise Conflict("the journey of this message sends nothing")
    return original


class Resender:
    """The part of a worker that sends what was asked for again. Several may run."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    async def step(self, now: Instant) -> bool:
        """Take the next one that is due at `now` and try it; whether there was one."""
        database = self.tools.database
        resend = await database.write(partial(resends.take, now=now))
        if resend is None:
            return False
        again = await Resending(self.tools, resend, Instant.now).attempt()
        await database.write(partial(resends.put_off, message_id=resend.message_id, retry_at=again))
        return True
