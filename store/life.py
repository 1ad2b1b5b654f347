"""What happened to one customer, a page of each kind by one query, the newest first (`lifecycle.life` merges them).

`ids` are our ids of the person: the customer's, and those of who was merged into them. All that hangs on a customer is
the living one's (store.merges); events keep the id under which they were applied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, union_all
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.life import Bound, Place, Told
from store.statements import LIMIT
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

_CUSTOMER: Any = bindparam("customer")
_AT: Any = bindparam("at", type_=_milestone.c.at.type)

Shape: TypeAlias = Literal["newest", "before", "up to", "behind a key"]
"""How a page begins: at the newest, before an instant, at an instant, behind one of those that happened at it."""

WIDE = ("channel", "playbook", "segment", "account")
"""Scopes of pauses that hold more than one customer."""

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


@cache
def _milestones(shape: Shape) -> Select[Any]:
    one = _milestone.c
    other = and_(one.name.not_like("message.%"), one.name.not_like("consent.%"))
    return _page(select(Milestone).where(one.customer_id == _CUSTOMER, other), one.at, one.id, shape)


def milestones(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Milestone]]:
    """Milestones but those of messages and consent, which other kinds tell."""
    rows = session.scalars(_milestones(_shape(bound)), {"customer": customer, **_given(bound, limit, _number)})
    return [Told(Place(row.at, rank, str(row.id)), row) for row in rows]


@cache
def _changes(shape: Shape) -> Select[Any]:
    one = _event.c
    found = select(Event).where(one.customer_id.in_(_several("ids")), ABOUT_CUSTOMERS, one.kind != "due")
    return _page(found, one.at, one.id, shape)


def changes(session: Session, ids: Collection[str], rank: int, bound: Bound | None, limit: int) -> list[Told[Event]]:
    """Events that told who the customer is: attributes, other ids, the account."""
    rows = session.scalars(_changes(_shape(bound)), {"ids": list(ids), **_given(bound, limit, _number)})
    return [Told(Place(row.at, rank, str(row.id)), row) for row in rows]


@cache
def _messages(shape: Shape) -> Select[Any]:
    one = _message.c
    at = func.coalesce(one.accepted_at, one.claimed_at, one.due_at)
    columns = (one.id, one.journey_id, one.step, one.channel, one.template, one.subject, one.state, one.reason,
               one.not_before, _journey.c.playbook)  # fmt: skip
    # First which ones: what stands behind a message's text in its row is slow to reach, on SQLite.
    chosen = _page(select(one.id).where(one.customer_id == _CUSTOMER), at, one.id, shape)
    found = select(at, *columns).join(_journey, _journey.c.id == one.journey_id).where(one.id.in_(chosen))
    return found.order_by(at.desc(), one.id.desc())


def messages(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Sent]]:
    """Messages in whatever state."""
    rows = session.execute(_messages(_shape(bound)), {"customer": customer, **_given(bound, limit)})
    return [Told(Place(row[0], rank, row[1]), Sent._make(row)) for row in rows]


@cache
def _steps(shape: Shape) -> Select[Any]:
    one = _trace.c
    told = exists().where(
        _message.c.journey_id == one.journey_id, _message.c.step == one.step, _message.c.state.in_(TOLD_BY_MESSAGES)
    )
    columns = (one.at, one.journey_id, one.seq, one.what, one.step, one.channel, one.template, one.to, one.reason)
    found = (
        select(*columns, _journey.c.playbook)
        .join(_journey, _journey.c.id == one.journey_id)
        .where(
            _journey.c.customer_id == _CUSTOMER,
            one.what.not_in(("sent", "task")),
            or_(one.what != "refused", one.template.is_(None), ~told),
        )
    )
    if shape == "behind a key":
        journey: Any = bindparam("key", type_=one.journey_id.type)
        seq: Any = bindparam("seq", type_=one.seq.type)
        same = or_(one.journey_id < journey, and_(one.journey_id == journey, one.seq < seq))
        found = found.where(or_(one.at < _AT, and_(one.at == _AT, same)))
    elif shape != "newest":
        found = found.where(one.at <= _AT if shape == "up to" else one.at < _AT)
    return found.order_by(one.at.desc(), one.journey_id.desc(), one.seq.desc()).limit(LIMIT)


def steps(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Step]]:
    """Lines of journeys but those that messages and tasks tell."""
    given = {"customer": customer, **_given(bound, limit)}
    if bound is not None and bound.key is not None:
        journey, _, seq = bound.key.rpartition("/")
        given |= {"key": journey, "seq": _number(seq)}
    rows = session.execute(_steps(_shape(bound)), given)
    return [Told(Place(row[0], rank, f"{row[1]}/{row[2]}"), Step._make(row)) for row in rows]


@cache
def _tasks(shape: Shape) -> Select[Any]:
    one = _task.c
    return _page(select(Task).where(one.customer_id == _CUSTOMER), one.created_at, one.id, shape)


def tasks(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Task]]:
    """Tasks, at the time at which they were made."""
    rows = session.scalars(_tasks(_shape(bound)), {"customer": customer, **_given(bound, limit)})
    return [Told(Place(row.created_at, rank, row.id), row) for row in rows]


@cache
def _answers(shape: Shape, model: type[Consent | ConsentRequest]) -> Select[Any]:
    one = table_of(model).c
    return _page(select(model).where(one.customer_id == _CUSTOMER), one.at, one.id, shape)


def consents(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[Consent]]:
    """Answers about topics."""
    given = {"customer": customer, **_given(bound, limit, _number)}
    rows = session.scalars(_answers(_shape(bound), Consent), given)
    return [Told(Place(row.at, rank, str(row.id)), row) for row in rows]


def requests(session: Session, customer: str, rank: int, bound: Bound | None, limit: int) -> list[Told[ConsentRequest]]:
    """Topics that were asked for and want a confirmation."""
    given = {"customer": customer, **_given(bound, limit, _number)}
    rows = session.scalars(_answers(_shape(bound), ConsentRequest), given)
    return [Told(Place(row.at, rank, str(row.id)), row) for row in rows]


@cache
def _suppressed(shape: Shape, lifted: bool) -> Select[Any]:
    one = _suppression.c
    at = one.lifted_at if lifted else one.at
    theirs = and_(one.channel.in_(("email", "sms")), one.address.in_(_several("marks")))
    return _page(select(Suppression).where(theirs, at.is_not(None)), at, one.id, shape)


def suppressed(
    session: Session, marks: Collection[str], rank: int, bound: Bound | None, limit: int, *, lifted: bool
) -> list[Told[Suppression]]:
    """What was said against addresses, given as keyed hashes; with `lifted` when it was ended."""
    if not marks:
        return []
    given = {"marks": list(marks), **_given(bound, limit, _number)}
    rows = session.scalars(_suppressed(_shape(bound), lifted), given)
    return [Told(Place(row.lifted_at if lifted else row.at, rank, str(row.id)), row) for row in rows]


@cache
def _acts(shape: Shape) -> Select[Any]:
    one = _audit.c
    theirs = select(one.id, one.at).where(one.target.in_(_several("targets")))
    journeys = (
        select(one.id, one.at).join(_journey, _journey.c.id == one.target).where(_journey.c.customer_id == _CUSTOMER)
    )
    messages = (
        select(one.id, one.at)
        .join(_message, _message.c.id == one.target)
        .where(_message.c.customer_id == _CUSTOMER, one.what == "resend")
    )
    ways = (theirs, journeys, messages)
    both = union_all(*(select(_page(way, one.at, one.id, shape).subquery()) for way in ways)).subquery()
    found = select(Audit).where(one.id.in_(select(both.c.id)))
    return found.order_by(one.at.desc(), one.id.desc()).limit(LIMIT)


def acts(
    session: Session, customer: str, targets: Sequence[str], rank: int, bound: Bound | None, limit: int
) -> list[Told[Audit]]:
    """What people did to the customer (`targets`: every name of them), their journeys and messages, and notes."""
    given = {"customer": customer, "targets": list(targets), **_given(bound, limit, _number)}
    return [Told(Place(row.at, rank, str(row.id)), row) for row in session.scalars(_acts(_shape(bound)), given)]


@cache
def _pauses(shape: Shape, ended: bool) -> Select[Any]:
    one = _pause.c
    at = one.ended_at if ended else one.started_at
    named = [and_(one.scope == scope, one.target.in_(_several(scope))) for scope in WIDE]
    theirs = or_(one.scope == "everything", *named)
    return _page(select(Pause).where(theirs, at >= bindparam("since", type_=one.started_at.type)), at, one.id, shape)


def pauses(
    session: Session,
    wide: Mapping[str, Collection[str]],
    since: Instant,
    rank: int,
    bound: Bound | None,
    limit: int,
    *,
    ended: bool,
) -> list[Told[Pause]]:
    """Pauses of everything and of these targets of each scope of `WIDE`, later than `since`: by their start, or with
    `ended` by their end.
    """
    targets = {scope: list(wide.get(scope, ())) for scope in WIDE}
    given = {"since": since, **targets, **_given(bound, limit, _number)}
    rows = session.scalars(_pauses(_shape(bound), ended), given)
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


# Statements are built once for each way in which a page can begin.


def _shape(bound: Bound | None) -> Shape:
    if bound is None:
        return "newest"
    return "behind a key" if bound.key is not None else "up to" if bound.including else "before"


def _given(bound: Bound | None, limit: int, read: Callable[[str], Any] = str) -> dict[str, Any]:
    """The values of a statement of that shape; `read` makes a key of its word."""
    if bound is None:
        return {"limit": limit}
    given: dict[str, Any] = {"limit": limit, "at": bound.at}
    return given if bound.key is None else given | {"key": read(bound.key)}


def _page(found: Select[Any], at: Any, key: Any, shape: Shape) -> Select[Any]:
    if shape == "behind a key":
        found = found.where(or_(at < _AT, and_(at == _AT, key < bindparam("key", type_=key.type))))
    elif shape != "newest":
        found = found.where(at <= _AT if shape == "up to" else at < _AT)
    return found.order_by(at.desc(), key.desc()).limit(LIMIT)


def _several(name: str) -> Any:
    return bindparam(name, expanding=True)


def _number(text: str) -> int:
    """A key that somebody made up is that of nothing."""
    return int(text) if text.isdecimal() and len(text) < 18 else 0
