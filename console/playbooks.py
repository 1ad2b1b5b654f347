"""Playbooks: all of them by stage, and one with its picture, its people, what it brings, its versions and its tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from console.faults import Missing
from console.pages import page, parts_of, same, unchanged
from console.parts import Parts
from console.visitors import Seeing
from intake import proving, results, versions
from intake.proving import Proof
from lifecycle import step_words
from lifecycle.picture import picture
from lifecycle.plan import Plan, unpack
from lifecycle.results import Arm, newcombe
from store import pauses as stored_pauses
from store import playbooks as stored
from store import results as counts
from store.results import Standing, Wanted
from store.tables import Pause

POLL = 2000
"""Milliseconds between two questions of these pages: what they show is counted, and not counted every time."""

PERIODS: dict[str, int | None] = {"7": 7, "30": 30, "90": 90, "all": None}
"""The periods that may be chosen, in days; None: ever."""

router = APIRouter()

Period = Annotated[Literal["7", "30", "90", "all"], Query()]


@dataclass(frozen=True, slots=True)
class Row:
    """A playbook in the list. `state`: running, paused, trying (a share tries a version) or retired."""

    name: str
    plan: Plan
    state: str
    pause: Pause | None
    people: int
    journey: Arm
    holdout: Arm
    description: str


@router.get("/playbooks")
async def playbooks(request: Request, visitor: Seeing) -> Response:
    """All playbooks, by the stage that they serve."""
    parts = parts_of(request)
    database, clock = parts.api.database, parts.api.clock
    everything = await database.read(_everything)
    standing = await parts.counted.get("standing", database, counts.standing, clock)
    running = {name: plan for name, (plan, _, active) in everything.plans.items() if active}
    wanted = tuple(_wanted(plan) for plan in running.values() if plan.goal is not None)
    since = clock().subtract(hours=24 * 30)
    brought = await parts.counted.get(
        ("conversions", wanted), database, lambda session: counts.conversions(session, wanted, since, clock()), clock
    )
    mark = repr((everything.mark, standing.value, brought.value))
    if same(request, mark):
        return unchanged(request)
    rows = [_row(name, everything, standing.value, brought.value) for name in everything.plans]
    order = parts.api.map.order
    by_stage = {
        stage: [row for row in rows if row.plan.stage == stage]
        for stage in [*order, *sorted({row.plan.stage for row in rows} - order.keys())]
    }
    return page(
        request, "playbooks.html", visitor, title="Playbooks", mark=mark, poll=POLL,
        by_stage={stage: found for stage, found in by_stage.items() if found}, brought=brought,
        meanings={name: stage.for_ for name, stage in parts.api.map.stages.items()}, newcombe=newcombe,
    )  # fmt: skip


@router.get("/playbooks/{name}")
async def playbook(request: Request, visitor: Seeing, name: str, since: Period = "30") -> Response:
    """One playbook."""
    parts = parts_of(request)
    database, clock = parts.api.database, parts.api.clock
    found = await database.read(lambda session: versions.known(session, name))
    if found is None:
        raise Missing(f"There is no playbook called {name}.")
    plan, days = found.plan, PERIODS[since]
    begin = None if days is None else clock().subtract(hours=24 * days)
    inside, brought = await asyncio.gather(
        parts.counted.get(("inside", name, plan.version), database, partial(results.inside, plan=plan), clock),
        parts.counted.soon(
            ("results", name, plan.version, since), database,
            lambda session: results.read(session, plan, begin, clock()), clock,
        ),
    )  # fmt: skip
    proof = await _proven(parts, name)
    mark = repr((found.versions, found.under_way, found.moves, found.pauses, inside.value, brought, proof, since))
    if same(request, mark):
        return unchanged(request)
    return page(
        request, "playbook.html", visitor, title=name, mark=mark, poll=POLL, found=found, plan=plan,
        drawn=picture(plan), inside=inside.value, counted=inside.at, brought=brought, since=since, periods=PERIODS,
        entry=step_words.entry(plan), sentence=step_words.sentence, proof=proof, file=parts.plans.get(name),
        window=results.window(plan),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Everything:
    """By name: the plan, its source, and whether it is what new journeys take. `shares` are being tried."""

    plans: dict[str, tuple[Plan, str, bool]]
    shares: dict[str, int]
    pauses: list[Pause]

    @property
    def mark(self) -> Any:
        named = [(name, plan.version, active) for name, (plan, _, active) in self.plans.items()]
        return named, self.shares, self.pauses


def _everything(session: Any) -> _Everything:
    """Every playbook that was ever published, in three queries."""
    active = {row.playbook: row for row in stored.actives(session)}
    latest = stored.latest(session)
    plans = {
        row.playbook: (unpack(row.plan.decode()), row.source, row.playbook in active)
        for row in stored.those(session, [active[one].version if one in active else latest[one] for one in latest])
    }
    shares = {name: row.percent for name, row in active.items() if row.canary is not None and row.percent}
    held = [one for one in stored_pauses.active(session) if one.scope in ("playbook", "everything")]
    return _Everything(dict(sorted(plans.items())), shares, held)


def _row(
    name: str, everything: _Everything, standing: dict[str, list[Standing]], brought: dict[str, dict[str, Arm]]
) -> Row:
    plan, source, active = everything.plans[name]
    pause = next((one for one in everything.pauses if one.scope == "everything" or one.target == name), None)
    state = "retired" if not active else "paused" if pause else "trying" if name in everything.shares else "running"
    arms = brought.get(name, {})
    return Row(
        name, plan, state, pause, sum(one.people for one in standing.get(name, ())),
        arms.get("journey", Arm()), arms.get("holdout", Arm()), _description(source),
    )  # fmt: skip


def _description(source: str) -> str:
    """The line of a file that says what the playbook is for."""
    for line in source.splitlines():
        if line.startswith("description:"):
            return line.partition(":")[2].strip().strip("\"'")
    return ""


def _wanted(plan: Plan) -> Wanted:
    assert plan.goal is not None
    return Wanted(plan.playbook, plan.goal, results.window(plan), plan.entry.per if plan.entry else None)


async def _proven(parts: Parts, name: str) -> Proof | None:
    """What a playbook's own tests say, run once: the files are those with which this process began."""
    plan, scenarios = parts.plans.get(name), parts.scenarios.get(name)
    if plan is None or scenarios is None or parts.world is None:
        return None
    if name not in parts.proofs:
        parts.proofs[name] = await asyncio.to_thread(proving.prove, plan, scenarios, parts.world)
    return parts.proofs[name]
