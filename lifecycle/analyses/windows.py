"""A goal that ends the journey, and whose time is over before the messages are: who reaches it later is written on."""

from __future__ import annotations

from lifecycle import plan as p
from lifecycle.analyses.paths import HOURS, Paths
from lifecycle.analyses.subject import Written
from lifecycle.language.faults import Faults
from lifecycle.language.times import parse_span


def check_window(written: Written, paths: Paths, faults: Faults) -> None:
    """Report a goal window that is shorter than the shortest way to some message.

    A goal with `then: continue` is noted, and the journey is meant to go on: nothing is said of it, nor where the same
    milestone is an exit too.
    """
    plan, goal = written.plan, written.playbook.goal
    if plan.goal is None or goal is None or plan.goal.within is None or plan.goal.then != "exit":
        return
    if any(leave.milestone == plan.goal.milestone for leave in plan.exits):
        return
    window = _longest(plan.goal.within)
    late = [
        (here.soonest, plan.steps[step])
        for step, here in paths.known.items()
        if isinstance(plan.steps[step], p.Send) and here.soonest > window
    ]
    if not late:
        return
    hours, last = max(late, key=lambda one: one[0])
    assert isinstance(last, p.Send)
    message = (
        f"the goal counts for `{plan.goal.within}`, and `{last.template}` is sent on day {round(hours / HOURS)} at the "
        f"earliest: who reaches the goal in between is written to all the same"
    )
    hint = "make it longer than the way to the last message, or let the milestone be an `exit` too"
    faults.add(goal.place("within"), "short-goal", message, hint, "warning")


def _longest(text: str) -> float:
    """The most hours that a length of time can take."""
    span = parse_span(text)
    days = span.months * 31 + span.days + span.working * 3
    return span.seconds / 3600 + (days * HOURS + 1 if days else 0)
