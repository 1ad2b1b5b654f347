"""What a condition or a template may look at: one customer, as known at one instant.

`Facts` is built by whoever holds the data (an activity from the database, the simulator from memory) and is read by
conditions and templates alone. A value that is not known is absent, never None: reading it is a missing value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from whenever import Instant

from lifecycle.criteria import Criterion

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Milestones:
    """How often a milestone happened to the customer, and when (by its own timestamp) first and last."""

    count: int = 0
    first: Instant | None = None
    last: Instant | None = None


@dataclass(slots=True)
class Facts:
    """The names of the playbook language: customer, account, event, reached, milestones, messages, stage, health.

    `customer` holds declared defaults already filled in. `event` is the milestone that entered (its properties, and
    `name`), `reached` the last one waited for. `messages` maps a step id to its state, such as `accepted`.
    `now` dates `milestones.X.days_since`, in days of 24 hours. Nobody changes one: it is not frozen because that takes
    three times as long to make, and one is made for every question.
    """

    now: Instant
    customer: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)
    reached: Mapping[str, Any] | None = None
    milestones: Mapping[str, Milestones] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    stage: str | None = None
    health: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition came to. `missing` names the values that were not there; then `value` is None."""

    value: Any = None
    missing: tuple[str, ...] = ()


class ConditionError(ValueError):
    """An expression that cannot be read. `offset` is the character at which reading stopped, from 0."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class Demand(NamedTuple):
    """What a condition asks of one name, such as `customer.plan`: that it has a value, or how that compares."""

    name: str
    relation: Literal["defined", "eq", "ne", "lt", "lteq", "gt", "gteq", "in"]
    value: Any = None


Outcome = Literal["true", "false", "else"]
"""What a condition came to; `else` is false or missing."""


class Conditions(Protocol):
    """Reads the language of conditions. The core decides by them and does not know how they are written."""

    def names(self, expression: str) -> tuple[str, ...]:
        """The dotted names that an expression looks at, such as `customer.plan`; raises ConditionError."""

    def evaluate(self, expression: str, facts: Facts) -> Verdict:
        """What the expression comes to for these facts; a missing value is a Verdict, never an exception."""

    def demands(self, expression: str, outcome: Outcome = "true") -> tuple[Demand, ...]:
        """What is sure of single names wherever the expression came to this; raises ConditionError. Never too much:
        what cannot be told is left out.
        """

    def never_missing(self, expression: str) -> bool:
        """Whether the expression comes to true or false whatever is known; raises ConditionError."""

    def criterion(self, expression: str) -> Criterion:
        """The expression as a database can be asked it; raises ConditionError, also for what a segment may not say."""
