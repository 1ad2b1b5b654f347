"""A simulated world, what happens in it, and a journey of it, as `lifecycle.simulator` lives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from whenever import Instant

from lifecycle.events import Entering, OpenJourney, Person
from lifecycle.facts import Conditions, Facts
from lifecycle.interpreter import Run
from lifecycle.language.map import Map
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.plan import Plan
from lifecycle.quiet_hours import Reach
from lifecycle.schedule import name_of
from lifecycle.state import ENDED, NEW, State
from lifecycle.timeline import Line

Templates = Mapping[tuple[str, Channel], TemplateInfo]


@dataclass(frozen=True, slots=True)
class World:
    """What a simulated customer lives in. Without `strict_consent` everybody has an address and agrees to everything
    that they do not say no to; caps and quiet hours hold always.

    `cannot` says why a message cannot be made for these facts, or None; without it every message can. `reach` says
    where a person is; without it they are in their own time zone, country and region.
    """

    map: Map
    plans: Sequence[Plan]
    templates: Templates
    conditions: Conditions
    strict_consent: bool = False
    cannot: Callable[[str, Channel, Facts], str | None] | None = None
    reach: Callable[[Person], Reach] | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something from outside, at an instant: a milestone, new attributes, the time at which a schedule or a date enters
    the playbook `name` (`due`) or another one enrols in it (`enrol`), a person's command to all open journeys, or a
    `move` of those through the playbook `name`: to the property `plan`, with the property `targets` for steps that are
    gone.

    `of` names the send step that a `message.*` milestone is about. A pause is one of a channel, or holds transactional
    messages too, where its properties `channel` and `transactional` say so.
    """

    at: Instant
    what: Literal["milestone", "set", "due", "enrol", "pause", "resume", "skip", "exit", "move"]
    name: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    of: str | None = None


class Sent(NamedTuple):
    """A message that a simulated customer was sent."""

    customer: str
    journey: str
    step: str
    occurrence: int
    channel: Channel
    at: Instant


@dataclass(slots=True)
class SimulatedJourney:
    """A journey and what its driver knows of it; `run` holds its state. `begun` is how much had happened before it."""

    entering: Entering
    run: Run
    entered: Instant
    hops: int
    begun: int = 0
    heard: set[str] = field(default_factory=set)
    messages: dict[str, str] = field(default_factory=dict)
    goal_reached: bool = False
    given: int = 0
    due: Instant | None = None

    @property
    def plan(self) -> Plan:
        return self.run.plan

    @property
    def state(self) -> State:
        return self.run.state

    @property
    def lines(self) -> list[Line]:
        """Its timeline so far."""
        return self.run.lines

    @property
    def open(self) -> bool:
        return self.run.state.phase is not ENDED

    @property
    def last(self) -> Instant:
        """When something happened in it last."""
        return self.run.lines[-1].at if self.run.lines else self.entered

    @property
    def end(self) -> str | None:
        """`finished`, `goal`, the reason for which it was left, or `holdout`; None where it has not ended."""
        state = self.run.state
        if state.phase is NEW:
            return "holdout"
        return state.reason if state.outcome == "exited" else state.outcome

    def as_open(self) -> OpenJourney:
        """How events see it. What it has heard of is its own, and grows with what it hears."""
        entering = self.entering
        return OpenJourney(
            entering.id, self.plan, self.entered, entering.event, entering.per, self.heard, self.state.frozen,
            self.goal_reached,
        )  # fmt: skip


def beginning(plan: Plan, at: Instant, zone: str) -> Happening | None:
    """What enters a playbook at `at`, in its simplest form; None where only another playbook does."""
    entry = plan.entry
    if entry is None:
        return None
    if entry.timed:
        return Happening(at, "due", plan.playbook, {"slot": name_of(at, zone)})
    return Happening(at, "milestone", entry.milestone or "")
