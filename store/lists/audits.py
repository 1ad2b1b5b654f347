"""The audit log as a list: the latest act first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import FromClause, select
from sqlalchemy.orm import Session
from whenever import Instant

from store.lists.paging import Cursor, Page, Walk, page, picked
from store.tables import Audit, table_of

_audit = table_of(Audit)
_COLUMNS = ("id", "at", "who", "what", "target", "reason", "data")


@dataclass(frozen=True)
class AuditFilter:
    """What is asked of the audit log: who did it, what was done, to which target, from `since` until before `until`."""

    who: str | None = None
    what: str | None = None
    target: str | None = None
    since: Instant | None = None
    until: Instant | None = None


class Act(NamedTuple):
    """One act; the fields are those of the table `audit`."""

    id: int
    at: Instant
    who: str
    what: str
    target: str
    reason: str | None
    data: dict[str, Any] | None


def listed(session: Session, wanted: AuditFilter, cursor: Cursor | None = None, limit: int = 50) -> Page[Act]:
    """A page of the audit log."""
    source: FromClause = _audit
    if wanted.target:
        source = picked(select(*_audit.c).where(_audit.c.target == wanted.target), "about")
    one = source.c
    at: Any = one.at
    where = [at >= wanted.since] if wanted.since else []
    where += [at < wanted.until] if wanted.until else []
    loose = [one[name] == value for name in ("who", "what") if (value := getattr(wanted, name))]
    walk = Walk(source, (at, one.id), tuple(where), short=wanted.target is not None)
    columns = select(*(one[name] for name in _COLUMNS)).select_from(source)
    return page(session, [(walk, columns)], Act, cursor, limit, [loose])
