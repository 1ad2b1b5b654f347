"""The interpreter: `advance(plan, state, input, now)` says where a journey stands next and what it wants done.

Nothing here waits, sends, reads a clock or raises for anything that can happen to a customer. The same function runs in
the Temporal workflow, in playbook tests, in the simulator and in the reader that shows where somebody stands.

How it goes: an input is handled by what the journey is doing; then `_go` performs one step after the other until one
needs an answer from outside (WORKING), a time or a milestone (WAITING, LISTENING), or there is none left (ENDED).
Effects (set, record, enrol) need no answer: those passed while a result is handled are carried out by whoever brought
the result; others wait in `state.effects` for the next command, or for a `Note` where none follows at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from whenever import Instant

from lifecycle import calendar
from lifecycle import plan as p
from lifecycle.commands import (
    AssignTask,
    Command,
    Decide,
    Effect,
    EnrolIn,
    Finish,
    Move,
    Note,
    RecordMilestone,
    SetAttributes,
    deliver_of,
    wait_of,
)
from lifecycle.inputs import FromInbox, Input, Paused, Result, Resumed, Skipped, TimerFired
from lifecycle.interpreter.inputs import HANDLERS
from lifecycle.interpreter.moves import may_move
from lifecycle.interpreter.run import Run, moment_of
from lifecycle.interpreter.steps import holds, stood_since
from lifecycle.language.times import parse_span
from lifecycle.state import ENDED, LATE, NEW, READY, TRANSITIONS, WORKING, State
from lifecycle.timeline import Line

FROM_INBOX = frozenset({"milestone", "attribute", "goal", "exit", "move"})
"""The kinds that come from the inbox alone; `resumed` does where it has a number. They count for an ended journey."""


class Step(NamedTuple):
    """What `advance` answers: the next state, all that is wanted now, and the lines that the timeline gains."""

    state: State
    commands: tuple[Command, ...]
    trace: tuple[Line, ...]


def advance(plan: p.Plan, state: State, input: Input, now: Instant) -> Step:
    """Apply one input at `now` (UTC). `state` is left as it is. An input that no longer matters changes nothing."""
    if state.phase is ENDED and not _from_inbox(input):
        return Step(state, (), ())
    run = Run(plan, state.copy(), now)
    commands = proceed(run, input, now)
    return Step(run.state, commands, tuple(run.lines))


def proceed(run: Run, input: Input, now: Instant) -> tuple[Command, ...]:
    """`advance` in place, for a driver that is the only one to hold the state (the simulator, which lives millions of
    days). The answer is all that is wanted now; lines are added to `run.lines`.
    """
    state = run.state
    before, latest = state.phase, state.latest or state.entered
    if isinstance(input, Result):  # most inputs are one; it has no time of its own
        from_inbox, carries = False, input.what != "blocked"
        if before is ENDED:
            return ()
    else:
        from_inbox, carries = _from_inbox(input), input.kind == "moved"
        if before is ENDED and not from_inbox:
            return ()
        known = input.due if isinstance(input, TimerFired) else input.at
        if known > latest:
            latest = state.latest = known
    # It came now, or at the last instant that is known exactly where that is hardly over.
    run.now = latest if now is latest or now - latest <= LATE else now
    run.carries = carries
    state.n += 1
    if before is not NEW or input.kind == "started":
        HANDLERS[input.kind](run, input)
    if from_inbox:
        assert isinstance(input, FromInbox)
        state.seen = max(state.seen, input.number)
    phase = state.phase
    if phase is not before and phase not in TRANSITIONS[before].get(input.kind, ()):
        raise AssertionError(f"{before.value} went to {phase.value} on {input.kind}")
    if state.catch_up and state.clock >= state.catch_up:
        state.catch_up = state.skip_until = state.skipping = None
    if not state.effects:
        return (pending(run.plan, state),)
    commands = (*effects(run.plan, state), pending(run.plan, state))
    if carries:
        state.effects = ()
    return commands


def _from_inbox(input: Input) -> bool:
    return input.kind in FROM_INBOX or (isinstance(input, Resumed) and input.number > 0)


def pending(plan: p.Plan, state: State) -> Command:
    """The one command that a state wants carried out now, effects apart."""
    phase = state.phase
    if phase is ENDED:
        return Finish(state.outcome or "finished", state.reason)
    if phase is not WORKING:
        if state.moving and may_move(state):
            return Move(state.moving)
        stands = phase is READY or (state.pauses and stood_since(plan, state) is not None)
        return wait_of((None if stands else state.due, "wait"))
    step_id = state.step
    assert step_id is not None
    step = plan.steps[step_id]
    if isinstance(step, p.Send):
        number = state.occurrences[step_id]
        return deliver_of((step_id, number, step.template, step.channel, state.expires, "deliver"))
    if isinstance(step, p.Branch):
        return _decide(step_id, "branch")
    if isinstance(step, p.Task):
        due = calendar.add(state.clock, parse_span(step.due), state.zone) if step.due else None
        return AssignTask(step_id, state.occurrences[step_id], step.title, step.assign, due)
    if isinstance(step, p.Wait) and step.until and moment_of(step).attribute:
        return _decide(step_id, "date")
    if isinstance(step, p.WaitFor) and step.since == "ever":
        return _decide(step_id, "ever")
    return Note()


@lru_cache(maxsize=4096)
def _decide(step_id: p.StepId, question: Literal["branch", "date", "ever"]) -> Decide:
    return Decide(step_id, question)


def effects(plan: p.Plan, state: State) -> tuple[Effect, ...]:
    """The effects that a state has passed and nobody has carried out yet."""
    if not state.effects:
        return ()
    found: list[Effect] = []
    for step_id, occurrence in state.effects:
        step = plan.steps[step_id]
        if isinstance(step, p.Set):
            found.append(SetAttributes(step_id, occurrence, step.values))
        elif isinstance(step, p.Record):
            found.append(RecordMilestone(step_id, occurrence, step.milestone))
        elif isinstance(step, p.Enrol):
            found.append(EnrolIn(step_id, occurrence, step.playbook))
    return tuple(found)


def refusal(state: State, input: Input) -> str | None:
    """Why a command of a person makes no sense for a journey in this state, in a sentence; None where it does."""
    if state.phase is ENDED:
        return f"the journey has already ended ({state.reason or state.outcome})"
    if isinstance(input, Resumed) and not any(pause.id == input.id for pause in state.pauses):
        return "the journey is not paused"
    if isinstance(input, Paused) and any(pause.id == input.id for pause in state.pauses):
        return "the journey is already paused"
    if isinstance(input, Skipped) and input.what == "wait" and state.phase in (READY, WORKING):
        return "the journey is not waiting for anything that could be skipped"
    return None


__all__ = ["Run", "Step", "advance", "effects", "holds", "may_move", "moment_of", "pending", "proceed", "refusal"]
