"""Shards: the parts into which customers are divided. Each part's events are applied in their order (rules.md 11).

A dispatcher locks the rows of the shards that it works at, and passes over those that another one holds. A lock on the
events themselves would not do: two dispatchers then apply one customer's events side by side, out of order.
"""

from __future__ import annotations

import zlib

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session
from whenever import Instant

from store.tables import Event, Shard, table_of

SHARDS = 64
"""How many there are. It is written into rows, and so never changes."""

_shard, _event = table_of(Shard), table_of(Event)


def shard_of(user_id: str) -> int:
    """The shard of the customer whom the product calls so."""
    return zlib.crc32(user_id.encode()) % SHARDS


def lock(session: Session, shard: int) -> None:
    """Keep a shard from all others until the transaction ends, after whoever has it now."""
    session.execute(select(_shard.c.id).where(_shard.c.id == shard).with_for_update())


def try_lock(session: Session, shard: int) -> bool:
    """Keep one more shard from all others until the transaction ends; False, at once, where somebody else has it.

    Whoever holds a shard never waits for another: two who did would wait for each other.
    """
    found = select(_shard.c.id).where(_shard.c.id == shard)
    return session.scalar(found.with_for_update(skip_locked=True)) is not None


def lock_waiting(session: Session, now: Instant, limit: int) -> list[int]:
    """At most `limit` shards that have something to apply and that nobody else holds; kept until the transaction ends.

    In no order, so that a busy shard does not go before the others for ever.
    """
    waiting = exists().where(
        _event.c.shard == _shard.c.id,
        _event.c.state == "pending",
        or_(_event.c.retry_at.is_(None), _event.c.retry_at <= now),
    )
    found = select(_shard.c.id).where(waiting).order_by(func.random()).limit(limit)
    return list(session.scalars(found.with_for_update(skip_locked=True, of=_shard)))
