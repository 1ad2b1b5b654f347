"""What a forecast reads: everything about many customers at once, so that a page of them is a handful of queries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.facts import Milestones
from lifecycle.ledger import TAKEN, MessageState
from store.journeys import UNDER_WAY
from store.tables import Account, Consent, Customer, Event, Journey, JourneyInbox, Message, Milestone, table_of

_journey, _customer, _event = table_of(Journey), table_of(Customer), table_of(Event)
_message, _milestone, _consent, _inbox = (
    table_of(Message),
    table_of(Milestone),
    table_of(Consent),
    table_of(JourneyInbox),
)
_account = table_of(Account)

_LIVING = (
    _journey.c.status.in_(UNDER_WAY),
    _journey.c.exit_at.is_(None),
    _journey.c.simulated.is_(False),
)


class Entered(NamedTuple):
    """A journey that an event entered: for telling how many come."""

    customer: str
    playbook: str
    key: str
    entered_at: Instant
    ended_at: Instant | None
    event_id: int


class Mail(NamedTuple):
    """A message; the fields mean what those of the table `message` mean."""

    customer_id: str
    journey_id: str
    step: str
    occurrence: str
    channel: Literal["email", "sms"]
    state: MessageState
    claimed_at: Instant | None
    purpose: str | None
    topic: str | None


class Waited(NamedTuple):
    """How often something followed, and after how many seconds: for those of whom it is not known, until now."""

    name: str
    seconds: float
    happened: bool


def under_way(session: Session) -> tuple[int, int]:
    """How many customers have journeys under way, and how many journeys these are."""
    found = select(func.count(_journey.c.customer_id.distinct()), func.count()).where(*_LIVING)
    customers, journeys = session.execute(found).one()
    return customers, journeys


def next_under_way(session: Session, after: str, limit: int) -> list[str]:
    """Customers with journeys under way, in the order of their ids (which are random), those above `after`."""
    found = select(_journey.c.customer_id).distinct().where(*_LIVING, _journey.c.customer_id > after)
    return list(session.scalars(found.order_by(_journey.c.customer_id).limit(limit)))


def customers(session: Session, ids: Collection[str]) -> dict[str, Customer]:
    """Those of these customers who are neither erased nor merged into another, by id."""
    found = select(Customer).where(
        _customer.c.id.in_(ids), _customer.c.erased_at.is_(None), _customer.c.merged_into.is_(None)
    )
    return {one.id: one for one in session.scalars(found)}


def accounts(session: Session, ids: Collection[str]) -> dict[str, Account]:
    """These accounts by id."""
    return {one.id: one for one in session.scalars(select(Account).where(_account.c.id.in_(ids)))}


def journeys(session: Session, customers: Collection[str]) -> list[Journey]:
    """Every journey of these customers, in the order of entry."""
    found = select(Journey).where(_journey.c.customer_id.in_(customers))
    return list(session.scalars(found.order_by(_journey.c.entered_at, _journey.c.id)))


def histories(session: Session, customers: Collection[str]) -> dict[str, dict[str, Milestones]]:
    """By customer and milestone how often it happened, and when first and last."""
    at = _milestone.c.at
    rows = session.execute(
        select(_milestone.c.customer_id, _milestone.c.name, func.count(),
               func.min(at, type_=at.type), func.max(at, type_=at.type))
        .where(_milestone.c.customer_id.in_(customers))
        .group_by(_milestone.c.customer_id, _milestone.c.name)
    )  # fmt: skip
    found: dict[str, dict[str, Milestones]] = {}
    for customer, name, count, first, last in rows:
        found.setdefault(customer, {})[name] = Milestones(count, first, last)
    return found


def messages(session: Session, customers: Collection[str]) -> list[Mail]:
    """Messages of these customers, in the order in which they were due."""
    wanted = select(*(_message.c[name] for name in Mail._fields)).where(_message.c.customer_id.in_(customers))
    return [Mail(*row) for row in session.execute(wanted.order_by(_message.c.due_at, _message.c.claimed_at))]


def consents(session: Session, customers: Collection[str]) -> dict[str, dict[str, bool]]:
    """By customer the answers as files write them (`offers`, `offers:sms`), in the order in which we learnt of them."""
    newest = (
        select(func.max(_consent.c.id))
        .where(_consent.c.customer_id.in_(customers))
        .group_by(_consent.c.customer_id, _consent.c.topic, _consent.c.channel)
    )
    found: dict[str, dict[str, bool]] = {}
    for row in session.scalars(select(Consent).where(_consent.c.id.in_(newest)).order_by(_consent.c.id)):
        name = f"{row.topic}:{row.channel}" if row.channel else row.topic
        found.setdefault(row.customer_id, {})[name] = row.granted
    return found


def inbox(session: Session, journeys: Collection[str]) -> dict[str, list[JourneyInbox]]:
    """By journey everything that it was given to hear, in order."""
    found: dict[str, list[JourneyInbox]] = {}
    rows = select(JourneyInbox).where(_inbox.c.journey_id.in_(journeys)).order_by(_inbox.c.number)
    for row in session.scalars(rows):
        found.setdefault(row.journey_id, []).append(row)
    return found


def entered_since(session: Session, since: Instant) -> list[Entered]:
    """Journeys that began at or after an instant, in the order of entry; not those that journeys led to."""
    one = _journey.c
    rows = session.execute(
        select(one.customer_id, one.playbook, one.key, one.entered_at, one.ended_at, one.entry_event_id)
        .join(_event, _event.c.id == one.entry_event_id)
        .where(one.entered_at >= since, one.simulated.is_(False), _event.c.kind.in_(("track", "due")))
        .order_by(one.entered_at, one.id)
    )
    return [Entered(*row) for row in rows]


def first_entry(session: Session) -> Instant | None:
    """When the first journey of all began."""
    first: Instant | None = session.scalar(
        select(func.min(_journey.c.entered_at, type_=_journey.c.entered_at.type)).where(_journey.c.simulated.is_(False))
    )
    return first


def entry_events(session: Session, ids: Collection[int]) -> dict[int, Event]:
    """These events by id; those that are archived are left out."""
    return {one.id: one for one in session.scalars(select(Event).where(_event.c.id.in_(ids))) if one.id is not None}


def one_of(session: Session, number: int) -> str | None:
    """The id of the customer of that number in the order of ids, which is random; None where there are fewer."""
    return session.scalar(select(_customer.c.id).order_by(_customer.c.id).offset(number - 1).limit(1))


def some_inside(session: Session, playbook: str, limit: int) -> list[str]:
    """Customers with a journey under way through a playbook, at most `limit`, in the order of their ids."""
    found = select(_journey.c.customer_id).distinct().where(_journey.c.playbook == playbook, *_LIVING)
    return list(session.scalars(found.order_by(_journey.c.customer_id).limit(limit)))


def some_entered(session: Session, playbook: str, since: Instant, limit: int) -> tuple[int, list[Entered]]:
    """How many journeys through a playbook began at or after an instant, and some of them, at most `limit`."""
    one = _journey.c
    lately = (one.playbook == playbook, one.entered_at >= since, one.simulated.is_(False))
    count = session.scalar(select(func.count()).where(*lately)) or 0
    rows = session.execute(
        select(one.customer_id, one.playbook, one.key, one.entered_at, one.ended_at, one.entry_event_id)
        .where(*lately)
        .order_by(one.customer_id, one.id)
        .limit(limit)
    )
    return count, [Entered(*row) for row in rows]


def waits(
    session: Session, names: Collection[str], since: Instant, now: Instant, upto: str | None = None
) -> list[Waited]:
    """For each customer who first came after `since`, and each milestone: after how long it happened, or not yet.

    Of customers whose ids are no higher than `upto`, where that is given: a sample.
    """
    within = [] if upto is None else [_journey.c.customer_id <= upto]
    came = (
        select(_journey.c.customer_id, func.min(_journey.c.entered_at, type_=_journey.c.entered_at.type).label("came"))
        .where(_journey.c.simulated.is_(False), *within)
        .group_by(_journey.c.customer_id)
        .subquery()
    )
    at = _milestone.c.at
    first = session.execute(
        select(_milestone.c.customer_id, _milestone.c.name, func.min(at, type_=at.type))
        .join(came, came.c.customer_id == _milestone.c.customer_id)
        .where(came.c.came > since, at > came.c.came, _milestone.c.name.in_(names))
        .group_by(_milestone.c.customer_id, _milestone.c.name)
    )
    happened = {(customer, name): when for customer, name, when in first}
    found = []
    for customer, begun in session.execute(select(came.c.customer_id, came.c.came).where(came.c.came > since)):
        for name in names:
            when = happened.get((customer, name))
            found.append(Waited(name, ((when or now) - begun).total("seconds"), when is not None))
    return found


def reactions(
    session: Session, names: Collection[str], since: Instant, now: Instant, upto: str | None = None
) -> list[Waited]:
    """For each message since, and each milestone of messages: after how long it happened, or not yet.

    Of customers whose ids are no higher than `upto`, where that is given: a sample.
    """
    about, to = ([] if upto is None else [table.c.customer_id <= upto] for table in (_milestone, _message))
    rows = session.execute(
        select(_milestone.c.name, _milestone.c.properties, _milestone.c.at)
        .where(_milestone.c.name.in_(names), _milestone.c.at > since, *about)
        .order_by(_milestone.c.id.desc())
    )
    happened = {(name, of.get("journey"), of.get("of")): at for name, of, at in rows}
    one = _message.c
    sent = session.execute(
        select(one.journey_id, one.step, one.accepted_at).where(one.state.in_(TAKEN), one.accepted_at > since, *to)
    )
    found = []
    for journey, step, accepted in sent:
        for name in names:
            when = happened.get((name, journey, step))
            seconds = ((when or now) - accepted).total("seconds")
            if seconds >= 0:
                found.append(Waited(name, seconds, when is not None))
    return found
