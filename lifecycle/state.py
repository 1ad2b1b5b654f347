"""Where a journey stands.

A journey is in one phase at a time; `TRANSITIONS` is the whole table of which input (`lifecycle.inputs`) leads where,
and the diagram in docs/ is drawn from it. What it then wants done are commands (`lifecycle.commands`). A state is
small, is copied by `advance()` and never changed by anybody else.

Times are UTC. `clock` is the journey's own time: the moment at which its last step was due, or the real time where that
was more than `LATE` ago. So a timer that fires 40 ms late does not move all that follows, and an outage does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, ClassVar, Literal

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
