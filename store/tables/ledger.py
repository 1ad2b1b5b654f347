"""What journeys brought about: messages to customers, tasks for people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import InstantType, Json


class Message(Row, table=True):
    """One e-mail or SMS that a step wants to send, named by (journey, step, occurrence) and never sent twice.

    `state`: pending, sending (claimed; the provider may have it), accepted, refused, deferred, unknown or lost
    (rules.md 8); what providers report later goes on from accepted. `attempt` is the claim that owns the row: a result
    of an older attempt is not written. `occurrence` is a loop's count, or `manual:N` for a resend by hand
    (rules.md 16). `decision` holds every check before the send with what it saw; `reason` the one that refused.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("journey_id", "step", "occurrence"),
        Index(None, "customer_id", "channel", "claimed_at"),
        Index(None, "state"),
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


class Task(Row, table=True):
    """One piece of work for a person of the success team, made by a step. `state`: open or done."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("journey_id", "step", "occurrence"),
        Index(None, "customer_id"),
        Index(None, "state", "due_at"),
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
