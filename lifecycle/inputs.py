"""What can happen to a journey: its inputs. Each is a fact that has happened.

Temporal keeps them in histories for months: no field is renamed, and none is added without a default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whenever import Instant

from lifecycle.plan import StepId


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
