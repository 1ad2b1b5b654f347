"""A journey under way: its state, the inputs that came in, in their order, and what is not yet certain about it.

This is all that a workflow carries. Three rules of order live here, so that no driver needs to know them:

- Inbox rows are numbered 1, 2, 3 ...: they are applied in that order, old ones are ignored, gaps are parked.
- A fired timer is provisional. A pause may have stopped the clock without a word (one row pauses a million journeys),
  so the state since the last certain one is thrown away when such a pause becomes known, and the inputs since are
  applied again with it (`learn`).
- Lines of the timeline are kept until an activity has stored them (`confirm`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter
from whenever import Instant

from lifecycle.commands import Command, WaitUntil
from lifecycle.inputs import ByPerson, FromInbox, Input, Paused, Result, Resumed, Started, TimerFired
from lifecycle.interpreter import advance, pending
from lifecycle.plan import Plan
from lifecycle.state import Phase, State
from lifecycle.timeline import Line


@dataclass
class Course:
    """`confirmed` is the state after the last result, `inputs` came in since, `parked` are rows that came too early."""

    __pydantic_config__: ClassVar[ConfigDict] = {"defer_build": True}  # see `Authored`

    state: State
    confirmed: State
    inputs: list[FromInbox | ByPerson] = field(default_factory=list)
    parked: dict[int, FromInbox] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    @classmethod
    def begin(cls, plan: Plan, state: State, at: Instant) -> Course:
        """Start the journey whose new `state` this is. Being started is certain."""
        started = advance(plan, state, Started(at), at)
        return cls(started.state, started.state, lines=list(started.trace))

    def feed(self, plan: Plan, input: Input, now: Instant) -> tuple[Command, ...]:
        """Apply one input; all that is wanted now. `plan` is the new one where the journey moved to another version."""
        step = advance(plan, self.state, input, now)
        self.state = step.state
        self.lines.extend(step.trace)
        if input.kind in ("result", "moved"):
            self.confirm()
        elif input.kind not in ("timer", "started"):
            self.inputs.append(input)  # type: ignore[arg-type]
        return step.commands

    def receive(self, plan: Plan, rows: Iterable[FromInbox], now: Instant) -> bool:
        """Apply inbox rows in the order of their numbers; True where any was news."""
        for row in rows:
            if row.number > self.state.seen:
                self.parked[row.number] = row
        before = self.state.seen
        while row_now := self.parked.pop(self.state.seen + 1, None):
            self.feed(plan, row_now, now)
        return self.state.seen > before

    def confirm(self) -> None:
        """What is known now is certain: an activity has looked."""
        self.confirmed, self.inputs = self.state, []

    def learn(self, plan: Plan, pauses: Sequence[Paused | Resumed], now: Instant) -> None:
        """Go through the time since the last certain state again, with pauses that had not been heard of.

        What was to be done was not done because of them: it is begun anew, unless one of them holds it. Afterwards all
        of them are known, those included that came too late to matter: nobody brings them again.
        """
        old = self.state
        self.lines = [line for line in self.lines if line.seq <= self.confirmed.lines]
        inputs = sorted([*self.inputs, *pauses], key=lambda input: input.at)
        self.state = self.confirmed
        for input in inputs:
            self.pass_time(plan, input.at)
            self.again(plan, input, input.at)
        self.pass_time(plan, now)
        if self.state.phase is Phase.WORKING:
            self.again(plan, Result("blocked"), now)
        self.state = self.state.copy()
        self.state.n = max(self.state.n, old.n) + 1
        known = {*self.state.lifted, *(pause.id for pause in self.state.pauses)}
        self.state.lifted += tuple(dict.fromkeys(pause.id for pause in pauses if pause.id not in known))
        self.inputs = inputs

    def pass_time(self, plan: Plan, until: Instant) -> None:
        """Let every timer fire that is due up to `until`, each at its own instant."""
        while (due := due_of(plan, self.state)) is not None and due <= until:
            self.again(plan, TimerFired(due), due)

    def again(self, plan: Plan, input: Input, now: Instant) -> None:
        """Apply an input in a time that is gone through again: it is not kept as news, and confirms nothing."""
        step = advance(plan, self.state, input, now)
        self.state = step.state
        self.lines.extend(step.trace)


def due_of(plan: Plan, state: State) -> Instant | None:
    """When the journey's timer is due, or None where it waits for no time."""
    if state.phase in (Phase.NEW, Phase.ENDED):
        return None
    command = pending(plan, state)
    return command.due if isinstance(command, WaitUntil) else None


def standing(
    plan: Plan, state: State, rows: Iterable[FromInbox], now: Instant, pauses: Sequence[Paused | Resumed] = ()
) -> Course:
    """Where a journey stands at `now`, from its stored state, and the rows and pauses that came since (rules.md 7).

    Timers that have come due count as fired; what they lead to is shown as what is being done.
    """
    course = Course(state, state)
    news = sorted((row for row in rows if row.number > state.seen), key=lambda row: row.number)
    for input in sorted([*news, *pauses], key=lambda input: input.at):
        course.pass_time(plan, input.at)
        course.again(plan, input, input.at)
    course.pass_time(plan, now)
    return course


COURSE: TypeAdapter[Course] = TypeAdapter(Course)
