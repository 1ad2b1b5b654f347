"""Events for people to look at: the latest, what became of them, and what products send under which names."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session
from whenever import Instant

from store.tables import Event, table_of

_event = table_of(Event)

Whose = tuple[str, str | None]
"""The product's id of a customer, and ours where they are known already."""


class Seen(NamedTuple):
    """How often a milestone came in under a name, and when it happened first and last."""

    name: str
    times: int
    first: Instant
    last: Instant


def latest(session: Session, limit: int, whose: Whose | None = None) -> list[Event]:
    """The latest events, of one customer or of all, in the order in which they came."""
    found = select(Event).where(*_of(whose)).order_by(_event.c.id.desc()).limit(limit)
    return list(reversed(session.scalars(found).all()))


def since(session: Session, event_id: int, limit: int, whose: Whose | None = None) -> list[Event]:
    """The events that came after one, at most `limit`."""
    found = select(Event).where(_event.c.id > event_id, *_of(whose)).order_by(_event.c.id).limit(limit)
    return list(session.scalars(found))


def done(session: Session, ids: Collection[int]) -> list[Event]:
    """Those of these events that are not pending any more, in the order in which they came."""
    found = select(Event).where(_event.c.id.in_(ids), _event.c.state != "pending").order_by(_event.c.id)
    return list(session.scalars(found))


def milestones(session: Session) -> list[Seen]:
    """Every name under which products sent milestones, the most frequent first."""
    count, first, last = func.count(), func.min(_event.c.at), func.max(_event.c.at)
    found = select(_event.c.name, count, first, last).where(_event.c.kind == "track").group_by(_event.c.name)
    return [Seen(*row) for row in session.execute(found.order_by(count.desc(), _event.c.name))]


def _of(whose: Whose | None) -> list[ColumnElement[bool]]:
    if whose is None:
        return []
    user_id, customer_id = whose
    ours = [_event.c.customer_id == customer_id] if customer_id else []
    return [or_(_event.c.user_id == user_id, *ours)]
