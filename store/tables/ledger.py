"""What journeys brought about: messages to customers, what providers told of them, tasks for people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import InstantType, Json, RowId

_SMS = text("channel = 'sms'")


class Message(Row, table=True):
    """One e-mail or SMS that a step wants to send, named by (journey, step, occurrence) and never sent twice.

    `state` is one of `lifecycle.ledger`, which says what may follow it. `attempt` is the claim that owns the row: a
    result of an older attempt is not written. `occurrence` is a loop's count, or `manual:N` for a resend by hand
    (rules.md 16). `decision` holds every check before the send with what it saw; `reason` the one that refused or
    deferred. `not_before` is when a pending message may be tried again.

    `purpose` (marketing or transactional) and `topic` are those of the template on the day of the claim: caps count by
    them. `sender` is who got it, `provider_id` what they call it.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("journey_id", "step", "occurrence"),
        Index(None, "customer_id", "channel", "claimed_at"),
        Index(None, "state", "due_at", "id"),
        # Lists walk through all messages, the latest due first.
        Index(None, "due_at", "id"),
        Index(None, "provider_id"),
        Index("ix_message_number", "recipient", sqlite_where=_SMS, postgresql_where=_SMS),
    )

    id: str = Field(primary_key=True)
    journey_id: str = Field(foreign_key="journey.id")
    step: str
    occurrence: str
    customer_id: str = Field(foreign_key="customer.id")
    channel: str
    template: str
    language: str | None = None
    state: str
    attempt: int = 1
    due_at: Instant = Field(sa_type=InstantType)
    expires_at: Instant | None = Field(default=None, sa_type=InstantType)
    claimed_at: Instant | None = Field(default=None, sa_type=InstantType)
    accepted_at: Instant | None = Field(default=None, sa_type=InstantType)
    settled_at: Instant | None = Field(default=None, sa_type=InstantType)
    decision: dict[str, Any] | None = Field(default=None, sa_type=Json)
    reason: str | None = None
    recipient: str | None = None
    subject: str | None = None
    html: str | None = None
    text: str | None = None
    segments: int | None = None
    purpose: str | None = None
    topic: str | None = None
    not_before: Instant | None = Field(default=None, sa_type=InstantType)
    sender: str | None = None
    provider_id: str | None = None


class Resend(Row, table=True):
    """A message that a person wants to have sent again: as `message_id`, the occurrence `manual:N` (rules.md 16).

    `original` is the message that went before it. `retry_at` is when it is tried next, None: it is settled, and the
    ledger says how. Whoever takes it moves that on.
    """

    __tablename__ = "resend"
    __table_args__ = (Index(None, "retry_at"), Index(None, "original"))

    message_id: str = Field(primary_key=True)
    original: str = Field(foreign_key="message.id")
    occurrence: str
    asked_at: Instant = Field(sa_type=InstantType)
    expires_at: Instant = Field(sa_type=InstantType)
    retry_at: Instant | None = Field(default=None, sa_type=InstantType)


class Delivery(Row, table=True):
    """One thing that a provider told about a message. Rows are only added; the same news is stored once.

    `kind` is one of `messaging.callbacks.news.Kind`. `at` is the provider's time of it, `detail` its code or class,
    never a text of theirs: those quote addresses (rules.md 22).
    """

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("message_id", "kind", "at"), Index(None, "kind", "at"))

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    message_id: str = Field(foreign_key="message.id")
    kind: str
    at: Instant = Field(sa_type=InstantType)
    received_at: Instant = Field(sa_type=InstantType)
    provider_id: str | None = None
    detail: str | None = None


class Task(Row, table=True):
    """One piece of work for a person of the success team, made by a step. `state`: open or done."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("journey_id", "step", "occurrence"),
        Index(None, "customer_id"),
        Index(None, "state", "due_at", "id"),
        Index(None, "state", "done_at", "id"),
    )

    id: str = Field(primary_key=True)
    journey_id: str = Field(foreign_key="journey.id")
    step: str
    occurrence: str
    customer_id: str = Field(foreign_key="customer.id")
    title: str
    assignee: str | None = None
    due_at: Instant | None = Field(default=None, sa_type=InstantType)
    state: str = "open"
    created_at: Instant = Field(sa_type=InstantType)
    done_at: Instant | None = Field(default=None, sa_type=InstantType)
