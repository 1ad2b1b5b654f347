"""Suppressions: reasons never to message an address again. Addresses come as keyed hashes (messaging/addresses.py)."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import add_all
from store.tables import Suppression, table_of

_suppression = table_of(Suppression)


_ACTIVE = (
    select(Suppression)
    .where(
        _suppression.c.channel == bindparam("channel"),
        _suppression.c.address == bindparam("address"),
        _suppression.c.lifted_at.is_(None),
    )
    .order_by(_suppression.c.id)
)


def active(session: Session, channel: str, address: str) -> list[Suppression]:
    """The suppressions that hold for an address, in the order of their making."""
    return list(session.scalars(_ACTIVE, {"channel": channel, "address": address}))


def ever(session: Session, channel: str, address: str) -> list[Suppression]:
    """Every suppression that there ever was of an address, those that were lifted included."""
    theirs = select(Suppression).where(_suppression.c.channel == channel, _suppression.c.address == address)
    return list(session.scalars(theirs.order_by(_suppression.c.id)))


def add(session: Session, suppression: Suppression) -> bool:
    """Suppress an address; False where that is so already, for the same reason and as widely, and nothing changes."""
    for lying in active(session, suppression.channel, suppression.address):
        if lying.reason == suppression.reason and lying.scope in ("all", suppression.scope):
            return False
    add_all(session, [suppression])
    return True


def lift(session: Session, channel: str, address: str, reason: str, at: Instant) -> int:
    """End the suppressions of an address that have this reason; how many."""
    lifted = session.execute(
        update(_suppression)
        .where(
            _suppression.c.channel == channel,
            _suppression.c.address == address,
            _suppression.c.reason == reason,
            _suppression.c.lifted_at.is_(None),
        )
        .values(lifted_at=at)
        .returning(_suppression.c.id)
    )
    return len(lifted.all())


def last_lifted(session: Session, channel: str, address: str) -> Instant | None:
    """When a suppression of an address was last ended: what happened before is forgiven."""
    last: Instant | None = session.scalar(
        select(func.max(_suppression.c.lifted_at)).where(
            _suppression.c.channel == channel, _suppression.c.address == address
        )
    )
    return last
