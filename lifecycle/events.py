"""An event, the customer to whom it happens, and what it does: the shapes on which `lifecycle.applying` works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from whenever import Instant

from lifecycle.calendar import Frozen
from lifecycle.facts import Facts, Milestones
from lifecycle.language.map import Map, is_zone
from lifecycle.plan import Plan

Kind = Literal["track", "identify", "group", "alias", "set", "record", "enrol", "message", "consent", "segment", "due"]

HAPPENS = frozenset({"track", "record", "message", "consent"})
"""The kinds of event that are a milestone."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event to apply. `at` is when it happened. `properties` are those of a milestone, or the new attributes; for
    `group` all attributes of the account to which the customer belongs from now on.

    `name` is the milestone, or the playbook of an `enrol` or a `due` (a sweep found that the customer's time to enter
    it has come, and names that in the property `slot`). A `segment` asks whether the customer has come into or gone out
    of one, which time alone may have done; `name` is the milestone that this would be. `journey` and `of` say which
    message a `message.*` milestone is about. `received` is when it arrived, where that is not the moment at which it is
    applied: a worker that was away for a weekend makes no event late.
    """

    id: int
    kind: Kind
    name: str
    at: Instant
    properties: Mapping[str, Any] = field(default_factory=dict)
    journey: str | None = None
    of: str | None = None
    backfill: bool = False
    received: Instant | None = None


@dataclass(slots=True)
class Person:
    """A customer as stored: attributes without defaults (`account` holds those of their account), and how often each
    milestone has happened.
    """

    id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    stage: str | None = None
    history: dict[str, Milestones] = field(default_factory=dict)
    account: dict[str, Any] = field(default_factory=dict)

    def zone(self, map: Map) -> str:
        zone = self.attributes.get("time_zone")
        return zone if isinstance(zone, str) and is_zone(zone) else map.time_zone

    def known(self, map: Map) -> dict[str, Any]:
        """The attributes that have a value, declared defaults filled in."""
        return _valued(map.defaults(), self.attributes)

    def facts(self, map: Map, now: Instant, **more: Any) -> Facts:
        """What conditions may look at; `more` are the journey's own names."""
        account = _valued(map.defaults("account"), self.account)
        return Facts(now, self.known(map), account, milestones=self.history, stage=self.stage, **more)


class Joined(NamedTuple):
    """A visitor who is merged into a customer by the event at hand (lifecycle.merging). `person` is both together,
    `touched` names what is new to the journeys of either.
    """

    customer: Person
    visitor: Person
    person: Person
    touched: frozenset[str]


@dataclass(slots=True)
class OpenJourney:
    """A journey that has not ended. `heard` are the keys of interest that were delivered to it already."""

    id: str
    plan: Plan
    entered: Instant
    event: Mapping[str, Any] = field(default_factory=dict)
    per: str | None = None
    heard: set[str] = field(default_factory=set)
    frozen: Frozen = ()
    goal_reached: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """Something that a journey must hear of; it becomes an inbox row. `keys` are the keys of interest."""

    journey: str
    kind: Literal["milestone", "attribute", "goal", "exit"]
    name: str
    keys: tuple[str, ...] = ()
    of: str | None = None
    outcome: Literal["goal", "exited"] | None = None


@dataclass(frozen=True, slots=True)
class Entering:
    """A journey to begin. `key` tells apart the journeys of one customer through one playbook."""

    plan: Plan
    id: str
    key: str
    per: str | None
    arm: Literal["journey", "holdout"]
    event: Mapping[str, Any]


@dataclass(slots=True)
class Applied:
    """What an event does. `person` is the customer after it, `segments` those that they came into (True) or left."""

    person: Person
    milestones: list[str] = field(default_factory=list)
    segments: dict[str, bool] = field(default_factory=dict)
    wakes: list[Wake] = field(default_factory=list)
    entered: list[Entering] = field(default_factory=list)
    not_entered: list[tuple[str, str]] = field(default_factory=list)


def _valued(defaults: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` over `defaults`, but those that are None."""
    return defaults | {name: value for name, value in values.items() if value is not None} if values else defaults


def touches(names: tuple[str, ...], touched: set[str]) -> bool:
    """Whether a condition that looks at these names looks at anything that an event changed."""
    return not _looked_at(names).isdisjoint(touched)


@lru_cache(maxsize=4096)
def _looked_at(names: tuple[str, ...]) -> frozenset[str]:
    """Names, and what each belongs to: `milestones.x.count` looks at `milestones.x`."""
    return frozenset([*names, *(name.rpartition(".")[0] for name in names)])
