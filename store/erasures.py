"""What is still to be forgotten about erased customers: by us, and by providers. A row is tried until it is done.

Whoever takes a row moves its `retry_at` on: should nothing more be heard of them, another worker tries it then.
"""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from store.statements import add_all
from store.tables import Erasure, table_of

_erasure = table_of(Erasure)

OURS = "milepost"
"""The `provider` of what we forget ourselves."""

LEASE = TimeDelta(minutes=10)
"""How long one attempt may take before another worker makes the next."""


def add(session: Session, erasure: Erasure) -> None:
    """Store what is to be forgotten. It is tried from its `retry_at` on."""
    add_all(session, [erasure])


def ask(session: Session, customer_id: str, provider: str, subject: str, now: Instant) -> None:
    """Have a provider asked to forget `subject`: an address that it wrote to, or its id of an SMS."""
    row = Erasure(customer_id=customer_id, provider=provider, subject=subject, retry_at=now, created_at=now)
    add(session, row)


def take(session: Session, now: Instant, limit: int, customer_id: str | None = None) -> list[Erasure]:
    """What is due, at most `limit`, for the caller alone for `LEASE`. With `customer_id`: what is ours of theirs.

    The rows are as they are stored now, this attempt counted.
    """
    one = _erasure.c
    due = select(one.id).where(one.state == "pending")
    if customer_id is None:
        due = due.where(one.retry_at <= now)
    else:
        due = due.where(one.customer_id == customer_id, one.provider == OURS)
    found = session.scalars(due.order_by(one.retry_at, one.id).limit(limit).with_for_update(skip_locked=True)).all()
    session.execute(update(_erasure).where(one.id.in_(found)).values(attempts=one.attempts + 1, retry_at=now + LEASE))
    rows = select(Erasure).where(one.id.in_(found)).order_by(one.id)
    return list(session.scalars(rows.execution_options(populate_existing=True)))


def finish(session: Session, number: int, at: Instant) -> None:
    """It is done, and what named the person is emptied."""
    done = {"state": "done", "subject": None, "error": None, "retry_at": None, "done_at": at}
    session.execute(update(_erasure).where(_erasure.c.id == number).values(done))


def put_off(session: Session, number: int, retry_at: Instant, error: str | None, *, emptied: bool = False) -> None:
    """It is tried again at `retry_at`. `error` is a code; `emptied`: what named the person is needed no more."""
    values: dict[str, object] = {"retry_at": retry_at, "error": error}
    if emptied:
        values["subject"] = None
    session.execute(update(_erasure).where(_erasure.c.id == number).values(values))


def fail(session: Session, number: int, error: str | None) -> None:
    """It will not be tried again: somebody has to look. The subject stays, so that they can ask the provider for it."""
    session.execute(update(_erasure).where(_erasure.c.id == number).values(state="failed", error=error, retry_at=None))


def of_customer(session: Session, customer_id: str) -> list[Erasure]:
    """What was and is to be forgotten of an erased customer, in the order of its making."""
    return list(
        session.scalars(
            select(Erasure)
            .where(_erasure.c.customer_id == customer_id)
            .order_by(_erasure.c.id)
            .execution_options(populate_existing=True)
        )
    )


def open(session: Session) -> list[Erasure]:  # noqa: A001 - erasures.open() says what it is
    """All that is not done: what is pending, and what failed for good."""
    return list(session.scalars(select(Erasure).where(_erasure.c.state != "done").order_by(_erasure.c.id)))
