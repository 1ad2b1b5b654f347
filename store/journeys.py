"""Journeys: entered once an occurrence, moved forward by sequence number, closed only when nothing is left to hear.

What a function here writes shows on a `Journey` only when it is read again: `get` always reads anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, exists, func, literal, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import LIMIT, add_new, changed
from store.tables import Hold, Journey, JourneyInbox, table_of

_journey = table_of(Journey)
_inbox = table_of(JourneyInbox)
_hold = table_of(Hold)

UNDER_WAY = ("starting", "open")


class Outline(NamedTuple):
    """What applying an event needs of a journey. The fields mean what those of the table `journey` mean."""

    id: str
    playbook: str
    version: str
    key: str
    per_value: str | None
    entry_event_id: int
    history_mark: int
    entered_at: Instant
    status: str
    exit_at: Instant | None

    @property
    def open(self) -> bool:
        """Whether events still concern it: one that is stamped counts as closed (rules.md 1)."""
        return self.status in UNDER_WAY and self.exit_at is None


class UnderWay(NamedTuple):
    """What the orphan sweep needs of an open journey; `held`: a pause holds it."""

    id: str
    due: Instant | None
    held: bool


_OUTLINE = (
    select(*(_journey.c[name] for name in Outline._fields))
    .where(_journey.c.customer_id == bindparam("customer"))
    .order_by(_journey.c.entered_at, _journey.c.id)
)
_GET = select(Journey).where(_journey.c.id == bindparam("id")).execution_options(populate_existing=True)
_TO_START = (
    select(Journey)
    .where(_journey.c.status == "starting", _journey.c.shard.in_(bindparam("shards", expanding=True)))
    .order_by(_journey.c.entered_at, _journey.c.id)
    .limit(LIMIT)
)
_CHANGE = update(_journey).where(_journey.c.id == bindparam("of"))
_START = _CHANGE.where(_journey.c.status == "starting")
_ADVANCE = _CHANGE.where(_journey.c.seq < bindparam("below"))


def add(session: Session, journey: Journey) -> bool:
    """Enter a journey; False where this customer has had one of this playbook and occurrence before."""
    return add_new(session, journey)


def get(session: Session, journey_id: str) -> Journey | None:
    """The journey as it is stored now."""
    return session.scalar(_GET, {"id": journey_id})


def under_way(session: Session, customer_id: str) -> list[Journey]:
    """A customer's journeys that have not ended, those with an exit stamp included, in the order of entry."""
    return list(
        session.scalars(
            select(Journey)
            .where(_journey.c.customer_id == customer_id, _journey.c.status.in_(UNDER_WAY))
            .order_by(_journey.c.entered_at, _journey.c.id)
            .execution_options(populate_existing=True)
        )
    )


def of_customer(session: Session, customer_id: str) -> list[Journey]:
    """Every journey of a customer, in the order of entry."""
    return list(
        session.scalars(
            select(Journey).where(_journey.c.customer_id == customer_id).order_by(_journey.c.entered_at, _journey.c.id)
        )
    )


def outlines(session: Session, customer_id: str) -> list[Outline]:
    """Every journey of a customer in outline, in the order of entry."""
    return [Outline(*row) for row in session.execute(_OUTLINE, {"customer": customer_id})]


def beginning_with(session: Session, text: str, limit: int) -> list[str]:
    """Ids of journeys that begin with a text, at most `limit`; one that is the text itself comes first."""
    return list(
        session.scalars(
            select(_journey.c.id)
            .where(_journey.c.id.startswith(text, autoescape=True))
            .order_by(_journey.c.id)
            .limit(limit)
        )
    )


def to_start(session: Session, limit: int, shards: Collection[int]) -> list[Journey]:
    """Journeys of these shards of which Temporal has not been told yet, the earliest entered first."""
    return list(session.scalars(_TO_START, {"shards": list(shards), "limit": limit}))


def open_before(session: Session, before: Instant, after: str, limit: int) -> list[UnderWay]:
    """Journeys that Temporal was told of by `before` and that have not ended, in the order of their ids.

    Those above the id `after`, at most `limit`; simulated ones are nobody's business.
    """
    held = exists().where(_hold.c.journey_id == _journey.c.id)
    found = (
        select(_journey.c.id, _journey.c.due, held)
        .where(
            _journey.c.status == "open",
            _journey.c.started_at <= before,
            _journey.c.id > after,
            _journey.c.simulated.is_(False),
        )
        .order_by(_journey.c.id)
        .limit(limit)
    )
    return [UnderWay(*row) for row in session.execute(found)]


def lock_each(session: Session, journey_ids: Collection[str]) -> None:
    """Keep journeys from all others until this transaction ends; in the order of ids, as the database has it."""
    found = select(_journey.c.id).where(_journey.c.id.in_(journey_ids)).order_by(_journey.c.id)
    session.execute(found.with_for_update(key_share=True))


def ended_before(session: Session, journey_ids: Collection[str], before: Instant) -> list[str]:
    """Which of these journeys had ended by `before`."""
    ended = select(_journey.c.id).where(
        _journey.c.id.in_(journey_ids), _journey.c.status == "ended", _journey.c.ended_at <= before
    )
    return sorted(session.scalars(ended))


def mark_started(session: Session, journey_id: str, at: Instant) -> bool:
    """Temporal took the start: the journey is open. False where it was not `starting` any more."""
    return changed(session.execute(_START, {"of": journey_id, "status": "open", "started_at": at}))


def store_state(
    session: Session,
    journey_id: str,
    state: Mapping[str, Any],
    seq: int,
    due: Instant | None,
    step: str | None,
    version: str | None = None,
) -> bool:
    """Store the core's position unless a later one, or this one, is stored; whether it was (rules.md 7).

    `version` is that in which the journey stands there, where that is a new one.
    """
    later: dict[str, Any] = {"state": dict(state), "seq": seq, "due": due, "step": step}
    if version is not None:
        later["version"] = version
    return changed(session.execute(_ADVANCE, {"of": journey_id, "below": seq, **later}))


def remember_answer(session: Session, journey_id: str, seq: int, report: Mapping[str, Any]) -> None:
    """Store what an activity answered to the state with sequence number `seq`, for its repetition."""
    answered = {"to": seq, "report": dict(report)}
    session.execute(_CHANGE, {"of": journey_id, "answered": answered})


def stamp_exit(session: Session, journey_id: str, at: Instant, outcome: str, reason: str | None) -> bool:
    """Stamp a journey as exited; from now on claims refuse. False where it was stamped or had ended before."""
    return changed(
        session.execute(
            update(_journey)
            .where(_journey.c.id == journey_id, _journey.c.status.in_(UNDER_WAY), _journey.c.exit_at.is_(None))
            .values(exit_at=at, exit_outcome=outcome, exit_reason=reason)
        )
    )


def close(session: Session, journey_id: str, seen: int, at: Instant, outcome: str, reason: str | None) -> bool:
    """End a journey, if the inbox holds nothing newer than the number `seen`; whether it ended (rules.md 3).

    `outcome` and `reason` are stored where no exit was stamped before. Also False where it had ended already.
    """
    stamp = _journey.c.exit_at
    closed = changed(
        session.execute(
            update(_journey)
            .where(
                _journey.c.id == journey_id,
                _journey.c.status.in_(UNDER_WAY),
                _journey.c.inbox_last == seen,
            )
            .values(
                status="ended",
                ended_at=at,
                due=None,
                exit_at=func.coalesce(stamp, literal(at, stamp.type)),
                exit_outcome=func.coalesce(_journey.c.exit_outcome, outcome),
                exit_reason=case((stamp.is_(None), reason), else_=_journey.c.exit_reason),
            )
        )
    )
    if closed and seen:
        # The journey has pulled these rows; nobody need signal them any more.
        session.execute(
            update(_inbox)
            .where(_inbox.c.journey_id == journey_id, _inbox.c.delivered_at.is_(None))
            .values(delivered_at=at)
        )
    return closed
