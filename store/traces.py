"""The trace of a journey: lines are written once, however often the activity that carries them is repeated."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from lifecycle.timeline import Line
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


_LINES = (
    select(
        *(
            _trace.c[name]
            for name in ("journey_id", "seq", "at", "day", "what", "step", "channel", "template", "to", "reason")
        )
    )
    .where(_trace.c.journey_id.in_(bindparam("journeys", expanding=True)))
    .order_by(_trace.c.journey_id, _trace.c.seq)
)


def lines_of_each(session: Session, journey_ids: Collection[str]) -> dict[str, list[Line]]:
    """The lines of several journeys by journey, each one's in order; a journey without lines is left out."""
    found: dict[str, list[Line]] = {}
    for journey, *line in session.execute(_LINES, {"journeys": list(journey_ids)}):
        found.setdefault(journey, []).append(Line._make(line))
    return found
