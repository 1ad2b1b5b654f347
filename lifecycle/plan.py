"""The compiled form of a playbook: immutable, content-addressed, small enough to travel with each journey.

A plan is a flat table of steps. A step names the step that follows it, None being the end of the journey; the end of a
repeat's body names the repeat. Times are kept as their author wrote them and read once (`lifecycle.language.times`).
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter

SEMANTICS = 1
"""Version of the meaning of plans and states; it is part of both."""

MAX_PLAN_BYTES = 32 * 1024
"""The most that a compressed plan may have, because it travels in the start of every journey."""

StepId = str
Target = StepId | None


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message. `expires` is a span after the moment at which it came due, None: never. A `transactional` one
    passes through pauses that hold marketing only.
    """

    template: str
    channel: Literal["email", "sms"]
    next: Target = None
    refused: Target = None
    expires: str | None = None
    transactional: bool = False
    kind: Literal["send"] = "send"


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a span of time, or until a moment. `passed` follows where the moment has already gone."""

    next: Target = None
    passed: Target = None
    span: str | None = None
    until: str | None = None
    at: str | None = None
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait for the first of these milestones, at most for `timeout`. `keys` as in `interest`."""

    keys: tuple[str, ...]
    timeout: str
    since: Literal["entry", "step", "ever"] = "entry"
    reached: Target = None
    timed_out: Target = None
    kind: Literal["wait_for"] = "wait_for"


@dataclass(frozen=True, slots=True)
class Branch:
    """Take the first arm whose condition holds, `otherwise` where none does or a value is missing."""

    arms: tuple[tuple[str, Target], ...]
    otherwise: Target = None
    kind: Literal["branch"] = "branch"


@dataclass(frozen=True, slots=True)
class Split:
    """Spread customers over variants by weight: name, weight, what follows."""

    name: str
    variants: tuple[tuple[str, float, Target], ...]
    kind: Literal["split"] = "split"


@dataclass(frozen=True, slots=True)
class Task:
    title: str
    assign: str
    due: str | None = None
    next: Target = None
    kind: Literal["task"] = "task"


@dataclass(frozen=True, slots=True)
class Repeat:
    """Run `body` at start + n × every, for n below `at_most`, until one of the milestones `until`."""

    every: str
    at_most: int
    body: Target
    until: tuple[str, ...] = ()
    next: Target = None
    kind: Literal["repeat"] = "repeat"


@dataclass(frozen=True, slots=True)
class Set:
    values: tuple[tuple[str, str | int | float | bool | None], ...]
    next: Target = None
    kind: Literal["set"] = "set"


@dataclass(frozen=True, slots=True)
class Record:
    milestone: str
    next: Target = None
    kind: Literal["record"] = "record"


@dataclass(frozen=True, slots=True)
class Enrol:
    playbook: str
    next: Target = None
    kind: Literal["enrol"] = "enrol"


@dataclass(frozen=True, slots=True)
class Exit:
    reason: str
    kind: Literal["exit"] = "exit"


Step = Send | Wait | WaitFor | Branch | Split | Task | Repeat | Set | Record | Enrol | Exit


def _unless(default: Any) -> Any:
    """Leaves out what has this value when it is written: a version is named by its content, and keeps its name when
    entries learn something new.
    """
    return Field(exclude_if=lambda value: value == default)


@dataclass(frozen=True, slots=True)
class Entry:
    """What enrols: a milestone, a `schedule` (as cron writes it) or a `date` (as the `until` of a wait), both on the
    customer's clock. `yearly`: on the date's anniversaries too. `spread` is the time over which customers are spread.

    `reentry` is `each` for a schedule or date that enters a customer once for each time that it comes.
    """

    milestone: str | None = None
    per: str | None = None
    condition: str | None = None
    reentry: Literal["never", "after_exit", "restart", "each"] = "never"
    schedule: Annotated[str | None, _unless(None)] = None
    date: Annotated[str | None, _unless(None)] = None
    yearly: Annotated[bool, _unless(default=False)] = False
    at: Annotated[str | None, _unless(None)] = None
    spread: Annotated[str | None, _unless(None)] = None

    @property
    def timed(self) -> bool:
        """Whether time enrols, and no milestone."""
        return self.schedule is not None or self.date is not None


@dataclass(frozen=True, slots=True)
class Goal:
    milestone: str
    within: str | None = None
    then: Literal["exit", "continue"] = "exit"


@dataclass(frozen=True, slots=True)
class Leave:
    """A way out: a milestone, or a condition and the names that it looks at."""

    milestone: str | None = None
    condition: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A playbook version. `interest` is the set of rules.md 2: which milestones concern a journey, and whether only
    the first since entry does; a key is a milestone, or `milestone:step` for one about a step's message.
    """

    __pydantic_config__: ClassVar[ConfigDict] = {"defer_build": True}  # see `Authored`

    playbook: str
    stage: str
    first: Target
    steps: Mapping[StepId, Annotated[Step, Field(discriminator="kind")]]
    time_zone: str
    entry: Entry | None = None
    goal: Goal | None = None
    exits: tuple[Leave, ...] = ()
    interest: Mapping[str, Literal["first", "all"]] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    priority: int = 5
    holdout: float = 0.0
    transactional: bool = False
    semantics: int = SEMANTICS

    @cached_property
    def version(self) -> str:
        """The name of this version: 16 hex digits of a hash of its content."""
        return hashlib.sha256(PLAN.dump_json(self)).hexdigest()[:16]

    @cached_property
    def packed(self) -> str:
        """The plan as it travels: JSON, compressed, in base 85."""
        return base64.b85encode(zlib.compress(PLAN.dump_json(self, exclude_none=True), 9)).decode()

    def targets(self, step_id: StepId) -> Iterator[Target]:
        """Every step that may follow `step_id` directly."""
        step = self.steps[step_id]
        if isinstance(step, Branch):
            yield from (target for _, target in step.arms)
            yield step.otherwise
        elif isinstance(step, Split):
            yield from (target for _, _, target in step.variants)
        elif isinstance(step, WaitFor):
            yield from (step.reached, step.timed_out)
        elif isinstance(step, Repeat):
            yield from (step.body, step.next)
        elif isinstance(step, Send):
            yield from (step.next, step.refused)
        elif isinstance(step, Wait):
            yield from (step.next, step.passed)
        elif not isinstance(step, Exit):
            yield step.next


PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


@lru_cache(maxsize=512)
def unpack(packed: str) -> Plan:
    """The plan that `Plan.packed` made. Plans are immutable, so one object serves every journey of a version."""
    return PLAN.validate_json(zlib.decompress(base64.b85decode(packed)))


def from_json(text: str | bytes) -> Plan:
    return PLAN.validate_json(text)


def to_data(plan: Plan) -> dict[str, Any]:
    """The plan as plain data, for pictures and `--format json`."""
    data: dict[str, Any] = PLAN.dump_python(plan, mode="json", exclude_defaults=True)
    return data
