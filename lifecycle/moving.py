"""Moving a journey to another version of its playbook (rules.md 16): what an apply makes of it. Pure.

A move happens at a wait or a hold, never while something is being done. `moved` says where the journey goes on, or that
it stays because its step is gone; `lifecycle.interpreter.moves` is what then becomes of its state, the same in the
workflow, in its activity, in the simulator and in what `milepost plan` shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from whenever import Instant

from lifecycle import plan as p
from lifecycle.events import Event, OpenJourney, Person
from lifecycle.facts import Conditions
from lifecycle.inputs import Moved
from lifecycle.interpreter import advance
from lifecycle.language.map import Map
from lifecycle.matching import match
from lifecycle.state import LATE, LISTENING, WAITING, State
from lifecycle.wakes import counts, missed


class Past(NamedTuple):
    """A milestone that was applied at `at` after the entry of a journey; `name` is that of the event, or derived."""

    event: Event
    name: str
    at: Instant


class Way:
    """From one version to another. `targets` says where those go on who stand at a step, where somebody has said so.

    `version` is the name under which the new one is stored: a later Milepost may give the same plan another one.
    """

    def __init__(
        self, old: p.Plan, new: p.Plan, targets: Mapping[p.StepId, p.StepId] | None = None, version: str | None = None
    ) -> None:
        self.old, self.new, self.targets = old, new, dict(targets or {})
        self.version = version or new.version
        self.found = match(old, new)
        # What the author says of a step holds wherever its id is used.
        self.found |= {step: to for step, to in self.targets.items() if to in new.steps}

    def to(self, step: p.StepId | None) -> p.StepId | None:
        """Where those go on who stand at `step`; None where it is gone."""
        return self.found.get(step or "")

    @cached_property
    def renamed(self) -> tuple[tuple[p.StepId, p.StepId], ...]:
        """Steps that are called otherwise now. One that is called as another was is among them, or it would be both."""
        return tuple((step, to) for step, to in sorted(match(self.old, self.new).items()) if step != to)

    @cached_property
    def ends(self) -> frozenset[str]:
        """The milestones that end a journey in the new version and did not in the old."""
        return _ends(self.new) - _ends(self.old)

    @cached_property
    def news(self) -> frozenset[str]:
        """The keys of interest that the old version did not have."""
        return frozenset(key for key in self.new.interest if key not in self.old.interest)

    @cached_property
    def asks(self) -> frozenset[str]:
        """The milestones that matter for a move: whoever moves a journey has to know which happened since its entry."""
        return self.ends | {key.partition(":")[0] for key in self.news}


def _ends(plan: p.Plan) -> frozenset[str]:
    found = {leave.milestone for leave in plan.exits if leave.milestone}
    if plan.goal and plan.goal.then == "exit":
        found.add(plan.goal.milestone)
    return frozenset(found)


def moved(
    way: Way,
    state: State,
    apply: int,
    now: Instant,
    past: Iterable[Past] = (),
    journey: OpenJourney | None = None,
    person: Person | None = None,
    words: tuple[Map, Conditions] | None = None,
) -> Moved:
    """What the apply of this number makes of a resting journey at `now`; it counts from when the journey was asked,
    unless that was a while ago.

    `past` are the milestones of `way.asks` since its entry, in their order. Who gives them gives the `journey` too, as
    it is in the new version, with its customer, the map and what evaluates conditions.
    """
    at = state.latest if state.latest is not None and now - state.latest <= LATE else now
    step = way.to(state.step)
    if step is None or way.old.version == way.new.version:
        return Moved(at, apply)
    was = way.old.steps[state.step or ""]
    begun = state.phase in (WAITING, LISTENING) and isinstance(was, p.Wait | p.WaitFor)
    firsts: dict[str, tuple[str, int, Instant]] = {}
    ends = None
    for one in past:
        assert journey is not None
        if not counts(one.event, one.name, way.new, journey.id, journey.per):
            continue
        of = one.event.of if one.name == one.event.name else None
        for key in (f"{one.name}:{of}", one.name) if of else (one.name,):
            if key in way.news:
                firsts.setdefault(key, (key, one.event.id, one.at))
        if ends is None and one.name in way.ends and person is not None and words is not None:
            told = missed(one.event, person, journey, *words, one.at)
            ends = next(((wake.outcome, wake.name) for wake in told if wake.outcome), None)
    return Moved(at, apply, way.version, step, way.renamed, begun, tuple(firsts.values()), ends)


def preview(way: Way, state: State, at: Instant) -> State | None:
    """Where a resting journey would stand after a move at `at`; None where it would stay. What it may have missed
    since its entry is not looked at.
    """
    found = moved(way, state, state.moved + 1, at)
    return advance(way.new, state, found, at).state if found.version else None


class Differences(NamedTuple):
    """Which steps differ between two versions; a changed one with what it is called in the new."""

    added: list[p.StepId] = []
    removed: list[p.StepId] = []
    changed: list[tuple[p.StepId, p.StepId]] = []


def differences(old: p.Plan, new: p.Plan) -> Differences:
    """The steps that were added, removed and changed; where a step leads is not looked at."""
    found = match(old, new)
    changed = [(step, to) for step, to in found.items() if not _same_content(old.steps[step], new.steps[to])]
    return Differences(
        sorted(new.steps.keys() - set(found.values())), sorted(old.steps.keys() - found.keys()), sorted(changed)
    )


_LEADS = frozenset({"next", "refused", "passed", "reached", "timed_out", "otherwise", "body"})


def _same_content(one: p.Step, other: p.Step) -> bool:
    """Whether two steps do the same, wherever they lead."""
    return bool(_content(one) == _content(other))


def _content(step: p.Step) -> Any:
    if isinstance(step, p.Branch):
        return [condition for condition, _ in step.arms]
    if isinstance(step, p.Split):
        return [step.name, [(name, weight) for name, weight, _ in step.variants]]
    return [getattr(step, name) for name in step.__dataclass_fields__ if name not in _LEADS]
