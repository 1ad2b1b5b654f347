"""Shards: the parts into which customers are divided. Each part's events are applied in their order (rules.md 11).

- A dispatcher locks the rows of the shards that it works at, and passes over those that another one holds. A lock on
  the events themselves would not do: two dispatchers then apply one customer's events side by side, out of order.
- Telling Temporal takes longer than a lock may be held, so a shard is leased for it. A teller that dies is followed by
  another once its lease is over; where two tell at once, calls are repeated, which does no harm.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select, true, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import LIMIT
from store.tables import Event, Journey, JourneyInbox, Shard, Telling, table_of
from store.types import InstantType

SHARDS = 64
"""How many there are. It is written into rows, and so never changes."""

_shard, _telling = table_of(Shard), table_of(Telling)
_event, _journey, _inbox = table_of(Event), table_of(Journey), table_of(JourneyInbox)

NOW = bindparam("now", type_=InstantType)


def shard_of(user_id: str) -> int:
    """The shard of the customer whom the product calls so."""
    return zlib.crc32(user_id.encode()) % SHARDS


# --- applying --------------------------------------------------------------------------------------------------------


def _ready() -> ColumnElement[bool]:
    ahead = _event.alias("ahead")
    waits_behind = exists().where(
        ahead.c.user_id == _event.c.user_id,
        ahead.c.state == "pending",
        ahead.c.retry_at.is_not(None),
        ahead.c.retry_at > NOW,
        ahead.c.id < _event.c.id,
    )
    merging = _event.alias("merging")
    waits_for_merging = exists().where(
        merging.c.previous_id == _event.c.user_id,
        merging.c.state == "pending",
        merging.c.previous_id.is_not(None),
        merging.c.id < _event.c.id,
    )
    due = or_(_event.c.retry_at.is_(None), _event.c.retry_at <= NOW)
    return and_(_event.c.state == "pending", due, ~waits_behind, ~waits_for_merging)


READY = _ready()
"""That an event may be applied at `now`: it is pending, neither it nor an earlier one of its user is to be retried
later, and no earlier one merges its user into another (rules.md 21).
"""


def lock(session: Session, shard: int) -> None:
    """Keep a shard from all others until the transaction ends, after whoever has it now."""
    session.execute(select(_shard.c.id).where(_shard.c.id == shard).with_for_update())


def try_lock(session: Session, shard: int) -> bool:
    """Keep one more shard from all others until the transaction ends; False, at once, where somebody else has it.

    Whoever holds a shard never waits for another: two who did would wait for each other.
    """
    found = select(_shard.c.id).where(_shard.c.id == shard)
    return session.scalar(found.with_for_update(skip_locked=True)) is not None


# The subquery with a limit, and not EXISTS, which PostgreSQL would turn into a join with all that is pending.
_WAITING = (
    select(_shard.c.id)
    .where(select(true()).where(_event.c.shard == _shard.c.id, READY).limit(1).scalar_subquery())
    .order_by(func.random())
    .limit(LIMIT)
    .with_for_update(skip_locked=True, of=_shard)
)


def lock_waiting(session: Session, now: Instant, limit: int) -> list[int]:
    """At most `limit` shards that have something to apply and that nobody else holds; kept until the transaction ends.

    In no order, so that a busy shard does not go before the others for ever.
    """
    return list(session.scalars(_WAITING, {"now": now, "limit": limit}))


# --- telling ---------------------------------------------------------------------------------------------------------


def _with_news() -> Select[int]:
    starting = exists().where(_journey.c.status == "starting", _journey.c.shard == _telling.c.shard)
    undelivered = (
        select(_journey.c.shard)
        .join(_inbox, _inbox.c.journey_id == _journey.c.id)
        .where(_inbox.c.delivered_at.is_(None), _journey.c.status == "open")
    )
    return select(_telling.c.shard).where(
        or_(_telling.c.until.is_(None), _telling.c.until <= NOW),
        or_(starting, _telling.c.shard.in_(undelivered)),
    )


_ANY_NEWS = _with_news().limit(1)
_NEWS = _with_news().order_by(func.random()).limit(LIMIT).with_for_update(skip_locked=True, of=_telling)


_LEASE = update(_telling).where(_telling.c.shard.in_(bindparam("shards", expanding=True)))
_RELEASE = _LEASE.where(_telling.c.teller == bindparam("whose"))


def with_news(session: Session, now: Instant) -> bool:
    """Whether there is a shard with something of which to tell Temporal, and that nobody tells at `now`."""
    return session.scalars(_ANY_NEWS, {"now": now}).first() is not None


def lease(session: Session, teller: str, now: Instant, until: Instant, limit: int) -> list[int]:
    """At most `limit` shards with something of which to tell Temporal, in no order; from now to `until` `teller`'s."""
    taken = list(session.scalars(_NEWS, {"now": now, "limit": limit}))
    if taken:
        session.execute(_LEASE, {"shards": taken, "teller": teller, "until": until})
    return taken


def release(session: Session, teller: str, taken: Sequence[int]) -> None:
    """Give back shards, as far as they are still `teller`'s."""
    session.execute(_RELEASE, {"shards": list(taken), "whose": teller, "teller": None, "until": None})
