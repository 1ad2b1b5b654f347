"""The decision before a send: may this message go to this person now? Pure, with everything that it looked at.

The same rules serve the activity that sends, the simulator and scenario tests. First come the rules that refuse, in
their order, and the first that is not kept refuses the message; then the rules of time, all of them, which put it off
to the first instant that suits them all. `explain` adds to each rule the value that it saw, for what is stored with the
message and printed to support; the decision, which is made before every message, does without it.
"""

from __future__ import annotations

from operator import itemgetter

from lifecycle.caps import Counted, Rival
from lifecycle.policies import time_checks, time_rules
from lifecycle.policies.asked import Asked, Check, Decision, Lying, asked_of
from lifecycle.policies.refusals import TOLD, refusal
from lifecycle.policies.time_rules import closes
from lifecycle.quiet_hours import Reach

__all__ = [
    "CODES", "Asked", "Check", "Counted", "Decision", "Lying", "Reach", "Rival", "asked_of", "closes", "decide",
    "explain",
]  # fmt: skip

CODES = (*(told.code for told in TOLD), "paused", "quiet-hours", "frequency-cap", "priority")
"""The rules in the order in which they are told."""

_SEND = Decision("send")


def decide(asked: Asked) -> Decision:
    """Whether the message may go now, never, or later."""
    code = refusal(asked)
    if code is not None:
        return Decision("refuse", code)
    waits = time_rules.waits(asked)
    if not waits:
        return _SEND
    waits.sort(key=itemgetter(0), reverse=True)
    latest, deciding = waits[0]
    if latest == time_rules.NOBODY_KNOWS:
        return Decision("defer", deciding)
    until = latest if deciding == "quiet-hours" else time_rules.in_hours(asked, latest)
    if asked.expires is not None:
        until = min(until, asked.expires)
    return Decision("defer", ", ".join(code for _, code in waits), until)


def explain(asked: Asked) -> tuple[Check, ...]:
    """Every rule that was looked at with the value that it saw: up to the one that refuses, else all."""
    refused = refusal(asked)
    checks: list[Check] = []
    for told in TOLD:
        checks.append(Check(told.code, told.saw(asked), told.code != refused, told.says(asked)))
        if told.code == refused:
            return tuple(checks)
    return (*checks, *time_checks.checks(asked))
