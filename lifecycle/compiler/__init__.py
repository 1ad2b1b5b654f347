"""From an authored playbook to a plan. Every mistake is reported; there is a plan only where there is none.

Steps get stable ids, given by the author or derived from what the step does (`send: adopter/thank-you` is `thank-you`),
so that two versions of a playbook can be matched step by step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lifecycle.compiler.names import Names
from lifecycle.compiler.steps import StepCompiler
from lifecycle.compiler.timed import kind_of, timed
from lifecycle.facts import Conditions
from lifecycle.language import playbook as authored
from lifecycle.language.faults import Faults
from lifecycle.language.map import Map
from lifecycle.language.segments import milestone_of
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.plan import MAX_PLAN_BYTES, Entry, Goal, Leave, Plan


def compile_playbook(
    playbook: authored.Playbook,
    map: Map,
    templates: Mapping[tuple[str, Channel], TemplateInfo],
    playbooks: Collection[str],
    conditions: Conditions,
    faults: Faults,
    unread: Collection[str] = (),
) -> Plan | None:
    """The plan of `playbook`; None, with the reasons in `faults`, where it has mistakes.

    `templates` is by name and channel; `playbooks` are the names that `enrol` may use. `unread` are names of templates
    whose own mistakes are in `faults` already: a playbook that sends one has no plan, and no mistake.
    """
    before = len(faults.errors)
    names = Names(map, templates, playbooks, conditions, faults, unread=unread)
    names.stage(playbook.stage, playbook.place("stage"))
    entry = _entry(playbook, names)
    steps = StepCompiler(playbook, names, entry)
    first = steps.block(playbook.steps, None)
    plan = Plan(
        playbook=playbook.playbook,
        stage=playbook.stage,
        first=first,
        steps=dict(sorted(steps.compiled.items())),
        time_zone=map.time_zone,
        entry=entry,
        goal=_goal(playbook, names),
        exits=tuple(_exits(playbook, names)),
        interest=dict(sorted(steps.interest.items())),
        attributes=tuple(sorted(steps.attributes)),
        priority=playbook.priority,
        holdout=playbook.holdout,
        transactional=steps.transactional,
    )
    if len(faults.errors) > before or names.refers_to_unread:
        return None
    if len(plan.packed) > MAX_PLAN_BYTES:
        size = f"{len(plan.packed):,} bytes of at most {MAX_PLAN_BYTES:,}"
        faults.add(
            playbook.place(), "too-large", f"this playbook is too large ({size})", "split it in two with `enrol`"
        )
        return None
    return plan


def _entry(playbook: authored.Playbook, names: Names) -> Entry | None:
    entry = playbook.entry
    if entry is None:
        return None
    kind = kind_of(entry, names)
    if kind is None:
        return None
    if kind in ("schedule", "date"):
        return timed(entry, names)
    if entry.segment is not None:
        names.segment(entry.segment, entry.place("segment"))
        milestone = milestone_of(entry.segment, inside=True)
    else:
        assert entry.milestone is not None
        milestone = names.milestone(entry.milestone, entry.place("milestone"))
    properties = names.map.properties_of(milestone)
    if properties is not None:
        names.event = dict(properties)
    if entry.per:
        names.attribute(f"event.{entry.per}", entry.place("per"))
    if entry.if_:
        names.condition(entry.if_, entry.place("if"))
    return Entry(milestone, entry.per, entry.if_, entry.reentry or "never")


def _goal(playbook: authored.Playbook, names: Names) -> Goal | None:
    goal = playbook.goal
    if goal is None:
        return None
    return Goal(names.milestone(goal.milestone, goal.place("milestone")), goal.within, goal.then)


def _exits(playbook: authored.Playbook, names: Names) -> list[Leave]:
    exits: list[Leave] = []
    for leave in playbook.exit:
        if (leave.milestone is None) == (leave.if_ is None):
            names.faults.add(leave.place(), "one-of", "an exit is either a milestone or a condition: `{if: ...}`")
        elif leave.milestone:
            exits.append(Leave(names.milestone(leave.milestone, leave.place("milestone"))))
        else:
            found = names.condition(leave.if_ or "", leave.place("if"))
            exits.append(Leave(condition=leave.if_, names=found))
    return exits
