"""Messages: claimed once per (journey, step, occurrence), and settled by the attempt that owns them (rules.md 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import add_new, changed
from store.tables import Message, table_of

_message = table_of(Message)

UNSETTLED = ("sending", "unknown")


def get(session: Session, journey_id: str, step: str, occurrence: str) -> Message | None:
    """The message of a step's occurrence in a journey, read anew."""
    return session.scalar(
        select(Message)
        .where(_message.c.journey_id == journey_id, _message.c.step == step, _message.c.occurrence == occurrence)
        .execution_options(populate_existing=True)
    )


def by_id(session: Session, message_id: str) -> Message | None:
    """The message with this id."""
    return session.scalar(select(Message).where(_message.c.id == message_id))


def claim(session: Session, message: Message) -> bool:
    """Insert a message in the state it carries; False where its occurrence has one already, which stays as it is."""
    return add_new(session, message)


def claim_again(session: Session, message_id: str, attempt: int, at: Instant, decision: Mapping[str, Any]) -> bool:
    """Take a deferred, pending or unknown message for attempt number `attempt`, which must be a new one."""
    return changed(
        session.execute(
            update(_message)
            .where(
                _message.c.id == message_id,
                _message.c.attempt < attempt,
                _message.c.state.in_(("pending", "deferred", *UNSETTLED)),
            )
            .values(state="sending", attempt=attempt, claimed_at=at, decision=dict(decision), reason=None)
        )
    )


def mark_accepted(
    session: Session,
    message_id: str,
    attempt: int,
    at: Instant,
    *,
    recipient: str,
    subject: str | None,
    html: str | None,
    text: str | None,
    segments: int | None,
) -> bool:
    """Record that the sender took the message, and what it took; False where this attempt does not own it any more."""
    return _settle(
        session,
        message_id,
        attempt,
        state="accepted",
        accepted_at=at,
        settled_at=at,
        recipient=recipient,
        subject=subject,
        html=html,
        text=text,
        segments=segments,
    )


def mark_refused(session: Session, message_id: str, attempt: int, at: Instant, reason: str) -> bool:
    """Record that the sender refused the message for good; False where this attempt does not own it any more."""
    return _settle(session, message_id, attempt, state="refused", settled_at=at, reason=reason)


def mark_unknown(session: Session, message_id: str, attempt: int, reason: str) -> bool:
    """Record that nobody can tell whether the sender took it; False where this attempt does not own it any more."""
    return _settle(session, message_id, attempt, state="unknown", reason=reason)


def of_customer(session: Session, customer_id: str) -> list[Message]:
    """Every message of a customer, in the order in which they were due."""
    return list(
        session.scalars(
            select(Message).where(_message.c.customer_id == customer_id).order_by(_message.c.due_at, _message.c.id)
        )
    )


def latest_journey(session: Session, customer_id: str, step: str | None) -> str | None:
    """The journey that last had a message for a customer, of this step where one is named."""
    return session.scalar(
        select(_message.c.journey_id)
        .where(_message.c.customer_id == customer_id, *([] if step is None else [_message.c.step == step]))
        .order_by(_message.c.due_at.desc(), _message.c.id.desc())
        .limit(1)
    )


def summaries(
    session: Session, customer_id: str
) -> list[Row[tuple[str, str, str, str, Instant, Instant | None, str | None]]]:
    """Every message of a customer, in the order due: id, state, template, channel, due_at, accepted_at, reason."""
    one = _message.c
    wanted = select(one.id, one.state, one.template, one.channel, one.due_at, one.accepted_at, one.reason)
    return list(session.execute(wanted.where(one.customer_id == customer_id).order_by(one.due_at, one.id)))


def states_by_step(session: Session, journey_id: str) -> dict[str, str]:
    """By step id: the state of the step's latest message in a journey."""
    rows = session.execute(
        select(_message.c.step, _message.c.state)
        .where(_message.c.journey_id == journey_id)
        .order_by(_message.c.due_at, func.coalesce(_message.c.claimed_at, _message.c.due_at))
    )
    return {row.step: row.state for row in rows}


def _settle(session: Session, message_id: str, attempt: int, **values: Any) -> bool:
    return changed(
        session.execute(
            update(_message)
            .where(_message.c.id == message_id, _message.c.attempt == attempt, _message.c.state.in_(UNSETTLED))
            .values(**values)
        )
    )
