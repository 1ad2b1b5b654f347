"""Imports of files: how far each has come, in the transaction of the chunk that brought it there.

So an import that was killed goes on behind its last chunk, nothing missing and nothing twice. A row that was read is
the row that is written over: two processes that import one file at once cannot both go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import add_all, add_new, changed
from store.tables import ImportRejected, ImportRun, table_of

_run, _rejected = table_of(ImportRun), table_of(ImportRejected)


@dataclass(frozen=True, slots=True)
class Place:
    """How much of a file is dealt with, in bytes and in lines, and what became of it."""

    offset: int
    line: int
    counts: Mapping[str, Any]


def take_up(session: Session, digest: str, now: Instant) -> Place | None:
    """Where the import of this file was interrupted; None where it begins, which is recorded."""
    run = session.scalar(select(ImportRun).where(_run.c.digest == digest))
    if run is not None and run.finished_at is None and run.offset:
        return Place(run.offset, run.line, run.counts)
    forget_rejected(session, digest)
    if not add_new(session, ImportRun(digest=digest, offset=0, line=0, started_at=now)):
        anew = {"offset": 0, "line": 0, "counts": {}, "started_at": now, "finished_at": None}
        session.execute(update(_run).where(_run.c.digest == digest).values(anew))
    return None


def advance(
    session: Session, digest: str, was: int, place: Place, rejected: Mapping[str, list[int]], finished: Instant | None
) -> bool:
    """Record that a file is dealt with up to `place`, and what was rejected (lines by reason) since the offset `was`.

    False, and nothing recorded, where the import is not at `was` any more: another process goes on with it.
    """
    values = {"offset": place.offset, "line": place.line, "counts": dict(place.counts), "finished_at": finished}
    where = (_run.c.digest == digest, _run.c.offset == was, _run.c.finished_at.is_(None))
    if not changed(session.execute(update(_run).where(*where).values(values))):
        return False
    if rejected:
        add_all(session, [ImportRejected(digest=digest, line=place.line, reasons=dict(rejected))])
    return True


def rejected(session: Session, digest: str, after: int, limit: int) -> Sequence[ImportRejected]:
    """What chunks that end behind the line `after` rejected, in order."""
    where = (_rejected.c.digest == digest, _rejected.c.line > after)
    return session.scalars(select(ImportRejected).where(*where).order_by(_rejected.c.line).limit(limit)).all()


def forget_rejected(session: Session, digest: str) -> None:
    """Forget what was rejected: it is reported, or read anew."""
    session.execute(delete(_rejected).where(_rejected.c.digest == digest))
