"""Sending rates that hold across all workers: each leases the right to send for the moments ahead (rules.md 23)."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import add_new
from store.tables import Rate, table_of

_rate = table_of(Rate)


def lease(session: Session, channel: str, now: Instant, ahead: float, seconds: float) -> Instant | None:
    """Take the next `seconds` of a channel's rate; the instant at which they begin, or None.

    None where others have leased more than `ahead` seconds beyond `now`: the time is theirs. What nobody leased in the
    past is gone, so that a quiet hour makes no burst.
    """
    if add_new(session, Rate(channel=channel, next_at=now.add(seconds=seconds))):
        return now
    taken = session.execute(select(_rate.c.next_at).where(_rate.c.channel == channel).with_for_update()).scalar_one()
    begins: Instant = max(now, taken)
    if begins > now.add(seconds=ahead):
        return None
    session.execute(update(_rate).where(_rate.c.channel == channel).values(next_at=begins.add(seconds=seconds)))
    return begins
