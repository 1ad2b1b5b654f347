"""Applies of playbook versions: which one is under way, whom it has yet to ask, and what became of those whom it asked.

A journey is asked in the transaction that writes its inbox row, and answers in that of its activity.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.journeys import UNDER_WAY
from store.statements import insert
from store.tables import Journey, JourneyMove, Rollout, table_of, values_of

_rollout = table_of(Rollout)
_move = table_of(JourneyMove)
_journey = table_of(Journey)

UNDER = ("canary", "running")
"""The states of an apply that is under way."""

_ANEW = select(Rollout).execution_options(populate_existing=True)
_GOING = (_journey.c.status.in_(UNDER_WAY), _journey.c.exit_at.is_(None))


class Inside(NamedTuple):
    """A journey under way through a playbook, as far as a plan needs it."""

    id: str
    customer_id: str
    version: str
    state: dict[str, Any]


def start(session: Session, rollout: Rollout) -> int:
    """Store an apply and return its number."""
    number: int = session.execute(insert(session, _rollout).returning(_rollout.c.id), values_of(rollout)).scalar_one()
    return number


def get(session: Session, number: int) -> Rollout | None:
    """The apply of this number, as it is stored now."""
    return session.scalar(_ANEW.where(_rollout.c.id == number))


def under_way(session: Session, playbook: str) -> Rollout | None:
    """The apply of a playbook that is under way."""
    return session.scalar(_ANEW.where(_rollout.c.playbook == playbook, _rollout.c.state.in_(UNDER)))


def of_playbook(session: Session, playbook: str) -> list[Rollout]:
    """Every apply of a playbook, the latest first."""
    return list(session.scalars(_ANEW.where(_rollout.c.playbook == playbook).order_by(_rollout.c.id.desc())))


def to_carry_out(session: Session, finished_before: Instant) -> list[int]:
    """The numbers of applies with work left: those under way, and those that have yet to be looked over once more."""
    over = and_(_rollout.c.state == "done", _rollout.c.after.is_not(None), _rollout.c.finished_at <= finished_before)
    return list(
        session.scalars(select(_rollout.c.id).where(or_(_rollout.c.state.in_(UNDER), over)).order_by(_rollout.c.id))
    )


def take(session: Session, number: int) -> Rollout | None:
    """An apply in this transaction's hands; None where another worker has it."""
    return session.scalar(_ANEW.where(_rollout.c.id == number).with_for_update(skip_locked=True))


def change(session: Session, number: int, **values: Any) -> None:
    """Store new values of an apply."""
    session.execute(update(_rollout).where(_rollout.c.id == number).values(**values))


def next_inside(session: Session, rollout: Rollout, limit: int) -> list[tuple[str, str]]:
    """Journeys under way in other versions that the apply has not asked yet, behind `after`: id and customer."""
    asked = exists().where(_move.c.journey_id == _journey.c.id, _move.c.rollout_id == rollout.id)
    found = (
        select(_journey.c.id, _journey.c.customer_id)
        .where(
            _journey.c.playbook == rollout.playbook, *_GOING, _journey.c.id > (rollout.after or ""), ~asked,
        )
        .order_by(_journey.c.id)
        .limit(limit)
    )  # fmt: skip
    if rollout.to_version is not None:
        found = found.where(_journey.c.version != rollout.to_version)
    return [(row[0], row[1]) for row in session.execute(found)]


def ask(session: Session, number: int, journey_ids: Collection[str], at: Instant, state: str = "asked") -> None:
    """Record that these journeys were asked."""
    done = None if state == "asked" else at
    rows = [
        {"journey_id": one, "rollout_id": number, "state": state, "asked_at": at, "done_at": done}
        for one in journey_ids
    ]
    if rows:
        session.execute(insert(session, _move), rows)


def answer(session: Session, journey_id: str, number: int, state: str, at: Instant) -> None:
    """What became of a journey that was asked, and of earlier applies that had asked it: this one came over them."""
    session.execute(
        update(_move)
        .where(_move.c.journey_id == journey_id, _move.c.rollout_id <= number, _move.c.state == "asked")
        .values(state=state, done_at=at)
    )


def settle_ended(session: Session, number: int, at: Instant) -> None:
    """Of those who have not answered, the journeys that are over will not."""
    over = select(_journey.c.id).where(_journey.c.id == _move.c.journey_id, ~and_(*_GOING))
    session.execute(
        update(_move)
        .where(_move.c.rollout_id == number, _move.c.state == "asked", exists(over))
        .values(state="ended", done_at=at)
    )


def waiting(session: Session, number: int, since: Instant | None = None) -> int:
    """How many have not answered; with `since`, of those asked after it."""
    asked = select(func.count()).where(_move.c.rollout_id == number, _move.c.state == "asked")
    return session.scalar(asked.where(_move.c.asked_at > since) if since else asked) or 0


def counts(session: Session, number: int) -> dict[str, int]:
    """By state how many journeys an apply has asked."""
    rows = session.execute(
        select(_move.c.state, func.count()).where(_move.c.rollout_id == number).group_by(_move.c.state)
    )
    return {row[0]: row[1] for row in rows}


def customers(session: Session, playbook: str) -> dict[str, int]:
    """By version how many journeys are under way; a version in which nobody is is left out."""
    rows = session.execute(
        select(_journey.c.version, func.count())
        .where(_journey.c.playbook == playbook, *_GOING)
        .group_by(_journey.c.version)
    )
    return {row[0]: row[1] for row in rows}


def inside(session: Session, playbook: str, after: str, limit: int) -> list[Inside]:
    """Journeys under way through a playbook behind an id, in the order of their ids."""
    found = (
        select(_journey.c.id, _journey.c.customer_id, _journey.c.version, _journey.c.state)
        .where(_journey.c.playbook == playbook, *_GOING, _journey.c.id > after)
        .order_by(_journey.c.id)
        .limit(limit)
    )
    return [Inside(*row) for row in session.execute(found)]
