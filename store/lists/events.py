"""The list of events, the latest first, and the milestones that came in lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, func, select, union_all
from sqlalchemy.orm import Session
from whenever import Instant

from store.lists.paging import Cursor, Page, Walk, at_most, page, picked
from store.seen import Seen, Whose
from store.shards import shard_of
from store.tables import Event, table_of

_event = table_of(Event)

FEW = 10_000
"""Up to so many pending events are picked by their own index; of more the latest are looked for like others."""

LATELY = 100_000
"""Milestones that are not declared are looked for among so many of the latest events."""

_PICKED = ("id", "received_at", "at", "kind", "name", "user_id", "customer_id", "state", "source", "attempts",
           "retry_at", "error", "outcome")  # fmt: skip


@dataclass(frozen=True)
class EventFilter:
    """What is asked of events. `whose` is a customer: the product's id, and ours where they are known."""

    state: str | None = None
    kind: str | None = None
    name: str | None = None
    source: str | None = None
    whose: Whose | None = None


class EventLine(NamedTuple):
    """One event in a list; the fields are those of the table, without what the event says."""

    id: int
    received_at: Instant
    at: Instant
    kind: str
    name: str | None
    user_id: str
    customer_id: str | None
    state: str
    source: str
    attempts: int
    retry_at: Instant | None
    error: str | None
    outcome: dict[str, Any] | None


class Backlog(NamedTuple):
    """How many events are pending and how many failed, each counted up to `FEW` and one."""

    pending: int
    failed: int


def listed(session: Session, wanted: EventFilter, cursor: Cursor | None = None, limit: int = 50) -> Page[EventLine]:
    """A page of events."""
    walk = _walk(session, wanted)
    one = walk.source.c
    loose = [
        one[name] == value
        for name in ("state", "kind", "name", "source")
        if (value := getattr(wanted, name)) is not None and not (name == "state" and _by_index(walk, wanted))
    ]
    columns = select(*(one[name] for name in _PICKED)).select_from(walk.source)
    return page(session, [(walk, columns)], EventLine, cursor, limit, [loose])


def backlog(session: Session) -> Backlog:
    """How many events wait or were set aside; reads only rows of those, and not more than it counts."""
    ids = select(_event.c.id)
    pending, failed = (ids.where(_event.c.state == state) for state in ("pending", "failed"))
    return Backlog(at_most(session, pending, FEW), at_most(session, failed, FEW))


def lately(session: Session) -> list[Seen]:
    """The names under which products sent milestones among the latest `LATELY` events, the most frequent first."""
    newest = session.scalar(select(func.max(_event.c.id))) or 0
    count, first, last = func.count(), func.min(_event.c.at), func.max(_event.c.at)
    found = select(_event.c.name, count, first, last).where(_event.c.id > newest - LATELY, _event.c.kind == "track")
    rows = session.execute(found.group_by(_event.c.name).order_by(count.desc(), _event.c.name))
    return [Seen(*row) for row in rows]


def _by_index(walk: Walk, wanted: EventFilter) -> bool:
    return not walk.short and wanted.state == "failed"


def _walk(session: Session, wanted: EventFilter) -> Walk:
    source: FromClause = _event
    where: list[ColumnElement[bool]] = []
    if wanted.whose:
        source = picked(_theirs(wanted.whose), "theirs")
    elif wanted.state == "failed":
        where.append(_event.c.state == "failed")
    elif wanted.state == "pending":
        waiting = _few().where(_event.c.state == "pending")
        if at_most(session, select(_event.c.id).where(_event.c.state == "pending"), FEW) <= FEW:
            source = picked(waiting, "waiting")
    return Walk(source, (source.c.id,), tuple(where), short=source is not _event)


def _few() -> Select[Any]:
    return select(*(_event.c[name] for name in _PICKED))


def _theirs(whose: Whose) -> Select[Any]:
    """What was applied to a customer, what waits for them, and what was set aside: each by an index of its own."""
    user_id, customer_id = whose
    shard = _event.c.shard == shard_of(user_id)
    mine = _event.c.user_id == user_id
    parts = [
        _few().where(_event.c.state == "pending", shard, mine),
        _few().where(_event.c.state == "failed", mine),
    ]
    if customer_id:
        parts.append(_few().where(_event.c.customer_id == customer_id, _event.c.state == "applied"))
    both = union_all(*parts).subquery()
    return select(*both.c)
