"""What journeys must hear of becomes rows: numbered in their inboxes, with the stamp where they are to end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.events import Wake
from store import inbox, journeys


def wake(session: Session, wakes: Iterable[Wake], event_id: int, now: Instant) -> None:
    """Store what an event means to the journeys that it concerns, in the order given."""
    entries: dict[str, list[inbox.Entry]] = {}
    for one in wakes:
        data: dict[str, Any] = {"keys": list(one.keys)} if one.keys else {}
        if one.of:
            data["of"] = one.of
        if one.outcome:
            data["outcome"] = one.outcome
            journeys.stamp_exit(session, one.journey, now, one.outcome, one.name)
        entries.setdefault(one.journey, []).append(inbox.Entry(one.kind, one.name, now, event_id, data))
    for journey, told in entries.items():
        inbox.append(session, journey, told)
