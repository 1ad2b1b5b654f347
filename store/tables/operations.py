"""What people and schedules did: pauses, erasures, sweeps, the log of every operating act; and who may call."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import InstantType, Json, RowId


class Pause(Row, table=True):
    """One pause, from its start to its end; a million journeys may be held by one row (rules.md 6, 12).

    `scope`: journey, customer, account, segment, playbook, channel or everything; `target` names which one, and is
    empty for everything. `policy`: freeze (the clock stops) or continue (time runs). `handling` says what becomes of
    what came due meanwhile under `continue`: send or skip; `spread` how many journeys a minute are woken, None: all at
    once, and `wake_at` when the next one may be. `ends_at` is the end that was given with the pause, `ended_at` the one
    that came. `transactional` says that it holds transactional messages too. `drained_at`: nobody waits for its end any
    more.
    """

    __tablename__ = "pause"
    __table_args__ = (Index(None, "scope", "target", "ended_at"), Index(None, "drained_at", "ended_at"))

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    scope: str
    target: str = ""
    policy: str
    reason: str
    started_at: Instant = Field(sa_type=InstantType)
    ended_at: Instant | None = Field(default=None, sa_type=InstantType)
    handling: str | None = None
    made_by: str
    ends_at: Instant | None = Field(default=None, sa_type=InstantType)
    spread: int | None = None
    transactional: bool | None = None
    drained_at: Instant | None = Field(default=None, sa_type=InstantType)
    wake_at: Instant | None = Field(default=None, sa_type=InstantType)


class Hold(Row, table=True):
    """A journey that met a pause, and waits for its end to be told (rules.md 12).

    `wants` is what it had come to when it met it: `email` or `sms`, a message by that channel; `step`, anything else;
    `passes`, a message that this pause lets through. None: it was told of the pause, and waits as it did before.
    """

    __tablename__ = "hold"
    __table_args__ = (Index(None, "pause_id", "since", "journey_id", "wants"),)

    journey_id: str = Field(primary_key=True, foreign_key="journey.id")
    pause_id: int = Field(primary_key=True, sa_type=RowId, foreign_key="pause.id")
    since: Instant = Field(sa_type=InstantType)
    wants: str | None = None


class Token(Row, table=True):
    """A key to the API. Only its hash is stored. `scope`: ingest, read, operate or browser.

    A browser's key is public: it sends the listed `milestones` only, from pages of the listed `origins`.
    """

    __tablename__ = "token"
    __table_args__ = (UniqueConstraint("digest"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    name: str
    digest: str
    scope: str
    created_at: Instant = Field(sa_type=InstantType)
    revoked_at: Instant | None = Field(default=None, sa_type=InstantType)
    milestones: list[str] | None = Field(default=None, sa_type=Json)
    origins: list[str] | None = Field(default=None, sa_type=Json)


class Rate(Row, table=True):
    """How far a channel's sending rate is given away: whoever leases the next tokens may use them from `next_at` on
    (rules.md 23).
    """

    __tablename__ = "rate"

    channel: str = Field(primary_key=True)
    next_at: Instant = Field(sa_type=InstantType)


class Sweep(Row, table=True):
    """How far a schedule or a date has been looked at for the customers of one time zone.

    `until` is the instant up to which everything that came due is dealt with. While the customers of a due time are
    being paged through, `due` is that time and `after` the last customer who was dealt with.
    """

    __tablename__ = "sweep"

    playbook: str = Field(primary_key=True)
    zone: str = Field(primary_key=True)
    until: Instant = Field(sa_type=InstantType)
    due: Instant | None = Field(default=None, sa_type=InstantType)
    after: str | None = None


class Erasure(Row, table=True):
    """One thing that is to be forgotten about an erased customer; tried until it is done (rules.md 22).

    `provider`: `milepost`, which is our own tables and Temporal; else the sender that had the message, where nobody
    knows which one its channel. `subject` is what they know it by (an address, a message's id, or the names of whose
    events are ours to scrub); it is emptied as soon as it is dealt with. `state`: pending, done or failed (asked in
    vain too often, or refused). `retry_at` is when it is tried next: whoever takes it moves that on.
    """

    __tablename__ = "erasure"
    __table_args__ = (Index(None, "state", "retry_at"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    customer_id: str = Field(foreign_key="customer.id")
    provider: str
    subject: str | None = None
    state: str = "pending"
    attempts: int = 0
    error: str | None = None
    retry_at: Instant | None = Field(default=None, sa_type=InstantType)
    created_at: Instant = Field(sa_type=InstantType)
    done_at: Instant | None = Field(default=None, sa_type=InstantType)


class Audit(Row, table=True):
    """One operating act: who did what to whom, and why."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "target"), Index(None, "at", "id"))

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    at: Instant = Field(sa_type=InstantType)
    who: str
    what: str
    target: str
    reason: str | None = None
    data: dict[str, Any] | None = Field(default=None, sa_type=Json)
