"""The shape of a playbook file, as marketing writes it. What a name refers to is checked by the compiler, not here.

A step is a mapping with exactly one of the keys in `KINDS`; the other keys belong to that step.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WrapValidator

from lifecycle.language.faults import did_you_mean
from lifecycle.language.times import (
    NeverComes,
    NotATime,
    parse_clock,
    parse_hours,
    parse_moment,
    parse_schedule,
    parse_span,
)
from lifecycle.language.validate import Authored, mistake

KINDS = (
    "send", "wait", "wait_for", "branch", "split", "task", "repeat", "set", "record", "enrol", "exit",
    "survey", "webhook",
)  # fmt: skip


def _time(parse: Any) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, str):
            try:
                parse(value)
            except NotATime as error:
                raise mistake("not-a-time", str(error)) from None
        return value

    return BeforeValidator(check)


def _schedule(value: Any) -> Any:
    if isinstance(value, str):
        try:
            parse_schedule(value)
        except NeverComes as error:
            raise mistake("never-comes", str(error)) from None
        except NotATime as error:
            raise mistake("not-a-schedule", str(error)) from None
    return value


def _percent(value: Any) -> Any:
    if isinstance(value, str) and value.endswith("%"):
        try:
            value = float(value[:-1])
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 90:
        raise mistake("not-a-percentage", "write a percentage from 0% to 90%, such as `5%`")
    return float(value)


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _short(key: str) -> BeforeValidator:
    """Lets a text stand for a mapping with one key: `goal: purchase` for `goal: {milestone: purchase}`."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


Span = Annotated[str, _time(parse_span)]
Until = Annotated[str, _time(parse_moment)]
Clock = Annotated[str, _time(parse_clock)]
Schedule = Annotated[str, BeforeValidator(_schedule)]
HoursOfDay = Annotated[str, _time(parse_hours)]
Percent = Annotated[float, BeforeValidator(_percent)]
Names = Annotated[list[str], BeforeValidator(_one_or_more), Field(min_length=1)]
Condition = Annotated[str, Field(min_length=1)]
StepId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,59}$")]
Literals = str | int | float | bool | None


def kind_of(step: Any) -> str | None:
    """The kind of an authored step, or None where it is not exactly one."""
    found = [key for key in KINDS if isinstance(step, dict) and key in step]
    return found[0] if len(found) == 1 else None


def _tag(step: Any) -> str | None:
    # With a space in it, because pydantic mixes tags into the path of an error and no key of a file looks like this.
    kind = kind_of(step)
    return f"{kind} step" if kind else None


def _explain_step(value: Any, handler: Any) -> Any:
    if not isinstance(value, Authored) and kind_of(value) is None:
        if not isinstance(value, dict):
            raise mistake("not-a-step", "a step is written as `kind: ...`, for example `send: adopter/thank-you`")
        both = [key for key in KINDS if key in value]
        if both:
            raise mistake(
                "two-steps", f"{' and '.join(f'`{key}`' for key in both)} are two steps; begin each with `- `"
            )
        first = next(iter(value), "")
        hint = did_you_mean(str(first), KINDS) or "a step is one of " + ", ".join(KINDS)
        raise mistake("unknown-step", f"`{first}` is not a step", hint)
    return handler(value)


class WaitUntil(Authored):
    """`wait: {until: day 3, at: "10:00"}`."""

    until: Until
    at: Clock | None = None


class Listen(Authored):
    """`wait_for: {milestone: [a, b], of: reminder, since: entry}`."""

    milestone: Names
    of: StepId | None = None
    since: Literal["entry", "step", "ever"] = "entry"


class Arm(Authored):
    """One arm of a branch: a condition and what follows, or `else`."""

    if_: Condition | None = Field(default=None, alias="if")
    then: list[Step] | None = None
    else_: list[Step] | None = Field(default=None, alias="else")


class Variant(Authored):
    weight: Annotated[float, Field(gt=0)] = 1
    steps: list[Step]


class Again(Authored):
    """`repeat: {every: 30 days, at_most: 6, until: upgraded}`."""

    every: Span
    at_most: Annotated[int, Field(ge=1, le=400)]
    until: Names | None = None


class Send(Authored):
    send: str
    id: StepId | None = None
    channel: Literal["email", "sms"] | None = None
    expires: Span | None = None
    refused: list[Step] | None = None


class Wait(Authored):
    wait: Annotated[
        Annotated[Span, Tag("a span")] | Annotated[WaitUntil, Tag("a moment")],
        Discriminator(lambda value: "a moment" if isinstance(value, dict | WaitUntil) else "a span"),
    ]
    id: StepId | None = None
    in_time: list[Step] | None = None
    passed: list[Step] | None = None


class WaitFor(Authored):
    wait_for: Annotated[Listen, BeforeValidator(lambda v: {"milestone": v} if isinstance(v, str | list) else v)]
    timeout: Span
    id: StepId | None = None
    reached: list[Step] | None = None
    timed_out: list[Step] | None = None


class Branch(Authored):
    branch: Annotated[list[Arm], Field(min_length=1)]
    id: StepId | None = None


class Split(Authored):
    split: StepId
    variants: Annotated[dict[StepId, Variant], Field(min_length=2)]
    id: StepId | None = None


class Task(Authored):
    task: Annotated[str, Field(min_length=1, max_length=200)]
    assign: str
    due: Span | None = None
    id: StepId | None = None


class Repeat(Authored):
    repeat: Again
    steps: Annotated[list[Step], Field(min_length=1)]
    id: StepId | None = None


class Set(Authored):
    set: Annotated[dict[str, Literals], Field(min_length=1)]
    id: StepId | None = None


class Record(Authored):
    record: str
    id: StepId | None = None


class Enrol(Authored):
    enrol: str
    id: StepId | None = None


class Exit(Authored):
    exit: Annotated[str, Field(min_length=1, max_length=200)]
    id: StepId | None = None


class Later(Authored):
    """A step that the language reserves and this version does not run yet; the compiler says so."""

    survey: Any = None
    webhook: Any = None
    timeout: Any = None
    promoter: Any = None
    passive: Any = None
    detractor: Any = None
    id: Any = None


Step = Annotated[
    Annotated[Send, Tag("send step")]
    | Annotated[Wait, Tag("wait step")]
    | Annotated[WaitFor, Tag("wait_for step")]
    | Annotated[Branch, Tag("branch step")]
    | Annotated[Split, Tag("split step")]
    | Annotated[Task, Tag("task step")]
    | Annotated[Repeat, Tag("repeat step")]
    | Annotated[Set, Tag("set step")]
    | Annotated[Record, Tag("record step")]
    | Annotated[Enrol, Tag("enrol step")]
    | Annotated[Exit, Tag("exit step")]
    | Annotated[Later, Tag("survey step")]
    | Annotated[Later, Tag("webhook step")],
    Discriminator(_tag),
    # Runs before the union is taken apart, so that the author reads our sentence and not pydantic's.
    WrapValidator(_explain_step),
]


class Entry(Authored):
    """What enrols a customer: a milestone, coming into a segment, a schedule or a date.

    `per` names a property of the milestone: one journey for each value of it. `every` and `at` belong to a date;
    `spread` is the time over which a schedule's or a date's customers are spread.
    """

    milestone: str | None = None
    per: str | None = None
    if_: Condition | None = Field(default=None, alias="if")
    reentry: Literal["never", "after_exit", "restart"] | None = None
    segment: str | None = None
    schedule: Schedule | None = None
    date: Until | None = None
    every: Literal["year"] | None = None
    at: Clock | None = None
    spread: Span | None = None


class Goal(Authored):
    milestone: str
    within: Span | None = None
    then: Literal["exit", "continue"] = "exit"


class Leave(Authored):
    """One way out: a milestone, or a condition over the customer."""

    milestone: str | None = None
    if_: Condition | None = Field(default=None, alias="if")


class Playbook(Authored):
    """One playbook file."""

    playbook: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    stage: str
    description: str = ""
    owner: str | None = None
    priority: Annotated[int, Field(ge=1, le=9)] = 5
    entry: Annotated[Entry, _short("milestone")] | None = None
    goal: Annotated[Goal, _short("milestone")] | None = None
    exit: list[Annotated[Leave, _short("milestone")]] = []
    holdout: Percent = 0.0
    steps: Annotated[list[Step], Field(min_length=1)]
