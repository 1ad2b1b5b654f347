"""Messages that people want to have sent again, until they are settled."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from store.messages import MANUAL
from store.statements import add_all
from store.tables import Message, Resend, table_of

_resend, _message = table_of(Resend), table_of(Message)

LEASE = TimeDelta(minutes=10)
"""So long nobody else takes it up: longer than any attempt lasts."""


def add(session: Session, resend: Resend) -> None:
    """Store that a message is to be sent again."""
    add_all(session, [resend])


def get(session: Session, message_id: str) -> Resend | None:
    """What was asked for as this message."""
    one = select(Resend).where(_resend.c.message_id == message_id)
    return session.scalar(one.execution_options(populate_existing=True))


def of_step(session: Session, journey_id: str, step: str) -> tuple[int, Instant | None]:
    """How often messages of a step in a journey were asked for again; when one that is not settled is tried next."""
    originals = select(_message.c.id).where(_message.c.journey_id == journey_id, _message.c.step == step)
    found = select(func.count(), func.max(_resend.c.retry_at)).where(_resend.c.original.in_(originals))
    row = session.execute(found).one()
    return row[0], row[1]


def take(session: Session, now: Instant) -> Resend | None:
    """The next one that is due, kept from all others for `LEASE`."""
    due = select(_resend.c.message_id).where(_resend.c.retry_at <= now).order_by(_resend.c.retry_at)
    found = session.scalar(due.limit(1).with_for_update(skip_locked=True))
    if found is None:
        return None
    put_off(session, found, now + LEASE)
    return get(session, found)


def put_off(session: Session, message_id: str, retry_at: Instant | None) -> None:
    """When it is tried next; None: it is settled."""
    session.execute(update(_resend).where(_resend.c.message_id == message_id).values(retry_at=retry_at))


def occurrence(number: int) -> str:
    """The occurrence of the `number`th time that somebody sends a message of a step again."""
    return f"{MANUAL}{number}"
