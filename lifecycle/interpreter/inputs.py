"""Handling an input: what has happened, and what the journey was doing when it did."""

from __future__ import annotations

from collections.abc import Callable

from whenever import Instant

from lifecycle import plan as p
from lifecycle.inputs import (
    AttributeChanged,
    Exited,
    GoalReached,
    MoveAsked,
    Paused,
    Reached,
    Result,
    Resumed,
    Skipped,
    Started,
    TimerFired,
)
from lifecycle.interpreter.answers import ANSWERS
from lifecycle.interpreter.moves import on_moved
from lifecycle.interpreter.run import Run, moment_of
from lifecycle.interpreter.steps import due_of, go, hear, iterate, leave_loop, loop_left, slot_due, stood_since
from lifecycle.state import DEFERRED, ENDED, LISTENING, READY, WAITING, WORKING, Pause

TIMED = frozenset({WAITING, LISTENING, DEFERRED})
"""What a journey is doing while it has a timer."""

AT_REST = TIMED | {READY}


def _on_started(run: Run, input: Started) -> None:
    run.state.clock = run.state.entered = run.state.came_due = input.at
    run.state.phase, run.state.step = READY, run.plan.first
    run.line("entered")
    go(run)


def _on_timer(run: Run, input: TimerFired) -> None:
    state = run.state
    if state.phase not in TIMED or input.due != state.due:
        return
    if state.pauses and (stood := stood_since(run.plan, state)) is not None and stood < input.due:
        return
    assert state.step is not None
    run.clock(input.due)
    if state.phase is DEFERRED:
        state.again, state.phase, state.due = True, READY, None
    else:
        _wait_over(run, state.step)
    go(run)


def _wait_over(run: Run, step_id: str) -> None:
    """The wait at `step_id` has ended by itself or by a person."""
    step = run.plan.steps[step_id]
    if isinstance(step, p.Wait):
        run.goto(step.next)
    elif isinstance(step, p.WaitFor):
        run.line("branch", step_id, to="timed_out")
        run.goto(step.timed_out)
    else:
        assert isinstance(step, p.Repeat)
        started, slot = run.state.loops[step_id]
        iterate(run, step_id, step, started, slot)


def _on_reached(run: Run, input: Reached) -> None:
    state = run.state
    key = f"{input.name}:{input.of}" if input.of else input.name
    keys = (key, input.name) if input.of else (key,)
    news = {k: (input.event, input.at) for k in keys if k not in state.firsts}
    if news:
        state.firsts = {**state.firsts, **news}
    if state.phase not in AT_REST:  # a command is out: its result will find the milestone among the firsts
        return
    assert state.step is not None
    if state.phase is LISTENING:
        step = run.plan.steps[state.step]
        heard = next((k for k in keys if isinstance(step, p.WaitFor) and k in step.keys), None)
        if heard and isinstance(step, p.WaitFor):
            run.clock(input.at)
            hear(run, state.step, step, heard, input.event)
            go(run)
            return
    if state.loops and (left := loop_left(run)) is not None:
        run.clock(input.at)
        if state.phase is DEFERRED:
            _refuse(run, f"{key} happened")
        leave_loop(run, left)
        go(run)


def _on_attribute(run: Run, input: AttributeChanged) -> None:
    """A date that a wait depends on has moved: decide again, unless the answer already knew."""
    state = run.state
    if state.phase is not WAITING or input.number <= state.read_at:
        return
    step = run.plan.steps[state.step or ""]
    if isinstance(step, p.Wait) and step.until and moment_of(step).attribute == input.name:
        run.clock(input.at)
        state.phase, state.due = READY, None
        go(run)


def _on_move(run: Run, input: MoveAsked) -> None:
    """Of several applies that ask, the latest counts."""
    if input.apply > run.state.moved:
        run.state.moving = max(run.state.moving, input.apply)


def _on_goal(run: Run, input: GoalReached) -> None:
    if run.state.phase in AT_REST:
        run.clock(input.at)
    if run.state.phase is not ENDED:
        run.line("goal", to=input.name)


def _on_exit(run: Run, input: Exited) -> None:
    """Ends at once; what is already on its way to a provider is awaited, so that the timeline tells it.

    An exit that was stamped before the end of the journey was stored is the truth about how it ended.
    """
    if run.state.phase is ENDED and run.state.outcome != "finished":
        return
    if run.state.phase is WORKING:
        run.state.leaving = (input.outcome, input.reason)
        return
    run.clock(input.at)
    run.end(input.outcome, input.reason)


def _on_paused(run: Run, input: Paused) -> None:
    state = run.state
    if not any(pause.id == input.id for pause in state.pauses):
        lying = Pause(input.id, input.policy, input.at, input.channel, input.transactional)
        state.pauses = (*state.pauses, lying)


def _on_resumed(run: Run, input: Resumed) -> None:
    state = run.state
    if input.id not in state.lifted:
        state.lifted = (*state.lifted, input.id)
    lifted = next((pause for pause in state.pauses if pause.id == input.id), None)
    if lifted is None:
        return
    stood_since = state.frozen_since
    state.pauses = tuple(pause for pause in state.pauses if pause.id != input.id)
    if lifted.policy == "freeze" and stood_since is not None:
        until = min(state.frozen_since or input.at, input.at)
        if until > stood_since:
            state.frozen = (*state.frozen, (stood_since, until))
    else:
        state.catch_up = input.at
        if input.handling == "skip":
            state.skip_until, state.skipping = input.at, lifted
    thawed = lifted.policy == "freeze" and state.frozen_since is None
    _go_on(run, input.at, thawed=thawed)


def _go_on(run: Run, at: Instant, *, thawed: bool) -> None:
    """A pause is gone: a step that no other one holds is performed; once none stops the clock, a wait has its
    remaining time left.
    """
    state = run.state
    if state.phase is READY:
        if thawed:
            run.clock(at)
        go(run)
    elif state.phase in (WAITING, LISTENING) and thawed and state.frozen:
        assert state.step is not None
        step = run.plan.steps[state.step]
        if isinstance(step, p.Repeat):
            due = slot_due(run, step, *state.loops[state.step])
        elif isinstance(step, p.Wait) and step.until and moment_of(step).attribute:
            due = state.due or at
        else:
            due = due_of(run, step)
        if due != state.due:
            run.clock(at)
            run.rest(state.phase, due)
            run.line("waiting", state.step, to=due.format_iso(), reason="resumed")


def _on_skipped(run: Run, input: Skipped) -> None:
    state = run.state
    if input.what == "message" and state.phase is not DEFERRED:
        state.drop_next = True
        return
    if state.phase not in TIMED:
        return
    assert state.step is not None
    run.clock(input.at)
    if state.phase is DEFERRED:
        _refuse(run, "skipped")
    else:
        run.line("waiting", state.step, reason="skipped")
        _wait_over(run, state.step)
    go(run)


def _refuse(run: Run, reason: str) -> None:
    """Give up the deferred message at the present step."""
    step = run.plan.steps[run.state.step or ""]
    assert isinstance(step, p.Send)
    run.line("refused", run.state.step, step.channel, step.template, reason=reason)
    run.goto(step.refused)


def _on_result(run: Run, input: Result) -> None:
    state = run.state
    step_id = state.step
    if state.phase is not WORKING or step_id is None:
        return
    step = run.plan.steps[step_id]
    run.clock(state.clock)
    if input.what == "blocked":
        state.again = isinstance(step, p.Send | p.Task)
        state.phase = READY
    else:
        state.effects = ()
        ANSWERS[step.kind](run, step_id, step, input)
    if state.leaving:
        run.end(*state.leaving)
    elif state.phase is READY:
        go(run)


HANDLERS: dict[str, Callable[..., None]] = {
    "started": _on_started, "timer": _on_timer, "milestone": _on_reached, "attribute": _on_attribute,
    "goal": _on_goal, "exit": _on_exit, "paused": _on_paused, "resumed": _on_resumed, "skipped": _on_skipped,
    "move": _on_move, "moved": on_moved, "result": _on_result,
}  # fmt: skip
