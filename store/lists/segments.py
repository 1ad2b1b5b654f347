"""Segments as lists: how many are in each, and who, the latest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

from store.lists.paging import Cursor, Page, Walk, page
from store.tables import Customer, SegmentMember, table_of

_member, _customer = table_of(SegmentMember), table_of(Customer)

MOST = 10_000
"""Members are counted up to so many and one."""


class Member(NamedTuple):
    """A customer who is in a segment, and since when. `user_id` is the product's id."""

    customer_id: str
    since: Instant
    user_id: str
    email: str | None
    stage: str | None


def members(session: Session, segment: str, cursor: Cursor | None = None, limit: int = 50) -> Page[Member]:
    """A page of a segment's members."""
    walk = Walk(_member, (_member.c.since, _member.c.customer_id), (_member.c.segment == segment,))
    columns = (
        select(_member.c.customer_id, _member.c.since, _customer.c.user_id, _customer.c.email, _customer.c.stage)
        .select_from(_member)
        .outerjoin(_customer, _customer.c.id == _member.c.customer_id)
    )
    return page(session, [(walk, columns)], Member, cursor, limit)


def sizes(session: Session, segments: Sequence[str]) -> dict[str, int]:
    """By segment: how many are in it, `MOST` and one standing for more. One query."""
    if not segments:
        return {}
    counts = [
        select(func.count())
        .select_from(select(_member.c.customer_id).where(_member.c.segment == name).limit(MOST + 1).subquery())
        .scalar_subquery()
        for name in segments
    ]
    return dict(zip(segments, session.execute(select(*counts)).one(), strict=True))
