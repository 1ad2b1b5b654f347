"""Steps that no customer ever comes to, waits that are over before they begin, and playbooks that nobody enters.

Each cause is told once, at the arm or step at which a way ends; what lies behind it is not told as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from lifecycle import plan as p
from lifecycle.analyses.paths import Edge, Paths, at_entry
from lifecycle.analyses.sense import contradiction
from lifecycle.analyses.subject import Subject, Written
from lifecycle.language import playbook as authored
from lifecycle.language.faults import Faults


def check_reach(written: Written, paths: Paths, subject: Subject, faults: Faults) -> None:
    """Report what cannot be reached in one playbook."""
    plan = written.plan
    explained: set[p.StepId] = set()
    for edge in paths.blocked:
        _blocked(edge, written, faults)
        explained |= _behind([edge.to], plan)
    for step in written.steps:
        if step not in paths.known and step not in explained:
            message = "this step is never reached: every way before it ends the journey"
            faults.add(written.place(step), "unreachable", message)
            explained |= _behind([step], plan)
    _entry(written, subject, faults)


def check_entered(subject: Subject, faults: Faults) -> None:
    """Report playbooks that no milestone, no time and no other playbook enters: only people could, one by one."""
    for name, written in subject.playbooks.items():
        if written.plan.entry is None and name not in subject.enrolled:
            message = f"nobody comes into `{name}`: it has no `entry`, and no playbook enrols in it"
            hint = f"write an `entry`, or `- enrol: {name}` in another playbook"
            faults.add(written.playbook.place("playbook"), "never-entered", message, hint, "warning")


def _entry(written: Written, subject: Subject, faults: Faults) -> None:
    entry, plan = written.playbook.entry, written.plan
    if entry is None or entry.if_ is None or plan.playbook in subject.enrolled:
        return
    why = contradiction(at_entry(written, subject).demands, subject.map)
    if why is not None:
        faults.add(entry.place("if"), "never-true", f"this is never true, so that nobody enters: {why}")


def _blocked(edge: Edge, written: Written, faults: Faults) -> None:
    step, why = written.steps[edge.step], f"this is never gone through: {edge.blocked}"
    if isinstance(step, authored.Branch) and isinstance(edge.arm, int):
        faults.add(step.branch[edge.arm].place("if"), "never-true", f"this is never true here: {edge.blocked}")
    elif isinstance(step, authored.Branch) and step.branch[-1].else_:
        faults.add(step.branch[-1].place("else", key=True), "unreachable", why)
    elif isinstance(step, authored.WaitFor) and step.reached:
        faults.add(step.place("reached", key=True), "unreachable", why)
    elif isinstance(step, authored.Wait) and isinstance(step.wait, authored.WaitUntil):
        if step.in_time and step.passed is not None:
            faults.add(step.place("in_time", key=True), "unreachable", why)
        else:
            hint = "put it before the longer wait, or name a later day"
            message = f"this waits for nothing: {edge.blocked}"
            faults.add(step.wait.place("until"), "always-over", message, hint, "warning")


def _behind(starts: Iterable[p.Target], plan: p.Plan) -> set[p.StepId]:
    found: set[p.StepId] = set()
    waiting = [step for step in starts if step is not None]
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting.extend(target for target in plan.targets(step) if target is not None)
    return found
