"""What people did to running journeys: pauses, and the log of every operating act."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index
from sqlmodel import Field
from whenever import Instant

from store.tables.base import Row
from store.types import InstantType, Json, RowId


class Pause(Row, table=True):
    """One pause, from its start to its end; a million journeys may be held by one row (rules.md 6, 12).

    `scope`: journey, customer, playbook, channel or everything; `target` names which one, and is empty for everything.
    `policy`: freeze (the clock stops) or continue (time runs). `handling` says what became of what came due meanwhile
    under `continue`: send or skip; it is stored with the end.
    """

    __tablename__ = "pause"
    __table_args__ = (Index(None, "scope", "target", "ended_at"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    scope: str
    target: str = ""
    policy: str
    reason: str
    started_at: Instant = Field(sa_type=InstantType)
    ended_at: Instant | None = Field(default=None, sa_type=InstantType)
    handling: str | None = None
    made_by: str


class Audit(Row, table=True):
    """One operating act: who did what to whom, and why."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "target"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=RowId)
    at: Instant = Field(sa_type=InstantType)
    who: str
    what: str
    target: str
    reason: str | None = None
    data: dict[str, Any] | None = Field(default=None, sa_type=Json)
