"""The milestones that a customer reached: counted for conditions, and looked up for what counts from entry.

All of it is called under the customer's lock or on a snapshot: then a customer's milestone ids rise in the order in
which they were applied, on both databases.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from lifecycle.facts import Milestones
from store.statements import add_all
from store.tables import Milestone, table_of

_milestone = table_of(Milestone)

_SUMMARY = (
    select(
        _milestone.c.name,
        func.count(),
        func.min(_milestone.c.at, type_=_milestone.c.at.type),
        func.max(_milestone.c.at, type_=_milestone.c.at.type),
    )
    .where(_milestone.c.customer_id == bindparam("customer"))
    .group_by(_milestone.c.name)
)
_MARK = select(func.max(_milestone.c.id))


def add(session: Session, milestones: Sequence[Milestone]) -> None:
    """Append milestones, in their order. An event that makes one name twice breaks a unique key."""
    add_all(session, milestones)


def summary(session: Session, customer_id: str) -> dict[str, Milestones]:
    """By name: how often, and when first and last by the milestones' own timestamps."""
    rows = session.execute(_SUMMARY, {"customer": customer_id})
    return {name: Milestones(count, first, last) for name, count, first, last in rows}


def mark(session: Session) -> int:
    """The id of the latest milestone, or 0: the `history_mark` of a journey that is entered now.

    Anybody's: what a visitor reached before that is no news to the journey when the two are merged (rules.md 21).
    """
    return session.scalar(_MARK) or 0


def since(session: Session, customer_id: str, mark: int, names: Collection[str]) -> list[Milestone]:
    """The milestones of these names that were applied after the mark, in the order in which they were."""
    return list(
        session.scalars(
            select(Milestone)
            .where(_milestone.c.customer_id == customer_id, _milestone.c.name.in_(names), _milestone.c.id > mark)
            .order_by(_milestone.c.id)
        )
    )


def after(session: Session, customer_id: str, mark: int, but: Collection[str]) -> list[Milestone]:
    """All milestones but those of some names that were applied after the mark, in the order in which they were."""
    return list(
        session.scalars(
            select(Milestone)
            .where(_milestone.c.customer_id == customer_id, _milestone.c.name.not_in(but), _milestone.c.id > mark)
            .order_by(_milestone.c.id)
        )
    )
