"""The audit log: every operating act, added in the transaction that performs it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.statements import add_all
from store.tables import Audit, table_of

_audit = table_of(Audit)


def record(session: Session, act: Audit) -> None:
    """Add an act to the log."""
    add_all(session, [act])


def about(session: Session, target: str) -> list[Audit]:
    """What was done to a target (a journey's or customer's id, a playbook's name), oldest first."""
    return list(session.scalars(select(Audit).where(_audit.c.target == target).order_by(_audit.c.id)))
