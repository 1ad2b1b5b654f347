"""Pauses: one row holds whatever it concerns; journeys meet it when they come due."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store import segments
from store.statements import changed, insert
from store.tables import Customer, Hold, Pause, table_of, values_of

_pause = table_of(Pause)
_hold = table_of(Hold)
_customer = table_of(Customer)
_IN_ORDER = select(Pause).order_by(_pause.c.started_at, _pause.c.id).execution_options(populate_existing=True)


def start(session: Session, pause: Pause) -> int:
    """Store a pause and return its id. Pauses stack: one more of the same scope and target is a pause of its own."""
    given: int = session.execute(insert(session, _pause).returning(_pause.c.id), values_of(pause)).scalar_one()
    return given


def end(session: Session, pause_id: int, at: Instant, handling: str | None, spread: int | None = None) -> bool:
    """End a pause; False where there is none of this id, or it had ended."""
    return changed(
        session.execute(
            update(_pause)
            .where(_pause.c.id == pause_id, _pause.c.ended_at.is_(None))
            .values(ended_at=at, handling=handling, spread=spread)
        )
    )


def queues(pause: Pause) -> bool:
    """Whether journeys are being told of its end at so many a minute: whoever comes due meanwhile waits behind them."""
    return pause.ended_at is not None and pause.spread is not None and pause.drained_at is None


def get(session: Session, pause_id: int) -> Pause | None:
    """The pause with this id."""
    return session.scalar(select(Pause).where(_pause.c.id == pause_id).execution_options(populate_existing=True))


def _concerning() -> Select[Pause]:
    named: dict[str, ColumnElement[str]] = {name: bindparam(name) for name in ("journey", "customer", "playbook")}
    scopes = [and_(_pause.c.scope == name, _pause.c.target == given) for name, given in named.items()]
    scopes.append(and_(_pause.c.scope == "channel", _pause.c.target.in_(bindparam("channels", expanding=True))))
    scopes += [_of_account(named["customer"]), _of_segments(named["customer"])]
    return (
        select(Pause)
        .where(
            or_(_pause.c.scope == "everything", *scopes),
            or_(
                _pause.c.ended_at.is_(None),
                _pause.c.ended_at > bindparam("since"),
                and_(_pause.c.spread.is_not(None), _pause.c.drained_at.is_(None)),
            ),
        )
        .order_by(_pause.c.started_at, _pause.c.id)
        .execution_options(populate_existing=True)
    )


def concerning(
    session: Session,
    *,
    journey_id: str,
    customer_id: str,
    playbook: str,
    channels: Collection[str] = (),
    since: Instant,
) -> list[Pause]:
    """Pauses of a journey, its customer, their account, a segment that they are in now, its playbook, these channels or
    everything, in the order of their start.

    Those that hold now, those whose end is being told one by one (`queues`), and those that ended after `since`: frozen
    time is counted from all of them (rules.md 6).
    """
    meant = {"journey": journey_id, "customer": customer_id, "playbook": playbook, "channels": list(channels)}
    return list(session.scalars(_CONCERNING, meant | {"since": since}))


def concerning_each(
    session: Session, customer_id: str, playbook_of: Mapping[str, str], channels: Collection[str], since: Instant
) -> list[Pause]:
    """`concerning`, for several journeys of one customer together; `playbook_of` gives the playbook of each by its id.

    Which of them a pause of a journey or a playbook concerns is for the caller to tell (`lies_on`).
    """
    scopes: list[ColumnElement[bool]] = [
        _pause.c.scope == "everything",
        and_(_pause.c.scope == "customer", _pause.c.target == customer_id),
        and_(_pause.c.scope == "channel", _pause.c.target.in_(list(channels))),
        and_(_pause.c.scope == "playbook", _pause.c.target.in_(set(playbook_of.values()))),
        and_(_pause.c.scope == "journey", _pause.c.target.in_(list(playbook_of))),
        _of_account(customer_id),
        _of_segments(customer_id),
    ]
    waking = and_(_pause.c.spread.is_not(None), _pause.c.drained_at.is_(None))
    found = _IN_ORDER.where(or_(*scopes), or_(_pause.c.ended_at.is_(None), _pause.c.ended_at > since, waking))
    return list(session.scalars(found))


def of_people(session: Session, customer: Customer, inside: Collection[str]) -> list[Pause]:
    """Pauses that hold a customer now: of everything, or of them, their account or a segment that they are in."""
    scopes = [("customer", customer.id), ("account", customer.account_id), *(("segment", one) for one in inside)]
    theirs = [and_(_pause.c.scope == scope, _pause.c.target == target) for scope, target in scopes if target]
    found = _IN_ORDER.where(_pause.c.ended_at.is_(None), or_(_pause.c.scope == "everything", *theirs))
    return list(session.scalars(found))


def lies_on(pause: Pause, journey_id: str, playbook: str) -> bool:
    """Whether a pause that `concerning_each` found concerns this journey."""
    own = {"journey": journey_id, "playbook": playbook}
    return pause.target == own.get(pause.scope, pause.target)


def frozen(session: Session, customer_id: str, playbook_of: Mapping[str, str], since: Instant) -> list[Pause]:
    """Pauses that stop, or after `since` stopped, the clock of any of a customer's journeys, in the order of start.

    `playbook_of` gives the playbook of each journey id.
    """
    scopes: list[ColumnElement[bool]] = [
        _pause.c.scope == "everything",
        and_(_pause.c.scope == "customer", _pause.c.target == customer_id),
        _of_account(customer_id),
        _of_segments(customer_id),
        and_(_pause.c.scope == "playbook", _pause.c.target.in_(set(playbook_of.values()))),
        and_(_pause.c.scope == "journey", _pause.c.target.in_(list(playbook_of))),
    ]
    return list(
        session.scalars(
            select(Pause)
            .where(
                _pause.c.policy == "freeze",
                or_(*scopes),
                or_(_pause.c.ended_at.is_(None), _pause.c.ended_at > since),
            )
            .order_by(_pause.c.started_at, _pause.c.id)
        )
    )


def _of_account(customer_id: ColumnElement[str] | str) -> ColumnElement[bool]:
    """Pauses of the account to which a customer belongs now."""
    account = select(_customer.c.account_id).where(_customer.c.id == customer_id).scalar_subquery()
    return and_(_pause.c.scope == "account", _pause.c.target == account)


def _of_segments(customer_id: ColumnElement[str] | str) -> ColumnElement[bool]:
    """Pauses of the segments in which a customer is now."""
    return and_(_pause.c.scope == "segment", _pause.c.target.in_(segments.holding(customer_id)))


_CONCERNING = _concerning()


def withdraw(session: Session, pause_id: int) -> None:
    """Take back a pause that never held anything, as if it had not been."""
    session.execute(_hold.delete().where(_hold.c.pause_id == pause_id))
    session.execute(_pause.delete().where(_pause.c.id == pause_id))


def active(session: Session) -> list[Pause]:
    """Every pause that holds now, in the order of their start."""
    return list(session.scalars(_IN_ORDER.where(_pause.c.ended_at.is_(None))))


def unfinished(session: Session) -> list[Pause]:
    """Every pause that holds now, or has ended and may still have somebody to wake, in the order of their start."""
    return list(session.scalars(_IN_ORDER.where(_pause.c.drained_at.is_(None))))


def ever(session: Session) -> list[Pause]:
    """Every pause there was, in the order of their start."""
    return list(session.scalars(_IN_ORDER))


def page(session: Session, *, ended: bool, before: int | None, limit: int) -> list[Pause]:
    """Pauses that hold now, or with `ended` those that do no more; the latest first, those before the id `before`."""
    over = _pause.c.ended_at.is_not(None) if ended else _pause.c.ended_at.is_(None)
    found = select(Pause).where(over, *([] if before is None else [_pause.c.id < before]))
    return list(session.scalars(found.order_by(_pause.c.id.desc()).limit(limit)))


def over_by(session: Session, now: Instant) -> list[Pause]:
    """Pauses that hold now, and that were given an end that has come."""
    return list(session.scalars(_IN_ORDER.where(_pause.c.ended_at.is_(None), _pause.c.ends_at <= now)))


def to_drain(session: Session) -> list[int]:
    """The ids of pauses that have ended, and may still have somebody to wake; the earliest ended first."""
    return list(
        session.scalars(
            select(_pause.c.id)
            .where(_pause.c.drained_at.is_(None), _pause.c.ended_at.is_not(None))
            .order_by(_pause.c.ended_at, _pause.c.id)
        )
    )


def take(session: Session, pause_id: int) -> Pause | None:
    """A pause, locked for this transaction; None where another dispatcher is at it."""
    return session.scalar(
        select(Pause)
        .where(_pause.c.id == pause_id)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )


def pace(session: Session, pause_id: int, wake_at: Instant) -> None:
    """Store when the next journey may be told of the end of a pause that is spread."""
    session.execute(update(_pause).where(_pause.c.id == pause_id).values(wake_at=wake_at))


def mark_drained(session: Session, pause_id: int, at: Instant) -> None:
    """Nobody waits for the end of this pause any more."""
    session.execute(update(_pause).where(_pause.c.id == pause_id).values(drained_at=at))


def active_on(session: Session, scope: str, target: str) -> list[Pause]:
    """The pauses of one scope and target that hold now, in the order of their start."""
    return list(
        session.scalars(
            select(Pause)
            .where(_pause.c.scope == scope, _pause.c.target == target, _pause.c.ended_at.is_(None))
            .order_by(_pause.c.started_at, _pause.c.id)
        )
    )


def last_end(session: Session, scope: str, target: str, made_by: str) -> Instant | None:
    """When the last pause of one scope and target that somebody made was ended."""
    last: Instant | None = session.scalar(
        select(func.max(_pause.c.ended_at)).where(
            _pause.c.scope == scope, _pause.c.target == target, _pause.c.made_by == made_by
        )
    )
    return last
