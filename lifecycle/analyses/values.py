"""Names that a template needs and that may have no value at the step that sends it: the message is then refused.

What is sure is worked out along the ways to the step (`lifecycle.analyses.paths`): declared defaults, what the entry
and the branches before asked for, what the playbook set, what was waited for. A property that the map declares is not
sure to come. An e-mail is only sent to somebody with an address, an SMS to somebody with a number.
"""

from __future__ import annotations

from lifecycle import plan as p
from lifecycle.analyses.paths import Paths, leads_to
from lifecycle.analyses.subject import Subject, Written
from lifecycle.language.faults import Faults

_ADDRESS = {"email": "customer.email", "sms": "customer.phone"}


def check_values(written: Written, paths: Paths, subject: Subject, faults: Faults) -> None:
    """Report what the templates of one playbook need and may not get. What never comes is a mistake."""
    for step_id, here in paths.known.items():
        step = written.plan.steps[step_id]
        if not isinstance(step, p.Send):
            continue
        place = written.place(step_id, "send")
        for name in subject.template_of(step).variables:
            if name == _ADDRESS[step.channel] or here.has(name):
                continue
            never = _never(name, step_id, written, subject)
            if never is not None:
                message = f"`{step.template}` needs `{name}`, which is never there: {never}"
                faults.add(place, "missing-value", message, "the message would always be refused")
                continue
            message = f"`{step.template}` needs `{name}`, which can be missing here, and is then not sent"
            hint = f"give it a default in the template, or ask `{name} is defined` before"
            faults.add(place, "missing-value", message, hint, "warning")


def _never(name: str, at: p.StepId, written: Written, subject: Subject) -> str | None:
    """Why a name never has a value at a step; None where it may have one."""
    root, _, rest = name.partition(".")
    plan = written.plan
    if root == "reached":
        waits = (step for step, one in plan.steps.items() if isinstance(one, p.WaitFor))
        return None if any(leads_to(wait, at, plan) for wait in waits) else "nothing was waited for before"
    if root == "event" and plan.entry is None and plan.playbook in subject.enrolled:
        return "whoever another playbook enrols comes without a milestone"
    if root == "messages" and not leads_to(rest.partition(".")[0], at, plan):
        return "that message is not sent before"
    return None
