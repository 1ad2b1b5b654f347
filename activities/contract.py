"""What workflows and activities say to each other: names and shapes, and nothing that runs.

Workflows import this and no other part of the activities. Values travel in histories, so they are small (what has its
default is left out) and hold no personal data: ids of our own, step ids, instants.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

from lifecycle.inputs import FromInbox, Moved, Paused, Result, Resumed, Skipped
from lifecycle.timeline import Line

JOURNEYS = "milepost"
"""The task queue of workflows and bookkeeping."""

QUEUES = {"email": "milepost-email", "sms": "milepost-sms"}
"""The task queue of each channel's messages."""


class Compact(BaseModel):
    """Leaves out what has its default value when it is written."""

    @model_serializer(mode="wrap")
    def _compact(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        return {key: _lean(value) for key, value in written.items() if value not in (None, [], (), {}, False, 0)}


def _lean(value: Any) -> Any:
    """Without the absent parts of mappings inside; 0 and False may mean something there."""
    if isinstance(value, dict):
        return {key: _lean(part) for key, part in value.items() if part not in (None, [], (), {})}
    return [_lean(part) if isinstance(part, dict) else part for part in value] if isinstance(value, list) else value


class Work(Compact):
    """What an activity is to do: whatever `state` (of lifecycle.state, as data) wants next.

    `lines` are those of the timeline that are not stored yet. `certain` is the instant up to which all pauses are
    known, `offset` the seconds by which the journey's clock is ahead of Temporal's (0 but in simulations). `version` is
    that of the state where the journey has moved: before, it is the one of its row.
    """

    journey: str
    state: dict[str, Any]
    lines: list[Line] = []
    certain: str = ""
    offset: float = 0.0
    version: str = ""


class Report(Compact):
    """What an activity found and did. Where `pauses` are new, nothing was done, and the time since is lived again.

    `rows` are inbox rows newer than the state had seen; they come before `result`. `moved` comes instead of a result
    where an apply was looked at; `plan` is that of the new version, packed. `closed`: the journey's row is closed.
    """

    rows: list[FromInbox] = []
    pauses: list[Paused | Resumed] = []
    result: Result | None = None
    moved: Moved | None = None
    plan: str = ""
    closed: bool = False


class Begin(Compact):
    """The start of a journey. `plan` is packed, `state` new; `course` is there where an earlier run goes on.

    A `simulated` journey lives at the time of its entry, whatever Temporal's clock shows. `version` is as in `Work`.
    """

    plan: str
    state: dict[str, Any] = {}
    simulated: bool = False
    course: dict[str, Any] | None = None
    offset: float = 0.0
    version: str = ""


class Act(Compact):
    """A command of a person on its way to a journey."""

    command: Paused | Resumed | Skipped


class Standing(Compact):
    """Where a journey stands after a command of a person; `refused` says why the command made no sense.

    `lines` are those of the timeline that no activity has stored yet: the next one may be weeks away.
    """

    state: dict[str, Any] = {}
    lines: list[Line] = []
    refused: str | None = None


class Delivery(Compact):
    """Inbox rows on their way to a journey."""

    rows: list[FromInbox] = []


ActivityName = Literal["deliver", "decide", "assign_task", "note", "move", "finish"]


class SweepOrder(Compact):
    """Which sweep is to be run; `cursor` is where an earlier page of it ended, empty at its beginning."""

    name: str
    cursor: str = ""


class SweepAnswer(Compact):
    """What a page of a sweep did, in numbers by name, and where the next one begins: empty where nothing is left."""

    counts: dict[str, int] = {}
    cursor: str = ""
