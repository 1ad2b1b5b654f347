"""Records histories of real runs into this folder: `python -m tests.replay.record`, or only those of some names.

Run it when the workflow learns something new, and keep the old files: a change to the interpreter has to replay every
history that was ever recorded.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from whenever import Instant

from embedded import TemporalServer
from intake import pauses
from lifecycle.simulated import Happening
from project import load
from rehearsal import Rehearsal, rehearse
from tests.lifecycle.strategies import START, compiled, small_project
from tests.temporal.test_agreement import ATTRIBUTES, END, drawn

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
SEEDS = (1000, 1005, 1008, 1012, 1020)
"""Random lives with pauses of both policies, skips, exits, repeats and effects; long ones continue as new."""


async def save(rehearsal: Rehearsal, playbooks: Iterable[str]) -> None:
    """Write the history of every run of the journeys through these playbooks."""
    client = rehearsal.engine.client
    await asyncio.sleep(1)  # Temporal lists what has ended a moment later
    runs: Counter[str] = Counter()
    async for run in client.list_workflows():
        playbook = run.id.partition(".")[0]
        if playbook in playbooks:
            runs[playbook] += 1
            history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            (FOLDER / f"{playbook}-{runs[playbook]}.json").write_text(history.to_json(), "utf-8")


def day(days: float) -> Instant:
    return START.add(hours=round(24 * days))


async def random_lives(server: TemporalServer, url: str) -> None:
    plans = {plan.playbook: plan for plan in (compiled(drawn(seed)[0]) for seed in SEEDS)}
    project = replace(small_project(), plans=plans, sources=dict.fromkeys(plans, ""))
    async with rehearse(project, url, server=server) as rehearsal:
        for seed in SEEDS:
            await rehearsal.add_customer(f"cus_{seed}", ATTRIBUTES, None, ["news"], START)
            await rehearsal.live(f"cus_{seed}", drawn(seed)[1], END)
        await save(rehearsal, plans)


async def shipped_playbooks(server: TemporalServer, url: str) -> None:
    project = load(ROOT)
    assert project.map is not None
    async with rehearse(project, url, server=server) as rehearsal:
        await rehearsal.add_customer("cus_ada", ATTRIBUTES, None, list(project.map.topics), START)
        happenings = [
            Happening(START, "milestone", "purchase", {"revenue": 49}),
            Happening(START.add(hours=72), "milestone", "first_use"),
            Happening(START.add(hours=30 * 24), "milestone", "purchase", {"revenue": 20}),
        ]
        await rehearsal.live("cus_ada", happenings, END)
        await save(rehearsal, project.plans)


async def held_journeys(server: TemporalServer, url: str) -> None:
    """One that a pause holds, and one whose clock a pause stopped; their inboxes tell them of the ends."""
    steps = [
        {"send": "mail/receipt"},
        {"wait_for": {"milestone": "alpha"}, "timeout": "3 days", "timed_out": [{"send": "mail/one"}]},
        {"send": "mail/receipt"},
        {"wait": "2 days"},
        {"send": "mail/two"},
    ]
    policies: dict[str, pauses.Policy] = {"held": "continue", "frozen": "freeze"}
    plans = {
        name: compiled({"playbook": name, "stage": "stranger", "entry": {"milestone": "purchase"}, "steps": steps})
        for name in policies
    }
    project = replace(small_project(), plans=plans, sources=dict.fromkeys(plans, ""))
    async with rehearse(project, url, server=server) as rehearsal:
        await rehearsal.add_customer("cus_bo", ATTRIBUTES, None, ["news"], START)
        bought = Happening(START, "milestone", "purchase", {"revenue": 50})
        await rehearsal.live("cus_bo", [bought], day(1))
        for name, policy in policies.items():
            made = partial(pauses.start, scope="playbook", target=name, policy=policy, now=day(1))
            await rehearsal.engine.database.write(partial(made, reason="the record", who="record"))
        await rehearsal.live("cus_bo", [Happening(day(3.5), "milestone", "alpha")], day(5))
        for one in await rehearsal.engine.database.read(pauses.listed):
            over = partial(pauses.end, pause_id=one.pause.id or 0, now=day(5))
            await rehearsal.engine.database.write(partial(over, reason="the record", who="record"))
        await rehearsal.wake("cus_bo", day(5))
        await rehearsal.live("cus_bo", [], END)
        await save(rehearsal, plans)


async def moved_journeys(server: TemporalServer, url: str) -> None:
    """One that moves twice while it waits, and goes on as new after that; one whose step is gone stays."""
    head = {"playbook": "moved", "stage": "stranger", "entry": {"milestone": "purchase"}}
    waits = [{"send": "mail/receipt"}, {"wait": "9 days"}, {"send": "mail/one"}]
    listens = {
        "wait_for": {"milestone": "alpha"},
        "timeout": "9 days",
        "id": "listen",
        "reached": [{"send": "mail/two"}],
    }
    first = compiled({**head, "steps": waits})
    second = compiled({**head, "steps": [waits[0], {"wait": "5 days"}, listens, waits[2]]})
    third = compiled({**head, "steps": [waits[0], {"send": "mail/two"}]})
    project = replace(small_project(), plans={"moved": first}, sources={"moved": ""})
    async with rehearse(project, url, server=server) as rehearsal:
        await rehearsal.add_customer("cus_cy", ATTRIBUTES, None, ["news"], START)
        told = {"wait-9-days": "wait-5-days"}
        happenings = [
            Happening(START, "milestone", "purchase", {"revenue": 50}),
            Happening(day(1), "milestone", "alpha"),
            Happening(day(2), "move", "moved", {"plan": second, "targets": told}),
            Happening(day(3), "move", "moved", {"plan": third}),
        ]
        await rehearsal.live("cus_cy", happenings, END)
        await save(rehearsal, ["moved"])


RECORDED = {"random": random_lives, "shipped": shipped_playbooks, "held": held_journeys, "moved": moved_journeys}


async def main(names: Iterable[str]) -> None:
    async with TemporalServer(skipping=True, config=("limit.historyCount.suggestContinueAsNew=60",)) as server:
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                await RECORDED[name](server, f"sqlite:///{folder}/milepost.db")
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or RECORDED))
