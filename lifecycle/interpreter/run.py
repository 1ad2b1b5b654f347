"""One call of `advance`: the state under change, its clock, and the lines that the timeline gains."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Literal

from whenever import Instant

from lifecycle import calendar
from lifecycle import plan as p
from lifecycle.language.times import Moment, parse_clock, parse_moment
from lifecycle.state import LATE, Line, Phase, State, What

Outcome = Literal["finished", "goal", "exited"]


class Run:
    """One call of `advance`: the state under change and the lines so far."""

    __slots__ = ("carries", "lines", "now", "plan", "state")

    def __init__(self, plan: p.Plan, state: State, now: Instant, carries: bool) -> None:
        self.plan, self.state, self.now = plan, state, now
        self.carries = carries
        self.lines: list[Line] = []

    def clock(self, nominal: Instant) -> None:
        """Set the journey's clock for something that was due at `nominal`: see `State`."""
        state = self.state
        late = self.now - nominal > LATE and not (state.catch_up and nominal < state.catch_up)
        state.came_due = nominal
        state.clock = max(state.clock, self.now if late else nominal)

    def line(
        self,
        what: What,
        step: str | None = None,
        channel: str | None = None,
        template: str | None = None,
        to: str | None = None,
        reason: str | None = None,
    ) -> None:
        state = self.state
        state.lines += 1
        at = self.now if self.now - state.clock > LATE else state.clock
        day = calendar.day_of(at, state.entered, state.zone)
        self.lines.append(Line(state.lines, at, day, what, step, channel, template, to, reason))

    def rest(self, phase: Phase, due: Instant) -> None:
        self.state.phase, self.state.due = phase, due

    def goto(self, target: p.Target) -> None:
        state = self.state
        state.step, state.phase, state.due, state.expires = target, Phase.READY, None, None
        state.again, state.tries, state.read_at = False, 0, 0

    def count(self, step_id: str) -> int:
        state = self.state
        state.occurrences = {**state.occurrences, step_id: state.occurrences.get(step_id, 0) + 1}
        return state.occurrences[step_id]

    def end(self, outcome: Outcome, reason: str | None, step_id: str | None = None) -> None:
        state = self.state
        state.phase, state.step, state.due = Phase.ENDED, None, None
        state.outcome, state.reason, state.leaving = outcome, reason, None
        if outcome == "goal":
            self.line("goal", to=reason)
        else:
            self.line(outcome, step_id, reason=reason)


@lru_cache(maxsize=4096)
def moment_of(step: p.Wait) -> Moment:
    """The moment that a `wait: {until: ...}` names, with its clock time."""
    assert step.until is not None
    moment = parse_moment(step.until)
    if step.at:
        moment = Moment(
            moment.day, moment.weekday, moment.date, moment.attribute, moment.offset, moment.after, parse_clock(step.at)
        )
    return moment


def variant_of(customer: str, split: p.Split) -> tuple[str, p.Target]:
    """The variant that a customer belongs to: always the same for one customer and one split's name."""
    digest = hashlib.blake2b(f"{customer}:{split.name}".encode(), digest_size=8).digest()
    mark = int.from_bytes(digest, "big") / 2**64 * sum(weight for _, weight, _ in split.variants)
    for name, weight, target in split.variants:
        mark -= weight
        if mark < 0:
            return name, target
    return split.variants[-1][0], split.variants[-1][2]
