"""Erasing a person: every table, and what becomes of its rows about them (rules.md 22). docs/privacy.md tells it.

`TABLES` is the whole list: a table or column that it does not name fails a test, so whoever adds one decides here.
Rows are scrubbed and not deleted where they are counted (results, caps, the ledger): what is left tells that somebody
did something at some time, under ids of ours that lead to nobody. Everything here may be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, String, case, cast, func, literal, null, or_, select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.journeys import UNDER_WAY
from store.tables import (
    Account,
    Audit,
    Callback,
    Consent,
    ConsentRequest,
    Customer,
    Delivery,
    Erasure,
    Event,
    FormSent,
    Hold,
    ImportRejected,
    ImportRun,
    Journey,
    JourneyInbox,
    JourneyMove,
    Message,
    Milestone,
    Pause,
    PlaybookActive,
    PlaybookVersion,
    Rate,
    Resend,
    Rollout,
    Row,
    SegmentMember,
    Shadow,
    Shard,
    SignInAttempt,
    Suppression,
    Sweep,
    Task,
    Telling,
    Token,
    Trace,
    User,
    UserSession,
    table_of,
)

ERASED = "erased"
"""Stands where a text may not be empty; and the reason for which an erased customer's journeys ended."""

ACT = "erase"
"""What the audit log calls an erasure. Its own entry stays whole: it says who did it, when and why."""

CHUNK = 500


class Person(NamedTuple):
    """Whom it is about, under all their rows, and when they were erased; the first of `ids` (ours) is the living one.

    `names` are the product's ids of them until `erased_at` (somebody else may have them since), `addresses` what was
    known of how to reach them.
    """

    ids: Sequence[str]
    erased_at: Instant
    now: Instant
    names: Sequence[str] = ()
    addresses: Sequence[str] = ()


Rows: TypeAlias = Callable[[Person], ColumnElement[bool]]


@dataclass(frozen=True)
class About:
    """What one table holds about a person. `rows` finds it, None: no row is about one person.

    `scrubbed` gives each column that is scrubbed its new value, a callable being asked for it; `kept` are the others,
    and `why` says why they may stay. `delete`: the rows go.
    """

    kept: str
    why: str
    rows: Rows | None = None
    scrubbed: Mapping[str, Any] = field(default_factory=dict)
    delete: bool = False


_customer, _journey, _message = table_of(Customer), table_of(Journey), table_of(Message)
_event, _audit, _pause, _task = table_of(Event), table_of(Audit), table_of(Pause), table_of(Task)


def _of(model: type[Row], column: str = "customer_id") -> Rows:
    return lambda person: table_of(model).c[column].in_(person.ids)


def _of_journeys(model: type[Row]) -> Rows:
    theirs = _of(Journey)
    return lambda person: table_of(model).c.journey_id.in_(select(_journey.c.id).where(theirs(person)))


def _messages(person: Person) -> Any:
    return select(_message.c.id).where(_message.c.customer_id.in_(person.ids))


def _journeys(person: Person) -> Any:
    return select(_journey.c.id).where(_journey.c.customer_id.in_(person.ids))


def _acts(person: Person) -> ColumnElement[bool]:
    target = _audit.c.target
    retried = select(literal("event ") + cast(_event.c.id, String)).where(_event.c.customer_id.in_(person.ids))
    return or_(
        target.in_([*person.ids, *person.names]), target.in_(_journeys(person)), target.in_(_messages(person)),
        target.in_(retried),
    )  # fmt: skip


def _pauses(person: Person) -> ColumnElement[bool]:
    theirs = (_pause.c.scope == "customer") & _pause.c.target.in_(person.ids)
    return theirs | (_pause.c.scope == "journey") & _pause.c.target.in_(_journeys(person))


def _events(person: Person) -> ColumnElement[bool]:
    """What was applied to them, and what was set aside before it could be."""
    one = _event.c
    return or_(
        one.customer_id.in_(person.ids), (one.state == "failed") & one.user_id.in_(person.names) & _before(person)
    )


def _naming(person: Person) -> ColumnElement[bool]:
    return _event.c.previous_id.in_(person.names) & _before(person)


def _before(person: Person) -> ColumnElement[bool]:
    return _event.c.received_at <= literal(person.erased_at, _event.c.received_at.type)


def _whose(person: Person) -> Any:
    """The name of the erased customer, for rows that had one of the product's."""
    return select(_customer.c.user_id).where(_customer.c.id == person.ids[0]).scalar_subquery()


def _message_id(person: Person) -> Any:
    """Stays where it names nobody, so that a repeated event is still known as one."""
    hints = [func.lower(_event.c.message_id).contains(one.lower(), autoescape=True) for one in
             {*person.names, *person.addresses} if one]  # fmt: skip
    if not hints:
        return _event.c.message_id
    return case((or_(*hints), literal(f"{ERASED}-") + cast(_event.c.id, String)), else_=_event.c.message_id)


TABLES: Mapping[type[Row], About] = {
    Account: About("id group_id attributes created_at updated_at find_id find_name", "it is about a company"),
    Audit: About(
        "id at who what", "who did what, and when", _acts,
        {"target": lambda person: case((_audit.c.target.in_(person.names), person.ids[0]), else_=_audit.c.target),
         "reason": lambda person: case((_audit.c.what == ACT, _audit.c.reason)),
         "data": lambda person: case((_audit.c.what == ACT, _audit.c.data))},
    ),
    # Its body is scrubbed by `callbacks.mark_done`, and where it was set aside by `intake.erasing`.
    Callback: About("id provider digest body received_at state attempts error", "the body is emptied once it is read"),
    Consent: About(
        "id customer_id topic channel granted text_version at request_id",
        "that somebody agreed or did not, and when", _of(Consent), {"source": ERASED, "ip": None},
    ),
    ConsentRequest: About(
        "id customer_id topic channel text_version at confirmed_at",
        "that somebody asked, and when", _of(ConsentRequest), {"source": ERASED, "ip": None},
    ),
    # The product's id of them is taken away first of all, by `mark`.
    Customer: About(
        "id user_id created_at updated_at merged_into erased_at find_id", "our id and a keyed hash",
        _of(Customer, "id"),
        {"attributes": {}, "email": None, "phone": None, "time_zone": None, "language": None, "stage": None,
         "account_id": None, "find_email": None, "find_phone": None, "find_name": None, "find_surname": None},
    ),
    Delivery: About(
        "id message_id kind at received_at provider_id detail", "what was told is a code, and ids",
        lambda person: table_of(Delivery).c.message_id.in_(_messages(person)),
    ),
    Erasure: About(
        "id customer_id provider subject state attempts error retry_at created_at done_at",
        "the subject is emptied once it is dealt with",
    ),
    Event: About(
        "id source kind at received_at state applied_at attempts retry_at hops backfill customer_id shard",
        "that something happened, and when", _events,
        {"message_id": _message_id, "user_id": _whose, "previous_id": None, "properties": {}, "error": None,
         "outcome": {ERASED: True},
         # A milestone's name is a word of the map; that of a group call is the company's.
         "name": lambda person: case((_event.c.kind == "group", null()), else_=_event.c.name)},
    ),
    Hold: About("journey_id pause_id since wants", "", _of_journeys(Hold), delete=True),
    ImportRejected: About("digest line reasons", "it names lines, and no values"),
    ImportRun: About("digest offset line counts started_at finished_at", "it counts lines"),
    Journey: About(
        "id customer_id playbook version arm entry_event_id history_mark entered_at status exit_at exit_outcome seq "
        "due step inbox_last started_at ended_at simulated shard",
        "that somebody went through a playbook, and how far", _of(Journey),
        {"key": lambda person: _journey.c.id, "per_value": None, "state": None, "answered": None,
         "exit_reason": lambda person: case((_journey.c.exit_reason == ERASED, ERASED))},
    ),
    JourneyInbox: About(
        "journey_id number kind name at event_id delivered_at", "words of the map", _of_journeys(JourneyInbox),
        {"data": None},
    ),
    JourneyMove: About(
        "journey_id rollout_id state asked_at done_at", "that a journey went on in another version",
        _of_journeys(JourneyMove),
    ),
    Message: About(
        "id journey_id step occurrence customer_id channel template state attempt due_at expires_at claimed_at "
        "accepted_at settled_at reason segments purpose topic not_before sender provider_id",
        "the ledger: that a message went out, by which template", _of(Message),
        {"decision": None, "recipient": None, "subject": None, "html": None, "text": None, "language": None},
    ),
    Milestone: About(
        "id customer_id name at applied_at event_id", "that somebody reached it, and when", _of(Milestone),
        {"properties": {}},
    ),
    Pause: About(
        "id scope target policy started_at handling made_by ends_at spread transactional wake_at", "an operating act",
        _pauses,
        {"reason": ERASED, "ended_at": lambda person: _now_unless(_pause.c.ended_at, person.now),
         "drained_at": lambda person: _now_unless(_pause.c.drained_at, person.now)},
    ),
    PlaybookActive: About("playbook version since canary percent", "it is about a playbook"),
    PlaybookVersion: About("id playbook plan source created_at", "it is about a playbook"),
    Rate: About("channel next_at", "it is about a channel"),
    Resend: About(
        "message_id original occurrence asked_at expires_at retry_at", "that a message was to be sent again",
        lambda person: table_of(Resend).c.original.in_(_messages(person)),
    ),
    Rollout: About(
        "id playbook from_version to_version in_flight targets percent continue_at state made_by reason started_at "
        "finished_at after",
        "it is about a playbook",
    ),
    SegmentMember: About("segment customer_id since", "", _of(SegmentMember), delete=True),
    Shadow: About(
        "playbook version plan source since registered_at registered_by", "it is about a playbook, and who shows it",
    ),
    Shard: About("id", "it is about nobody"),
    Telling: About("shard teller until", "it is about a worker"),
    Suppression: About(
        "id channel address reason scope at lifted_at message_id made_by", "a keyed hash, so that a no is kept",
    ),
    Sweep: About("playbook zone until due after", "it is about a playbook"),
    Task: About(
        "id journey_id step occurrence customer_id due_at created_at", "that there was a task", _of(Task),
        {"title": ERASED, "assignee": None, "state": "done",
         "done_at": lambda person: _now_unless(_task.c.done_at, person.now)},
    ),
    User: About("id name role password created_at disabled_at", "it is about somebody who works with the console"),
    UserSession: About("digest user_id created_at seen_at ends_at ended_at browser", "it is about a user's browser"),
    SignInAttempt: About("subject failures last_at until", "it is about whoever tried to sign in, as a hash"),
    FormSent: About("id at", "it is a random name"),
    Token: About("id name digest scope created_at revoked_at milestones origins", "it is about a key"),
    Trace: About(
        "journey_id seq at day what step channel template", "the steps of a playbook", _of_journeys(Trace),
        {"to": None, "reason": None},
    ),
}  # fmt: skip
"""Every table. Events come first in `scrub`, and the customer last: who is half erased can still be found."""


def _now_unless(column: Any, now: Instant) -> Any:
    return func.coalesce(column, literal(now, column.type))


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
    about = or_(_events(person), _naming(person))
    return list(
        session.scalars(select(_event.c.id).where(about, _event.c.id > after).order_by(_event.c.id).limit(CHUNK))
    )


def scrub_events(session: Session, person: Person, numbers: Collection[int]) -> None:
    """Scrub these events; one that was set aside is not to be tried again."""
    one = _event.c
    these = update(_event).where(one.id.in_(numbers))
    aside = these.where(_events(person), one.state != "applied")
    session.execute(aside.values(state="applied", applied_at=person.now, retry_at=None, customer_id=person.ids[0]))
    session.execute(these.where(_events(person)).values(_values(TABLES[Event], person)))
    session.execute(these.where(_naming(person)).values(previous_id=None))


def scrub(session: Session, person: Person) -> None:
    """Scrub or delete what every other table holds about a person."""
    for model, about in TABLES.items():
        if about.rows is None or model in (Event, Customer) or not (about.delete or about.scrubbed):
            continue
        table = table_of(model)
        if about.delete:
            session.execute(table.delete().where(about.rows(person)))
        else:
            session.execute(update(table).where(about.rows(person)).values(_values(about, person)))
    session.execute(update(_customer).where(_customer.c.id.in_(person.ids)).values(_values(TABLES[Customer], person)))


def rows_of(session: Session, model: type[Row], person: Person) -> list[Any]:
    """The rows of a table that are about a person, in the order of its key; of events those that wait as well."""
    find, table = TABLES[model].rows, table_of(model)
    assert find is not None
    where = find(person)
    if model is Event:
        where = or_(where, _event.c.user_id.in_(person.names))
    return list(session.scalars(select(model).where(where).order_by(*table.primary_key)))


def _values(about: About, person: Person) -> dict[str, Any]:
    return {name: value(person) if callable(value) else value for name, value in about.scrubbed.items()}
