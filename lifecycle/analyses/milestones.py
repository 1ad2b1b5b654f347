"""Milestones that nothing makes, so that whoever waits for one waits in vain, and milestones that nothing uses.

What the map declares without `when` is sent by the product: that is what a declaration says. So a milestone is made by
nothing only where Milepost itself would have to make it, and cannot: one of a message that tells no such thing, one of
consent that nobody can give, a derived one whose condition is never true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lifecycle import plan as p
from lifecycle.analyses.paths import leads_to
from lifecycle.analyses.sense import contradiction
from lifecycle.analyses.subject import Subject, Written
from lifecycle.facts import Demand
from lifecycle.language import playbook as authored
from lifecycle.language.faults import Faults, Severity
from lifecycle.language.map import CONSENT_MILESTONES, MESSAGE_MILESTONES
from lifecycle.language.validate import Authored

_NOT_BY_SMS = ("message.opened", "message.clicked", "message.complained")
_NEEDS_TRACKING = ("message.opened", "message.clicked")


def check_heard(written: Written, subject: Subject, faults: Faults) -> None:
    """Report each milestone of a playbook that never happens: a mistake where somebody waits for it, else advice, for a
    playbook that nobody enters yet does nothing wrong.
    """
    playbook, silent = written.playbook, _silent(subject)
    entry, goal = playbook.entry, playbook.goal

    def report(name: str, part: Authored, *keys: str | int, then: str, severity: Severity = "warning") -> None:
        own = subject.map.canonical(name)
        if own in silent:
            faults.add(part.place(*keys), "never-happens", f"`{own}` never happens: {silent[own]}", then, severity)

    if entry is not None and entry.milestone is not None:
        report(entry.milestone, entry, "milestone", then="nobody enters this playbook")
    if goal is not None:
        report(goal.milestone, goal, "milestone", then="nobody reaches this goal")
    for leave in playbook.exit:
        if leave.milestone is not None:
            report(leave.milestone, leave, "milestone", then="nobody leaves by it")
    for step_id, step in written.steps.items():
        if isinstance(step, authored.WaitFor):
            alone = len(step.wait_for.milestone) == 1
            then = "this wait has no way out but its timeout" if alone else "the others can still be reached"
            for index, name in enumerate(step.wait_for.milestone):
                place = step.wait_for.place("milestone", index)
                if name in MESSAGE_MILESTONES:
                    if (why := _untold(name, step_id, step.wait_for.of, written, subject)) is not None:
                        faults.add(place, "never-happens", why, then)
                else:
                    report(name, step.wait_for, "milestone", index, then=then, severity="error")
        elif isinstance(step, authored.Repeat):
            for index, name in enumerate(step.repeat.until or ()):
                report(name, step.repeat, "until", index, then="only `at_most` ends this")


def check_used(subject: Subject, faults: Faults) -> None:
    """Advise on declared milestones that move nobody: no stage, playbook, segment, template or other milestone."""
    used = set(_used(subject))
    for name, rule in subject.map.milestones.items():
        if name not in used and rule.stage is None:
            place = subject.map.place("milestones", name, key=True)
            message = f"nothing uses the milestone `{name}`"
            hint = "it leads to no stage; no playbook, segment or template asks for it"
            faults.add(place, "unused-milestone", message, hint, "warning")


def _silent(subject: Subject) -> dict[str, str]:
    """The milestones that nothing makes, with the reason."""
    map_, silent = subject.map, dict[str, str]()
    topics = map_.topics.values()
    if not topics:
        silent = dict.fromkeys(CONSENT_MILESTONES, "the map has no topics")
    elif not any(topic.consent == "double_opt_in" for topic in topics):
        silent["consent.requested"] = "no topic of the map has `consent: double_opt_in`"
    derived = {name: subject.conditions.demands(when) for name, when in map_.derived}
    recorded = subject.recorded
    while True:
        before = len(silent)
        never = tuple(Demand(f"milestones.{name}.count", "eq", 0) for name in silent)
        for name, demands in derived.items():
            if name in silent or name in recorded:
                continue
            asked = {demand.name for demand in demands}
            # Something that happens only after it has happened itself never does.
            itself = Demand(f"milestones.{name}.count", "eq", 0)
            known = [*demands, *(one for one in (*never, itself) if one.name in asked)]
            if contradiction(known, map_) is not None:
                silent[name] = "its condition (`when`) is never true"
        if len(silent) == before:
            return silent


def _untold(name: str, waiting: p.StepId, of: p.StepId | None, written: Written, subject: Subject) -> str | None:
    """Why a milestone of a message never comes to a wait; None where it may."""
    plan = written.plan
    sends = {of} if of is not None else {one for one, step in plan.steps.items() if isinstance(step, p.Send)}
    before = {send for send in sends if leads_to(send, waiting, plan)}
    if not before:
        return f"`{name}` never happens: no message was sent before" + (f" by `{of}`" if of else "")
    reasons = []
    for send in before:
        step = plan.steps[send]
        assert isinstance(step, p.Send)
        if step.channel == "sms" and name in _NOT_BY_SMS:
            reasons.append(f"`{name}` never happens: `{send}` is an SMS, of which nothing tells that")
        elif name in _NEEDS_TRACKING and not subject.template_of(step).tracking:
            reasons.append(f"`{name}` never happens: `{step.template}` has `tracking: false`")
        else:
            return None
    return min(reasons)


def _used(subject: Subject) -> Iterator[str]:
    for written in subject.playbooks.values():
        plan = written.plan
        if plan.entry is not None:
            yield plan.entry.milestone or ""
            yield from _asked(subject, [plan.entry.condition or ""])
        if plan.goal is not None:
            yield plan.goal.milestone
        for leave in plan.exits:
            yield leave.milestone or ""
            yield from _of_names(leave.names)
        for step in plan.steps.values():
            if isinstance(step, p.WaitFor):
                yield from (key.partition(":")[0] for key in step.keys)
            elif isinstance(step, p.Repeat):
                yield from step.until
            elif isinstance(step, p.Record):
                yield step.milestone  # that it is in the history is what it is for
            elif isinstance(step, p.Branch):
                yield from _asked(subject, [condition for condition, _ in step.arms])
    yield from _asked(subject, [when for _, when in subject.map.derived])
    yield from _asked(subject, [segment.if_ for segment in subject.map.segments.values()])
    for info in subject.templates.values():
        yield from _of_names(info.names)


def _asked(subject: Subject, conditions: Iterable[str]) -> Iterator[str]:
    for condition in conditions:
        if condition:
            yield from _of_names(subject.conditions.names(condition))


def _of_names(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        root, _, rest = name.partition(".")
        if root == "milestones":
            yield rest.rpartition(".")[0]
