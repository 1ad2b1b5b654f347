"""Performing a step. Each function answers True where the next step can be performed at once."""

from __future__ import annotations

from collections.abc import Callable

from whenever import Instant

from lifecycle import calendar
from lifecycle import plan as p
from lifecycle.interpreter.run import Run, moment_of, variant_of
from lifecycle.language.times import Span, parse_span
from lifecycle.state import DEFERRED, LISTENING, READY, WAITING, WORKING, Pause, Phase, State


def go(run: Run) -> None:
    """Perform steps until one has to wait for somebody or something."""
    state = run.state
    while True:
        if state.loops and state.firsts and (left := loop_left(run)) is not None:
            leave_loop(run, left)
        step_id = state.step
        if step_id is None:
            run.end("finished", None)
            return
        step = run.plan.steps[step_id]
        if state.pauses and any(holds(pause, step) for pause in state.pauses):
            state.phase = READY
            return
        if not PERFORM[step.kind](run, step_id, step):
            return


def holds(pause: Pause, step: p.Step) -> bool:
    """Whether a journey stands at `step` while `pause` lies on it.

    A frozen journey does nothing; one whose time runs on goes as far as the next thing that would be noticed. Either
    way a transactional message goes out where the pause is one of marketing, and then the journey stands again.
    """
    if isinstance(step, p.Send):
        return pause.channel in (None, step.channel) and (pause.transactional or not step.transactional)
    if pause.channel is not None:
        return False
    if pause.policy == "freeze" or isinstance(step, p.Task | p.Branch | p.Set | p.Record | p.Enrol):
        return True
    if isinstance(step, p.Wait):
        return step.until is not None and moment_of(step).attribute is not None
    return isinstance(step, p.WaitFor) and step.since == "ever"


def stood_since(plan: p.Plan, state: State) -> Instant | None:
    """Since when time does not count for what the journey waits for; a message that no pause holds is waited for."""
    if not state.pauses or (frozen := state.frozen_since) is None:
        return None
    if state.phase is DEFERRED and state.step is not None:
        step = plan.steps[state.step]
        return frozen if any(holds(pause, step) for pause in state.pauses) else None
    return frozen


def loop_left(run: Run) -> str | None:
    """The outermost repeat that the journey is in and whose `until` has happened."""
    firsts = run.state.firsts
    for loop_id in run.state.loops:
        repeat = run.plan.steps[loop_id]
        if isinstance(repeat, p.Repeat) and not firsts.keys().isdisjoint(repeat.until):
            return loop_id
    return None


def leave_loop(run: Run, loop_id: str) -> None:
    repeat = run.plan.steps[loop_id]
    assert isinstance(repeat, p.Repeat)
    loops = list(run.state.loops)
    run.state.loops = {key: run.state.loops[key] for key in loops[: loops.index(loop_id)]}
    until = next((key for key in repeat.until if key in run.state.firsts), None)
    if until:
        run.line("milestone", loop_id, to=until)
    run.goto(repeat.next)


def _send(run: Run, step_id: str, step: p.Send) -> bool:
    state = run.state
    if state.moved and run.done_before(step_id):
        run.goto(step.next)
        return True
    reason = "skipped" if state.drop_next else "paused" if state.skip_until and _skips(state, step) else None
    if reason:
        state.drop_next = False
        run.line("refused", step_id, step.channel, step.template, reason=reason)
        run.goto(step.refused)
        return True
    if not state.again:
        run.count(step_id)
        if step.expires:
            state.expires = calendar.add(state.came_due or state.clock, parse_span(step.expires), state.zone)
        else:
            state.expires = None
    state.phase = WORKING
    return False


def _task(run: Run, step_id: str, step: p.Task) -> bool:
    if run.done_before(step_id):
        run.goto(step.next)
        return True
    if _skips(run.state, step):
        run.line("refused", step_id, to=step.assign, reason="paused")
        run.goto(step.next)
        return True
    if not run.state.again:
        run.count(step_id)
    run.state.phase = WORKING
    return False


def _skips(state: State, step: p.Send | p.Task) -> bool:
    if state.skip_until is None or (state.came_due or state.clock) >= state.skip_until:
        return False
    return holds(state.skipping or Pause("", "continue", state.skip_until), step)


def _wait(run: Run, step_id: str, step: p.Wait) -> bool:
    state = run.state
    state.since = state.clock
    if step.until and moment_of(step).attribute:
        state.phase = WORKING
        return False
    due = due_of(run, step)
    if due <= state.clock:
        run.goto(step.passed)
        return True
    return _rest(run, WAITING, due, step_id)


def _wait_for(run: Run, step_id: str, step: p.WaitFor) -> bool:
    state = run.state
    if step.since == "ever":
        state.phase = WORKING
        return False
    if step.since == "entry":
        for key in step.keys:
            if key in state.firsts:
                hear(run, step_id, step, key, state.firsts[key][0])
                return True
    return listen(run, step_id, step)


def listen(run: Run, step_id: str, step: p.WaitFor) -> bool:
    run.state.since = run.state.clock
    return _rest(run, LISTENING, due_of(run, step), step_id, "for " + " or ".join(step.keys))


def hear(run: Run, step_id: str, step: p.WaitFor, key: str, event: int) -> None:
    run.state.reached = (key, event)
    run.line("milestone", step_id, to=key)
    run.goto(step.reached)


def _rest(run: Run, phase: Phase, due: Instant, step_id: str, reason: str | None = None) -> bool:
    """Wait, unless effects were passed that nobody carries out before: then first a `Note`."""
    if run.state.effects and not run.carries:
        run.state.phase = WORKING
        return False
    run.rest(phase, due)
    run.line("waiting", step_id, to=due.format_iso(), reason=reason)
    return False


def _branch(run: Run, step_id: str, step: p.Branch) -> bool:
    run.state.phase = WORKING
    return False


def _split(run: Run, step_id: str, step: p.Split) -> bool:
    name, target = variant_of(run.state.customer, step)
    run.line("split", step_id, to=name)
    run.goto(target)
    return True


def _repeat(run: Run, step_id: str, step: p.Repeat) -> bool:
    state = run.state
    if step_id not in state.loops:
        if not state.firsts.keys().isdisjoint(step.until):
            run.goto(step.next)
        else:
            iterate(run, step_id, step, state.clock, 0)
        return True
    started, slot = state.loops[step_id]
    while slot < step.at_most:
        due = slot_due(run, step, started, slot)
        if due == state.clock:
            iterate(run, step_id, step, started, slot)
            return True
        if due > state.clock:
            state.loops = {**state.loops, step_id: (started, slot)}
            return _rest(run, WAITING, due, step_id)
        slot += 1
    state.loops = {key: value for key, value in state.loops.items() if key != step_id}
    run.goto(step.next)
    return True


def iterate(run: Run, step_id: str, step: p.Repeat, started: Instant, slot: int) -> None:
    run.state.loops = {**run.state.loops, step_id: (started, slot + 1)}
    run.goto(step.body)


def slot_due(run: Run, step: p.Repeat, started: Instant, slot: int) -> Instant:
    every = parse_span(step.every)
    span = Span(every.months * slot, every.days * slot, every.seconds * slot, every.working * slot)
    return calendar.thaw(calendar.add(started, span, run.state.zone), started, run.state.frozen)


def _effect(run: Run, step_id: str, step: p.Set | p.Record | p.Enrol) -> bool:
    if run.done_before(step_id):
        run.goto(step.next)
        return True
    run.state.effects = (*run.state.effects, (step_id, run.count(step_id)))
    if isinstance(step, p.Set):
        run.line("set", step_id, to=", ".join(f"{name} = {value}" for name, value in step.values))
    elif isinstance(step, p.Record):
        run.line("recorded", step_id, to=step.milestone)
    else:
        run.line("enrolled", step_id, to=step.playbook)
    run.goto(step.next)
    return True


def _exit(run: Run, step_id: str, step: p.Exit) -> bool:
    run.end("exited", step.reason, step_id)
    return False


def due_of(run: Run, step: p.Step) -> Instant:
    """When the wait that began at `state.since` ends, counting the time for which the clock stood.

    One that was over already when a move gave it its length ends in the moment of the move.
    """
    state = run.state
    since, frozen = state.since, state.frozen
    assert since is not None
    if isinstance(step, p.Wait) and not step.span:
        due = calendar.moment(moment_of(step), now=since, entered=state.entered, zone=state.zone, frozen=frozen)
    else:
        assert isinstance(step, (p.Wait, p.WaitFor))
        span = parse_span(step.timeout if isinstance(step, p.WaitFor) else step.span or "")
        due = calendar.thaw(calendar.add(since, span, state.zone), since, frozen)
    floor = state.not_before
    return due if floor is None else max(due, calendar.thaw(floor, floor, frozen))


PERFORM: dict[str, Callable[..., bool]] = {
    "send": _send, "wait": _wait, "wait_for": _wait_for, "branch": _branch, "split": _split, "task": _task,
    "repeat": _repeat, "set": _effect, "record": _effect, "enrol": _effect, "exit": _exit,
}  # fmt: skip
