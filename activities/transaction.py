"""The one transaction that every activity of a journey is (rules.md 3, 6, 7).

In it: look for pauses that the journey has not heard of and bring them back instead of doing anything; take in what is
new in its inbox; do the one thing; run the core on the result, carry out the effects that follow, store the next state
and the timeline, and close the row where the journey is over. What is answered is stored with it, so that a repeated
activity (the worker died after the commit) answers the same and does nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy.orm import Session
from whenever import Instant

from activities.contract import Report, Work
from activities.facts import OWN
from lifecycle.commands import Command, Deliver, EnrolIn, Finish, RecordMilestone, SetAttributes
from lifecycle.course import Course, due_of
from lifecycle.hops import within_limit
from lifecycle.inputs import (
    AttributeChanged,
    Exited,
    FromInbox,
    GoalReached,
    MoveAsked,
    Moved,
    Paused,
    Reached,
    Result,
    Resumed,
)
from lifecycle.interpreter import effects, pending
from lifecycle.plan import Plan, Send
from lifecycle.state import STATE, State
from lifecycle.timeline import Line
from store import customers, events, holds, inbox, journeys, messages, pauses, traces
from store.tables import Customer, Journey, JourneyInbox, Pause, Trace


@dataclass(slots=True)
class Context:
    """What an activity has at hand inside its transaction. `now` is the journey's time (rules.md 5)."""

    session: Session
    plan: Plan
    journey: Journey
    customer: Customer
    command: Command
    state: State
    now: Instant


class Turn(NamedTuple):
    """What an apply makes of the journey, and the plan in which it goes on; the old one where it stays."""

    plan: Plan
    moved: Moved


class Aside:
    """What `do` may answer instead of a result: what it wrote is committed, and the activity is not over."""

    __slots__ = ()


def perform(
    session: Session,
    work: Work,
    plan: Plan,
    now: Instant,
    do: Callable[[Context], Result | Turn | Aside | None],
    *,
    settling: bool = False,
) -> Report | Aside:
    """Run one activity's transaction. `do` does what `work.state` wants and answers with its result.

    `settling` says that the deed is done (a provider has the message): then neither a pause nor an exit can be in its
    way any more, and its result is told whatever else is news.
    """
    state = STATE.validate_python(work.state)
    customer = customers.lock(session, state.customer)
    journey = journeys.get(session, work.journey)
    if journey is None or customer is None or journey.status == "ended":
        return Report(closed=True)
    if journey.answered is not None and journey.answered["to"] == state.n:
        return Report.model_validate(journey.answered["report"])
    wanted = pending(plan, state)
    channels = (wanted.channel,) if isinstance(wanted, Deliver) else ()
    since = Instant.parse_iso(work.certain)
    unknown = [] if settling else list(unknown_pauses(session, journey, state, since, channels))
    if unknown:
        over = {news.id for news in unknown if isinstance(news, Resumed)}
        lying = [news for news in unknown if isinstance(news, Paused) and news.id not in over]
        wants = {int(one.id): _wants(plan, wanted, one) for one in lying}
        holds.add(session, journey.id, list(wants), now, wants)
        return Report(pauses=unknown)
    rows = [from_row(row) for row in inbox.after(session, journey.id, state.seen)]
    course = Course(state, state)
    course.receive(plan, rows, now)
    context = Context(session, plan, journey, customer, pending(plan, state), course.state, now)
    _carry_out(context, effects(plan, state))
    result = Result("blocked") if course.state.leaving and not settling else do(context)
    if isinstance(result, Aside):
        return result
    moved = None
    if isinstance(result, Turn):
        plan, moved = result
    if (news := moved or result) is not None:
        assert not isinstance(news, Turn)
        commands = course.feed(plan, news, now)
        if news.kind == "moved" or news.what != "blocked":
            _carry_out(Context(session, plan, journey, customer, commands[-1], course.state, now), commands[:-1])
    closed = _store(session, journey, course, [*work.lines, *course.lines], plan, now, moved)
    report = Report(rows=rows, result=None if isinstance(result, Turn) else result, moved=moved, closed=closed)
    journeys.remember_answer(session, journey.id, state.n, report.model_dump(mode="json"))
    return report


def unknown_pauses(
    session: Session,
    journey: Journey,
    state: State,
    since: Instant,
    channels: Collection[str],
    queued: Collection[int] | None = None,
) -> Iterable[Paused | Resumed]:
    """Pauses that are news to the journey: those that hold now, and those that since the last certain instant stopped
    its clock, or had what came due skipped. Of pauses of channels only those of `channels`.

    One whose end is being told at so many journeys a minute holds whoever comes due: everybody goes through that queue
    (rules.md 12). To look without joining one, give as `queued` the pauses in whose queues the journey stands.
    """
    found = pauses.concerning(
        session,
        journey_id=journey.id,
        customer_id=journey.customer_id,
        playbook=journey.playbook,
        channels=channels,
        since=since,
    )
    return unknown_among(found, state, since, queued)


def unknown_among(
    found: Iterable[Pause], state: State, since: Instant, queued: Collection[int] | None = None
) -> Iterable[Paused | Resumed]:
    """`unknown_pauses` of pauses that were read already: those that concern the journey."""
    known = {pause.id for pause in state.pauses} | set(state.lifted)
    for pause in found:
        if str(pause.id) in known:
            continue
        if pause.ended_at is None or (pauses.queues(pause) and (queued is None or pause.id in queued)):
            yield paused(pause)
        elif pause.ended_at > since and (pause.policy == "freeze" or pause.handling == "skip"):
            yield paused(pause)
            yield Resumed(pause.ended_at, str(pause.id), handling_of(pause.handling))


def _wants(plan: Plan, wanted: Command, pause: Paused) -> str:
    """What a journey has come to that meets a pause (`store.tables.Hold`)."""
    if not isinstance(wanted, Deliver):
        return "step"
    step = plan.steps[wanted.step]
    return "passes" if isinstance(step, Send) and step.transactional and not pause.transactional else wanted.channel


def paused(pause: Pause) -> Paused:
    """A stored pause as the core hears of it."""
    policy: Literal["freeze", "continue"] = "freeze" if pause.policy == "freeze" else "continue"
    channel = pause.target if pause.scope == "channel" else None
    return Paused(pause.started_at, str(pause.id), policy, channel, bool(pause.transactional))


def handling_of(stored: str | None) -> Literal["send", "skip"]:
    """What becomes of what came due, as the core hears of it; a pause that ended by itself has it sent."""
    return "skip" if stored == "skip" else "send"


def from_row(row: JourneyInbox | inbox.Row) -> FromInbox:
    """A stored inbox row as the core hears of it."""
    data = row.data or {}
    if row.kind == "exit":
        return Exited(row.number, row.at, data.get("outcome", "exited"), row.name)
    if row.kind == "goal":
        return GoalReached(row.number, row.at, row.name)
    if row.kind == "attribute":
        return AttributeChanged(row.number, row.at, row.name)
    if row.kind == "resumed":
        return Resumed(row.at, row.name, handling_of(data.get("handling")), row.number)
    if row.kind == "move":
        return MoveAsked(row.number, row.at, int(row.name))
    return Reached(row.number, row.at, row.name, row.event_id or 0, data.get("of"))


def _carry_out(context: Context, commands: Iterable[Command]) -> None:
    """Insert the events of set, record and enrol, with derived ids (rules.md 20).

    Attributes are set at once as well, so that the journey's own next condition sees them.
    """
    passed = [command for command in commands if isinstance(command, SetAttributes | RecordMilestone | EnrolIn)]
    if not passed:
        return
    journey, customer, now = context.journey, context.customer, context.now
    arrivals = []
    entry = events.get(context.session, journey.entry_event_id) if journey.entry_event_id else None
    hops = (entry.hops if entry else 0) + 1
    for command in passed:
        name, properties = None, {}
        if isinstance(command, SetAttributes):
            properties = dict(command.values)
            for attribute in OWN & properties.keys():
                setattr(customer, attribute, properties[attribute])
            customer.attributes |= {key: value for key, value in properties.items() if key not in OWN}
            customers.save(context.session, customer, now)
        else:
            name = command.milestone if isinstance(command, RecordMilestone) else command.playbook
        identity = f"{journey.id}/{command.step}/{command.occurrence}"
        arrivals.append(
            events.Arrival(
                "journey", identity, customer.user_id, command.kind, now, now, name, properties, hops, backfill=False
            )
        )
    if within_limit(hops):
        events.accept(context.session, arrivals)


def _store(
    session: Session, journey: Journey, course: Course, lines: list[Line], plan: Plan, now: Instant, moved: Moved | None
) -> bool:
    """Store the next state and the timeline; True where the journey is over and its row is closed."""
    state = course.state
    traces.add(session, [trace_of(journey.id, line) for line in lines])
    data = STATE.dump_python(state, mode="json", exclude_defaults=True)
    version = moved.version or None if moved else None
    journeys.store_state(session, journey.id, data, state.n, due_of(plan, state), state.step, version)
    wanted = pending(plan, state)
    if not isinstance(wanted, Finish):
        return False
    closed = journeys.close(session, journey.id, state.seen, now, wanted.outcome, wanted.reason)
    if closed:
        messages.withdraw(session, journey.id, now)
    return closed


def trace_of(journey: str, line: Line) -> Trace:
    """A line of a timeline as it is stored."""
    return Trace(
        journey_id=journey,
        seq=line.seq,
        at=line.at,
        day=line.day,
        what=line.what,
        step=line.step,
        channel=line.channel,
        template=line.template,
        to_=line.to,
        reason=line.reason,
    )
