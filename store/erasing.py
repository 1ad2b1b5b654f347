"""Erasing a person, table by table as `store.personal` lists them. Everything here may be done again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import case, func, literal, or_, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.journeys import UNDER_WAY
from store.personal import ERASED, TABLES, Person, events_about, naming, scrubbed
from store.tables import Customer, Event, Journey, JourneyInbox, table_of

CHUNK = 500

_customer, _journey, _event = table_of(Customer), table_of(Journey), table_of(Event)


def family(session: Session, customer_id: str) -> list[str]:
    """Our ids of a person: that of whom a customer was merged into, and of all who were merged into them after it."""
    found = [customer_id]
    while into := session.scalar(select(_customer.c.merged_into).where(_customer.c.id == found[0])):
        found = [into]
    for one in found:
        into_it = session.scalars(select(_customer.c.id).where(_customer.c.merged_into == one).order_by(_customer.c.id))
        found += [each for each in into_it if each not in found]
    return found


def known_as(session: Session, mark: str) -> Customer | None:
    """The customer who was erased last of those whose name came to this keyed hash."""
    like = or_(_customer.c.user_id == mark, _customer.c.user_id.startswith(f"{mark}:", autoescape=True))
    return session.scalars(select(Customer).where(like).order_by(_customer.c.erased_at.desc()).limit(1)).first()


def rows(session: Session, ids: Sequence[str]) -> list[Customer]:
    """The rows with these ids, in that order, read anew: tombstones themselves, and not whom they lead to."""
    found = session.scalars(
        select(Customer).where(_customer.c.id.in_(ids)).execution_options(populate_existing=True)
    ).all()
    return sorted(found, key=lambda one: ids.index(one.id))


def mark(session: Session, customer: Customer, hashed: str, now: Instant) -> None:
    """Take the product's name from a customer who is locked, for a keyed hash of it: from now on they are erased.

    One who has the name after them is somebody new; should they be erased as well, a number tells the two apart.
    """
    taken = session.scalar(
        select(func.count()).select_from(_customer).where(
            or_(_customer.c.user_id == hashed, _customer.c.user_id.startswith(f"{hashed}:", autoescape=True))
        )
    )  # fmt: skip
    customer.user_id = f"{hashed}:{taken}" if taken else hashed
    customer.erased_at = customer.updated_at = now
    session.flush()


def end_journeys(session: Session, ids: Collection[str], now: Instant) -> None:
    """End all journeys of a person where they stand: nothing more is done in them, whoever has yet to hear of it."""
    stamp = _journey.c.exit_at
    session.execute(
        update(_journey)
        .where(_journey.c.customer_id.in_(ids), _journey.c.status.in_(UNDER_WAY))
        .values(
            status="ended", ended_at=now, due=None, exit_at=func.coalesce(stamp, literal(now, stamp.type)),
            exit_outcome=func.coalesce(_journey.c.exit_outcome, "exited"),
            exit_reason=case((stamp.is_(None), ERASED), else_=_journey.c.exit_reason),
        )
    )  # fmt: skip
    inbox = table_of(JourneyInbox)
    theirs = select(_journey.c.id).where(_journey.c.customer_id.in_(ids))
    session.execute(
        update(inbox).where(inbox.c.journey_id.in_(theirs), inbox.c.delivered_at.is_(None)).values(delivered_at=now)
    )


def take_waiting(session: Session, customer_id: str, name: str, shard: int, now: Instant) -> None:
    """Events that were acknowledged and are not applied yet, of a locked shard: they will do nothing any more."""
    one = _event.c
    session.execute(
        update(_event)
        .where(one.shard == shard, one.state == "pending", one.user_id == name)
        .values(state="applied", applied_at=now, retry_at=None, customer_id=customer_id, outcome={ERASED: True})
    )


def events_of(session: Session, person: Person, after: int) -> list[int]:
    """Ids of events that are about a person, above `after`, at most `CHUNK`. There is no index for it: all are read."""
    about = or_(events_about(person), naming(person))
    return list(
        session.scalars(select(_event.c.id).where(about, _event.c.id > after).order_by(_event.c.id).limit(CHUNK))
    )


def scrub_events(session: Session, person: Person, numbers: Collection[int]) -> None:
    """Scrub these events; one that was set aside is not to be tried again."""
    one = _event.c
    these = update(_event).where(one.id.in_(numbers))
    aside = these.where(events_about(person), one.state != "applied")
    session.execute(aside.values(state="applied", applied_at=person.now, retry_at=None, customer_id=person.ids[0]))
    session.execute(these.where(events_about(person)).values(scrubbed(TABLES[Event], person)))
    session.execute(these.where(naming(person)).values(previous_id=None))


def scrub(session: Session, person: Person) -> None:
    """Scrub or delete what every other table holds about a person."""
    for model, about in TABLES.items():
        if about.rows is None or model in (Event, Customer) or not (about.delete or about.scrubbed):
            continue
        table = table_of(model)
        if about.delete:
            session.execute(table.delete().where(about.rows(person)))
        else:
            session.execute(update(table).where(about.rows(person)).values(scrubbed(about, person)))
    session.execute(update(_customer).where(_customer.c.id.in_(person.ids)).values(scrubbed(TABLES[Customer], person)))
