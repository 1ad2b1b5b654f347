"""Shadows: versions of playbooks that are shown beside what runs; and what is stored of customers, to live it again.

A shadow is one row. Nothing else is written for it, and whoever applies events or sends never looks here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.ledger import COUNTED
from store.statements import changed, insert
from store.tables import Audit, Customer, Event, JourneyInbox, Message, Shadow, table_of, values_of

_shadow, _event, _customer = table_of(Shadow), table_of(Event), table_of(Customer)
_message, _inbox, _audit = table_of(Message), table_of(JourneyInbox), table_of(Audit)

PAGE = 1000
"""So many events are fetched at once."""


def put(session: Session, shadow: Shadow) -> None:
    """Store the shadow of a playbook, in the place of the one it had."""
    values = values_of(shadow)
    statement = insert(session, _shadow).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["playbook"], set_=values))


def get(session: Session, playbook: str) -> Shadow | None:
    """The shadow of a playbook, read anew."""
    found = select(Shadow).where(_shadow.c.playbook == playbook)
    return session.scalar(found.execution_options(populate_existing=True))


def names(session: Session) -> list[str]:
    """The playbooks that have a shadow."""
    return list(session.scalars(select(_shadow.c.playbook).order_by(_shadow.c.playbook)))


def remove(session: Session, playbook: str) -> bool:
    """Forget the shadow of a playbook; False where it has none."""
    return changed(session.execute(_shadow.delete().where(_shadow.c.playbook == playbook)))


# --- what customers lived through ------------------------------------------------------------------------------------


def _touched(since: Instant) -> ColumnElement[bool]:
    """Of customers to whom an event was applied at `since` or later."""
    latest = select(_event.c.customer_id).where(_event.c.state == "applied", _event.c.applied_at >= since)
    return _event.c.customer_id.in_(latest.distinct())


def count_since(session: Session, since: Instant) -> int:
    """How many customers an event was applied to at `since` or later."""
    found = select(func.count(_event.c.customer_id.distinct()))
    return session.scalar(found.where(_event.c.state == "applied", _event.c.applied_at >= since)) or 0


def events_since(session: Session, since: Instant, only: str | None = None) -> Iterator[tuple[str, list[Event]]]:
    """By customer, of those to whom an event was applied at `since` or later: all their applied events, in the order
    in which they were. All events are read once, for there is no index for it, and sorted by the database. `only` one
    customer, by our id.
    """
    found = (
        select(Event)
        .where(_event.c.state == "applied", *([_touched(since)] if only is None else [_event.c.customer_id == only]))
        .order_by(_event.c.customer_id, _event.c.applied_at, _event.c.id)
        .execution_options(yield_per=PAGE)
    )
    for customer, events in groupby(session.scalars(found), key=lambda event: event.customer_id):
        assert customer is not None
        yield customer, list(events)


def of_several(session: Session) -> set[str]:
    """Our ids of customers into whom others were merged, and of those others."""
    into = session.execute(select(_customer.c.id, _customer.c.merged_into).where(_customer.c.merged_into.is_not(None)))
    return {one for row in into for one in row}


def sent(session: Session, customer_id: str) -> Mapping[tuple[str, str, int], Instant]:
    """By journey, step and occurrence: when a customer's message went out, or may have. Without resends."""
    rows = session.execute(
        select(_message.c.journey_id, _message.c.step, _message.c.occurrence, _message.c.claimed_at).where(
            _message.c.customer_id == customer_id, _message.c.state.in_(COUNTED)
        )
    )
    return {
        (journey, step, int(occurrence)): at for journey, step, occurrence, at in rows if at and occurrence.isdecimal()
    }


def exits_by_hand(session: Session, journeys: Collection[str]) -> list[tuple[str, Instant, str]]:
    """Of these journeys, those that a person ended: journey, when, and how timelines tell it."""
    rows = session.execute(
        select(_inbox.c.journey_id, _inbox.c.at, _inbox.c.name).where(
            _inbox.c.journey_id.in_(journeys), _inbox.c.kind == "exit", _inbox.c.event_id.is_(None)
        )
    )
    return [(row.journey_id, row.at, row.name) for row in rows]


def skips(session: Session, journeys: Collection[str]) -> list[tuple[str, Instant, str]]:
    """What was skipped in these journeys: journey, when, and `wait` or `message`."""
    rows = session.execute(
        select(_audit.c.target, _audit.c.at, _audit.c.data).where(
            _audit.c.what == "skip", _audit.c.target.in_(journeys)
        )
    )
    return [(row.target, row.at, (row.data or {}).get("what", "wait")) for row in rows]
