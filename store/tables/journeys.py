"""Playbook versions, the journeys that run them, what waits for a journey, and what it did."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import InstantType, Json, RowId

_UNDELIVERED = text("delivered_at IS NULL")
_STARTING = text("status = 'starting'")


class PlaybookVersion(Row, table=True):
    """One compiled playbook, never changed; `id` is the hash of its content. `plan` is the compiled, packed form."""

    __tablename__ = "playbook_version"
    __table_args__ = (Index(None, "playbook"),)

    id: str = Field(primary_key=True)
    playbook: str
    plan: bytes
    source: str
    created_at: Instant = Field(sa_type=InstantType)


class PlaybookActive(Row, table=True):
    """Which version of a playbook new journeys take, and since when.

    Customers who are drawn for it, `percent` of all, take the version `canary` instead (lifecycle.shares).
    """

    __tablename__ = "playbook_active"

    playbook: str = Field(primary_key=True)
    version: str = Field(foreign_key="playbook_version.id")
    since: Instant = Field(sa_type=InstantType)
    canary: str | None = None
    percent: int | None = None


class Shadow(Row, table=True):
    """A version of a playbook that nobody takes: what it would have done is shown beside what runs (`playbook diff`).

    `version` is the hash of its content, as for versions that run. It counts from `since` on, which may lie before
    `registered_at`. It is whole here, and stays as it was when the file is edited.
    """

    __tablename__ = "shadow"

    playbook: str = Field(primary_key=True)
    version: str
    plan: bytes
    source: str
    since: Instant = Field(sa_type=InstantType)
    registered_at: Instant = Field(sa_type=InstantType)
    registered_by: str


class Journey(Row, table=True):
    """One customer's run of one playbook version; `id` is also the id of its Temporal workflow.

    `status`: starting (the row is written, Temporal not yet told; rules.md 1), open, ended, or holdout (a row and no
    workflow; rules.md 18). `key` names the occurrence: one journey a customer, playbook and key, for ever (rules.md 4).
    `exit_at`, `exit_outcome` and `exit_reason` are the stamp: once set, every claim refuses and the customer may enter
    anew, although the workflow has not heard of it yet (rules.md 1, 3).

    `state`, `seq`, `due` and `step` are the core's latest known position (rules.md 7), in `version`; a lower `seq`
    never overwrites.
    `answered` is what the last activity answered, and to which sequence number: a repeated activity answers the same.
    `inbox_last` is the last number given in the journey's inbox. `history_mark` is the id of the latest milestone
    at entry, anybody's: what counts from entry has a higher one (rules.md 2). `shard` is its entry event's: whoever
    leases that shard tells Temporal of it.
    """

    __tablename__ = "journey"
    __table_args__ = (
        UniqueConstraint("customer_id", "playbook", "key"),
        Index(None, "status", "due"),
        # Who stands where is counted from these alone, without a look at the rows (`store.results`).
        Index("ix_journey_standing", "playbook", "status", "step", "version", "exit_at", "simulated"),
        Index(None, "playbook", "entered_at"),
        Index("ix_journey_starting", "shard", "entered_at", sqlite_where=_STARTING, postgresql_where=_STARTING),
    )

    id: str = Field(primary_key=True)
    customer_id: str = Field(foreign_key="customer.id")
    playbook: str
    version: str = Field(foreign_key="playbook_version.id")
    arm: str = "journey"
    key: str
    entry_event_id: int = Field(sa_type=RowId)
    history_mark: int = Field(sa_type=RowId)
    per_value: str | None = None
    entered_at: Instant = Field(sa_type=InstantType)
    status: str = "starting"
    exit_at: Instant | None = Field(default=None, sa_type=InstantType)
    exit_outcome: str | None = None
    exit_reason: str | None = None
    state: dict[str, Any] | None = Field(default=None, sa_type=Json)
    seq: int = 0
    due: Instant | None = Field(default=None, sa_type=InstantType)
    step: str | None = None
    answered: dict[str, Any] | None = Field(default=None, sa_type=Json)
    inbox_last: int = 0
    started_at: Instant | None = Field(default=None, sa_type=InstantType)
    ended_at: Instant | None = Field(default=None, sa_type=InstantType)
    simulated: bool = False
    shard: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class JourneyInbox(Row, table=True):
    """One thing that a journey must hear of, numbered 1, 2, 3 ... per journey (rules.md 1, 3).

    `kind`: milestone, attribute, exit ... `delivered_at` says that Temporal took the signal, or that the journey ended
    and needs it no more; delivering twice is harmless, because the journey ignores numbers that it has applied.
    """

    __tablename__ = "journey_inbox"
    __table_args__ = (
        Index(
            "ix_journey_inbox_undelivered",
            "journey_id",
            "number",
            sqlite_where=_UNDELIVERED,
            postgresql_where=_UNDELIVERED,
        ),
    )

    journey_id: str = Field(primary_key=True, foreign_key="journey.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str
    name: str
    at: Instant = Field(sa_type=InstantType)
    event_id: int | None = Field(default=None, sa_type=RowId)
    data: dict[str, Any] | None = Field(default=None, sa_type=Json)
    delivered_at: Instant | None = Field(default=None, sa_type=InstantType)


class Trace(Row, table=True):
    """One line of what a journey did: the timeline, as `simulate` prints it. `seq` counts a journey's lines.

    `day` is the calendar day since entry, in the customer's time zone. The column of `to_` is called `to`.
    """

    __tablename__ = "trace"

    journey_id: str = Field(primary_key=True, foreign_key="journey.id")
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: Instant = Field(sa_type=InstantType)
    day: int
    what: str
    step: str | None = None
    channel: str | None = None
    template: str | None = None
    to_: str | None = Field(default=None, sa_column_kwargs={"name": "to"})
    reason: str | None = None
