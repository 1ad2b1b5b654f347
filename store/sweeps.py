"""Sweeps: how far the entries by time have been looked at, and the customers of a time zone, page by page."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, literal, or_, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import add_new
from store.tables import Customer, Sweep, table_of

_sweep, _customer = table_of(Sweep), table_of(Customer)


class Found(NamedTuple):
    """One customer of a page; `value` is that of the attribute that was asked for."""

    id: str
    user_id: str
    value: Any


def zones(session: Session) -> list[str]:
    """The time zones that customers say they are in, as they say it."""
    found = select(_customer.c.time_zone).where(_customer.c.time_zone.is_not(None)).distinct()
    return sorted(session.scalars(found))


def every(session: Session) -> dict[tuple[str, str], Sweep]:
    """All sweeps, by playbook and zone."""
    return {(row.playbook, row.zone): row for row in session.scalars(select(Sweep))}


def take(session: Session, playbook: str, zone: str, since: Instant) -> Sweep:
    """The sweep of a playbook in a zone, kept from all others until this transaction ends; begun `since`, if it is new.

    What is to stay of it is stored by `keep`.
    """
    add_new(session, Sweep(playbook=playbook, zone=zone, until=since))
    found = select(Sweep).where(_sweep.c.playbook == playbook, _sweep.c.zone == zone)
    return session.scalars(found.with_for_update().execution_options(populate_existing=True)).one()


def keep(session: Session, sweep: Sweep, until: Instant, due: Instant | None, after: str | None) -> None:
    """Store how far a sweep has come."""
    session.execute(
        update(_sweep)
        .where(_sweep.c.playbook == sweep.playbook, _sweep.c.zone == sweep.zone)
        .values(until=until, due=due, after=after)
    )


def page(
    session: Session,
    zone: str,
    known_by: Instant,
    limit: int,
    *,
    but: Collection[str] | None = None,
    after: str = "",
    last: str | None = None,
    attribute: str = "",
) -> list[Found]:
    """The next customers of a zone in the order of their ids: above `after`, up to `last`, who came by `known_by`.

    With `but`, those who are in none of these zones are counted to it as well: the zone is that of everybody whose own
    is not known. Merged and erased customers are nobody.
    """
    of_zone: ColumnElement[bool] = _customer.c.time_zone == zone
    if but is not None:
        of_zone = or_(of_zone, _customer.c.time_zone.is_(None), _customer.c.time_zone.not_in(but))
    value = _customer.c.attributes[attribute].as_string() if attribute else literal(None)
    found = (
        select(_customer.c.id, _customer.c.user_id, value)
        .where(
            of_zone,
            _customer.c.id > after,
            _customer.c.created_at <= known_by,
            _customer.c.merged_into.is_(None),
            _customer.c.erased_at.is_(None),
            *([] if last is None else [_customer.c.id <= last]),
        )
        .order_by(_customer.c.id)
        .limit(limit)
    )
    return [Found(*row) for row in session.execute(found)]
