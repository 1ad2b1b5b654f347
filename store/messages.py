"""Messages: one row for each (journey, step, occurrence), moved along by `lifecycle.ledger` and by nothing else.

A claim is committed before a provider is called. What came of it is written by the attempt that owns the row, and only
while nobody knows better; what providers tell later is written by `learn`, whoever had the row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, func, or_, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.ledger import COUNTED, PENDING, SENDING, UNKNOWN, MessageState, News, before, target
from store.statements import add_new, changed
from store.tables import Journey, Message, table_of

_message = table_of(Message)
_journey = table_of(Journey)

MANUAL = "manual:"
"""How the occurrences of messages begin that a person sends again (rules.md 16)."""

_OURS = frozenset({SENDING, UNKNOWN})


class Waiting(NamedTuple):
    """A message that was put off: whose journey, of which playbook version, and when it may be tried again."""

    journey: str
    version: str
    not_before: Instant
    channel: str
    topic: str | None


def get(session: Session, journey_id: str, step: str, occurrence: str) -> Message | None:
    """The message of a step's occurrence in a journey, read anew."""
    return session.scalar(
        select(Message)
        .where(_message.c.journey_id == journey_id, _message.c.step == step, _message.c.occurrence == occurrence)
        .execution_options(populate_existing=True)
    )


_BY_ID = select(Message).where(_message.c.id == bindparam("id")).execution_options(populate_existing=True)
_STATES = (
    select(_message.c.step, _message.c.state)
    .where(_message.c.journey_id == bindparam("journey"))
    .order_by(_message.c.due_at, func.coalesce(_message.c.claimed_at, _message.c.due_at))
)
_SETTLE = update(_message).where(
    _message.c.id == bindparam("of"),
    _message.c.attempt == bindparam("by"),
    _message.c.state.in_(bindparam("known", expanding=True)),
)


def by_id(session: Session, message_id: str) -> Message | None:
    """The message with this id, read anew."""
    return session.scalar(_BY_ID, {"id": message_id})


def add(session: Session, message: Message) -> bool:
    """Insert a message in the state it carries; False where its occurrence has one already, which stays as it is."""
    return add_new(session, message)


def claim_again(session: Session, message_id: str, attempt: int, values: Mapping[str, Any]) -> bool:
    """Take a pending or unknown message, last claimed by `attempt`, for the next attempt, and store what goes out."""
    return changed(
        session.execute(
            update(_message)
            .where(
                _message.c.id == message_id,
                _message.c.attempt == attempt,
                _message.c.state.in_(before("claimed")),
            )
            .values({**values, "state": SENDING, "attempt": attempt + 1})
        )
    )


def decide_again(session: Session, message_id: str, state: MessageState, values: Mapping[str, Any]) -> bool:
    """Store another decision about a pending message: put off once more, refused, or taken by the outbox."""
    return changed(
        session.execute(
            update(_message)
            .where(_message.c.id == message_id, _message.c.state == PENDING)
            .values({**values, "state": state})
        )
    )


def settle(session: Session, message_id: str, attempt: int, news: News, at: Instant, **values: Any) -> bool:
    """Store what came of an attempt; False where it does not own the row any more, or somebody knows better."""
    state = target(news)
    if state not in (PENDING, UNKNOWN):
        values["settled_at"] = at
    owned = {"of": message_id, "by": attempt, "known": before(news) & _OURS}
    return changed(session.execute(_SETTLE, {**owned, "state": state, **values}))


def learn(session: Session, message_id: str, news: News, at: Instant, provider_id: str | None = None) -> bool:
    """Store what a provider told about a message; False where that changes nothing.

    A message that nobody was sure of is accepted at `at`, the time of the proof.
    """
    known = update(_message).where(_message.c.id == message_id, _message.c.state.in_(before(news)))
    moved = changed(session.execute(known.values(state=target(news), settled_at=at, reason=None)))
    if moved:
        first = update(_message).where(_message.c.id == message_id)
        session.execute(first.where(_message.c.accepted_at.is_(None)).values(accepted_at=at))
        if provider_id is not None:
            session.execute(first.where(_message.c.provider_id.is_(None)).values(provider_id=provider_id))
    return moved


def withdraw(session: Session, journey_id: str, at: Instant, *, by_hand: bool = False) -> None:
    """Settle what a journey put off and never came back to: somebody dropped it, or the journey ended before.

    What a person sends again is no business of the journey, and is settled only where `by_hand` says so.
    """
    waiting = update(_message).where(_message.c.journey_id == journey_id, _message.c.state.in_(before("withdrawn")))
    if not by_hand:
        waiting = waiting.where(_message.c.occurrence.not_like(f"{MANUAL}%"))
    session.execute(waiting.values(state=target("withdrawn"), settled_at=at))


def counted(session: Session, customer_id: str, since: Instant) -> list[Row[tuple[Instant, str, str | None]]]:
    """Marketing messages that count against a customer's caps: claimed_at, channel, topic (rules.md 10)."""
    one = _message.c
    return list(
        session.execute(
            select(one.claimed_at, one.channel, one.topic).where(
                one.customer_id == customer_id,
                one.claimed_at >= since,
                one.state.in_(COUNTED),
                or_(one.purpose == "marketing", one.purpose.is_(None)),
            )
        )
    )


def put_off(session: Session, customer_id: str, but: str, after: Instant) -> list[Waiting]:
    """A customer's marketing messages, all but the one named, that open journeys put off until `after` or later."""
    one = _message.c
    rows = session.execute(
        select(one.journey_id, _journey.c.version, one.not_before, one.channel, one.topic)
        .join(_journey, _journey.c.id == one.journey_id)
        .where(
            one.customer_id == customer_id,
            one.id != but,
            one.state == PENDING,
            one.purpose == "marketing",
            one.not_before >= after,
            _journey.c.exit_at.is_(None),
        )
    )
    return [Waiting(*row) for row in rows]


def in_state(
    session: Session, states: Collection[MessageState], limit: int, after: str = "", channel: str | None = None
) -> list[Message]:
    """Messages in these states in the order of their ids, those above `after`, at most `limit`: a page."""
    return list(
        session.scalars(
            select(Message)
            .where(
                _message.c.state.in_(states),
                _message.c.id > after,
                *([] if channel is None else [_message.c.channel == channel]),
            )
            .order_by(_message.c.id)
            .limit(limit)
            .execution_options(populate_existing=True)
        )
    )


def known_elsewhere(session: Session, provider_id: str, but: str) -> bool:
    """Whether a message other than `but` has this id at the provider."""
    other = select(_message.c.id).where(_message.c.provider_id == provider_id, _message.c.id != but).limit(1)
    return session.scalar(other) is not None


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
    return {row.step: row.state for row in session.execute(_STATES, {"journey": journey_id})}
