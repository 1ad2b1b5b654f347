"""Who is held by which pause: journeys that met it, and wait to be told of its end (rules.md 12).

A row is added in the transaction that finds the pause, and taken away in the one that tells the journey: a crash
between the two changes nothing. A row too many costs one needless wake-up; one too few holds a journey for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import insert
from store.tables import Hold, Journey, Pause, table_of

_hold = table_of(Hold)
_pause = table_of(Pause)
_journey = table_of(Journey)


def add(
    session: Session, journey_id: str, pause_ids: Sequence[int], since: Instant, wants: Mapping[int, str] | None = None
) -> None:
    """Record that these pauses hold a journey; where one does already, it keeps its place.

    `wants` says by pause what the journey had come to (see the table).
    """
    if pause_ids:
        wanted = wants or {}
        rows = [
            {"journey_id": journey_id, "pause_id": number, "since": since, "wants": wanted.get(number)}
            for number in pause_ids
        ]
        session.execute(insert(session, _hold).on_conflict_do_nothing(), rows)


def first(session: Session, pause_id: int, limit: int) -> list[str]:
    """The journeys that a pause holds, at most `limit`, the longest held first, in this transaction's hands.

    Those that somebody else is changing now are passed over, never waited for: an activity may be waiting for us.
    """
    found = select(_hold.c.journey_id).join(_journey, _journey.c.id == _hold.c.journey_id)
    return list(
        session.scalars(
            found.where(_hold.c.pause_id == pause_id)
            .order_by(_hold.c.since, _hold.c.journey_id)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        )
    )


def on(session: Session, journey_id: str) -> list[int]:
    """The ids of the pauses that hold a journey, as far as it has met them."""
    return list(session.scalars(select(_hold.c.pause_id).where(_hold.c.journey_id == journey_id)))


def on_each(session: Session, journey_ids: Collection[str]) -> dict[str, list[int]]:
    """The same for several journeys, by journey; one that nothing holds is left out."""
    found: dict[str, list[int]] = {}
    for journey, pause in session.execute(
        select(_hold.c.journey_id, _hold.c.pause_id).where(_hold.c.journey_id.in_(journey_ids))
    ):
        found.setdefault(journey, []).append(pause)
    return found


def any_by(session: Session, pause_id: int) -> bool:
    """Whether a pause holds anybody."""
    return session.scalar(select(_hold.c.journey_id).where(_hold.c.pause_id == pause_id).limit(1)) is not None


def remove(session: Session, pause_id: int, journey_ids: Collection[str]) -> None:
    """These journeys have been told of the end of a pause."""
    session.execute(_hold.delete().where(_hold.c.pause_id == pause_id, _hold.c.journey_id.in_(journey_ids)))


def counts(session: Session, pause_ids: Collection[int]) -> dict[int, int]:
    """By pause how many journeys it holds; a pause that holds none is left out."""
    rows = session.execute(
        select(_hold.c.pause_id, func.count()).where(_hold.c.pause_id.in_(pause_ids)).group_by(_hold.c.pause_id)
    )
    return {row[0]: row[1] for row in rows}


def forgotten(session: Session) -> list[int]:
    """The ids of pauses that were thought to hold nobody any more, and do."""
    return list(
        session.scalars(
            select(_hold.c.pause_id)
            .join(_pause, _pause.c.id == _hold.c.pause_id)
            .where(_pause.c.drained_at.is_not(None))
            .distinct()
        )
    )
