"""What lies in the events table, for those who look after it: how far applying lags, what came, what was set aside."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.orm import Session
from whenever import Instant

from store import events
from store.tables import Event


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


def recent(session: Session, limit: int, *, after: int = 0, user: str | None = None) -> list[dict[str, Any]]:
    """The last `limit` events with a number above `after`, in their order, as plain data; of one customer, or all."""
    return [_plain(event) for event in events.recent(session, limit, after=after, user_id=user)]


def failed(session: Session, limit: int) -> list[dict[str, Any]]:
    """Events that were set aside, the latest first, as plain data. `events.retry` gives them another chance."""
    return [_plain(event) for event in events.failed(session, limit)]


def _plain(event: Event) -> dict[str, Any]:
    return {
        "number": event.id,
        "id": event.message_id,
        "source": event.source,
        "customer": event.user_id,
        "kind": event.kind,
        "name": event.name,
        "at": event.at.format_iso(),
        "received_at": event.received_at.format_iso(),
        "state": event.state,
        "attempts": event.attempts,
        "error": event.error,
    }
