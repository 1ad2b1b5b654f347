"""The ways through one playbook: which steps can be reached, how soon, and what is sure of the customer there.

- Ways are followed along the plan from its first step until nothing changes. Where several meet, only what is sure on
  all of them is sure, and the soonest counts.
- An edge that no customer can take is blocked, with its reason: an arm whose condition contradicts what is sure, or the
  `reached` of a milestone that ends the journey before it could be heard.
- `soonest` is a lower bound in hours after entry, without pauses: a day may be an hour shorter by a change of clocks,
  a wait for a milestone or a customer's date may end at once.
- Values may change while a journey waits; that there is one, and what the milestone that entered brought, stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from lifecycle import plan as p
from lifecycle.analyses.sense import contradiction
from lifecycle.analyses.subject import Subject, Written
from lifecycle.compiler.names import HISTORY
from lifecycle.facts import Demand
from lifecycle.language.map import CONSENT_MILESTONES
from lifecycle.language.times import parse_moment, parse_span

HOURS = 24


@dataclass(frozen=True, slots=True)
class Known:
    """What is sure where a step begins, and what will be `soon`: what a playbook sets and records goes through intake,
    and may not be there at once.
    """

    soonest: float = 0.0
    demands: frozenset[Demand] = frozenset()
    soon: frozenset[Demand] = frozenset()

    def has(self, name: str) -> bool:
        """Whether a name is sure to have a value."""
        return Demand(name, "defined") in self.demands

    def meet(self, other: Known) -> Known:
        return Known(min(self.soonest, other.soonest), self.demands & other.demands, self.soon & other.soon)

    def plus(self, *demands: Demand) -> Known:
        return replace(self, demands=self.demands | with_history(demands))


@dataclass(frozen=True, slots=True)
class Edge:
    """One way on from a step. `arm` is the index of a branch's arm, else the key of the block, such as `reached`."""

    step: p.StepId
    to: p.Target
    arm: int | str
    known: Known
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class Paths:
    """`known` holds the steps that can be reached. `blocked` are the edges that nobody takes."""

    known: dict[p.StepId, Known]
    blocked: tuple[Edge, ...]


def defined(*names: str) -> tuple[Demand, ...]:
    return tuple(Demand(name, "defined") for name in names)


def with_history(demands: tuple[Demand, ...]) -> frozenset[Demand]:
    """A milestone that has happened also has a first and a last time."""
    found = set(demands)
    for demand in demands:
        root, _, rest = demand.name.partition(".")
        if root == "milestones" and rest.endswith(".count") and _is_positive(demand):
            milestone = rest.removesuffix(".count")
            found.update(defined(*(f"milestones.{milestone}.{part}" for part in HISTORY)))
    return frozenset(found)


def _is_positive(demand: Demand) -> bool:
    value = demand.value
    if not isinstance(value, int | float):
        return False
    if demand.relation == "ne":
        return value == 0
    return (demand.relation in ("gteq", "eq") and value > 0) or (demand.relation == "gt" and value >= 0)


def happened(milestone: str) -> tuple[Demand, ...]:
    return (Demand(f"milestones.{milestone}.count", "gteq", 1),)


def paths_of(written: Written, subject: Subject) -> Paths:
    """Follow every way through a playbook."""
    plan = written.plan
    known: dict[p.StepId, Known] = {}
    blocked: dict[tuple[p.StepId, int | str], Edge] = {}
    # The steps of a file mostly follow one another, so that few have to be looked at again.
    order = {step: number for number, step in enumerate(written.steps)}
    waiting: list[tuple[int, p.StepId]] = []

    def reach(step: p.Target, there: Known) -> None:
        if step is None:
            return
        before = known.get(step)
        after = there if before is None else before.meet(there)
        if after != before:
            known[step] = after
            heappush(waiting, (order[step], step))

    reach(plan.first, at_entry(written, subject))
    while waiting:
        _, step = heappop(waiting)
        for edge in edges_of(step, known[step], plan, subject):
            if edge.blocked is None:
                blocked.pop((edge.step, edge.arm), None)
                reach(edge.to, edge.known)
            else:
                blocked[edge.step, edge.arm] = edge
    return Paths(known, tuple(edge for edge in blocked.values() if edge.step in known))


def at_entry(written: Written, subject: Subject) -> Known:
    """What is sure where a journey begins. Nobody is sure to have an account, so its defaults are not sure either."""
    plan, map_ = written.plan, subject.map
    start = Known(demands=frozenset(defined(*(f"customer.{n}" for n in map_.defaults()))))
    entry = plan.entry
    if entry is None or plan.playbook in subject.enrolled:
        return start  # whoever is enrolled comes without a milestone, and is not asked the entry's condition
    if entry.condition is not None:
        start = start.plus(*subject.conditions.demands(entry.condition))
    start = start.plus(*defined("event.name"))
    if entry.timed:
        start = start.plus(*defined("event.slot"))
        if entry.date is not None and (attribute := parse_moment(entry.date).attribute):
            start = start.plus(*defined(attribute))
    if entry.per is not None:
        start = start.plus(*defined(f"event.{entry.per}"))
    if entry.milestone is not None:
        start = start.plus(*happened(entry.milestone))
        if entry.milestone in CONSENT_MILESTONES:
            start = start.plus(*defined("event.topic"))
        rule = map_.milestones.get(entry.milestone)
        if rule is not None and rule.stage is not None:
            start = start.plus(*defined("stage"))
    return start


def edges_of(step_id: p.StepId, here: Known, plan: p.Plan, subject: Subject) -> Iterator[Edge]:
    """Every way on from a step, with what is sure on it."""
    step = plan.steps[step_id]
    match step:
        case p.Send():
            # It may be put off for days, in which values change.
            here = _later(here, here.soonest).plus(*defined(f"messages.{step_id}.state"))
            yield Edge(step_id, step.next, "next", here)
            yield Edge(step_id, step.refused, "refused", here)
        case p.Wait():
            yield from _wait(step_id, step, here)
        case p.WaitFor():
            yield from _wait_for(step_id, step, here, plan)
        case p.Branch():
            yield from _branch(step_id, step, here, subject)
        case p.Repeat():
            yield Edge(step_id, step.body, "steps", here)
            whole = 0.0 if step.until else (step.at_most - 1) * shortest(step.every)
            yield Edge(step_id, step.next, "next", _later(here, here.soonest + whole))
        case p.Set():
            yield Edge(step_id, step.next, "next", _set(here, step, subject))
        case p.Split():
            for name, _, target in step.variants:
                yield Edge(step_id, target, name, here)
        case p.Exit():
            return
        case p.Record():
            yield Edge(step_id, step.next, "next", _made(here, *happened(step.milestone)))
        case p.Task() | p.Enrol():
            yield Edge(step_id, step.next, "next", here)


def _set(here: Known, step: p.Set, subject: Subject) -> Known:
    """The old value may be there for a moment, so that only that there is one stays sure."""
    given = {f"customer.{name}": value for name, value in step.values}
    gone = {name for name, value in given.items() if value is None and name[9:] not in subject.map.defaults()}
    kept = frozenset(d for d in here.demands if d.name not in given or (d.relation == "defined" and d.name not in gone))
    soon = frozenset(d for d in here.soon if d.name not in given)
    return _made(replace(here, demands=kept, soon=soon), *defined(*(given.keys() - gone)))


def _made(here: Known, *demands: Demand) -> Known:
    return replace(here, soon=here.soon | with_history(demands))


def _wait(step_id: p.StepId, step: p.Wait, here: Known) -> Iterator[Edge]:
    if step.span is not None:
        yield Edge(step_id, step.next, "next", _later(here, here.soonest + shortest(step.span), waited=True))
        return
    moment = parse_moment(step.until or "")
    at, blocked = here.soonest, None
    if moment.day is not None:
        clock = moment.at is not None or step.at is not None
        # At a clock time, day 1 may begin a minute after entry; else it is whole days, but for a change of the clocks.
        at = max(at, moment.day * HOURS - (HOURS if clock else 1))
        latest = moment.day * HOURS + (HOURS if clock else 0) + 1
        if here.soonest > latest:
            blocked = f"day {moment.day} is always over here"
    there = _later(here, at)
    if moment.attribute:
        there = there.plus(*defined(moment.attribute))
    yield Edge(step_id, step.next, "in_time", there, blocked)
    yield Edge(step_id, step.passed, "passed", _later(here, at))


def _wait_for(step_id: p.StepId, step: p.WaitFor, here: Known, plan: p.Plan) -> Iterator[Edge]:
    there = _later(here, here.soonest).plus(*defined("reached.name"))
    fresh = frozenset(d for d in there.demands if not d.name.startswith("reached.") or d.name == "reached.name")
    there = replace(there, demands=fresh)
    if len(step.keys) == 1:
        there = there.plus(*happened(step.keys[0].partition(":")[0]))
    ends = [_ends_by(key, plan) for key in step.keys]
    blocked = None
    if step.since != "ever" and all(ends):
        blocked = f"`{step.keys[0]}` ends this journey ({ends[0]})"
    yield Edge(step_id, step.reached, "reached", there, blocked)
    yield Edge(step_id, step.timed_out, "timed_out", _later(here, here.soonest + shortest(step.timeout), waited=True))


def _ends_by(key: str, plan: p.Plan) -> str | None:
    if plan.goal and plan.goal.milestone == key and plan.goal.then == "exit" and plan.goal.within is None:
        return "it is the goal"
    if any(leave.milestone == key for leave in plan.exits):
        return "it is an exit"
    return None


def _branch(step_id: p.StepId, step: p.Branch, here: Known, subject: Subject) -> Iterator[Edge]:
    """What is missing takes `else` at once, so that an arm is looked at only where all above it came to false."""
    conditions = subject.conditions
    rest, otherwise, asked_all = here, here, True
    for index, (condition, target) in enumerate(step.arms):
        there = rest.plus(*conditions.demands(condition))
        why = contradiction(there.demands, subject.map)
        if why is None and condition in [earlier for earlier, _ in step.arms[:index]]:
            why = "an arm above asks the same"
        yield Edge(step_id, target, index, there, why)
        rest = rest.plus(*conditions.demands(condition, "false"))
        if asked_all:
            otherwise = otherwise.plus(*conditions.demands(condition, "else"))
        asked_all = asked_all and conditions.never_missing(condition)
    yield Edge(step_id, step.otherwise, "else", otherwise, contradiction(otherwise.demands, subject.map))


def _later(here: Known, soonest: float, *, waited: bool = False) -> Known:
    """After a wait: values may be others by now. A milestone that has happened stays so. `waited`: time has passed."""
    kept = frozenset(demand for demand in here.demands if _lasts(demand))
    if not waited:
        return replace(here, soonest=soonest, demands=kept)
    return Known(soonest, kept | here.soon)


def _lasts(demand: Demand) -> bool:
    if demand.relation == "defined" or demand.name.startswith("event."):
        return True
    return demand.name.endswith(".count") and demand.relation in ("gt", "gteq")


def shortest(text: str) -> float:
    """The fewest hours that a length of time can take."""
    span = parse_span(text)
    days = span.months * 28 + span.days + span.working
    return span.seconds / 3600 + (days * HOURS - 1 if days else 0)


def leads_to(first: p.StepId, then: p.StepId, plan: p.Plan) -> bool:
    """Whether a step can come after another."""
    found: set[p.StepId] = set()
    waiting = [first]
    while waiting:
        for target in plan.targets(waiting.pop()):
            if target == then:
                return True
            if target is not None and target not in found:
                found.add(target)
                waiting.append(target)
    return False
