"""Where everyone stands, read from the database alone (rules.md 7): what has happened, what comes next and why.

The stored state of a journey is that of its last activity or command. What came since (timers due, inbox rows, pauses)
is lived through again by the same core that the workflow runs, and never written. So an answer needs neither Temporal
nor a worker, and says the same as they would.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from activities.transaction import from_row, unknown_among
from lifecycle import interpreter
from lifecycle import plan as p
from lifecycle.course import standing
from lifecycle.language.faults import did_you_mean
from lifecycle.lines import local_iso
from lifecycle.state import STATE, Phase, State
from lifecycle.step_words import CHANNELS, any_of, does
from lifecycle.timeline import Line
from store import customers, holds, inbox, journeys, pauses, playbooks, traces
from store.tables import Customer, Journey, Pause, Trace


class Unknown(Exception):
    """There is no such customer or journey, or several; `str()` says so in a sentence."""


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next: at which instant, if one is known, and why then. Times within the texts are the customer's.

    Here it is the next step, which is all that a state says. `intake.ahead` puts in its place what is done next; that
    is not done where what `unless` names comes before.
    """

    at: Instant | None
    what: str | None
    why: str
    unless: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a journey stands. `word` is one of starting, waiting, listening, deferred, held, working, ended, holdout.

    `lines` is its timeline, with what must have happened since the last line that was stored; the first `stored` of
    them are. `lying` are pauses that concern it now, whether it has met them or not.
    """

    journey: Journey
    plan: p.Plan
    state: State
    word: str
    next: Next
    lines: list[Line]
    stored: int = 0
    lying: tuple[Pause, ...] = ()


def find_customer(session: Session, name: str) -> Customer:
    """The customer whom the product, or we, call so; raises Unknown."""
    found = customers.get(session, name) or customers.by_id(session, name)
    if found is None:
        raise Unknown(f"there is no customer `{name}`")
    return found


def find_journey(session: Session, name: str) -> Journey:
    """The journey with this id, or with the only id that begins so; raises Unknown."""
    exact = journeys.get(session, name)
    if exact is not None:
        return exact
    near = journeys.beginning_with(session, name, 3) if name else []
    if len(near) > 1:
        raise Unknown(f"several journeys begin with `{name}`, such as {near[0]} and {near[1]}; give more of the id")
    if not near:
        hint = did_you_mean(name.partition(".")[0], playbooks.active(session)) if "." in name else None
        raise Unknown(f"there is no journey `{name}`" + (f"; {hint}" if hint else ""))
    return find_journey(session, near[0])


def of_customer(session: Session, customer: Customer, now: Instant) -> list[Position]:
    """Where each of a customer's journeys stands, in the order of entry."""
    return positions(session, journeys.of_customer(session, customer.id), now)


def position(session: Session, journey: Journey, now: Instant) -> Position:
    """Where a journey stands at `now`."""
    return positions(session, [journey], now)[0]


def positions(session: Session, found: Sequence[Journey], now: Instant) -> list[Position]:
    """Where journeys of one customer stand at `now`, in their order. How many there are costs no more queries."""
    plans = _plans(session, {one.version for one in found})
    told = traces.lines_of_each(session, [one.id for one in found])
    lines = {one.id: told.get(one.id, []) for one in found}
    stored = {one.id: _stored(one) for one in found}
    going = [one for one in found if one.status == "open" or (one.status == "starting" and one.exit_at is not None)]
    news = _News.read(session, going, stored) if going else None
    concerned = {one.id for one in going}
    stand = []
    for one in found:
        if news is not None and one.id in concerned:
            stand.append(_going(session, one, plans[one.version], stored[one.id], lines[one.id], news, now))
        else:
            stand.append(_resting(one, plans[one.version], stored[one.id], lines[one.id]))
    return stand


def _plans(session: Session, versions: Collection[str]) -> dict[str, p.Plan]:
    packed = playbooks.plans(session, versions)
    if missing := set(versions) - set(packed):
        raise LookupError(f"a journey has a version that is not in the database: {', '.join(sorted(missing))}")
    return {version: p.unpack(plan.decode()) for version, plan in packed.items()}


def _stored(journey: Journey) -> State:
    if journey.state is None:  # its customer was erased: it ended, and where it stood nobody knows any more
        return State(journey.customer_id, "UTC", journey.entered_at, journey.entered_at)
    return STATE.validate_python(journey.state)


@dataclass(frozen=True, slots=True)
class _News:
    """What came since the states of some journeys were stored: rows of their inboxes, and pauses."""

    inbox: Mapping[str, Sequence[inbox.Row]]
    queued: Mapping[str, Sequence[int]]
    pauses: Mapping[int, Pause]

    @classmethod
    def read(cls, session: Session, going: Sequence[Journey], stored: Mapping[str, State]) -> _News:
        ids = [one.id for one in going]
        since = min(stored[one].clock for one in ids)
        of = {one.id: one.playbook for one in going}
        found = pauses.concerning_each(session, going[0].customer_id, of, list(CHANNELS), since)
        return cls(
            inbox.of_each(session, ids),
            holds.on_each(session, ids),
            {one.id: one for one in found if one.id is not None},
        )


def _resting(journey: Journey, plan: p.Plan, stored: State, lines: list[Line]) -> Position:
    if journey.status == "holdout":
        comes = Next(None, None, "is measured, and not messaged")
    elif journey.status == "ended":
        comes = Next(None, None, _ended(journey, stored))
    else:
        comes = Next(None, does(plan, stored.step), "the worker has not told Temporal of it yet")
    return Position(journey, plan, stored, journey.status, comes, lines, len(lines))


def _going(
    session: Session, journey: Journey, plan: p.Plan, stored: State, lines: list[Line], news: _News, now: Instant
) -> Position:
    rows = [from_row(row) for row in news.inbox.get(journey.id, ()) if row.number > stored.seen]
    lying = [one for one in news.pauses.values() if pauses.lies_on(one, journey.id, journey.playbook)]
    unknown = list(unknown_among(lying, stored, stored.clock, news.queued.get(journey.id, ())))
    course = standing(plan, stored, rows, now, unknown)
    told, known = {line.seq for line in lines}, len(lines)
    lines = [*lines, *(line for line in course.lines if line.seq not in told)]
    state = course.state
    if state.phase is Phase.ENDED:
        return Position(journey, plan, state, "ended", Next(None, None, _ended(journey, state)), lines, known)
    then = _next(session, plan, state, lines, news.pauses)
    holding = tuple(one for one in lying if one.ended_at is None)
    return Position(journey, plan, state, _word(state), then, lines, known, holding)


def as_data(position: Position) -> dict[str, Any]:
    """Where a journey stands, for scripts and callers. Instants carry the offset of the customer's zone."""
    journey, at = position.journey, position.next.at
    return {
        "id": journey.id,
        "playbook": journey.playbook,
        "version": journey.version,
        "step": position.state.step,
        "state": position.word,
        "next": {
            "at": local_iso(at, position.state.zone) if at else None,
            "what": position.next.what,
            "why": position.next.why,
        },
    }


def line_of(row: Trace) -> Line:
    """A stored line of a timeline."""
    return Line(row.seq, row.at, row.day, row.what, row.step, row.channel, row.template, row.to_, row.reason)  # type: ignore[arg-type]


# --- in words ------------------------------------------------------------------------------------------------------


def _word(state: State) -> str:
    return "held" if state.held else "working" if state.phase is Phase.READY else state.phase.value


def _ended(journey: Journey, state: State) -> str:
    outcome = journey.exit_outcome or state.outcome or "finished"
    reason = journey.exit_reason if journey.exit_at else state.reason
    if outcome == "goal":
        return f"reached its goal: {reason}"
    return f"ended: {reason}" if reason else "ended: came to its last step"


def _next(session: Session, plan: p.Plan, state: State, lines: list[Line], known: Mapping[int, Pause]) -> Next:
    then = after(plan, state)
    if state.held:
        here = plan.steps[state.step] if state.step else None
        lying = [one for one in state.pauses if one.channel is None or (here and interpreter.holds(one, here))]
        why = "; ".join(_paused(session, pause.id, state.zone, known) for pause in lying)
        frozen = state.frozen_since is not None
        return Next(None if frozen else state.due, then, why)
    if state.leaving:
        return Next(None, "ends", f"is ending ({state.leaving[1]}), once what is under way is done")
    if state.phase in (Phase.WORKING, Phase.READY):
        return Next(state.came_due, does(plan, state.step), "is due, and the worker is at it")
    assert state.step is not None
    assert state.due is not None
    step, until = plan.steps[state.step], local(state.due, state.zone)
    if state.phase is Phase.DEFERRED:
        reason = next((line.reason for line in reversed(lines) if line.what == "deferred"), None)
        return Next(state.due, then, f"put off until {until}" + (f": {reason}" if reason else ""))
    if isinstance(step, p.WaitFor):
        return Next(state.due, then, f"waits for {any_of(step.keys)}, at most until {until}")
    return Next(state.due, then, f"waits until {until}")


def after(plan: p.Plan, state: State) -> str:
    """The step that comes once the present wait is over, in words."""
    if state.phase is Phase.ENDED:
        return does(plan, None)
    step = plan.steps[state.step] if state.step else None
    if state.phase is Phase.WAITING and isinstance(step, p.Wait):
        return does(plan, step.next)
    if state.phase is Phase.WAITING and isinstance(step, p.Repeat):
        return does(plan, step.body)
    if state.phase is Phase.LISTENING and isinstance(step, p.WaitFor):
        return does(plan, step.timed_out)
    return does(plan, state.step)


def _paused(session: Session, pause: str, zone: str, known: Mapping[int, Pause]) -> str:
    number = int(pause) if pause.isdigit() else None
    row = None if number is None else known.get(number) or pauses.get(session, number)
    if row is None:
        return "paused"
    what = "everything" if row.scope == "everything" else CHANNELS.get(row.target, f"its {row.scope}")
    if row.ended_at is not None:
        pace = f" ({row.spread} journeys a minute)" if row.spread else ""
        return f"{what} was paused until {local(row.ended_at, zone)}; it goes on when its turn comes{pace}"
    scope = "" if row.scope == "journey" else f"{what} is "
    clock = "the clock stands" if row.policy == "freeze" else "time runs on"
    until = f" until {local(row.ends_at, zone)}" if row.ends_at else ""
    return f"{scope}paused since {local(row.started_at, zone)}{until} ({clock}): {row.reason}"


def local(at: Instant, zone: str) -> str:
    """`2026-01-05 10:00`, as clocks in `zone` show it."""
    there = at.to_tz(zone)
    return f"{there.date().format_iso()} {there.hour:02}:{there.minute:02}"
