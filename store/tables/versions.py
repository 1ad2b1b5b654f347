"""How playbook versions replace each other: each apply, and what it makes of each journey."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import InstantType, Json, RowId


class Rollout(Row, table=True):
    """One apply: from now on a version of a playbook replaces another; `id` is its number (rules.md 16).

    `from_version` is what new journeys took before, None where nobody entered; `to_version` None retires the playbook.
    `in_flight` says what becomes of those inside: pin, follow or exit; `targets` where they go on whose step is gone.

    `state`: canary (a share of `percent` takes part, the others at `continue_at` or when a person says so), running
    (everybody takes part, and journeys are being moved), done or stopped. `after` is the last journey that the present
    pass has looked at; None where there is nothing left to look for.
    """

    __tablename__ = "rollout"
    __table_args__ = (Index(None, "playbook", "id"), Index(None, "state"))

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    playbook: str
    from_version: str | None = None
    to_version: str | None = None
    in_flight: str
    targets: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    percent: int = 100
    continue_at: Instant | None = Field(default=None, sa_type=InstantType)
    state: str
    made_by: str
    reason: str | None = None
    started_at: Instant = Field(sa_type=InstantType)
    finished_at: Instant | None = Field(default=None, sa_type=InstantType)
    after: str | None = ""


class JourneyMove(Row, table=True):
    """What an apply makes of one journey, written with its inbox row: so each is asked once.

    `state`: asked, moved, left (its step is gone, or the apply was stopped), or ended (before it moved, or by this).
    """

    __tablename__ = "journey_move"
    __table_args__ = (Index(None, "rollout_id", "state"),)

    journey_id: str = Field(primary_key=True, foreign_key="journey.id")
    rollout_id: int = Field(primary_key=True, sa_type=RowId, foreign_key="rollout.id")
    state: str
    asked_at: Instant = Field(sa_type=InstantType)
    done_at: Instant | None = Field(default=None, sa_type=InstantType)
