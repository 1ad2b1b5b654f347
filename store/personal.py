"""What each table holds about a person, and what becomes of it when they are erased (rules.md 22; docs/privacy.md).

`TABLES` is the whole list: a table or column that it does not name fails a test, so whoever adds one decides here.
Rows are scrubbed and not deleted where they are counted (results, caps, the ledger): what is left tells that somebody
did something at some time, under ids of ours that lead to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, String, case, cast, func, literal, null, or_, select
from sqlalchemy.orm import Session
from whenever import Instant

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


def events_about(person: Person) -> ColumnElement[bool]:
    """What was applied to them, and what was set aside before it could be."""
    one = _event.c
    return or_(
        one.customer_id.in_(person.ids), (one.state == "failed") & one.user_id.in_(person.names) & _before(person)
    )


def naming(person: Person) -> ColumnElement[bool]:
    """Events of somebody else that name them, as who they were before."""
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
        "that something happened, and when", events_about,
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
"""Every table. Events are scrubbed first, and the customer last: who is half erased can still be found."""


def _now_unless(column: Any, now: Instant) -> Any:
    return func.coalesce(column, literal(now, column.type))


def rows_of(session: Session, model: type[Row], person: Person) -> list[Any]:
    """The rows of a table that are about a person, in the order of its key; of events those that wait as well."""
    find, table = TABLES[model].rows, table_of(model)
    assert find is not None
    where = find(person)
    if model is Event:
        where = or_(where, _event.c.user_id.in_(person.names))
    return list(session.scalars(select(model).where(where).order_by(*table.primary_key)))


def scrubbed(about: About, person: Person) -> dict[str, Any]:
    """The new values of the columns that are scrubbed."""
    return {name: value(person) if callable(value) else value for name, value in about.scrubbed.items()}
