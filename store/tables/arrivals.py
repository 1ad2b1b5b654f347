"""Events and callbacks: what came in from outside, or from a journey, before anything was made of it; and imports."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import InstantType, Json, RowId

_WAITING = text("state = 'pending'")
_FAILED = text("state = 'failed'")
_HELD_BACK = text("state = 'pending' AND retry_at IS NOT NULL")
_MERGING = text("state = 'pending' AND previous_id IS NOT NULL")
ABOUT_CUSTOMERS = text("kind IN ('identify', 'alias', 'group', 'due')")
"""Events that make no milestone of their own and are still looked for: what was learnt of a customer, and entries by
time. The same words stand in queries, or no database sees that the index is meant."""
_APPLIED_TO = text("customer_id IS NOT NULL")


class Event(Row, table=True):
    """One envelope that was acknowledged; `id` is the order of acknowledgement (rules.md 1, 11).

    `source` is the key that sent it, or `cli`; `message_id` is the sender's and unique per source, so that a repeat is
    ignored. `kind`: track, identify, consent (made by Milepost where consent changes), message (made where a provider
    tells of one), due (made by sweeps: the time to enter the playbook `name` has come), record, set or enrol (the last
    three come from journeys; `hops` counts how many of them led here, rules.md 20). `at` is the event's own timestamp,
    `received_at` ours.

    `state`: pending, applied, or failed (set aside after too many attempts). A pending event whose `retry_at` is still
    ahead holds back its user's later events, nobody else's. `outcome` is what applying it did, for `track` to show.

    `shard` is `store.shards.shard_of(user_id)`, or that of the customer to whom a tombstone of this name leads: the
    events of a shard are applied by one dispatcher at a time, in their order (rules.md 11). `previous_id` is another id
    of the same person, who is merged with this one (rules.md 21).
    """

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("source", "message_id"),
        Index("ix_event_waiting", "shard", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_event_held_back", "user_id", "id", sqlite_where=_HELD_BACK, postgresql_where=_HELD_BACK),
        Index("ix_event_failed", "id", sqlite_where=_FAILED, postgresql_where=_FAILED),
        Index("ix_event_merging", "previous_id", "id", sqlite_where=_MERGING, postgresql_where=_MERGING),
        Index("ix_event_about", "customer_id", "at", sqlite_where=ABOUT_CUSTOMERS, postgresql_where=ABOUT_CUSTOMERS),
        # What was applied to one customer. It has no row for an event before that, so acceptance does not pay for it.
        # Neither this one nor the one above does for the other: most events of a customer are milestones, and to pick
        # the few that tell of attributes from among them takes a hundred times as long.
        Index("ix_event_customer", "customer_id", "id", sqlite_where=_APPLIED_TO, postgresql_where=_APPLIED_TO),
        # An id is never given twice, even where the latest events were erased: other rows order themselves by it.
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    source: str
    message_id: str
    user_id: str
    kind: str
    name: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: Instant = Field(sa_type=InstantType)
    received_at: Instant = Field(sa_type=InstantType)
    state: str = "pending"
    applied_at: Instant | None = Field(default=None, sa_type=InstantType)
    attempts: int = 0
    retry_at: Instant | None = Field(default=None, sa_type=InstantType)
    error: str | None = None
    hops: int = 0
    backfill: bool = False
    outcome: dict[str, Any] | None = Field(default=None, sa_type=Json)
    customer_id: str | None = None
    shard: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    previous_id: str | None = None


class Shard(Row, table=True):
    """One of the `store.shards.SHARDS` parts into which customers are divided (rules.md 11).

    Whoever applies the events of a shard locks its row for as long as that takes.
    """

    __tablename__ = "shard"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})


class Telling(Row, table=True):
    """Who tells Temporal of a shard's journeys: `teller`, by a lease until `until`; nobody where there is none.

    It takes longer than a lock may be held. A row of its own: telling need not wait while the shard is applied.
    """

    __tablename__ = "telling"

    shard: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    teller: str | None = None
    until: Instant | None = Field(default=None, sa_type=InstantType)


class ImportRun(Row, table=True):
    """How far the import of one file has come: written with each chunk, so that an interrupted one goes on there.

    `digest` names the file by its content. `offset` counts bytes and `line` lines that are dealt with; `counts` is what
    became of them.
    """

    __tablename__ = "import_run"

    digest: str = Field(primary_key=True)
    offset: int = Field(sa_type=RowId)
    line: int = Field(sa_type=RowId)
    counts: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    started_at: Instant = Field(sa_type=InstantType)
    finished_at: Instant | None = Field(default=None, sa_type=InstantType)


class ImportRejected(Row, table=True):
    """What an import rejected of one chunk, until its report was given: by reason, the numbers of the lines.

    `line` is the last line of the chunk.
    """

    __tablename__ = "import_rejected"

    digest: str = Field(primary_key=True)
    line: int = Field(primary_key=True, sa_type=RowId, sa_column_kwargs={"autoincrement": False})
    reasons: dict[str, list[int]] = Field(sa_type=Json)


class Callback(Row, table=True):
    """What a provider's webhook posted, word for word until it is processed; its signature was good.

    Processed after it was answered; the body, which names people, is emptied then.

    `provider`: sendgrid, twilio-status or twilio-inbound. `digest` is a hash of all that was signed: the same post is
    stored once. `state`: pending, done, or failed (set aside after too many attempts, with its `error`).
    """

    __tablename__ = "callback"
    __table_args__ = (
        UniqueConstraint("digest"),
        Index("ix_callback_waiting", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    provider: str
    digest: str
    body: bytes
    received_at: Instant = Field(sa_type=InstantType)
    state: str = "pending"
    attempts: int = 0
    error: str | None = None
