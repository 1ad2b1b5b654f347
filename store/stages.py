"""What the map counts: customers by stage, and when some of them first reached each milestone."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, Integer, cast, func, select, type_coerce
from sqlalchemy.orm import Session

from store.statements import dialect
from store.tables import Customer, Milestone, table_of

_customer, _milestone = table_of(Customer), table_of(Milestone)
_THERE = (_customer.c.merged_into.is_(None), _customer.c.erased_at.is_(None))


def people(session: Session) -> dict[str | None, int]:
    """By stage how many customers are in it; those of no stage under None."""
    rows = session.execute(select(_customer.c.stage, func.count()).where(*_THERE).group_by(_customer.c.stage))
    return {row[0]: row[1] for row in rows}


def firsts(session: Session, names: Collection[str], at_most: int) -> tuple[int, list[dict[str, int]]]:
    """How many customers were looked at, and of each who reached anything when each milestone was reached first, in
    whole seconds since 1970. Ids are random, so the first customers are as good a sample as any.
    """
    some = select(_customer.c.id).where(*_THERE).order_by(_customer.c.id).limit(at_most).subquery()
    looked_at = session.scalar(select(func.count()).select_from(some)) or 0
    one = _milestone.c
    if dialect(session) == "sqlite":
        seconds = func.min(type_coerce(one.at, BigInteger)) // 1_000_000
    else:
        seconds = cast(func.extract("epoch", func.min(one.at)), BigInteger)
    found = (
        select(one.customer_id, one.name, type_coerce(seconds, Integer))
        .where(one.customer_id.in_(select(some.c.id)), one.name.in_(names))
        .group_by(one.customer_id, one.name)
        .order_by(one.customer_id)
    )
    by_customer: dict[str, dict[str, int]] = {}
    for customer, name, at in session.execute(found):
        by_customer.setdefault(customer, {})[name] = at
    return looked_at, list(by_customer.values())
