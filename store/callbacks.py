"""Callbacks: what providers posted, stored word for word before anything is made of it, and processed once."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store.statements import add_new
from store.tables import Callback, table_of

_callback = table_of(Callback)


def insert_new(session: Session, callback: Callback) -> bool:
    """Store a callback; False where one with its digest was stored before."""
    return add_new(session, callback)


def pending(session: Session, limit: int) -> list[int]:
    """The numbers of callbacks to process, in the order in which they came."""
    waiting = select(_callback.c.id).where(_callback.c.state == "pending").order_by(_callback.c.id).limit(limit)
    return list(session.scalars(waiting))


def count_failed(session: Session) -> int:
    """How many callbacks were set aside."""
    return session.scalar(select(func.count()).select_from(_callback).where(_callback.c.state == "failed")) or 0


def take(session: Session, number: int) -> Callback | None:
    """A pending callback, kept from all other workers until this transaction ends; None where another has it."""
    return session.scalar(
        select(Callback)
        .where(_callback.c.id == number, _callback.c.state == "pending")
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def mark_done(session: Session, number: int) -> None:
    """Record that a callback was processed. Its body, which may name several people, is needed no more."""
    session.execute(update(_callback).where(_callback.c.id == number).values(state="done", error=None, body=b""))


def aside(session: Session, after: int, limit: int) -> list[Callback]:
    """Callbacks that were set aside as failed, with numbers above `after`, at most `limit`, in their order."""
    found = select(Callback).where(_callback.c.state == "failed", _callback.c.id > after)
    return list(session.scalars(found.order_by(_callback.c.id).limit(limit).execution_options(populate_existing=True)))


def cut(session: Session, number: int, body: bytes) -> None:
    """Leave only this of a callback's body."""
    session.execute(update(_callback).where(_callback.c.id == number).values(body=body))


def put_off(session: Session, number: int, error: str, attempts: int) -> bool:
    """Record a failed attempt; True where it was attempt number `attempts`, and the callback is set aside as failed."""
    failed = (
        update(_callback)
        .where(_callback.c.id == number, _callback.c.state == "pending")
        .values(attempts=_callback.c.attempts + 1, error=error)
        .returning(_callback.c.attempts)
    )
    if (session.scalar(failed) or 0) < attempts:
        return False
    session.execute(update(_callback).where(_callback.c.id == number).values(state="failed"))
    return True
