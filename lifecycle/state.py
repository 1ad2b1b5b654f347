"""Where a journey stands, what can happen to it, and what it wants done.

A journey is in one phase at a time; `TRANSITIONS` is the whole table of which input leads where, and the diagram in
docs/ is drawn from it. Inputs are facts that have happened; commands are wishes that somebody else carries out. A state
is small, is copied by `advance()` and never changed by anybody else.

Times are UTC. `clock` is the journey's own time: the moment at which its last step was due, or the real time where that
was more than `LATE` ago. So a timer that fires 40 ms late does not move all that follows, and an outage does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict, TypeAdapter
from whenever import Instant, TimeDelta

from lifecycle.plan import SEMANTICS, StepId

LATE = TimeDelta(seconds=60)
UNKNOWN_RETRIES = (TimeDelta(minutes=1), TimeDelta(minutes=5), TimeDelta(minutes=15))
"""How often, and how long after, a journey asks again about a message whose fate is unknown (rules.md 8)."""


class Phase(StrEnum):
    """What a journey is doing. HELD is not stored: it is any phase but ENDED while a pause lies on the journey."""

    NEW = "new"
    READY = "ready"  # about to perform `step`; kept here by a pause
    WORKING = "working"  # a command is out, its result is awaited
    WAITING = "waiting"  # for a time
    LISTENING = "listening"  # for a milestone, or a time
    DEFERRED = "deferred"  # a message may not go out before a time
    ENDED = "ended"

    # A phase is looked up in every step of every journey; an Enum's own hash is a function in Python.
    __hash__ = str.__hash__


# For the interpreter, which asks for phases all the time: a member is ten times as quick to reach by a name of its own.
NEW, READY, WORKING, WAITING, LISTENING, DEFERRED, ENDED = Phase


@dataclass(slots=True)
class Pause:
    """A pause that lies on the journey. `id` names it, so that pauses stack and each is lifted by itself.

    It holds marketing only, or with `transactional` every message; that of a `channel` holds nothing but its messages.
    """

    id: str
    policy: Literal["freeze", "continue"]
    since: Instant
    channel: str | None = None
    transactional: bool = False


@dataclass(slots=True)
class State:
    """All that a journey knows. Equal states behave equally for ever.

    `latest` is the last instant at which something is known to have happened: an input's own time, or a due time.
    `n` counts inputs, `lines` counts trace lines; `seen` is the last inbox number that was applied. `firsts` holds the
    first of each interesting milestone since entry (its event and instant). `loops` holds the start and the iterations
    begun of each repeat that the journey is in. `effects` are steps passed whose effect nobody has carried out yet.
    `pauses` lie on the journey now; `lifted` are the ids of those that are over, `frozen` the time they took. What came
    due before `skip_until` is skipped where it was held by `skipping`, None being a pause of marketing.
    `again` says that the send at `step` was tried before: the same message, not a new one.

    `moving` is the number of the apply that asks the journey to move to another version, `moved` that of the last one
    that was dealt with (rules.md 16). A deadline that was past already when it moved is `not_before` that moment.
    `slots` tells in which round of its loops a step was done last, so that a move never has it done again in that one.
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"defer_build": True}  # see `Authored`

    customer: str
    zone: str
    entered: Instant
    clock: Instant
    phase: Phase = Phase.NEW
    step: StepId | None = None
    latest: Instant | None = None
    came_due: Instant | None = None
    since: Instant | None = None
    due: Instant | None = None
    expires: Instant | None = None
    tries: int = 0
    n: int = 0
    lines: int = 0
    seen: int = 0
    occurrences: dict[StepId, int] = field(default_factory=dict)
    loops: dict[StepId, tuple[Instant, int]] = field(default_factory=dict)
    firsts: dict[str, tuple[int, Instant]] = field(default_factory=dict)
    reached: tuple[str, int] | None = None
    read_at: int = 0
    effects: tuple[tuple[StepId, int], ...] = ()
    pauses: tuple[Pause, ...] = ()
    lifted: tuple[str, ...] = ()
    frozen: tuple[tuple[Instant, Instant], ...] = ()
    catch_up: Instant | None = None
    skip_until: Instant | None = None
    skipping: Pause | None = None
    drop_next: bool = False
    again: bool = False
    leaving: tuple[Literal["goal", "exited"], str] | None = None
    moving: int = 0
    moved: int = 0
    not_before: Instant | None = None
    slots: dict[StepId, tuple[int, ...]] = field(default_factory=dict)
    outcome: Literal["finished", "goal", "exited"] | None = None
    reason: str | None = None
    semantics: int = SEMANTICS

    @property
    def held(self) -> bool:
        """Whether a pause lies on it; that of a channel only once the journey stands because of it."""
        if self.phase is Phase.ENDED:
            return False
        return any(pause.channel is None or self.phase is Phase.READY for pause in self.pauses)

    @property
    def frozen_since(self) -> Instant | None:
        """Since when the clock stands, or None."""
        if not self.pauses:
            return None
        return min((p.since for p in self.pauses if p.policy == "freeze"), default=None)

    def copy(self) -> State:
        """A copy that can be changed: the dicts are copied when they are written to, nothing else is mutable."""
        return State(*_VALUES(self))


_VALUES: Callable[[State], tuple[Any, ...]] = attrgetter(*(one.name for one in fields(State)))


# --- inputs: what has happened -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    at: Instant
    kind: Literal["started"] = "started"


@dataclass(slots=True)
class TimerFired:
    """The timer that was set for `due`. One set for another instant is of the past, and ignored.

    Not frozen, because a simulation makes millions, and that would take three times as long.
    """

    due: Instant
    kind: Literal["timer"] = "timer"


@dataclass(frozen=True, slots=True)
class Reached:
    """A milestone of the customer that concerns this journey. `event` is the number of the event that brought it."""

    number: int
    at: Instant
    name: str
    event: int = 0
    of: StepId | None = None
    kind: Literal["milestone"] = "milestone"


@dataclass(frozen=True, slots=True)
class AttributeChanged:
    number: int
    at: Instant
    name: str
    kind: Literal["attribute"] = "attribute"


@dataclass(frozen=True, slots=True)
class GoalReached:
    """The goal of a playbook that goes on after it."""

    number: int
    at: Instant
    name: str
    kind: Literal["goal"] = "goal"


@dataclass(frozen=True, slots=True)
class Exited:
    """The journey is to end at once: outcome `goal` or `exited`, and why."""

    number: int
    at: Instant
    outcome: Literal["goal", "exited"]
    reason: str
    kind: Literal["exit"] = "exit"


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause lies on the journey; the fields mean what those of `Pause` mean."""

    at: Instant
    id: str
    policy: Literal["freeze", "continue"]
    channel: str | None = None
    transactional: bool = False
    kind: Literal["paused"] = "paused"


@dataclass(frozen=True, slots=True)
class Resumed:
    """A pause was lifted. `handling` says what becomes of what came due under `continue`.

    `number` is that of the inbox row that tells of it; 0 where a person tells the journey directly, or it found out by
    itself. Told twice is told once.
    """

    at: Instant
    id: str
    handling: Literal["send", "skip"] = "send"
    number: int = 0
    kind: Literal["resumed"] = "resumed"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A person ends the current wait, or drops the next message."""

    at: Instant
    what: Literal["wait", "message"] = "wait"
    kind: Literal["skipped"] = "skipped"


@dataclass(frozen=True, slots=True)
class MoveAsked:
    """The journey is to move to another version, by the apply of this number, as soon as it rests."""

    number: int
    at: Instant
    apply: int
    kind: Literal["move"] = "move"


@dataclass(frozen=True, slots=True)
class Moved:
    """What an apply makes of a resting journey; the plan that comes with it is that of `version`.

    Without a `version` the journey stays in its own, for its step is gone and nobody has said where it belongs. `step`
    is where it stands from now on; `renamed` gives steps that are called otherwise now, as pairs. `begun` says that it
    goes on with the same wait, which keeps its start. `firsts` are milestones since entry in which the earlier version
    was not interested: key, event, instant. `ends` is how it ends instead: the new version has a goal or an exit that
    was reached already.
    """

    at: Instant
    apply: int
    version: str = ""
    step: StepId | None = None
    renamed: tuple[tuple[StepId, StepId], ...] = ()
    begun: bool = False
    firsts: tuple[tuple[str, int, Instant], ...] = ()
    ends: tuple[Literal["goal", "exited"], str] | None = None
    kind: Literal["moved"] = "moved"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of the command that was out.

    A delivery: `sent`, `refused` (with `reason`), `deferred` (with `until` and `reason`) or `unknown`. A branch:
    `chosen` with `arm`, None for `otherwise`, and the names that were `missing`. A date wait: `resolved` with `until`,
    None where there is no date, and the inbox number `read_at`. A wait for history: `resolved` with `event`. `done` for
    anything else. `blocked`: nothing was done, because something newer is on its way.
    """

    what: Literal["sent", "refused", "deferred", "unknown", "chosen", "resolved", "done", "blocked"]
    reason: str | None = None
    until: Instant | None = None
    arm: int | None = None
    missing: tuple[str, ...] = ()
    event: tuple[str, int] | None = None
    read_at: int = 0
    kind: Literal["result"] = "result"


Input = (
    Started | TimerFired | Reached | AttributeChanged | GoalReached | Exited | Paused | Resumed | Skipped | MoveAsked
    | Moved | Result
)  # fmt: skip
FromInbox = Reached | AttributeChanged | GoalReached | Exited | Resumed | MoveAsked
ByPerson = Paused | Resumed | Skipped

# --- commands: what is wanted --------------------------------------------------------------------------------------
# Tuples, because a simulation makes millions and a frozen dataclass takes three times as long to make.


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

# --- the trace: what is told about it ------------------------------------------------------------------------------

What = Literal[
    "entered", "sent", "refused", "deferred", "waiting", "milestone", "branch", "split", "task", "set", "enrolled",
    "recorded", "moved", "goal", "exited", "finished",
]  # fmt: skip


class Line(NamedTuple):
    """One line of a timeline. `seq` counts from 1 in a journey; `day` is the journey's day, 0 being that of entry.

    `to` is where it leads: the instant waited for, the arm or variant taken, the milestone, playbook or person, or the
    version that the journey moved to.
    """

    seq: int
    at: Instant
    day: int
    what: What
    step: StepId | None = None
    channel: str | None = None
    template: str | None = None
    to: str | None = None
    reason: str | None = None


# Each makes one of a tuple of all its fields, in half the time that calling its class takes.
line_of: Callable[[tuple[object, ...]], Line] = partial(tuple.__new__, Line)
wait_of: Callable[[tuple[object, ...]], WaitUntil] = partial(tuple.__new__, WaitUntil)
deliver_of: Callable[[tuple[object, ...]], Deliver] = partial(tuple.__new__, Deliver)

_STAYS = frozenset({Phase.READY, Phase.WORKING, Phase.WAITING, Phase.LISTENING, Phase.DEFERRED, Phase.ENDED})

TRANSITIONS: dict[Phase, dict[str, frozenset[Phase]]] = {
    Phase.NEW: {"started": _STAYS},
    Phase.READY: {
        "milestone": _STAYS,
        "attribute": frozenset({Phase.READY}),
        "goal": frozenset({Phase.READY}),
        "exit": frozenset({Phase.ENDED}),
        "paused": frozenset({Phase.READY}),
        "resumed": _STAYS,
        "skipped": frozenset({Phase.READY}),
        "timer": frozenset({Phase.READY}),
        "move": frozenset({Phase.READY}),
        "moved": _STAYS,
    },
    Phase.WORKING: {
        "result": _STAYS,
        "milestone": frozenset({Phase.WORKING}),
        "attribute": frozenset({Phase.WORKING}),
        "goal": frozenset({Phase.WORKING}),
        "exit": frozenset({Phase.WORKING}),
        "paused": frozenset({Phase.WORKING}),
        "resumed": frozenset({Phase.WORKING}),
        "skipped": frozenset({Phase.WORKING}),
        "timer": frozenset({Phase.WORKING}),
        "move": frozenset({Phase.WORKING}),
    },
    Phase.WAITING: {
        "timer": _STAYS,
        "milestone": _STAYS,
        "attribute": frozenset({Phase.WAITING, Phase.WORKING, Phase.READY}),
        "goal": frozenset({Phase.WAITING}),
        "exit": frozenset({Phase.ENDED}),
        "paused": frozenset({Phase.WAITING}),
        "resumed": _STAYS,
        "skipped": _STAYS,
        "move": frozenset({Phase.WAITING}),
        "moved": _STAYS,
    },
    Phase.LISTENING: {
        "timer": _STAYS,
        "milestone": _STAYS,
        "attribute": frozenset({Phase.LISTENING}),
        "goal": frozenset({Phase.LISTENING}),
        "exit": frozenset({Phase.ENDED}),
        "paused": frozenset({Phase.LISTENING}),
        "resumed": _STAYS,
        "skipped": _STAYS,
        "move": frozenset({Phase.LISTENING}),
        "moved": _STAYS,
    },
    Phase.DEFERRED: {
        "timer": _STAYS,
        "milestone": _STAYS,
        "attribute": frozenset({Phase.DEFERRED}),
        "goal": frozenset({Phase.DEFERRED}),
        "exit": frozenset({Phase.ENDED}),
        "paused": frozenset({Phase.DEFERRED}),
        "resumed": frozenset({Phase.DEFERRED}),
        "skipped": _STAYS,
        "move": frozenset({Phase.DEFERRED}),
        "moved": _STAYS,
    },
    Phase.ENDED: {"exit": frozenset({Phase.ENDED})},
}
"""Phase → input → phases that may follow. An input that is not listed changes nothing there."""

STATE: TypeAdapter[State] = TypeAdapter(State)
