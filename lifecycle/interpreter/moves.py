"""A resting journey goes on in another version of its playbook (rules.md 16): `run.plan` is the new one already.

- A wait that goes on keeps its start; its deadline is that of the new version, counted from there, and one that is past
  already is over in this moment. A repeat keeps its start and its round.
- What was done is never done again: a step that the journey has passed, in this round of its loops, is passed over.
- A milestone that a wait asks for may have happened before anybody was interested in it: then the wait is over.
"""

from __future__ import annotations

from whenever import Instant

from lifecycle import plan as p
from lifecycle.inputs import Moved
from lifecycle.interpreter.run import Run, moment_of, rounds
from lifecycle.interpreter.steps import due_of, go, hear, leave_loop, loop_left, stood_since
from lifecycle.state import DEFERRED, LISTENING, READY, WAITING, State


def may_move(state: State) -> bool:
    """Whether a journey rests. One that asks what became of a message is in the midst of sending it."""
    return state.phase in (WAITING, LISTENING, READY) or (state.phase is DEFERRED and not state.tries)


def on_moved(run: Run, input: Moved) -> None:
    state = run.state
    if input.apply <= state.moved or not may_move(state):
        return
    state.moved = input.apply
    if state.moving <= input.apply:
        state.moving = 0
    state.effects = ()  # whoever found out what becomes of it has carried them out
    if not input.version:
        return
    assert input.step is not None
    _rename(state, dict(input.renamed))
    state.firsts = {**{key: (event, at) for key, event, at in input.firsts}, **state.firsts}
    was, state.step = state.step, input.step
    run.line("moved", input.step, to=input.version)
    if input.ends:
        run.clock(input.at)
        run.end(*input.ends)
        return
    _enter_loops(run, input.step, input.at)
    if state.loops and (left := loop_left(run)) is not None:
        run.clock(input.at)
        leave_loop(run, left)
        go(run)
    elif state.phase is READY:
        if was != input.step:
            state.again, state.tries = False, 0
        go(run)
    elif state.phase is not DEFERRED:
        _wait_on(run, input)
    elif was != input.step or not isinstance(run.plan.steps[input.step], p.Send):
        _begin(run, input)


def _wait_on(run: Run, input: Moved) -> None:
    """What becomes of a wait: it goes on with its new deadline, or another step begins."""
    state, step = run.state, run.plan.steps[input.step or ""]
    dated = isinstance(step, p.Wait) and step.until is not None and moment_of(step).attribute is not None
    if not input.begun or dated or not isinstance(step, p.Wait | p.WaitFor):
        _begin(run, input)
        return
    before, state.not_before = (state.phase, state.due), None
    due, stands = due_of(run, step), stood_since(run.plan, state)
    reason = None
    if isinstance(step, p.WaitFor):
        key = next((key for key in step.keys if key in state.firsts), None) if step.since != "step" else None
        if key is not None:
            run.clock(input.at)
            hear(run, input.step or "", step, key, state.firsts[key][0])
            go(run)
            return
        reason = "for " + " or ".join(step.keys)
    if due <= (stands or input.at):
        if isinstance(step, p.Wait) and step.until and stands is None:
            run.clock(input.at)
            run.goto(step.passed)
            go(run)
            return
        state.not_before = input.at
        due = due_of(run, step)
    run.rest(WAITING if isinstance(step, p.Wait) else LISTENING, due)
    if (state.phase, state.due) != before:
        run.line("waiting", input.step, to=due.format_iso(), reason=reason)


def _begin(run: Run, input: Moved) -> None:
    run.clock(input.at)
    run.goto(input.step)
    go(run)


def _rename(state: State, renamed: dict[p.StepId, p.StepId]) -> None:
    """Carry over what is known under the ids of steps. Nothing is forgotten: a step that is gone may come back."""
    if not renamed:
        return
    counts: dict[p.StepId, int] = {}
    for step, count in state.occurrences.items():
        name = renamed.get(step, step)
        counts[name] = max(count, counts.get(name, 0))
    state.occurrences = counts
    state.slots = {renamed.get(step, step): slots for step, slots in state.slots.items()}
    state.loops = {renamed.get(step, step): loop for step, loop in state.loops.items()}
    state.firsts = {_renamed_key(key, renamed): first for key, first in state.firsts.items()}


def _renamed_key(key: str, renamed: dict[p.StepId, p.StepId]) -> str:
    milestone, colon, of = key.partition(":")
    return f"{milestone}:{renamed.get(of, of)}" if colon else key


def _enter_loops(run: Run, step_id: p.StepId, at: Instant) -> None:
    """The loops around the step: those that the journey was in go on, in another one this is the first round."""
    state, plan = run.state, run.plan
    bodies = {name: inside(plan, name) for name, step in plan.steps.items() if isinstance(step, p.Repeat)}
    around = [name for name, body in bodies.items() if step_id in body or (name == step_id and name in state.loops)]
    around.sort(key=lambda name: -len(bodies[name]))
    fresh = [name for name in around if name not in state.loops]
    state.loops = {name: state.loops.get(name, (at, 1)) for name in around}
    looped = frozenset[str]().union(*bodies.values())
    slots = {step: slot for step, slot in state.slots.items() if step in looped}
    if fresh:
        done = {step for step in state.occurrences if any(step in bodies[name] for name in fresh)}
        slots |= dict.fromkeys(done, rounds(state))
    if slots != state.slots:
        state.slots = slots


def inside(plan: p.Plan, repeat_id: p.StepId) -> frozenset[p.StepId]:
    """The steps of a repeat's body, those of repeats within it included."""
    repeat = plan.steps[repeat_id]
    assert isinstance(repeat, p.Repeat)
    found: set[p.StepId] = set()
    near = [repeat.body]
    while near:
        step = near.pop()
        if step is not None and step != repeat_id and step not in found:
            found.add(step)
            near += plan.targets(step)
    return frozenset(found)
