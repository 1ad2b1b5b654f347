"""What came of a command: where a journey goes with the result that it was waiting for."""

from __future__ import annotations

from collections.abc import Callable

from lifecycle import plan as p
from lifecycle.inputs import Result
from lifecycle.interpreter.run import Run
from lifecycle.interpreter.steps import hear, listen
from lifecycle.state import DEFERRED, READY, UNKNOWN_RETRIES, WAITING


def _answered_send(run: Run, step_id: str, step: p.Send, result: Result) -> None:
    state = run.state
    if result.what == "sent":
        run.line("sent", step_id, step.channel, step.template)
        run.goto(step.next)
    elif result.what == "refused":
        run.line("refused", step_id, step.channel, step.template, reason=result.reason)
        run.goto(step.refused)
    elif result.what == "unknown" and state.tries >= len(UNKNOWN_RETRIES):
        run.line("refused", step_id, step.channel, step.template, reason="unknown")
        run.goto(step.next)
    else:
        until = result.until or state.clock + UNKNOWN_RETRIES[state.tries]
        state.tries += result.what == "unknown"
        run.rest(DEFERRED, until)
        run.line("deferred", step_id, step.channel, step.template, until.format_iso(), result.reason or result.what)


def _answered_branch(run: Run, step_id: str, step: p.Branch, result: Result) -> None:
    condition, target = ("else", step.otherwise) if result.arm is None else step.arms[result.arm]
    run.line("branch", step_id, to=condition, reason=_missing(result))
    run.goto(target)


def _missing(result: Result) -> str | None:
    return f"not known: {', '.join(result.missing)}" if result.missing else None


def _answered_task(run: Run, step_id: str, step: p.Task, result: Result) -> None:
    if result.what == "refused":
        run.line("refused", step_id, to=step.assign, reason=result.reason)
    else:
        run.line("task", step_id, to=step.assign, reason=step.title)
    run.goto(step.next)


def _answered_wait(run: Run, step_id: str, step: p.Wait, result: Result) -> None:
    state = run.state
    if result.what != "resolved":  # a note: the effects are done, now wait
        state.phase = READY
        return
    state.read_at = result.read_at
    if result.until is None or result.until <= state.clock:
        run.line("branch", step_id, to="passed", reason=_missing(result))
        run.goto(step.passed)
    else:
        run.rest(WAITING, result.until)
        run.line("waiting", step_id, to=result.until.format_iso())


def _answered_wait_for(run: Run, step_id: str, step: p.WaitFor, result: Result) -> None:
    if result.what != "resolved":
        run.state.phase = READY
    elif result.event:
        hear(run, step_id, step, *result.event)
    else:
        listen(run, step_id, step)


def _answered_repeat(run: Run, step_id: str, step: p.Repeat, result: Result) -> None:
    run.state.phase = READY


ANSWERS: dict[str, Callable[..., None]] = {
    "send": _answered_send, "branch": _answered_branch, "task": _answered_task, "wait": _answered_wait,
    "wait_for": _answered_wait_for, "repeat": _answered_repeat,
}  # fmt: skip
