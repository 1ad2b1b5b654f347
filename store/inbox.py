"""A journey's inbox: what it must hear of, numbered without gaps, until Temporal took it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.journeys import UNDER_WAY, lock_each
from store.statements import LIMIT
from store.tables import Journey, JourneyInbox, table_of

_journey = table_of(Journey)
_inbox = table_of(JourneyInbox)

_AFTER = (
    select(JourneyInbox)
    .where(_inbox.c.journey_id == bindparam("journey"), _inbox.c.number > bindparam("seen"))
    .order_by(_inbox.c.number)
)
_UNDELIVERED = (
    select(JourneyInbox)
    .join(_journey, _journey.c.id == _inbox.c.journey_id)
    .where(
        _inbox.c.delivered_at.is_(None),
        or_(
            and_(_journey.c.status == "open", _journey.c.shard.in_(bindparam("shards", expanding=True))),
            _journey.c.id.in_(bindparam("started", expanding=True)),
        ),
    )
    .order_by(func.coalesce(_inbox.c.event_id, 0), _inbox.c.journey_id, _inbox.c.number)
    .limit(LIMIT)
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to hear of. The fields mean what those of the table `journey_inbox` mean."""

    kind: str
    name: str
    at: Instant
    event_id: int | None = None
    data: Mapping[str, Any] | None = None


def append(session: Session, journey_id: str, entries: Sequence[Entry]) -> list[int]:
    """Add entries and return their numbers; none are added, and none returned, where the journey has ended.

    Counting on and closing (`journeys.close`) both change the journey's row, so one of them always sees the other.
    """
    if not entries:
        return []
    last = session.scalar(
        update(_journey)
        .where(_journey.c.id == journey_id, _journey.c.status.in_(UNDER_WAY))
        .values(inbox_last=_journey.c.inbox_last + len(entries))
        .returning(_journey.c.inbox_last)
    )
    if last is None:
        return []
    numbers = list(range(last - len(entries) + 1, last + 1))
    session.execute(
        insert(_inbox),
        [
            {
                "journey_id": journey_id,
                "number": number,
                "kind": entry.kind,
                "name": entry.name,
                "at": entry.at,
                "event_id": entry.event_id,
                "data": entry.data,
            }
            for number, entry in zip(numbers, entries, strict=True)
        ],
    )
    return numbers


def append_to_each(session: Session, journey_ids: Sequence[str], entry: Entry) -> int:
    """Add one entry to the inbox of each of these journeys; to how many. Those that have ended get none."""
    lock_each(session, journey_ids)
    counted = session.execute(
        update(_journey)
        .where(_journey.c.id.in_(journey_ids), _journey.c.status.in_(UNDER_WAY))
        .values(inbox_last=_journey.c.inbox_last + 1)
        .returning(_journey.c.id, _journey.c.inbox_last)
    ).all()
    told = {"kind": entry.kind, "name": entry.name, "at": entry.at, "event_id": entry.event_id, "data": entry.data}
    if counted:
        session.execute(insert(_inbox), [{"journey_id": one, "number": last, **told} for one, last in counted])
    return len(counted)


def after(session: Session, journey_id: str, seen: int) -> list[JourneyInbox]:
    """The rows of a journey with a number above `seen`, in order."""
    return list(session.scalars(_AFTER, {"journey": journey_id, "seen": seen}))


class Row(NamedTuple):
    """One row of an inbox, as far as the core hears of it."""

    journey_id: str
    number: int
    kind: str
    name: str
    at: Instant
    event_id: int | None
    data: dict[str, Any] | None


def of_each(session: Session, journey_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Every row of these journeys, by journey, each one's in order."""
    columns = [_inbox.c[name] for name in Row._fields]
    found: dict[str, list[Row]] = {}
    for row in session.execute(
        select(*columns).where(_inbox.c.journey_id.in_(journey_ids)).order_by(_inbox.c.journey_id, _inbox.c.number)
    ):
        found.setdefault(row[0], []).append(Row(*row))
    return found


def heard(session: Session, journey_ids: Sequence[str]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """What journeys have been given to hear, each as journey id, kind and data."""
    rows = session.execute(
        select(_inbox.c.journey_id, _inbox.c.kind, _inbox.c.data).where(_inbox.c.journey_id.in_(journey_ids))
    )
    return [(journey_id, kind, data or {}) for journey_id, kind, data in rows]


def undelivered(
    session: Session, limit: int, shards: Collection[int], started: Collection[str] = ()
) -> list[JourneyInbox]:
    """Rows that open journeys of these shards have not been told of, in the order in which they arose.

    A journey's own come in number order.
    Journeys that Temporal has not been told of are left out, for they are started first; but not those that were
    `started` just now.
    """
    wanted = {"shards": list(shards), "started": list(started), "limit": limit}
    return list(session.scalars(_UNDELIVERED, wanted))


def undelivered_of(session: Session, journey_id: str) -> list[JourneyInbox]:
    """The rows of one journey that Temporal has not taken, in order."""
    return list(
        session.scalars(
            select(JourneyInbox)
            .where(_inbox.c.journey_id == journey_id, _inbox.c.delivered_at.is_(None))
            .order_by(_inbox.c.number)
        )
    )


def mark_delivered(session: Session, rows: Sequence[tuple[str, int]], at: Instant) -> None:
    """Record that Temporal took these rows, each given as journey id and number."""
    if rows:
        session.execute(
            update(_inbox)
            .where(_inbox.c.journey_id == bindparam("of_journey"), _inbox.c.number == bindparam("of_number"))
            .values(delivered_at=at),
            [{"of_journey": journey_id, "of_number": number} for journey_id, number in rows],
        )
