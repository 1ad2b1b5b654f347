"""What a journey wants done: its commands. Each is a wish that somebody else carries out.

They are tuples, because a simulation makes millions and a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

from whenever import Instant

from lifecycle.plan import StepId


class Deliver(NamedTuple):
    step: StepId
    occurrence: int
    template: str
    channel: Literal["email", "sms"]
    expires: Instant | None
    kind: Literal["deliver"] = "deliver"


class Decide(NamedTuple):
    """Answer a question from the customer's facts: which arm, which date, or whether it ever happened."""

    step: StepId
    question: Literal["branch", "date", "ever"]
    kind: Literal["decide"] = "decide"


class AssignTask(NamedTuple):
    step: StepId
    occurrence: int
    title: str
    assign: str
    due: Instant | None
    kind: Literal["assign"] = "assign"


class Note(NamedTuple):
    """Carry out the effects that precede it; nothing else is to be done now."""

    kind: Literal["note"] = "note"


class Move(NamedTuple):
    """Find out what the apply of this number makes of the journey, which rests."""

    apply: int
    kind: Literal["move"] = "move"


class SetAttributes(NamedTuple):
    step: StepId
    occurrence: int
    values: tuple[tuple[str, Any], ...]
    kind: Literal["set"] = "set"


class RecordMilestone(NamedTuple):
    step: StepId
    occurrence: int
    milestone: str
    kind: Literal["record"] = "record"


class EnrolIn(NamedTuple):
    step: StepId
    occurrence: int
    playbook: str
    kind: Literal["enrol"] = "enrol"


class WaitUntil(NamedTuple):
    """Nothing to do before `due`; None: before something comes in."""

    due: Instant | None
    kind: Literal["wait"] = "wait"


class Finish(NamedTuple):
    outcome: Literal["finished", "goal", "exited"]
    reason: str | None
    kind: Literal["finish"] = "finish"


Effect = SetAttributes | RecordMilestone | EnrolIn
Work = Deliver | Decide | AssignTask | Note | Move
Command = Effect | Work | WaitUntil | Finish

# Each makes one of a tuple of all its fields, in half the time that calling its class takes.
wait_of: Callable[[tuple[object, ...]], WaitUntil] = partial(tuple.__new__, WaitUntil)
deliver_of: Callable[[tuple[object, ...]], Deliver] = partial(tuple.__new__, Deliver)
