"""Events: accepted by one insert, applied in the order of acknowledgement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, bindparam, func, select, text, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.shards import READY, shard_of
from store.statements import LIMIT, changed, dialect
from store.tables import Event, table_of
from store.tables.arrivals import ABOUT_CUSTOMERS
from store.types import Json, as_json

_event = table_of(Event)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as a door took it in. The fields mean what those of the table `event` mean."""

    source: str
    message_id: str
    user_id: str
    kind: str
    at: Instant
    received_at: Instant
    name: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    hops: int = 0
    backfill: bool = False
    previous_id: str | None = None


_GET = select(Event).where(_event.c.id == bindparam("id")).execution_options(populate_existing=True)
_APPLIED = update(_event).where(_event.c.id == bindparam("of"), _event.c.state == "pending")


_ON_SQLITE = """
    INSERT INTO event (
        source, message_id, user_id, kind, name, properties, at, received_at, hops, backfill, shard, previous_id,
        state, attempts
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0) ON CONFLICT (source, message_id) DO NOTHING
"""
"""Handed to the driver row by row, as it is: what SQLAlchemy does for each value takes longer than SQLite does."""
_ON_POSTGRES = text("""
    INSERT INTO event (
        source, message_id, user_id, kind, name, properties, at, received_at, hops, backfill, shard, previous_id,
        state, attempts
    )
    SELECT source, message_id, user_id, kind, name, properties, at, received_at, hops, backfill, shard, previous_id,
        state, attempts
    FROM ROWS FROM (jsonb_to_recordset(:rows) AS (
        source text, message_id text, user_id text, kind text, name text, properties jsonb, at timestamptz,
        received_at timestamptz, hops int, backfill boolean, shard int, previous_id text, state text, attempts int
    )) WITH ORDINALITY
    ORDER BY ordinality
    ON CONFLICT (source, message_id) DO NOTHING
    RETURNING id, source, message_id
""").bindparams(bindparam("rows", type_=Json))
"""All rows as one value. As parameters, a dozen a row, they take PostgreSQL and its driver five times as long."""


def accept(session: Session, arrivals: Sequence[Arrival]) -> list[int | None]:
    """Insert events, in their order. For each its new id, or None where its source sent that message id before.

    Of two with one message id in the same call the first is kept. At most 500 in a call keep the writer quick
    (rules.md 13).
    """
    if not arrivals:
        return []
    accepted = _on_sqlite(session, arrivals) if dialect(session) == "sqlite" else _on_postgres(session, arrivals)
    new = {(source, message_id): number for number, source, message_id in accepted}
    return [new.pop((arrival.source, arrival.message_id), None) for arrival in arrivals]


def _on_sqlite(session: Session, arrivals: Sequence[Arrival]) -> Sequence[Row[int, str, str]]:
    connection = session.connection()
    # Nobody else writes meanwhile, and ids only grow: whatever is beyond the last one is new.
    last = connection.exec_driver_sql("SELECT max(id) FROM event").scalar() or 0
    rows = [
        (
            arrival.source, arrival.message_id, arrival.user_id, arrival.kind, arrival.name,
            as_json(arrival.properties), arrival.at.timestamp(unit="microsecond"),
            arrival.received_at.timestamp(unit="microsecond"), arrival.hops, arrival.backfill,
            shard_of(arrival.user_id), arrival.previous_id,
        )
        for arrival in arrivals
    ]  # fmt: skip
    connection.exec_driver_sql(_ON_SQLITE, rows)
    return connection.exec_driver_sql("SELECT id, source, message_id FROM event WHERE id > ?", (last,)).all()


def _on_postgres(session: Session, arrivals: Sequence[Arrival]) -> Sequence[Row[int, str, str]]:
    rows: list[dict[str, Any]] = [
        {
            "source": arrival.source,
            "message_id": arrival.message_id,
            "user_id": arrival.user_id,
            "kind": arrival.kind,
            "name": arrival.name,
            "properties": arrival.properties,
            "at": _as_text(arrival.at),
            "received_at": _as_text(arrival.received_at),
            "state": "pending",
            "attempts": 0,
            "hops": arrival.hops,
            "backfill": arrival.backfill,
            "shard": shard_of(arrival.user_id),
            "previous_id": arrival.previous_id,
        }
        for arrival in arrivals
    ]
    return session.execute(_ON_POSTGRES, {"rows": rows}).all()


def _as_text(at: Instant) -> str:
    """To the microsecond, what is finer cut off, as in all columns."""
    return at.to_stdlib().isoformat()


def get(session: Session, event_id: int) -> Event | None:
    """The event with this id, read anew."""
    return session.scalar(_GET, {"id": event_id})


def find(session: Session, source: str, message_id: str) -> Event | None:
    """The event that a source sent under this message id."""
    return session.scalar(select(Event).where(_event.c.source == source, _event.c.message_id == message_id))


def latest(session: Session, sources: Collection[str], message_id: str) -> Event | None:
    """The latest of the events that any of these sources sent under this message id."""
    found = select(Event).where(_event.c.source.in_(sources), _event.c.message_id == message_id)
    return session.scalar(found.order_by(_event.c.id.desc()).limit(1))


def contents(session: Session, event_ids: Collection[int]) -> dict[int, tuple[str | None, Mapping[str, Any]]]:
    """By id: the name and properties of events; those that are archived are left out."""
    rows = session.execute(select(_event.c.id, _event.c.name, _event.c.properties).where(_event.c.id.in_(event_ids)))
    return {row.id: (row.name, row.properties) for row in rows}


class Backlog(NamedTuple):
    """How many events are pending, when the oldest of them was received, and how many are set aside."""

    waiting: int
    since: Instant | None
    failed: int


def backlog(session: Session) -> Backlog:
    """What has been accepted and not been applied. Reads only rows of those, however many there are of others."""
    failed = select(func.count()).select_from(_event).where(_event.c.state == "failed").scalar_subquery()
    row = session.execute(
        select(func.count(), func.min(_event.c.received_at), failed).where(_event.c.state == "pending")
    ).one()
    return Backlog(*row)


def latest_due(session: Session, customer_id: str, playbook: str) -> Event | None:
    """The last event that told that a customer's time (our id) to enter a playbook had come, as far as applied."""
    found = select(Event).where(
        _event.c.customer_id == customer_id, ABOUT_CUSTOMERS, _event.c.kind == "due", _event.c.name == playbook
    )
    return session.scalar(found.order_by(_event.c.id.desc()).limit(1))


def waiting(session: Session) -> int:
    """How many events are pending."""
    return backlog(session).waiting


def not_applied(session: Session, user_ids: Collection[str]) -> int:
    """How many events of a customer, under any of these names, are pending or set aside.

    Two questions, so that each has an index; those of a tombstone lie in the shard of whoever it leads to.
    """
    if not user_ids:
        return 0
    shards = {shard_of(name) for name in user_ids}
    named, count = _event.c.user_id.in_(user_ids), select(func.count()).select_from(_event)
    waiting = session.scalar(count.where(text("state = 'pending'"), _event.c.shard.in_(shards), named)) or 0
    return waiting + (session.scalar(count.where(text("state = 'failed'"), named)) or 0)


@cache
def _next_pending(shards: bool, user: bool, before: bool) -> Select[Event]:
    found = select(Event).where(READY).order_by(_event.c.id).limit(LIMIT)
    if shards:
        found = found.where(_event.c.shard.in_(bindparam("shards", expanding=True)))
    if user:
        found = found.where(_event.c.user_id == bindparam("user_id"))
    if before:
        found = found.where(_event.c.id < bindparam("before"))
    return found.execution_options(populate_existing=True)


def next_pending(
    session: Session,
    now: Instant,
    limit: int,
    *,
    shards: Collection[int] | None = None,
    user_id: str | None = None,
    before: int | None = None,
) -> list[Event]:
    """Events to apply next, in order, at most `limit`; without those that wait behind an event to be retried later,
    or behind one that merges their customer into another (rules.md 21).

    Of shards, which the caller has locked, of one customer, and `before` an event; else of all.
    """
    given = {"shards": shards, "user_id": user_id, "before": before}
    statement = _next_pending(*(value is not None for value in given.values()))
    values = {name: value for name, value in given.items() if value is not None}
    return list(session.scalars(statement, {"now": now, "limit": limit, **values}))


def pending_before(session: Session, user_id: str, before: int) -> bool:
    """Whether an event of a customer from before another event is still to be applied."""
    found = select(_event.c.id).where(_event.c.user_id == user_id, _event.c.state == "pending", _event.c.id < before)
    return session.scalar(found.limit(1)) is not None


def move(session: Session, user_id: str, shard: int) -> None:
    """What is pending under this name is applied with another shard from now on: that of whoever the name leads to."""
    session.execute(update(_event).where(_event.c.user_id == user_id, _event.c.state == "pending").values(shard=shard))


def wait(session: Session, event_id: int, until: Instant) -> None:
    """Look at an event again at `until`. It has not failed; its user's later events wait for it."""
    session.execute(update(_event).where(_event.c.id == event_id).values(retry_at=until))


def mark_applied(
    session: Session, event_id: int, at: Instant, customer_id: str | None, outcome: Mapping[str, Any]
) -> bool:
    """Record that an event was applied, to whom, and what that did; an earlier error is forgotten.

    False where it was not pending any more: somebody else has applied it.
    """
    told = {"state": "applied", "applied_at": at, "customer_id": customer_id, "outcome": dict(outcome)}
    return changed(session.execute(_APPLIED, {"of": event_id, **told, "retry_at": None, "error": None}))


def empty(session: Session, event_id: int) -> None:
    """Forget what an event says."""
    session.execute(update(_event).where(_event.c.id == event_id).values(properties={}, previous_id=None))


def put_off(session: Session, event_id: int, retry_at: Instant, error: str) -> None:
    """Record a failed attempt. The event is tried again at `retry_at`; its user's later events wait for it."""
    session.execute(
        update(_event)
        .where(_event.c.id == event_id)
        .values(attempts=_event.c.attempts + 1, retry_at=retry_at, error=error)
    )


def set_aside(session: Session, event_id: int, error: str) -> None:
    """Record the last failed attempt: the event is `failed` and holds back nothing any more."""
    session.execute(
        update(_event)
        .where(_event.c.id == event_id)
        .values(state="failed", attempts=_event.c.attempts + 1, retry_at=None, error=error)
    )


def failed(session: Session, limit: int) -> list[Event]:
    """Events that were set aside, the latest first."""
    return list(
        session.scalars(select(Event).where(_event.c.state == "failed").order_by(_event.c.id.desc()).limit(limit))
    )


def count_failed(session: Session) -> int:
    """How many events are set aside."""
    return session.scalar(select(func.count()).select_from(_event).where(_event.c.state == "failed")) or 0


def failed_ids(session: Session) -> list[int]:
    """The ids of all events that are set aside."""
    return list(session.scalars(select(_event.c.id).where(_event.c.state == "failed")))


def retry(session: Session, ids: Sequence[int]) -> int:
    """Let events that were set aside be applied again, as if anew; how many. The error is kept until they are."""
    retried = 0
    for first in range(0, len(ids), 500):
        where = (_event.c.id.in_(ids[first : first + 500]), _event.c.state == "failed")
        again = update(_event).where(*where).values(state="pending", attempts=0, retry_at=None)
        retried += len(session.execute(again.returning(_event.c.id)).all())
    return retried
