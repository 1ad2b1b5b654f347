"""What an apply would do: who stands where in a playbook, and what would become of them (`milepost plan`).

Every state is read, and brought up to now by the core as the reader does it (rules.md 7), in pages: a page is two
queries, however many journeys are in it. Of the pauses that nobody has met, those of the playbook and of everything
are looked at. What a journey may have missed since its entry, because no version asked for it, is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session
from whenever import Instant

from activities.transaction import from_row, handling_of, paused
from intake import rollouts
from lifecycle import moving
from lifecycle.course import due_of, standing
from lifecycle.inputs import Paused, Resumed
from lifecycle.interpreter import may_move
from lifecycle.matching import nearest
from lifecycle.plan import Plan, StepId
from lifecycle.state import STATE, Phase, State
from store import inbox, pauses, playbooks
from store import rollouts as stored
from store.rollouts import Inside
from store.tables import Pause, Rollout

PAGE = 500
EVER = Instant.from_utc(1970, 1, 1)


@dataclass(slots=True)
class Deadlines:
    """When those at a step go on. `open_` go on at no known time: they are held, or something is being done."""

    at: list[Instant] = field(default_factory=list)
    open_: int = 0
    at_once: int = 0

    def add(self, due: Instant | None) -> None:
        if due is None:
            self.open_ += 1
        else:
            self.at.append(due)

    @property
    def span(self) -> tuple[Instant, Instant, Instant] | None:
        """The earliest, the median and the latest; None where no time is known."""
        if not self.at:
            return None
        found = sorted(self.at)
        return found[0], found[len(found) // 2], found[-1]


@dataclass(slots=True)
class Here:
    """Those who stand at one step of one version. `to` is the step where they would go on, None where it is gone;
    `meant` is then the step that is most likely meant. `there`: they are in the new version already.
    """

    version: str
    step: StepId
    to: StepId | None
    there: bool
    meant: StepId | None = None
    customers: int = 0
    pin: Deadlines = field(default_factory=Deadlines)
    follow: Deadlines = field(default_factory=Deadlines)

    @property
    def ambiguous(self) -> bool:
        """Whether somebody has to say where they go on."""
        return self.to is None and not self.there


@dataclass(slots=True)
class Change:
    """One playbook: what new journeys take now and would take then; None where nobody enters. `steps` is what differs
    (`moving.differences`), `here` who is inside, by version and step.
    """

    playbook: str
    before: str | None
    after: str | None
    plan: Plan | None
    source: str
    steps: moving.Differences
    under_way: Rollout | None
    here: list[Here] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        """Whether an apply would do anything: new journeys would take another version, or somebody could follow."""
        return self.before != self.after or any(not one.there for one in self.here)

    @property
    def inside(self) -> int:
        """How many customers are in other versions."""
        return sum(one.customers for one in self.here if not one.there)

    @property
    def ambiguities(self) -> list[Here]:
        return [one for one in self.here if one.ambiguous]


def change(session: Session, playbook: str, plan: Plan | None, source: str, version: str | None = None) -> Change:
    """What a playbook's file, or a `version` that is stored, would change; who is inside is not counted yet."""
    before = playbooks.active(session).get(playbook)
    if version is not None:
        version = rollouts.version_named(session, playbook, version)
        plan, source = rollouts.stored_plan(session, version), ""
    after = version or (plan.version if plan else None)
    steps = moving.Differences()
    if before is not None and plan is not None:
        steps = moving.differences(rollouts.stored_plan(session, before), plan)
    return Change(playbook, before, after, plan, source, steps, stored.under_way(session, playbook))


def count(
    session: Session,
    found: Change,
    targets: Mapping[StepId, StepId],
    now: Instant,
    tick: Callable[[int], object] = lambda done: None,
) -> None:
    """Count who is inside, and what would become of them; `tick` hears how many have been looked at."""
    ways: dict[str, moving.Way] = {}
    plans: dict[str, Plan] = {}
    by_step: dict[tuple[str, StepId], Here] = {}
    lying = pauses.concerning(session, journey_id="", customer_id="", playbook=found.playbook, since=EVER)
    after = ""
    while page := stored.inside(session, found.playbook, after, PAGE):
        rows = inbox.of_each(session, [one.id for one in page])
        for one in page:
            plan = plans.get(one.version)
            if plan is None:
                plan = plans[one.version] = rollouts.stored_plan(session, one.version)
                if found.plan is not None:
                    ways[one.version] = moving.Way(plan, found.plan, targets, found.after)
            state = _now(plan, one, rows.get(one.id, []), lying, now)
            if state.phase is not Phase.ENDED and state.step is not None:
                here = _here(by_step, found, one.version, state.step, ways.get(one.version))
                _count(here, plan, ways.get(one.version), state, now)
        after = page[-1].id
        tick(len(page))
    found.here = sorted(by_step.values(), key=lambda here: (here.there, -here.customers, here.version, here.step))


def _now(plan: Plan, one: Inside, rows: Iterable[inbox.Row], lying: Sequence[Pause], now: Instant) -> State:
    """Where a journey stands now."""
    state = STATE.validate_python(one.state)
    return standing(plan, state, [from_row(row) for row in rows], now, list(_unmet(state, lying))).state


def _unmet(state: State, lying: Iterable[Pause]) -> Iterable[Paused | Resumed]:
    known = {pause.id for pause in state.pauses} | set(state.lifted)
    for pause in lying:
        if str(pause.id) in known or (pause.ended_at is not None and pause.ended_at <= state.clock):
            continue
        if pause.ended_at is None:
            yield paused(pause)
        elif pause.policy == "freeze" or pause.handling == "skip":
            yield paused(pause)
            yield Resumed(pause.ended_at, str(pause.id), handling_of(pause.handling))


def _here(
    by_step: dict[tuple[str, StepId], Here], found: Change, version: str, step: StepId, way: moving.Way | None
) -> Here:
    key = (version, step)
    if key not in by_step:
        there = version == found.after
        to = step if there else way.to(step) if way else None
        meant = nearest(way.old, way.new, step) if way and to is None else None
        by_step[key] = Here(version, step, to, there, meant)
    return by_step[key]


def _count(here: Here, plan: Plan, way: moving.Way | None, state: State, now: Instant) -> None:
    here.customers += 1
    due = due_of(plan, state)
    here.pin.add(due)
    if here.there:
        here.follow.add(due)
    elif way is not None and here.to is not None:
        moved = moving.preview(way, state, now) if may_move(state) else None
        then = due_of(way.new, moved) if moved is not None else None
        if moved is not None and (moved.phase in (Phase.WORKING, Phase.ENDED) or (then is not None and then <= now)):
            here.follow.at_once += 1
        else:
            here.follow.add(then)
