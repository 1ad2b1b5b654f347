"""The audit log: every operating act, added in the transaction that performs it."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.statements import add_all, dialect
from store.tables import Audit, table_of

_audit = table_of(Audit)
_LOCK = 0x4D50_5041
"""The name of the lock that `lock` takes; any number that nothing else here uses."""


def record(session: Session, act: Audit) -> None:
    """Add an act to the log."""
    add_all(session, [act])


def about(session: Session, target: str) -> list[Audit]:
    """What was done to a target (a journey's or customer's id, a playbook's name), oldest first."""
    return list(session.scalars(select(Audit).where(_audit.c.target == target).order_by(_audit.c.id)))


def lock(session: Session) -> None:
    """Until this transaction ends, nobody else who asks for this goes on. SQLite has one writer anyway."""
    if dialect(session) == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
