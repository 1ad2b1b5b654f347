"""A journey while it moves: the state under change, its clock, and the lines that the timeline gains."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Literal

from whenever import Instant

from lifecycle import calendar
from lifecycle import plan as p
from lifecycle.language.times import Moment, parse_clock, parse_moment
from lifecycle.state import ENDED, LATE, READY, Phase, State
from lifecycle.timeline import Line, What, line_of

Outcome = Literal["finished", "goal", "exited"]


class Run:
    """A state that is changed in place by its one owner, and the lines so far. `now` is that of the present input.

    `carries` says that whoever brought the present input carries out the effects that are passed.
    """

    __slots__ = ("_at", "_day", "_entered", "carries", "lines", "now", "plan", "state")

    def __init__(self, plan: p.Plan, state: State, now: Instant) -> None:
        self.plan, self.state, self.now = plan, state, now
        self.carries = False
        self.lines: list[Line] = []
        self._at: Instant | None = None
        self._day = 0
        self._entered: int | None = None

    def clock(self, nominal: Instant) -> None:
        """Set the journey's clock for something that was due at `nominal`: see `State`."""
        state, now = self.state, self.now
        state.came_due = nominal
        if now is not nominal and now - nominal > LATE and not (state.catch_up and nominal < state.catch_up):
            nominal = now
        if nominal is not state.clock and nominal > state.clock:
            state.clock = nominal

    def line(
        self,
        what: What,
        step: str | None = None,
        channel: str | None = None,
        template: str | None = None,
        to: str | None = None,
        reason: str | None = None,
    ) -> None:
        state, now = self.state, self.now
        state.lines += 1
        at = state.clock
        if now is not at and now - at > LATE:
            at = now
        if at is not self._at:  # most lines share their instant with the one before
            if self._entered is None:
                self._entered = calendar.day_number(state.entered, state.zone)
            self._at, self._day = at, calendar.day_number(at, state.zone) - self._entered
        self.lines.append(line_of((state.lines, at, self._day, what, step, channel, template, to, reason)))

    def rest(self, phase: Phase, due: Instant) -> None:
        self.state.phase, self.state.due = phase, due

    def goto(self, target: p.Target) -> None:
        state = self.state
        state.step, state.phase, state.due, state.expires = target, READY, None, None
        state.again, state.tries, state.read_at, state.not_before = False, 0, 0, None

    def count(self, step_id: str) -> int:
        state = self.state
        number = state.occurrences.get(step_id, 0) + 1
        state.occurrences = {**state.occurrences, step_id: number}
        if state.loops:
            state.slots = {**state.slots, step_id: rounds(state)}
        return number

    def done_before(self, step_id: str) -> bool:
        """Whether a journey that was moved has done this step already, in this round of its loops."""
        state = self.state
        if not state.moved or state.again or step_id not in state.occurrences:
            return False
        return state.slots.get(step_id, ()) == rounds(state)

    def end(self, outcome: Outcome, reason: str | None, step_id: str | None = None) -> None:
        state = self.state
        state.phase, state.step, state.due = ENDED, None, None
        state.outcome, state.reason, state.leaving = outcome, reason, None
        if outcome == "goal":
            self.line("goal", to=reason)
        else:
            self.line(outcome, step_id, reason=reason)


def rounds(state: State) -> tuple[int, ...]:
    """The round that each loop around the journey is in, from the outermost inwards."""
    return tuple([slot for _, slot in state.loops.values()])


def moment_of(step: p.Wait) -> Moment:
    """The moment that a `wait: {until: ...}` names, with its clock time."""
    assert step.until is not None
    return _moment(step.until, step.at)


@lru_cache(maxsize=4096)
def _moment(until: str, at: str | None) -> Moment:
    """By its texts, whose hashes are kept: that of a step is made anew each time."""
    moment = parse_moment(until)
    if at:
        moment = Moment(
            moment.day, moment.weekday, moment.date, moment.attribute, moment.offset, moment.after, parse_clock(at)
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
