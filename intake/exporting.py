"""Everything that is held of a person, as one JSON object that people can read (docs/privacy.md shows its shape).

What is listed here is what `store.personal` finds: a column that an erasure scrubs is in the export (a test looks),
unless it is the engine's own bookkeeping. Instants are in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from intake import reader
from messaging import addresses
from store import audit, customers, erasing, suppressions
from store.personal import Person, rows_of
from store.tables import (
    Account,
    Audit,
    Consent,
    ConsentRequest,
    Customer,
    Delivery,
    Event,
    Journey,
    Message,
    Milestone,
    Pause,
    Row,
    SegmentMember,
    Suppression,
    Task,
    Trace,
    table_of,
)

SHOWN: Mapping[type[Row], str] = {
    Customer: "id user_id email phone time_zone language stage attributes created_at updated_at merged_into erased_at",
    Account: "id group_id attributes",
    SegmentMember: "segment since",
    Consent: "id topic channel granted source ip text_version at request_id",
    ConsentRequest: "id topic channel source ip text_version at confirmed_at",
    Milestone: "name at properties event_id",
    Event: "id source message_id user_id previous_id kind name properties at received_at state outcome error",
    Journey: "id playbook version arm per_value entered_at status exit_at exit_outcome exit_reason ended_at",
    Trace: "at what step channel template to reason",
    Message: "id journey_id step channel template language state reason recipient subject html text due_at accepted_at "
    "sender purpose topic decision",
    Delivery: "kind at detail",
    Task: "title assignee due_at state created_at done_at",
    Pause: "scope policy reason started_at ended_at made_by",
    Suppression: "channel reason scope at lifted_at made_by",
    Audit: "at who what target reason data",
}
"""By table the columns that are shown, in this order."""


LIST_SAVED = "list saved"
"""What the audit log calls a list that somebody saved as a file."""


def list_saved(
    session: Session,
    name: str,
    filters: Mapping[str, str],
    whose: str | None,
    rows: int | None,
    *,
    who: str,
    now: Instant,
) -> None:
    """Write into the audit log that somebody saves a list: which one and by which filters, and never what is in it.

    Where it is the list of one customer (`whose`, as they asked for them), the entry is about that customer. `rows` is
    how many there are, if that is known before they are read.
    """
    customer = (customers.get(session, whose) or customers.by_id(session, whose)) if whose else None
    data = {"list": name, **({"filters": dict(filters)} if filters else {}), **({} if rows is None else {"rows": rows})}
    target = customer.id if customer else name
    audit.record(session, Audit(at=now, who=who, what=LIST_SAVED, target=target, data=data))


def export(session: Session, name: str, now: Instant, key: bytes) -> dict[str, Any]:
    """All that is held of the customer whom the product, or we, call `name`, and of those who were merged into them.

    `key` makes the hashes under which suppressions are kept. Raises reader.Unknown.
    """
    ids = erasing.family(session, reader.find_customer(session, name).id)
    people = [found for one in ids if (found := customers.by_id(session, one)) is not None]
    person = Person(ids, now, now, [one.user_id for one in people])

    def rows(model: type[Row]) -> list[Any]:
        return rows_of(session, model, person)

    def shown(model: type[Row]) -> list[dict[str, Any]]:
        return [_shown(row) for row in rows(model)]

    timelines, told = _by(rows(Trace), "journey_id"), _by(rows(Delivery), "message_id")
    accounts = [session.get(Account, one.account_id) for one in people if one.account_id]
    return {
        "exported_at": now.format_iso(),
        "customer": _shown(people[0]),
        "merged": [_shown(one) for one in people[1:]],
        "accounts": [_shown(one) for one in accounts if one is not None],
        "segments": shown(SegmentMember),
        "consents": shown(Consent),
        "consent_requests": shown(ConsentRequest),
        "milestones": shown(Milestone),
        "events": shown(Event),
        "journeys": [{**_shown(one), "timeline": timelines.get(one.id, [])} for one in rows(Journey)],
        "messages": [{**_shown(one), "deliveries": told.get(one.id, [])} for one in rows(Message)],
        "tasks": shown(Task),
        "pauses": shown(Pause),
        "suppressions": [_shown(one) for one in _suppressed(session, people, rows(Message), key)],
        "audit": shown(Audit),
    }


def _suppressed(session: Session, people: Iterable[Customer], sent: Iterable[Message], key: bytes) -> list[Suppression]:
    """What was ever said against an address of theirs, what was ended since included."""
    known = {(channel, text) for one in people for channel, text in (("email", one.email), ("sms", one.phone))}
    known |= {(one.channel, one.recipient) for one in sent}
    marks = {
        (channel, addresses.fingerprint(key, channel, normal))
        for channel, text in known
        if text and (normal := addresses.normal(channel, text)) is not None
    }
    return [row for channel, mark in sorted(marks) for row in suppressions.ever(session, channel, mark)]


def _by(rows: Iterable[Any], name: str) -> dict[str, list[dict[str, Any]]]:
    return {key: [_shown(row) for row in group] for key, group in groupby(rows, lambda row: getattr(row, name))}


def _shown(row: Row) -> dict[str, Any]:
    columns = SHOWN[type(row)].split()
    named = {column.key: attribute for column, attribute in _attributes(type(row))}
    return {name: _plain(getattr(row, named[name])) for name in columns}


def _attributes(model: type[Row]) -> Iterable[tuple[Any, str]]:
    """Each column of a table, and the model's name for it: the column `to` is called `to_` there."""
    return [(column, column.key if hasattr(model, column.key) else f"{column.key}_") for column in table_of(model).c]


def _plain(value: Any) -> Any:
    return value.format_iso() if isinstance(value, Instant) else value
