"""How far applying events lags, for those who look after it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.orm import Session
from whenever import Instant

from store import events


class Lag(NamedTuple):
    """How many events wait to be applied, for how long the oldest has, in seconds, and how many are set aside."""

    waiting: int
    seconds: float
    failed: int


def lag(session: Session, now: Instant) -> Lag:
    """The lag at `now`, by one query."""
    backlog = events.backlog(session)
    seconds = max((now - backlog.since).total("seconds"), 0.0) if backlog.since else 0.0
    return Lag(backlog.waiting, round(seconds, 3), backlog.failed)
