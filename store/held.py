"""What pauses hold, counted: before one begins, and before one ends. All of it in queries that end early.

The order of what is joined is meant: a pause may hold 100,000 journeys, and these are asked while somebody waits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session
from whenever import Instant

from store.journeys import UNDER_WAY
from store.tables import Account, Customer, Hold, Journey, Pause, SegmentMember, table_of

_hold, _pause, _journey = table_of(Hold), table_of(Pause), table_of(Journey)
_customer, _member = table_of(Customer), table_of(SegmentMember)


_ORDERED = select(Pause).order_by(_pause.c.started_at, _pause.c.id)

CANDIDATES, SAMPLE = 200, 200
"""So many other pauses, and so many of the journeys that are held, are looked at one by one."""


class Sums(NamedTuple):
    """How many journeys a pause holds: all, and those that had come to a message by a channel."""

    held: int
    email: int
    sms: int


class HeldOne(NamedTuple):
    """A journey that a pause holds: since when, and what it had come to (`store.tables.Hold`)."""

    journey: str
    since: Instant
    wants: str | None


def sums(session: Session, pause_id: int) -> Sums:
    """How many journeys stand because of a pause, and how many of them with a message due, by channel."""
    wants = _hold.c.wants
    # Not grouped: SQLite sorts 100,000 rows for that.
    stands = func.count().filter(or_(wants.is_(None), wants != "passes"))
    due = [func.count().filter(wants == channel) for channel in ("email", "sms")]
    row = session.execute(select(stands, *due).where(_hold.c.pause_id == pause_id)).one()
    return Sums(row[0], row[1], row[2])


def page(session: Session, pause_id: int, after: tuple[Instant, str] | None, limit: int) -> list[HeldOne]:
    """Journeys that a pause holds, the longest held first: those after `after` (since, journey), at most `limit`."""
    one = _hold.c
    found = select(one.journey_id, one.since, one.wants).where(one.pause_id == pause_id)
    if after is not None:
        since = literal(after[0], one.since.type)
        found = found.where(tuple_(one.since, one.journey_id) > tuple_(since, literal(after[1])))
    return [HeldOne(*row) for row in session.execute(found.order_by(one.since, one.journey_id).limit(limit))]


def also_holding(session: Session, pause: Pause, found: Sums) -> list[Pause]:
    """Other pauses that hold now and concern any journey that this one holds, in the order of their start.

    `found` is what it holds. Of very many other pauses the first `CANDIDATES` are looked at. Those of whole groups are
    found by the `SAMPLE` journeys that are held longest: one that concerns hardly any of them may be left out.
    """
    assert pause.id is not None
    others = _ORDERED.where(_pause.c.ended_at.is_(None), _pause.c.id != pause.id).limit(CANDIDATES)
    candidates = list(session.scalars(others))
    if not candidates:
        return []
    targets: dict[str, list[str]] = {"journey": [], "customer": [], "account": []}
    for one in candidates:
        targets.setdefault(one.scope, []).append(one.target)
    mine = [one.journey for one in page(session, pause.id, None, SAMPLE)]
    named = [*targets["journey"], *_journeys_of(session, targets["customer"], targets["account"])]
    held = select(_hold.c.journey_id).where(_hold.c.pause_id == pause.id, _hold.c.journey_id.in_(named))
    mine += session.scalars(held) if named else []
    rows = session.execute(
        select(_journey.c.id, _journey.c.customer_id, _journey.c.playbook, _customer.c.account_id)
        .join(_customer, _customer.c.id == _journey.c.customer_id)
        .where(_journey.c.id.in_(mine))
    ).all()
    people = {row.customer_id for row in rows}
    segments = select(_member.c.segment).where(_member.c.customer_id.in_(people)).distinct()
    met: dict[str, set[str]] = {
        "everything": {""},
        "channel": {channel for channel in ("email", "sms") if getattr(found, channel)},
        "journey": {row.id for row in rows},
        "customer": people,
        "playbook": {row.playbook for row in rows},
        "account": {row.account_id for row in rows if row.account_id},
        "segment": set(session.scalars(segments)) if "segment" in targets else set(),
    }
    return [one for one in candidates if one.target in met[one.scope]]


def _journeys_of(session: Session, people: Sequence[str], companies: Sequence[str]) -> list[str]:
    """Journeys of these customers, and of those of these accounts; of very many the first."""
    ids = list(people)
    if companies:
        theirs = select(_customer.c.id).where(_customer.c.account_id.in_(companies)).limit(SAMPLE)
        ids += session.scalars(theirs)
    if not ids:
        return []
    return list(session.scalars(select(_journey.c.id).where(_journey.c.customer_id.in_(ids)).limit(4 * SAMPLE)))


def under_way(session: Session, scope: str, target: str, most: int, playbooks: Collection[str] = ()) -> int:
    """How many journeys are under way that a pause of this scope and target would concern; counts up to `most`.

    Of a channel those through `playbooks`: whoever asks knows which of them send by it.
    """
    tables, tests = _concerned(scope, target, playbooks)
    status: ColumnElement[str] = _journey.c.status
    if tables is not _journey:
        # Hidden from SQLite, which else goes through all journeys that are under way instead of these customers'.
        status = func.coalesce(status, "")
    found = select(literal(1)).select_from(tables).where(status.in_(UNDER_WAY), *tests)
    counted: int | None = session.scalar(select(func.count()).select_from(found.limit(most).subquery()))
    return counted or 0


def _concerned(scope: str, target: str, playbooks: Collection[str]) -> tuple[Any, list[ColumnElement[bool]]]:
    one = _journey.c
    match scope:
        case "everything":
            return _journey, []
        case "channel":
            return _journey, [one.playbook.in_(playbooks)]
        case "playbook":
            return _journey, [one.playbook == target]
        case "journey":
            return _journey, [one.id == target]
        case "customer":
            return _journey, [one.customer_id == target]
        case "account":
            return _journey.join(_customer, one.customer_id == _customer.c.id), [_customer.c.account_id == target]
        case _:
            return _journey.join(_member, one.customer_id == _member.c.customer_id), [_member.c.segment == target]


class Named(NamedTuple):
    """What a journey, or the target of a pause, is called; `customer` is our id of whose page shows it."""

    text: str
    customer: str | None = None


def named(session: Session, targets: Collection[tuple[str, str]]) -> dict[tuple[str, str], Named]:
    """By scope and target what it is called: customers, accounts and journeys by their names, others by themselves."""
    by_scope: dict[str, set[str]] = {"journey": set(), "customer": set(), "account": set()}
    for scope, target in targets:
        by_scope.setdefault(scope, set()).add(target)
    found = {(scope, target): Named(target) for scope, target in targets}
    if given := by_scope["customer"]:
        rows = session.execute(
            select(_customer.c.id, _customer.c.user_id, _customer.c.attributes).where(_customer.c.id.in_(given))
        )
        found |= {("customer", row.id): Named(called(row), row.id) for row in rows}
    if given := by_scope["account"]:
        accounts = table_of(Account)
        for row in session.execute(select(accounts.c.id, accounts.c.group_id).where(accounts.c.id.in_(given))):
            found["account", row.id] = Named(row.group_id)
    if given := by_scope["journey"]:
        theirs = session.execute(
            select(_journey.c.id.label("journey"), _journey.c.playbook, _customer)
            .join(_customer, _customer.c.id == _journey.c.customer_id)
            .where(_journey.c.id.in_(given))
        )
        for row in theirs:
            found["journey", row.journey] = Named(f"{called(row)}’s journey through {row.playbook}", row.id)
    return found


def called(row: Any) -> str:
    """What to call a customer on a page: their first name, else the name by which the product knows them."""
    return str((row.attributes or {}).get("first_name") or row.user_id)
