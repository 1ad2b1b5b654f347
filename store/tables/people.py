"""Customers, what they consented to, and their history.

People are searched by the columns `find_...`: texts as they are typed, in small letters, so that the beginning of one
is a range of an index. They are made from the other columns whenever a row is written.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint, event, text
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import FindKey, InstantType, Json, RowId, find_key

_WITH_PHONE = text("phone IS NOT NULL")


def _finding(column: str) -> Index:
    there = text(f"{column} IS NOT NULL")
    return Index(None, column, sqlite_where=there, postgresql_where=there)


class Customer(Row, table=True):
    """One person whom we may message. Its lock orders whatever happens to that person (rules.md 1, 10).

    `id` is ours and is the only name under which a customer leaves the database; `user_id` is the product's own and
    often an e-mail address (rules.md 22). `attributes` holds the declared attributes as they came; the five beside it
    are the ones that a send needs.

    `merged_into` makes the row a tombstone: whatever arrives under its name is the other customer's (rules.md 21).
    `erased_at`: nothing personal is left of them but keyed hashes, and every claim refuses (rules.md 22).
    """

    __tablename__ = "customer"
    __table_args__ = (
        Index("ix_customer_phone", "phone", sqlite_where=_WITH_PHONE, postgresql_where=_WITH_PHONE),
        Index(None, "account_id"),
        # The tombstones of a customer; and the map counts the stages of all others from these alone.
        Index("ix_customer_stages", "merged_into", "erased_at", "stage"),
        # Sweeps go through the customers of a zone, in the order of their ids.
        Index(None, "time_zone", "id"),
        *(_finding(name) for name in ("find_id", "find_email", "find_phone", "find_name", "find_surname")),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(unique=True)
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    email: str | None = None
    phone: str | None = None
    time_zone: str | None = None
    language: str | None = None
    stage: str | None = None
    created_at: Instant = Field(sa_type=InstantType)
    updated_at: Instant = Field(sa_type=InstantType)
    account_id: str | None = Field(default=None, foreign_key="account.id")
    merged_into: str | None = Field(default=None, foreign_key="customer.id")
    erased_at: Instant | None = Field(default=None, sa_type=InstantType)
    find_id: str | None = Field(default=None, sa_type=FindKey)
    find_email: str | None = Field(default=None, sa_type=FindKey)
    find_phone: str | None = Field(default=None, sa_type=FindKey)
    find_name: str | None = Field(default=None, sa_type=FindKey)
    find_surname: str | None = Field(default=None, sa_type=FindKey)


class Account(Row, table=True):
    """One company that customers belong to. `group_id` is the product's name for it, `id` ours (`acc_...`)."""

    __tablename__ = "account"
    __table_args__ = (_finding("find_id"), _finding("find_name"))

    id: str = Field(primary_key=True)
    group_id: str = Field(unique=True)
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    created_at: Instant = Field(sa_type=InstantType)
    updated_at: Instant = Field(sa_type=InstantType)
    find_id: str | None = Field(default=None, sa_type=FindKey)
    find_name: str | None = Field(default=None, sa_type=FindKey)


def findable(row: Customer | Account) -> Customer | Account:
    """The row with what it is found by. Whoever writes one without the ORM calls this."""
    known = row.attributes or {}
    if isinstance(row, Account):
        row.find_id, row.find_name = find_key(row.group_id), find_key(known.get("name"))
        return row
    row.find_id, row.find_email = find_key(row.user_id), find_key(row.email)
    row.find_phone = "".join(one for one in row.phone if one in "+0123456789")[:40] or None if row.phone else None
    first, last = known.get("first_name"), known.get("last_name")
    whole = " ".join(one for one in (first, last) if isinstance(one, str) and one)
    row.find_name, row.find_surname = find_key(whole or known.get("name")), find_key(last)
    return row


for _model in (Customer, Account):
    for _moment in ("before_insert", "before_update"):
        event.listen(_model, _moment, lambda mapper, connection, row: findable(row))


class SegmentMember(Row, table=True):
    """A customer who is in a segment, and since when. Who leaves it has no row any more."""

    __tablename__ = "segment_member"
    __table_args__ = (Index(None, "customer_id"), Index(None, "segment", "since", "customer_id"))

    segment: str = Field(primary_key=True)
    customer_id: str = Field(primary_key=True, foreign_key="customer.id")
    since: Instant = Field(sa_type=InstantType)


class Consent(Row, table=True):
    """One time that a customer gave or withdrew consent to a topic. Rows are only added; the latest one counts.

    The latest is the one with the highest id, which is the order in which we learnt of them: a client's clock cannot
    outrank a withdrawal. `channel` None stands for every channel. `at` is when the customer said so, `text_version`
    what they were shown. `request_id` is the request that a confirmation confirms (double opt-in).
    """

    __tablename__ = "consent"
    __table_args__ = (Index(None, "customer_id", "topic", "id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    customer_id: str = Field(foreign_key="customer.id")
    topic: str
    channel: str | None = None
    granted: bool
    source: str
    ip: str | None = None
    text_version: str | None = None
    at: Instant = Field(sa_type=InstantType)
    request_id: int | None = Field(default=None, sa_type=RowId)


class ConsentRequest(Row, table=True):
    """One time that somebody asked for a topic that wants a confirmation: the proof of who asked, how and when.

    It is no consent. `confirmed_at` says when the link in the confirmation mail was used; the consent row made then
    names this row.
    """

    __tablename__ = "consent_request"
    __table_args__ = (Index(None, "customer_id", "topic"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    customer_id: str = Field(foreign_key="customer.id")
    topic: str
    channel: str | None = None
    source: str
    ip: str | None = None
    text_version: str | None = None
    at: Instant = Field(sa_type=InstantType)
    confirmed_at: Instant | None = Field(default=None, sa_type=InstantType)


class Suppression(Row, table=True):
    """A recorded reason never to message an address again. It belongs to the address, whoever has it.

    `address` is a keyed hash, so that it outlives the person's erasure. `scope`: all, or marketing only. `lifted_at`
    ends it (START, or a person's decision). `message_id` is the message that brought it about.
    """

    __tablename__ = "suppression"
    __table_args__ = (Index(None, "channel", "address"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    channel: str
    address: str
    reason: str
    scope: str
    at: Instant = Field(sa_type=InstantType)
    lifted_at: Instant | None = Field(default=None, sa_type=InstantType)
    message_id: str | None = None
    made_by: str


class Milestone(Row, table=True):
    """One milestone that a customer reached, in the order in which it was applied (`id`).

    `at` is the milestone's own timestamp, `applied_at` when it entered the history. What counts from entry is decided
    by `id`, never by `at` (rules.md 2). An event makes a milestone of each name once: its own, and derived ones.
    The event itself may be archived before its milestones are, so nothing ties the two but the number.
    """

    __tablename__ = "milestone"
    __table_args__ = (UniqueConstraint("event_id", "name"), Index(None, "customer_id", "name", "at"))

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    customer_id: str = Field(foreign_key="customer.id")
    name: str
    at: Instant = Field(sa_type=InstantType)
    applied_at: Instant = Field(sa_type=InstantType)
    event_id: int = Field(sa_type=RowId)
    properties: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
