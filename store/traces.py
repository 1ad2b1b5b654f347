"""The trace of a journey: lines are written once, however often the activity that carries them is repeated."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.statements import Insert, dialect, insert_for
from store.tables import Trace, table_of, values_of

_trace = table_of(Trace)


@cache
def _adding(dialect: str) -> Insert:
    return insert_for(dialect, _trace).on_conflict_do_nothing()


def add(session: Session, lines: Sequence[Trace]) -> None:
    """Store lines; a line whose number its journey has already is passed over."""
    if lines:
        session.execute(_adding(dialect(session)), [values_of(line) for line in lines])


def of_journey(session: Session, journey_id: str) -> list[Trace]:
    """A journey's lines in order."""
    return list(session.scalars(select(Trace).where(_trace.c.journey_id == journey_id).order_by(_trace.c.seq)))


def of_each(session: Session, journey_ids: Collection[str]) -> dict[str, list[Trace]]:
    """The lines of several journeys by journey, each one's in order; a journey without lines is left out."""
    found: dict[str, list[Trace]] = {}
    rows = select(Trace).where(_trace.c.journey_id.in_(journey_ids)).order_by(_trace.c.journey_id, _trace.c.seq)
    for row in session.scalars(rows):
        found.setdefault(row.journey_id, []).append(row)
    return found
