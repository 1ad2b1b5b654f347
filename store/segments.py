"""Who is in which segment: stored when it is found out, and asked of all customers at once in one query.

A row says what was last found. Whether it still holds is the criterion's to say, which looks at the customer, the
milestones and the account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Subquery, and_, bindparam, case, func, select
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.criteria import Criterion
from store.criteria import Columns, Translator, milestones_in
from store.statements import dialect, insert
from store.tables import Account, Customer, Event, Milestone, SegmentMember, table_of

_member, _customer, _account = table_of(SegmentMember), table_of(Customer), table_of(Account)
_milestone, _event = table_of(Milestone), table_of(Event)

OWN = ("email", "phone", "time_zone", "language")
"""Attributes of customers that have a column of their own."""


class Change(NamedTuple):
    """A customer of whom the criterion says otherwise than what is stored: whether they are in the segment now."""

    customer: str
    user_id: str
    inside: bool


_OF_CUSTOMER = select(_member.c.segment).where(_member.c.customer_id == bindparam("customer"))


def of_customer(session: Session, customer_id: str) -> set[str]:
    """The segments that a customer is in."""
    return set(session.scalars(_OF_CUSTOMER, {"customer": customer_id}))


def since(session: Session, customer_id: str) -> list[tuple[str, Instant]]:
    """The segments that a customer is in, and since when, by name."""
    found = select(_member.c.segment, _member.c.since).where(_member.c.customer_id == customer_id)
    return [(name, at) for name, at in session.execute(found.order_by(_member.c.segment))]


def holding(customer_id: ColumnElement[str] | str) -> Select[str]:
    """The same as a query, for statements that look at what lies on a customer's segments."""
    return select(_member.c.segment).where(_member.c.customer_id == customer_id)


def change(session: Session, customer_id: str, segments: Mapping[str, bool], at: Instant) -> None:
    """Store that a customer came into segments (True) or left them, under the customer's lock."""
    came = [{"segment": name, "customer_id": customer_id, "since": at} for name, inside in segments.items() if inside]
    left = [name for name, inside in segments.items() if not inside]
    if came:
        session.execute(insert(session, _member).on_conflict_do_nothing(), came)
    if left:
        session.execute(_member.delete().where(_member.c.customer_id == customer_id, _member.c.segment.in_(left)))


def forget(session: Session, declared: Collection[str], limit: int) -> int:
    """Take away at most `limit` rows of segments that are not declared any more; how many that were."""
    gone = list(session.scalars(select(_member.c.segment).where(_member.c.segment.not_in(declared)).limit(1)))
    if not gone:
        return 0
    rows = select(_member.c.customer_id).where(_member.c.segment == gone[0]).limit(limit)
    done: Any = session.execute(_member.delete().where(_member.c.segment == gone[0], _member.c.customer_id.in_(rows)))
    return int(done.rowcount)


def inside(
    session: Session, criterion: Criterion, defaults: Mapping[str, Mapping[str, Any]], now: Instant
) -> list[str]:
    """The ids of all customers of whom a criterion is true, in their order."""
    found, holds = _asked(session, criterion, defaults, now, after="")
    return list(session.scalars(found.where(holds)))


def differing(
    session: Session,
    segment: str,
    criterion: Criterion,
    defaults: Mapping[str, Mapping[str, Any]],
    now: Instant,
    *,
    milestones: Collection[str],
    after: str = "",
    limit: int = 500,
) -> list[Change]:
    """Customers with an id behind `after` who are in the segment by its criterion and not by their row, or the other
    way round; in the order of their ids.

    Those who are left out are being asked about it already: an event with one of these names, the segment's own
    `milestones`, waits to be applied.
    """
    found, holds = _asked(session, criterion, defaults, now, after)
    stored = _member.c.customer_id.is_not(None)
    asked = select(_event.c.user_id).where(
        _event.c.state == "pending", _event.c.kind == "segment", _event.c.name.in_(milestones)
    )
    rows = session.execute(
        found.add_columns(_customer.c.user_id, holds)
        .outerjoin(_member, and_(_member.c.customer_id == _customer.c.id, _member.c.segment == segment))
        .where(holds.is_distinct_from(stored), _customer.c.user_id.not_in(asked))
        .limit(limit)
    )
    return [Change(customer, user_id, bool(is_in)) for customer, user_id, is_in in rows]


def _asked(
    session: Session, criterion: Criterion, defaults: Mapping[str, Mapping[str, Any]], now: Instant, after: str
) -> tuple[Select[Any], ColumnElement[bool]]:
    """All customers who are anybody still, with their account and their milestones; and whether it is true of them."""
    names = sorted(milestones_in(criterion))
    past = _history(names, after) if names else None

    def milestone(name: str, part: str) -> ColumnElement[Any]:
        assert past is not None
        column: ColumnElement[Any] = past.c[f"{part}_{names.index(name)}"]
        return func.coalesce(column, 0) if part == "count" else column

    columns = Columns(
        {name: _customer.c[name] for name in OWN},
        {"customer": _customer.c.attributes, "account": _account.c.attributes},
        _customer.c.stage,
        milestone,
        defaults,
    )
    asked = Translator(dialect(session), columns, now).sql(criterion)
    found = select(_customer.c.id).outerjoin(_account, _account.c.id == _customer.c.account_id)
    if past is not None:
        found = found.outerjoin(past, past.c.customer_id == _customer.c.id)
    living = (_customer.c.merged_into.is_(None), _customer.c.erased_at.is_(None), _customer.c.id > after)
    return found.where(*living).order_by(_customer.c.id), func.coalesce(asked, False)


def _history(names: Iterable[str], after: str) -> Subquery:
    """One row a customer: count, first and last of each of these milestones."""
    columns: list[ColumnElement[Any]] = []
    kind = _milestone.c.at.type
    for number, name in enumerate(names):
        this = _milestone.c.name == name
        columns += [
            func.count(case((this, 1))).label(f"count_{number}"),
            func.min(case((this, _milestone.c.at)), type_=kind).label(f"first_{number}"),
            func.max(case((this, _milestone.c.at)), type_=kind).label(f"last_{number}"),
        ]
    return (
        select(_milestone.c.customer_id, *columns)
        .where(_milestone.c.name.in_(list(names)), _milestone.c.customer_id > after)
        .group_by(_milestone.c.customer_id)
        .subquery()
    )
