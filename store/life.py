"""What happened to one customer, a page of each kind by one query, the newest first (`lifecycle.life` merges them).

`ids` are our ids of the person: the customer's, and those of who was merged into them. All that hangs on a customer is
the living one's (store.merges); events keep the id under which they were applied.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, union_all
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.life import Bound, Place, Told
from store.tables import (
    Audit,
    Consent,
    ConsentRequest,
    Delivery,
    Event,
    Journey,
    Message,
    Milestone,
    Pause,
    Suppression,
    Task,
    Trace,
    table_of,
)
from store.tables.arrivals import ABOUT_CUSTOMERS

_audit, _consent, _request, _delivery = table_of(Audit), table_of(Consent), table_of(ConsentRequest), table_of(Delivery)
_event, _journey, _message, _milestone = table_of(Event), table_of(Journey), table_of(Message), table_of(Milestone)
_pause, _suppression, _task, _trace = table_of(Pause), table_of(Suppression), table_of(Task), table_of(Trace)

TOLD_BY_MESSAGES = ("refused", "rejected", "suppressed", "expired", "cancelled")
"""States of messages that tell what a line `refused` of the timeline tells."""


class Sent(NamedTuple):
    """A message without its text. `at` is when it was accepted, else decided, else due; `playbook` its journey's."""

    at: Instant
    id: str
    journey_id: str
    step: str
    channel: str
    template: str
    subject: str | None
    state: str
    reason: str | None
    not_before: Instant | None
    playbook: str


class Step(NamedTuple):
    """A line of a journey's timeline; the fields mean what those of the table `trace` mean."""

    at: Instant
    journey_id: str
    seq: int
    what: str
    step: str | None
    channel: str | None
    template: str | None
    to: str | None
    reason: str | None
    playbook: str


class News(NamedTuple):
    """What was told of a message in one way: how often, first and last, and the last detail in the alphabet."""

    message_id: str
    kind: str
    times: int
    first: Instant
    last: Instant
    detail: str | None


def milestones(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Milestone]]:
    """Milestones but those of messages and consent, which other kinds tell."""
    one = _milestone.c
    other = and_(one.name.not_like("message.%"), one.name.not_like("consent.%"))
    found = select(Milestone).where(one.customer_id == customer, other)
    rows = session.scalars(_page(found, one.at, one.id, bound, limit))
    return [Told(Place(row.at, rank, str(row.id)), row) for row in rows]


def changes(session: Session, ids: Collection[str], rank: int, bound: Bound | None, limit: int) -> list[Told[Event]]:
    """Events that told who the customer is: attributes, other ids, the account."""
    one = _event.c
    found = select(Event).where(one.customer_id.in_(ids), ABOUT_CUSTOMERS, one.kind != "due")
    rows = session.scalars(_page(found, one.at, one.id, bound, limit))
    return [Told(Place(row.at, rank, str(row.id)), row) for row in rows]


def messages(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Sent]]:
    """Messages in whatever state."""
    one = _message.c
    at = func.coalesce(one.accepted_at, one.claimed_at, one.due_at)
    columns = (one.id, one.journey_id, one.step, one.channel, one.template, one.subject, one.state, one.reason,
               one.not_before, _journey.c.playbook)  # fmt: skip
    found = select(at, *columns).join(_journey, _journey.c.id == one.journey_id).where(one.customer_id == customer)
    rows: list[Sent] = [Sent._make(row) for row in session.execute(_page(found, at, one.id, bound, limit))]
    return [Told(Place(row.at, rank, row.id), row) for row in rows]


def steps(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Step]]:
    """Lines of journeys but those that messages and tasks tell."""
    one = _trace.c
    told = exists().where(
        _message.c.journey_id == one.journey_id, _message.c.step == one.step, _message.c.state.in_(TOLD_BY_MESSAGES)
    )
    columns = (one.at, one.journey_id, one.seq, one.what, one.step, one.channel, one.template, one.to, one.reason)
    found = (
        select(*columns, _journey.c.playbook)
        .join(_journey, _journey.c.id == one.journey_id)
        .where(
            _journey.c.customer_id == customer,
            one.what.not_in(("sent", "task")),
            or_(one.what != "refused", one.template.is_(None), ~told),
        )
    )
    if bound is not None:
        earlier: ColumnElement[bool] = one.at <= bound.at if bound.including else one.at < bound.at
        if bound.key is not None:
            journey, _, seq = bound.key.rpartition("/")
            same = or_(one.journey_id < journey, and_(one.journey_id == journey, one.seq < _number(seq)))
            earlier = or_(earlier, and_(one.at == bound.at, same))
        found = found.where(earlier)
    found = found.order_by(one.at.desc(), one.journey_id.desc(), one.seq.desc()).limit(limit)
    rows = [Step._make(row) for row in session.execute(found)]
    return [Told(Place(row.at, rank, f"{row.journey_id}/{row.seq}"), row) for row in rows]


def tasks(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Task]]:
    """Tasks, at the time at which they were made."""
    one = _task.c
    rows = session.scalars(_page(select(Task).where(one.customer_id == customer), one.created_at, one.id, bound, limit))
    return [Told(Place(row.created_at, rank, row.id), row) for row in rows]


def consents(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Consent]]:
    """Answers about topics."""
    one = _consent.c
    rows = session.scalars(_page(select(Consent).where(one.customer_id == customer), one.at, one.id, bound, limit))
    return [Told(Place(row.at, rank, str(row.id)), row) for row in rows]


def requests(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[ConsentRequest]]:
    """Topics that were asked for and want a confirmation."""
    one = _request.c
    found = select(ConsentRequest).where(one.customer_id == customer)
    rows = session.scalars(_page(found, one.at, one.id, bound, limit))
    return [Told(Place(row.at, rank, str(row.id)), row) for row in rows]


def suppressed(
    session: Session, marks: Collection[tuple[str, str]], rank: int, bound: Bound | None, limit: int, *, lifted: bool
) -> list[Told[Suppression]]:
    """What was said against addresses, each given as channel and keyed hash; with `lifted` when it was ended."""
    if not marks:
        return []
    one = _suppression.c
    at = one.lifted_at if lifted else one.at
    theirs = or_(*(and_(one.channel == channel, one.address == mark) for channel, mark in marks))
    found = select(Suppression).where(theirs, at.is_not(None))
    rows = session.scalars(_page(found, at, one.id, bound, limit))
    return [Told(Place(row.lifted_at if lifted else row.at, rank, str(row.id)), row) for row in rows]


def acts(
    session: Session, customer: str, targets: Sequence[str], rank: int, bound: Bound | None, limit: int
) -> list[Told[Audit]]:
    """What people did to the customer (`targets`: every name of them) and to their journeys, and notes."""
    one = _audit.c
    theirs = select(one.id, one.at).where(one.target.in_(targets))
    journeys = (
        select(one.id, one.at).join(_journey, _journey.c.id == one.target).where(_journey.c.customer_id == customer)
    )
    both = union_all(
        *(select(_page(way, one.at, one.id, bound, limit).subquery()) for way in (theirs, journeys))
    ).subquery()
    found = select(Audit).where(one.id.in_(select(both.c.id))).order_by(one.at.desc(), one.id.desc()).limit(limit)
    return [Told(Place(row.at, rank, str(row.id)), row) for row in session.scalars(found)]


def pauses(
    session: Session, wide: Collection[tuple[str, str]], rank: int, bound: Bound | None, limit: int, *, ended: bool
) -> list[Told[Pause]]:
    """Pauses of these scopes and targets, by their start, or with `ended` by their end."""
    one = _pause.c
    at = one.ended_at if ended else one.started_at
    theirs = or_(*(and_(one.scope == scope, one.target == target) for scope, target in wide))
    rows = session.scalars(_page(select(Pause).where(theirs, at.is_not(None)), at, one.id, bound, limit))
    return [Told(Place(row.ended_at if ended else row.started_at, rank, str(row.id)), row) for row in rows]


def news_of(session: Session, message_ids: Collection[str]) -> dict[str, list[News]]:
    """By message what providers told of it, in the order of the first time."""
    one = _delivery.c
    first, last = func.min(one.at, type_=one.at.type), func.max(one.at, type_=one.at.type)
    rows = session.execute(
        select(one.message_id, one.kind, func.count(), first, last, func.max(one.detail))
        .where(one.message_id.in_(message_ids))
        .group_by(one.message_id, one.kind)
        .order_by(first)
    )
    found: dict[str, list[News]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(News._make(row))
    return found


def outcomes(session: Session, event_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """By event what applying it did; those that are archived are left out."""
    rows = session.execute(select(_event.c.id, _event.c.outcome).where(_event.c.id.in_(event_ids)))
    return {row.id: row.outcome or {} for row in rows}


def _page(found: Select[Any], at: Any, key: Any, bound: Bound | None, limit: int) -> Select[Any]:
    if bound is not None:
        earlier = at <= bound.at if bound.including else at < bound.at
        if bound.key is not None:
            value = bound.key if key.type.python_type is str else _number(bound.key)
            earlier = or_(earlier, and_(at == bound.at, key < value))
        found = found.where(earlier)
    return found.order_by(at.desc(), key.desc()).limit(limit)


def _number(text: str) -> int:
    """A key that somebody made up is that of nothing."""
    return int(text) if text.isdecimal() and len(text) < 18 else 0
