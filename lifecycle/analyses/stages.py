"""Messages that the stage forbids into which the entry itself has just brought the customer.

The compiler holds each message against the stage of its playbook; before sending, the stage of the customer counts. A
playbook for loyalists that a first purchase enters would write to adopters.
"""

from __future__ import annotations

from lifecycle import plan as p
from lifecycle.analyses.paths import Known, Paths
from lifecycle.analyses.subject import Subject, Written
from lifecycle.language.faults import Faults


def check_stages(written: Written, paths: Paths, subject: Subject, faults: Faults) -> None:
    """Advise on each message that customers of the entry's stage are never sent, unless they surely have left it."""
    entry, map_ = written.plan.entry, subject.map
    rule = map_.milestones.get(entry.milestone or "") if entry is not None else None
    if entry is None or rule is None or rule.stage is None or written.plan.playbook in subject.enrolled:
        return
    if rule.stage == written.plan.stage:
        return  # the compiler has told it
    if _asks_for_stage(written, subject):
        return  # its author has thought of it
    for step_id, here in paths.known.items():
        step = written.plan.steps[step_id]
        if not isinstance(step, p.Send) or _has_moved_on(here, rule.stage, subject):
            continue
        info = subject.template_of(step)
        if info.intent in map_.stages[rule.stage].forbids:
            message = (
                f"`{info.name}` is {info.intent}, and `{entry.milestone}` brings customers into the stage "
                f"`{rule.stage}`, which forbids it: whoever is still there is not sent it"
            )
            hint = "wait for a milestone of a later stage, or ask for `stage` before"
            faults.add(written.place(step_id, "send"), "forbidden-intent", message, hint, "warning")


def _asks_for_stage(written: Written, subject: Subject) -> bool:
    plan = written.plan
    asked = [condition for step in plan.steps.values() if isinstance(step, p.Branch) for condition, _ in step.arms]
    asked += [plan.entry.condition] if plan.entry and plan.entry.condition else []
    return any("stage" in subject.conditions.names(condition) for condition in asked)


def _has_moved_on(here: Known, stage: str, subject: Subject) -> bool:
    """Whether it is sure that customers have reached a milestone of a later stage."""
    order = subject.map.order
    later = [n for n, rule in subject.map.milestones.items() if rule.stage and order[rule.stage] > order[stage]]
    return any(here.has(f"milestones.{name}.first") for name in later)
