"""Applies on Temporal's real server: those inside move, and nothing is sent twice (rules.md 16)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from embedded import TemporalServer
from intake import mover, rollouts
from intake.rollouts import InFlight, Wanted
from lifecycle.events import Person
from lifecycle.plan import Plan
from lifecycle.simulated import Happening
from lifecycle.simulator import Life
from lifecycle.state import Phase
from lifecycle.timeline import Line
from rehearsal import Rehearsal, rehearse
from store import journeys
from store import rollouts as stored
from store.tables import Rollout
from tests.lifecycle.strategies import START, Author, compiled, small_project, world
from tests.temporal.stage import Stage, Steps, day, staged
from tests.temporal.test_agreement import ATTRIBUTES, END

ONE, TWO, RECEIPT = {"send": "mail/one"}, {"send": "mail/two"}, {"send": "mail/receipt"}
SLOW: Steps = [{"wait": "10 days"}, ONE]
QUICK: Steps = [{"wait": "4 days"}, ONE]


def playbook(steps: Steps) -> Plan:
    entry = {"milestone": "purchase"}
    return compiled({"playbook": "quiet", "stage": "stranger", "entry": entry, "steps": [*steps]})


SEEDS = range(2000, 2004)


def drawn(seed: int) -> tuple[Plan, list[Happening]]:
    """A random playbook of one customer alone, and a life in which they move to another one, whatever it is."""
    author, named = Author(seed), {"playbook": f"random-{seed}"}
    entry = {"entry": {"milestone": "purchase", "if": f"event.order == '{seed}'"}}
    plan, new = (compiled(author.playbook() | named | entry) for _ in range(2))
    life = author.life()
    bought = next(one for one in life if one.name == "purchase")
    life[life.index(bought)] = replace(bought, properties={**bought.properties, "order": str(seed)})
    steps = sorted(new.steps)
    targets = {step: steps[index % len(steps)] for index, step in enumerate(sorted(plan.steps))}
    at = START.add(minutes=author.randrange(1, 20 * 1440))
    life.append(Happening(at, "move", plan.playbook, {"plan": new, "targets": targets}))
    return plan, sorted(life, key=lambda one: one.at)


async def test_random_moves_on_temporal_come_to_what_the_core_says(server: TemporalServer, url: str) -> None:
    lives = {seed: drawn(seed) for seed in SEEDS}
    plans = {plan.playbook: plan for plan, _ in lives.values()}
    project = replace(small_project(), plans=plans, sources=dict.fromkeys(plans, ""))
    async with rehearse(project, url, server=server) as rehearsal:
        gate = asyncio.Semaphore(4)
        async with asyncio.timeout(240), asyncio.TaskGroup() as group:
            told = {
                seed: group.create_task(lived(rehearsal, f"cus_{seed}", life, gate))
                for seed, (_, life) in lives.items()
            }
        moved = 0
        for seed, (plan, life) in lives.items():
            expected = Life(world(plan), Person(f"cus_{seed}", dict(ATTRIBUTES)))
            expected.run(life, END)
            lines = [line for journey in told[seed].result() for line in journey]
            assert lines == [line for journey in expected.journeys for line in journey.lines], seed
            moved += any(line.what == "moved" for line in lines)
        assert moved > 1


async def lived(
    rehearsal: Rehearsal, customer: str, life: list[Happening], gate: asyncio.Semaphore
) -> list[list[Line]]:
    async with gate:
        await rehearsal.add_customer(customer, ATTRIBUTES, None, ["news"], START)
        await rehearsal.live(customer, life, END)
        return await rehearsal.timeline(customer)


async def apply(
    stage: Stage,
    days: float,
    steps: Steps,
    *customers: str,
    in_flight: InFlight = "follow",
    move: Mapping[str, str] | None = None,
    **more: Any,
) -> Rollout:
    """Apply a version on a day, and carry it out as a worker does; `customers` hear of it."""
    wanted = Wanted("quiet", in_flight, playbook(steps), targets=move or {}, **more)
    row: Rollout = await stage.write(lambda session: rollouts.begin(session, wanted, "test", day(days)))
    await carried_out(stage, days, row, *customers)
    return row


async def carried_out(stage: Stage, days: float, row: Rollout, *customers: str) -> None:
    assert row.id is not None
    carry = partial(mover.carry_out, number=row.id, now=day(days))
    for one in customers:  # each has a clock of its own, and is told with the first
        await stage.rehearsal._move_all(stage.id(one), day(days))
    while await stage.write(carry):
        pass
    for one in customers:
        await stage.wake(one, days)
    await stage.write(carry)


async def state(stage: Stage, row: Rollout) -> tuple[str, dict[str, int]]:
    def read(session: Session) -> tuple[str, dict[str, int]]:
        found = stored.get(session, row.id or 0)
        assert found is not None
        return found.state, stored.counts(session, row.id or 0)

    return await stage.rehearsal.engine.database.read(read)


async def test_those_who_wait_get_their_message_at_the_new_time_and_not_at_the_old(
    server: TemporalServer, url: str
) -> None:
    async with staged(server, url, quiet=SLOW) as stage:
        await stage.enter("ada", "bo")
        await stage.enter("cy", at=5)
        row = await apply(stage, 6, QUICK, "ada", "bo", "cy")
        assert await state(stage, row) == ("done", {"moved": 3})
        for one in ("ada", "bo", "cy"):
            await stage.reach(one, 30)
        assert await stage.sent("ada") == [("one", 6.0)]  # four days are over: at once
        assert await stage.sent("bo") == [("one", 6.0)]
        assert await stage.sent("cy") == [("one", 9.0)]
        assert (await stage.look("cy", 30)).journey.version == playbook(QUICK).version


async def test_pinned_ones_get_it_at_the_old_time_and_new_ones_at_the_new(server: TemporalServer, url: str) -> None:
    async with staged(server, url, quiet=SLOW) as stage:
        await stage.enter("ada")
        row = await apply(stage, 2, QUICK, "ada", in_flight="pin")
        assert await state(stage, row) == ("done", {})
        await stage.enter("bo", at=3)
        for one in ("ada", "bo"):
            await stage.reach(one, 30)
        assert (await stage.sent("ada"), await stage.sent("bo")) == ([("one", 10.0)], [("one", 7.0)])


async def test_with_exit_those_inside_end_and_are_sent_nothing(server: TemporalServer, url: str) -> None:
    async with staged(server, url, quiet=SLOW) as stage:
        await stage.enter("ada")
        row = await apply(stage, 2, QUICK, "ada", in_flight="exit")
        assert await state(stage, row) == ("done", {"ended": 1})
        await stage.reach("ada", 30)
        assert await stage.sent("ada") == []
        assert (await stage.look("ada", 30)).next.why == "ended: replaced by another version"


async def test_a_rollback_sends_nothing_twice(server: TemporalServer, url: str) -> None:
    first: Steps = [ONE, {"wait": "3 days"}, TWO]
    second: Steps = [ONE, {"wait": "1 days"}, TWO, {"wait": "9 days"}, RECEIPT]
    async with staged(server, url, quiet=first) as stage:
        await stage.enter("ada", "bo")
        await apply(stage, 0.5, second, "ada", "bo")
        await stage.reach("ada", 2)  # `two` was sent on day 1, two days before the first version would
        await stage.reach("bo", 2)
        back = await apply(stage, 2, first, "ada", "bo", move={"wait-9-days": "one"})
        assert await state(stage, back) == ("done", {"moved": 2})
        for one in ("ada", "bo"):
            await stage.reach(one, 30)
        assert await stage.sent("ada") == [("one", 0.0), ("two", 1.0)]
        assert await stage.sent("bo") == [("one", 0.0), ("two", 1.0)]
        ended = await stage.look("ada", 30)
        assert (ended.state.phase, ended.state.outcome) == (Phase.ENDED, "finished")


async def test_whose_step_is_gone_stays_in_the_earlier_version_until_a_target_is_named(
    server: TemporalServer, url: str
) -> None:
    async with staged(server, url, quiet=[ONE, {"wait": "10 days"}, TWO]) as stage:
        await stage.enter("ada")
        row = await apply(stage, 2, [ONE, TWO, RECEIPT], "ada")
        assert await state(stage, row) == ("done", {"left": 1})
        row = await apply(stage, 3, [ONE, TWO, RECEIPT], "ada", move={"wait-10-days": "two"})
        assert await state(stage, row) == ("done", {"moved": 1})
        assert await stage.sent("ada") == [("one", 0.0), ("two", 3.0), ("receipt", 3.0)]


async def test_a_milestone_from_before_the_move_is_heard_and_one_after_it_is_delivered(
    server: TemporalServer, url: str
) -> None:
    waits: Steps = [
        {"wait_for": {"milestone": "alpha"}, "timeout": "20 days", "reached": [ONE], "timed_out": [TWO], "id": "w"}
    ]
    both: Steps = [
        {"wait_for": {"milestone": ["alpha", "beta"]}, "timeout": "20 days", "reached": [ONE], "timed_out": [TWO],
         "id": "w"}
    ]  # fmt: skip
    async with staged(server, url, quiet=waits) as stage:
        await stage.enter("ada", "bo")
        await stage.reach("ada", 2, "beta")
        await apply(stage, 3, both, "ada", "bo")
        await stage.reach("bo", 4, "beta")
        assert (await stage.sent("ada"), await stage.sent("bo")) == ([("one", 3.0)], [("one", 4.0)])


async def test_a_goal_of_the_new_version_that_was_reached_before_ends_the_journey(
    server: TemporalServer, url: str
) -> None:
    async with staged(server, url, quiet=SLOW) as stage:
        await stage.enter("ada")
        await stage.reach("ada", 2, "omega")
        entry = {"milestone": "purchase"}
        plan = compiled(
            {"playbook": "quiet", "stage": "stranger", "entry": entry, "steps": [*SLOW], "exit": ["omega"]}
        )  # fmt: skip
        wanted = Wanted("quiet", "follow", plan)
        row = await stage.write(lambda session: rollouts.begin(session, wanted, "test", day(3)))
        await carried_out(stage, 3, row, "ada")
        assert await state(stage, row) == ("done", {"ended": 1})
        await stage.reach("ada", 30)
        assert await stage.sent("ada") == []


async def test_a_journey_that_a_pause_stopped_unnoticed_moves_from_where_it_stands(
    server: TemporalServer, url: str
) -> None:
    """Its timer of day 3 fired and stood for nothing, for the playbook is paused from day 2 to day 6."""
    steps: Steps = [{"wait": "3 days"}, {"split": "colour", "variants": {
        "a": {"weight": 1, "steps": [{"wait": "4 days", "id": "rest"}]},
        "b": {"weight": 1, "steps": [{"wait": "4 days", "id": "rest-b"}]}}}, ONE]  # fmt: skip
    longer: Steps = [{"wait": "5 days"}, *steps[1:]]
    async with staged(server, url, quiet=steps) as stage:
        await stage.enter("ada")
        pause = await stage.pause(2, policy="freeze")
        await stage.reach("ada", 4)
        row = await apply(stage, 5, longer, "ada")
        assert await state(stage, row) == ("done", {"moved": 1})
        await stage.end(pause, 6)
        await stage.wake("ada", 6)
        await stage.reach("ada", 30)
        assert await stage.sent("ada") == [("one", 13.0)]  # 5 and 4 days, and the four for which the clock stood


async def test_a_share_is_tried_first_and_the_others_follow_when_their_time_comes(
    server: TemporalServer, url: str
) -> None:
    names = [f"customer-{number}" for number in range(6)]
    async with staged(server, url, quiet=SLOW) as stage:
        await stage.enter(*names)
        row = await apply(stage, 1, QUICK, *names, percent=50, continue_after=day(1) - day(0))
        tried = (await state(stage, row))[1].get("moved", 0)
        assert (await state(stage, row))[0] == "canary"

        def versions(session: Session) -> int:
            every = [journeys.of_customer(session, stage.id(one))[0] for one in names]
            return sum(one.version == playbook(QUICK).version for one in every)

        assert await stage.rehearsal.engine.database.read(versions) == tried
        await carried_out(stage, 1.9, row, *names)
        assert (await state(stage, row))[0] == "canary"
        await carried_out(stage, 2, row, *names)
        assert await state(stage, row) == ("done", {"moved": 6})
        for one in names:
            await stage.reach(one, 30)
            assert await stage.sent(one) == [("one", 4.0)]
