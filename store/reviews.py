"""The ledger page by page, for whoever goes over all of it: the reconciler, and `milepost verify`.

A page is read in one transaction and begins after an id, so that a ledger of any size needs little memory and blocks
nobody. Nothing here is written.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.ledger import ACCEPTED, SENDING, TAKEN
from store.tables import Delivery, Journey, Message, Trace, table_of

_message, _delivery = table_of(Message), table_of(Delivery)
_journey, _trace = table_of(Journey), table_of(Trace)


class Entry(NamedTuple):
    """One message, without its content."""

    id: str
    journey: str
    step: str
    occurrence: str
    channel: str
    state: str
    reason: str | None
    claimed_at: Instant | None
    provider_id: str | None


class Claim(NamedTuple):
    """A message that an attempt has claimed."""

    id: str
    attempt: int


class News(NamedTuple):
    """What was told of a message: what, and what the provider calls it."""

    message: str
    kind: str
    provider_id: str | None


def messages(session: Session, after: str, limit: int) -> list[Entry]:
    """Messages in the order of their ids, those above `after`."""
    one = _message.c
    rows = session.execute(
        select(
            one.id, one.journey_id, one.step, one.occurrence, one.channel, one.state, one.reason, one.claimed_at,
            one.provider_id,
        )
        .where(one.id > after)
        .order_by(one.id)
        .limit(limit)
    )  # fmt: skip
    return [Entry(*row) for row in rows]


def news(session: Session, first: str, last: str) -> list[News]:
    """What was told of the messages whose ids are between these two, both included."""
    one = _delivery.c
    rows = session.execute(
        select(one.message_id, one.kind, one.provider_id)
        .where(one.message_id >= first, one.message_id <= last)
        .distinct()
    )
    return [News(*row) for row in rows]


def journeys(session: Session, after: str, limit: int) -> list[str]:
    """Ids of journeys in their order, those above `after`."""
    one = _journey.c
    return list(session.scalars(select(one.id).where(one.id > after).order_by(one.id).limit(limit)))


def said_sent(session: Session, first: str, last: str) -> dict[tuple[str, str], int]:
    """By journey and step: how often the timelines of the journeys between these two say that a message was sent."""
    one = _trace.c
    rows = session.execute(
        select(one.journey_id, one.step, func.count())
        .where(one.journey_id >= first, one.journey_id <= last, one.what == "sent")
        .group_by(one.journey_id, one.step)
    )
    return {(journey, step): number for journey, step, number in rows}


def taken(session: Session, first: str, last: str) -> dict[tuple[str, str], set[str]]:
    """By journey and step: the occurrences that a provider has, of the journeys between these two."""
    one = _message.c
    rows = session.execute(
        select(one.journey_id, one.step, one.occurrence).where(
            one.journey_id >= first, one.journey_id <= last, one.state.in_(TAKEN)
        )
    )
    found: dict[tuple[str, str], set[str]] = {}
    for journey, step, occurrence in rows:
        found.setdefault((journey, step), set()).add(occurrence)
    return found


def claimed_before(session: Session, at: Instant, limit: int) -> list[Claim]:
    """Messages that have been `sending` since before `at`."""
    one = _message.c
    rows = session.execute(
        select(one.id, one.attempt)
        .where(one.state == SENDING, one.claimed_at < at)
        .order_by(one.claimed_at)
        .limit(limit)
    )
    return [Claim(*row) for row in rows]


def without_end(
    session: Session, channel: str, after: tuple[Instant, str], until: Instant, limit: int
) -> list[Message]:
    """Messages of a channel of which no end is known, in the order of their acceptance.

    Those accepted by `until`, and later than `after`, which is the `accepted_at` and id of the last one of a page.
    """
    one = _message.c
    return list(
        session.scalars(
            select(Message)
            .where(
                one.state == ACCEPTED,
                one.channel == channel,
                tuple_(one.accepted_at, one.id) > tuple_(literal(after[0], one.accepted_at.type), literal(after[1])),
                one.accepted_at <= until,
            )
            .order_by(one.accepted_at, one.id)
            .limit(limit)
        )
    )
