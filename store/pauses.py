"""Pauses: one row holds whatever it concerns; journeys meet it when they come due."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import changed, insert
from store.tables import Pause, table_of, values_of

_pause = table_of(Pause)


def start(session: Session, pause: Pause) -> int:
    """Store a pause and return its id. Pauses stack: one more of the same scope and target is a pause of its own."""
    given: int = session.execute(insert(session, _pause).returning(_pause.c.id), values_of(pause)).scalar_one()
    return given


def end(session: Session, pause_id: int, at: Instant, handling: str | None) -> bool:
    """End a pause; False where there is none of this id, or it had ended."""
    return changed(
        session.execute(
            update(_pause)
            .where(_pause.c.id == pause_id, _pause.c.ended_at.is_(None))
            .values(ended_at=at, handling=handling)
        )
    )


def get(session: Session, pause_id: int) -> Pause | None:
    """The pause with this id."""
    return session.scalar(select(Pause).where(_pause.c.id == pause_id).execution_options(populate_existing=True))


def concerning(
    session: Session, *, journey_id: str, customer_id: str, playbook: str, channel: str | None, since: Instant
) -> list[Pause]:
    """Pauses of a journey, its customer, its playbook, a channel or everything, in the order of their start.

    Those that hold now, and those that ended after `since`: frozen time is counted from both (rules.md 6).
    `channel` None leaves pauses of channels out.
    """
    targets = {"journey": journey_id, "customer": customer_id, "playbook": playbook, "channel": channel}
    scopes: list[ColumnElement[bool]] = [
        and_(_pause.c.scope == scope, _pause.c.target == target)
        for scope, target in targets.items()
        if target is not None
    ]
    return list(
        session.scalars(
            select(Pause)
            .where(
                or_(_pause.c.scope == "everything", *scopes),
                or_(_pause.c.ended_at.is_(None), _pause.c.ended_at > since),
            )
            .order_by(_pause.c.started_at, _pause.c.id)
        )
    )


def frozen(session: Session, customer_id: str, playbook_of: Mapping[str, str], since: Instant) -> list[Pause]:
    """Pauses that stop, or after `since` stopped, the clock of any of a customer's journeys, in the order of start.

    `playbook_of` gives the playbook of each journey id.
    """
    scopes: list[ColumnElement[bool]] = [
        _pause.c.scope == "everything",
        and_(_pause.c.scope == "customer", _pause.c.target == customer_id),
        and_(_pause.c.scope == "playbook", _pause.c.target.in_(set(playbook_of.values()))),
        and_(_pause.c.scope == "journey", _pause.c.target.in_(list(playbook_of))),
    ]
    return list(
        session.scalars(
            select(Pause)
            .where(
                _pause.c.policy == "freeze",
                or_(*scopes),
                or_(_pause.c.ended_at.is_(None), _pause.c.ended_at > since),
            )
            .order_by(_pause.c.started_at, _pause.c.id)
        )
    )


def withdraw(session: Session, pause_id: int) -> None:
    """Take back a pause that never held anything, as if it had not been."""
    session.execute(_pause.delete().where(_pause.c.id == pause_id))


def active(session: Session) -> list[Pause]:
    """Every pause that holds now, in the order of their start."""
    return list(
        session.scalars(select(Pause).where(_pause.c.ended_at.is_(None)).order_by(_pause.c.started_at, _pause.c.id))
    )


def active_on(session: Session, scope: str, target: str) -> list[Pause]:
    """The pauses of one scope and target that hold now, in the order of their start."""
    return list(
        session.scalars(
            select(Pause)
            .where(_pause.c.scope == scope, _pause.c.target == target, _pause.c.ended_at.is_(None))
            .order_by(_pause.c.started_at, _pause.c.id)
        )
    )
