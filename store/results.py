"""What became of a playbook's customers and messages, counted: for its page. Each function is one query.

Counted are whole cohorts: those who entered since an instant, and what they got, whenever that was. Simulated journeys
are nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Interval,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from lifecycle.plan import Goal
from lifecycle.results import Arm
from store.journeys import UNDER_WAY
from store.statements import dialect
from store.tables import Delivery, Hold, Journey, Message, Milestone, table_of

_journey, _message, _delivery = table_of(Journey), table_of(Message), table_of(Delivery)
_milestone, _hold = table_of(Milestone), table_of(Hold)

_GOING = (_journey.c.status.in_(UNDER_WAY), _journey.c.exit_at.is_(None), _journey.c.simulated.is_(False))
_NOT_A_PERSON = "machine"
"""The detail of an `opened` that a mail program did by itself."""

REACTIONS = ("opened", "clicked", "complained", "unsubscribed")


class Standing(NamedTuple):
    """How many journeys under way stand at a step of a version; no step: they are about to start."""

    version: str
    step: str | None
    people: int


class Became(NamedTuple):
    """How many journeys of an arm (journey or holdout) came to the same: `outcome` and `reason` of their end, None
    while they go on. Of them `converted` reached the goal in time, and `going` did not and still have time.
    """

    arm: str
    outcome: str | None
    reason: str | None
    people: int
    converted: int
    going: int


class Wanted(NamedTuple):
    """A playbook whose conversion is asked for: its goal, how long after entry that counts, and its entry's `per`."""

    playbook: str
    goal: Goal
    window: TimeDelta | None
    per: str | None


class Sent(NamedTuple):
    """How many messages of a step are in a state, for a reason where they were refused or put off."""

    step: str
    channel: str
    template: str
    state: str
    reason: str | None
    messages: int


class Reacted(NamedTuple):
    """Of how many messages of a step a person did something, or its provider said so (`store.results.REACTIONS`)."""

    step: str
    kind: str
    messages: int


def standing(session: Session, playbook: str | None = None) -> dict[str, list[Standing]]:
    """By playbook who stands where now, as far as is stored; of one playbook where it is named."""
    one = _journey.c
    found = select(one.playbook, one.version, one.step, func.count()).where(*_GOING)
    if playbook is not None:
        found = found.where(one.playbook == playbook)
    by_playbook: dict[str, list[Standing]] = {}
    for name, *rest in session.execute(found.group_by(one.playbook, one.version, one.step)):
        by_playbook.setdefault(name, []).append(Standing(*rest))
    return by_playbook


def held(session: Session, playbook: str) -> dict[str | None, int]:
    """By step how many journeys under way are held by a pause, as far as they met it."""
    one = _journey.c
    found = (
        select(one.step, func.count(_hold.c.journey_id.distinct()))
        .select_from(_hold)
        .join(_journey, one.id == _hold.c.journey_id)
        .where(one.playbook == playbook, *_GOING)
        .group_by(one.step)
    )
    return {row[0]: row[1] for row in session.execute(found)}


def became(
    session: Session,
    playbook: str,
    since: Instant | None,
    goal: Goal | None,
    window: TimeDelta | None,
    per: str | None,
    now: Instant,
) -> list[Became]:
    """What became of those who entered since an instant (None: ever), and how many reached the goal.

    The goal counts from entry on and within `window` (None: however late), by the history of the customer, for both
    arms alike; with `per`, only where its property of that name is the value for which the customer was entered.
    """  # fmt: skip
    one = _journey.c
    reached, going = _towards(session, goal, window, per, now)
    found = select(
        one.arm, one.exit_outcome, one.exit_reason, func.count(), _sum(reached), _sum(going)
    ).where(*_cohort(playbook, since))  # fmt: skip
    return [Became(*row) for row in session.execute(found.group_by(one.arm, one.exit_outcome, one.exit_reason))]


def conversions(session: Session, wanted: Sequence[Wanted], since: Instant, now: Instant) -> dict[str, dict[str, Arm]]:
    """By playbook and arm how many of those who entered since an instant reached the goal, as `became` counts them."""
    one, parts = _journey.c, []
    for playbook, goal, window, per in wanted:
        reached, going = _towards(session, goal, window, per, now)
        part = select(one.playbook, one.arm, func.count(), _sum(reached), _sum(going))
        parts.append(part.where(*_cohort(playbook, since)).group_by(one.playbook, one.arm))
    found: dict[str, dict[str, Arm]] = {}
    for playbook, arm, *counts in session.execute(union_all(*parts)) if parts else ():
        found.setdefault(playbook, {})[arm] = Arm(*counts)
    return found


def sent(session: Session, playbook: str, since: Instant | None) -> list[Sent]:
    """The messages to those who entered since an instant."""
    one = _message.c
    found = (
        select(one.step, one.channel, one.template, one.state, one.reason, func.count())
        .select_from(_journey)
        .join(_message, one.journey_id == _journey.c.id)
        .where(*_cohort(playbook, since))
        .group_by(one.step, one.channel, one.template, one.state, one.reason)
    )
    return [Sent(*row) for row in session.execute(found)]


def reacted(session: Session, playbook: str, since: Instant | None) -> list[Reacted]:
    """What people did with these messages; what a mail program opened by itself does not count."""
    one = _delivery.c
    found = (
        select(_message.c.step, one.kind, func.count(one.message_id.distinct()))
        .select_from(_journey)
        .join(_message, _message.c.journey_id == _journey.c.id)
        .join(_delivery, one.message_id == _message.c.id)
        # Without the "" SQLite goes through everything of these kinds that was ever told, instead of these messages'.
        .where(*_cohort(playbook, since), (one.kind + "").in_(REACTIONS))
        .where(or_(one.detail.is_(None), one.detail != _NOT_A_PERSON))
        .group_by(_message.c.step, one.kind)
    )
    return [Reacted(*row) for row in session.execute(found)]


def _towards(
    session: Session, goal: Goal | None, window: TimeDelta | None, per: str | None, now: Instant
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether the goal was reached in time; and whether it was not, and there still is time."""
    if goal is None:
        return literal(value=False), literal(value=False)
    reached = _reached(session, goal.milestone, window, per)
    still = literal(value=True) if window is None else _journey.c.entered_at > now - window
    return reached, and_(~reached, still)


def _cohort(playbook: str, since: Instant | None) -> list[ColumnElement[bool]]:
    wanted = [_journey.c.playbook == playbook, _journey.c.simulated.is_(False)]
    return wanted if since is None else [*wanted, _journey.c.entered_at >= since]


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _reached(session: Session, milestone: str, window: TimeDelta | None, per: str | None) -> ColumnElement[bool]:
    """Whether the customer of a journey reached a milestone after entry: what was applied later (rules.md 2)."""
    one = _milestone.c
    wanted: list[ColumnElement[bool]] = [
        one.customer_id == _journey.c.customer_id, one.name == milestone, one.id > _journey.c.history_mark,
    ]  # fmt: skip
    if window is not None:
        at, entered = _numbers(session, one.at), _numbers(session, _journey.c.entered_at)
        wanted.append(at <= entered + _span(session, window))
    if per is not None:
        wanted.append(one.properties[per].as_string() == _journey.c.per_value)
    return exists().where(*wanted)


def _numbers(session: Session, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """An instant as the database counts with it."""
    return type_coerce(column, BigInteger) if dialect(session) == "sqlite" else column


def _span(session: Session, span: TimeDelta) -> ColumnElement[Any]:
    if dialect(session) == "sqlite":
        return literal(round(span.total("microseconds")), BigInteger)
    return literal(span.to_stdlib(), Interval)
