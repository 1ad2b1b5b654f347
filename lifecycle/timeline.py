"""What is told of a journey: the lines of its timeline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from whenever import Instant

from lifecycle.plan import StepId

What = Literal[
    "entered", "sent", "refused", "deferred", "waiting", "milestone", "branch", "split", "task", "set", "enrolled",
    "recorded", "moved", "goal", "exited", "finished",
]  # fmt: skip


class Line(NamedTuple):
    """One line of a timeline. `seq` counts from 1 in a journey; `day` is the journey's day, 0 being that of entry.

    `to` is where it leads: the instant waited for, the arm or variant taken, the milestone, playbook or person, or the
    version that the journey moved to.
    """

    seq: int
    at: Instant
    day: int
    what: What
    step: StepId | None = None
    channel: str | None = None
    template: str | None = None
    to: str | None = None
    reason: str | None = None


# It makes one of a tuple of all its fields, in half the time that calling its class takes.
line_of: Callable[[tuple[object, ...]], Line] = partial(tuple.__new__, Line)
