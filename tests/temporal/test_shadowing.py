"""The replay of what runs is what really ran: random playbooks on Temporal's real server, and then from what is stored.

That is what a shadow's difference rests on. And a shadow, looked at while journeys run, changes nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from embedded import TemporalServer
from intake import shadowing
from lifecycle.recorded import Agreement, Record
from lifecycle.replaying import Replay
from lifecycle.simulated import Happening
from rehearsal import Rehearsal, rehearse
from store import audit, customers, journeys, shadows
from store.tables import METADATA, Audit
from tests.lifecycle.strategies import START, compiled, small_project
from tests.temporal.test_agreement import ATTRIBUTES, END, difference, drawn

SEEDS = (1001, 1003, 1005, 1008, 1023, 1027)
"""With pauses, skips, changes of attributes, and 35 messages."""
SECRET = b"rehearsed, and so no secret at all"


def story(seed: int) -> list[Happening]:
    """A random life, with what a customer's first calls say: who they are, and that they agree."""
    known = [
        Happening(START.subtract(hours=1), "set", "", ATTRIBUTES),
        Happening(START.subtract(hours=1), "milestone", "consent.given", {"topic": "news"}),
    ]
    return [*known, *drawn(seed)[1]]


async def lived(rehearsal: Rehearsal, seed: int, gate: asyncio.Semaphore) -> None:
    async with gate:
        customer = f"cus_{seed}"
        await rehearsal.add_customer(customer, {}, None, [], START.subtract(hours=2))
        await rehearsal.live(customer, story(seed), END)
        skips = [one for one in story(seed) if one.what == "skip"]
        found = await rehearsal.engine.database.read(lambda session: journeys.of_customer(session, customer))

        def told(session: Session) -> None:  # as `milepost journey skip` does
            for skip in skips:
                for one in found:
                    data = {"what": "message" if skip.name == "message" else "wait"}
                    audit.record(session, Audit(at=skip.at, who="test", what="skip", target=one.id, data=data))

        await rehearsal.engine.database.write(told)


def rows(session: Session) -> dict[str, int]:
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in METADATA.sorted_tables
    }


async def test_what_ran_on_temporal_is_lived_again_line_by_line(url: str) -> None:
    plans = {plan.playbook: plan for plan in (compiled(drawn(seed)[0]) for seed in SEEDS)}
    project = replace(small_project(), plans=plans, sources=dict.fromkeys(plans, ""))
    # A server of its own: on that of the folder the same playbooks and customers run, and an id is never run twice.
    async with TemporalServer(skipping=True) as server, rehearse(project, url, server=server) as rehearsal:
        gate = asyncio.Semaphore(6)
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for seed in SEEDS:
                group.create_task(lived(rehearsal, seed, gate))
        database, sent = rehearsal.engine.database, 0
        workflows = await rehearsal.engine.client.count_workflows()
        before = await database.read(rows)
        for seed in SEEDS:
            told = await rehearsal.timeline(f"cus_{seed}")
            name = f"random-{seed}"

            def look(session: Session, name: str = name, customer: str = f"cus_{seed}") -> tuple[Record, Replay]:
                since = START.subtract(hours=3)
                row = shadowing.shadow_of(replace(plans[name], goal=None), "", since, "test", END)
                diff = shadowing.Diff(session, project.world(), row, SECRET, END)
                events = dict(shadows.events_since(session, since, customer))[customer]
                found = customers.by_id(session, customer)
                assert found is not None
                record = diff.record(found, events)
                return record, diff.lives(record)[0]

            record, old = await database.read(look)
            lines = [journey.lines for journey in old.journeys]
            assert difference(lines, told) == [], seed
            one = Agreement()
            one.add(record.sent, old.sent, START)
            assert (one.same, one.otherwise, one.missing, one.extra) == (one.sent, 0, 0, 0), seed
            sent += one.sent
        assert sent > 30
        assert await database.read(rows) == before
        assert (await rehearsal.engine.client.count_workflows()).count == workflows.count
