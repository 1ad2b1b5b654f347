"""What the core's simulator says is what happens on Temporal's real server, line by line."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import chain, zip_longest

from embedded import TemporalServer
from lifecycle.events import Person
from lifecycle.simulated import Happening
from lifecycle.simulator import Life
from lifecycle.timeline import Line
from rehearsal import Rehearsal, rehearse
from tests.lifecycle.strategies import START, Author, compiled, small_project, world

SEEDS = range(1000, 1028)
END = START.add(hours=24 * 300)
ATTRIBUTES = {"first_name": "Ada", "email": "ada@example.com", "phone": "+33612345678"}


def drawn(seed: int) -> tuple[dict[str, object], list[Happening]]:
    """A random playbook that only its own customer enters, and that customer's life."""
    author = Author(seed)
    name = f"random-{seed}"
    authored = author.playbook() | {
        "playbook": name,
        "entry": {"milestone": "purchase", "if": f"event.order == '{seed}'"},
    }
    life = author.life()
    bought = next(happening for happening in life if happening.name == "purchase")
    life[life.index(bought)] = replace(bought, properties={**bought.properties, "order": str(seed)})
    return authored, life


def expected(seed: int) -> list[list[Line]]:
    authored, happenings = drawn(seed)
    life = Life(world(compiled(authored)), Person(f"cus_{seed}", dict(ATTRIBUTES)))
    life.run(happenings, END)
    return [journey.lines for journey in life.journeys]


def difference(core: list[list[Line]], temporal: list[list[Line]]) -> list[tuple[Line | None, Line | None]]:
    """The pairs of lines that are not the same."""
    pairs = zip_longest(*(list(chain.from_iterable(journeys)) for journeys in (core, temporal)))
    return [(mine, theirs) for mine, theirs in pairs if mine != theirs]


async def lived(rehearsal: Rehearsal, seed: int, gate: asyncio.Semaphore) -> list[list[Line]]:
    async with gate:
        customer = f"cus_{seed}"
        await rehearsal.add_customer(customer, ATTRIBUTES, None, ["news"], START)
        await rehearsal.live(customer, drawn(seed)[1], END)
        return await rehearsal.timeline(customer)


async def test_random_playbooks_run_on_temporal_as_the_core_says(server: TemporalServer, url: str) -> None:
    plans = {plan.playbook: plan for plan in (compiled(drawn(seed)[0]) for seed in SEEDS)}
    project = replace(small_project(), plans=plans, sources=dict.fromkeys(plans, ""))
    async with rehearse(project, url, server=server) as rehearsal:
        gate = asyncio.Semaphore(6)
        async with asyncio.timeout(240), asyncio.TaskGroup() as group:
            lives = {seed: group.create_task(lived(rehearsal, seed, gate)) for seed in SEEDS}
        told = [life.result() for life in lives.values()]
        wrong = {seed: difference(expected(seed), lines) for seed, lines in zip(SEEDS, told, strict=True)}
        assert {seed: found for seed, found in wrong.items() if found} == {}
        assert sum(line.what == "sent" for lines in told for journey in lines for line in journey) > 100
        continued = await rehearsal.engine.client.count_workflows("ExecutionStatus='ContinuedAsNew'")
        assert continued.count > 5
