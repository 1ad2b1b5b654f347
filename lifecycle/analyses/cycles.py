"""Playbooks that lead back to themselves: by `enrol`, or by a milestone or attribute that another one is entered by.

Milepost stops such a chain after ten hops (rules.md 20, `lifecycle.hops`), so what goes round never does what its
author meant. A circle in which every way on is certain is a mistake; one that turns on a condition may end by itself,
and is told as advice. Each playbook of a circle is told at the very step that leads on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lifecycle import plan as p
from lifecycle.analyses.paths import Paths
from lifecycle.analyses.sense import contradiction
from lifecycle.analyses.subject import Subject
from lifecycle.facts import Demand
from lifecycle.hops import HOP_LIMIT
from lifecycle.language.faults import Faults
from lifecycle.language.segments import milestone_of


@dataclass(frozen=True, slots=True)
class Lead:
    """One playbook leads to another, at a step. `certain`: no condition decides about it."""

    of: str
    step: p.StepId
    to: str
    certain: bool


def check_cycles(subject: Subject, paths: dict[str, Paths], faults: Faults) -> None:
    """Report every step that begins a way back to its own playbook; the shortest such way."""
    leads: dict[str, list[Lead]] = {}
    for name in subject.playbooks:
        leads[name] = list(_leads(name, subject, paths[name]))
    for name in subject.playbooks:
        for lead in leads[name]:
            way = _way_back(lead, leads)
            if way is None:
                continue
            shown = " → ".join(f"`{one.of}`" for one in way) + f" → `{name}`"
            certain = all(one.certain for one in way)
            message = f"this goes round: {shown}; after {HOP_LIMIT} rounds of it nothing more happens"
            hint = "let one of them end, or ask before it leads on" if certain else "see that the condition ends it"
            place = subject.playbooks[name].place(lead.step)
            faults.add(place, "enrol-cycle", message, hint, "error" if certain else "warning")


def _way_back(first: Lead, leads: dict[str, list[Lead]]) -> list[Lead] | None:
    """The shortest way from a lead back to the playbook that it starts from, through certain ones where there are."""
    seen, waiting = {first.to}, [[first]]
    while waiting:
        way = waiting.pop(0)
        if way[-1].to == first.of:
            return way
        for lead in sorted(leads.get(way[-1].to, []), key=lambda one: not one.certain):
            if lead.to not in seen or lead.to == first.of:
                seen.add(lead.to)
                waiting.append([*way, lead])
    return None


def _leads(name: str, subject: Subject, paths: Paths) -> Iterator[Lead]:
    plan = subject.playbooks[name].plan
    entered = _entered_by(subject)
    for step_id in paths.known:
        step = plan.steps[step_id]
        if isinstance(step, p.Enrol) and step.playbook in subject.playbooks:
            yield Lead(name, step_id, step.playbook, _inevitable(step_id, plan))
        elif isinstance(step, p.Record | p.Set):
            for milestone, certain in _makes(step, subject):
                for other, asks in entered.get(milestone, ()):
                    yield Lead(name, step_id, other, certain and not asks and _inevitable(step_id, plan))


def _entered_by(subject: Subject) -> dict[str, list[tuple[str, bool]]]:
    """The playbooks that each milestone enters, and whether they ask a condition."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for name, written in subject.playbooks.items():
        entry = written.plan.entry
        if entry is not None and entry.milestone is not None:
            found.setdefault(entry.milestone, []).append((name, entry.condition is not None))
    return found


def _makes(step: p.Record | p.Set, subject: Subject) -> Iterator[tuple[str, bool]]:
    """The milestones that follow from a step, and whether they surely do."""
    map_ = subject.map
    if isinstance(step, p.Record):
        yield step.milestone, True
        touched = {f"milestones.{step.milestone}"}
        rule = map_.milestones.get(step.milestone)
        touched |= {"stage"} if rule is not None and rule.stage is not None else set()
        known: tuple[Demand, ...] = (Demand(f"milestones.{step.milestone}.count", "gteq", 1),)
    else:
        touched = {f"customer.{name}" for name, _ in step.values}
        known = tuple(Demand(f"customer.{name}", "eq", value) for name, value in step.values if value is not None)
    conditions = subject.conditions
    for name, when in map_.derived:
        if _touches(touched, conditions.names(when)) and not contradiction(
            (*conditions.demands(when), *known), map_
        ):  # fmt: skip
            yield name, False
    for name, segment in map_.segments.items():
        if _touches(touched, conditions.names(segment.if_)):
            if not contradiction((*conditions.demands(segment.if_), *known), map_):
                yield milestone_of(name, inside=True), False
            yield milestone_of(name, inside=False), False


def _touches(touched: set[str], names: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for name in names for one in touched)


def _inevitable(target: p.StepId, plan: p.Plan) -> bool:
    """Whether customers come to a step whatever conditions say: only waits and chance may lead elsewhere."""
    reaching = {target}
    while True:
        before = len(reaching)
        for step_id, step in plan.steps.items():
            ways = list(plan.targets(step_id))
            reach = [way in reaching for way in ways]
            if reach and (all(reach) if isinstance(step, p.Branch) else any(reach)):
                reaching.add(step_id)
        if len(reaching) == before:
            return plan.first in reaching
