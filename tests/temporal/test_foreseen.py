"""What is shown to come next, and when, is what then happens, on Temporal's real server.

Customers live through the shipped playbooks. Each time before the clock is moved to what is due next, the position is
read as a page would show it, long before and just before; then it happens, and the timeline tells what it was.
The whole form, a hundred customers, runs by MILEPOST_TEST_CHAOS=full (`make chaos`).
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session
from whenever import Instant

import project
import wiring
from cli.cast import CAST, Character
from embedded import TemporalServer
from intake import reader
from intake.explain import Explainer
from lifecycle.ahead import Ahead
from lifecycle.simulated import Happening
from lifecycle.timeline import Line
from rehearsal import Rehearsal, rehearse
from store import customers, traces
from store.tables import Journey, table_of
from tests.intake.test_ahead import coming

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("MILEPOST_TEST_CHAOS") == "full"
CUSTOMERS, DAYS = (100 if FULL else 12), 30
START = Instant.from_utc(2026, 3, 2, 9)


@dataclass
class Watched(Rehearsal):
    """A rehearsal in which somebody looks at the page before everything that comes due."""

    explainer: Explainer | None = None
    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    async def _fire(self, journey: Journey, due: Instant) -> None:
        # Pages and forecasts leave journeys of rehearsals out; these are to count.
        await self.engine.database.write(
            lambda session: session.execute(update(table_of(Journey)).values(simulated=False))
        )
        since = Instant.parse_iso(journey.state["clock"]) if journey.state else journey.entered_at
        announced = [await self._shown(journey, at) for at in (since, due.subtract(seconds=1))]
        before = len(await self._lines(journey))
        await super()._fire(journey, due)
        # What came in since the last activity is stored with this one; it was shown already.
        stored = (await self._lines(journey))[before:]
        if any(line.at < due and line.what in ("sent", "task") for line in stored):
            self.wrong.append(f"{journey.id} did something before {due}: {stored}")
        happened = [told(line) for line in stored if line.at >= due]
        for one in announced:
            lines = (*one.lines, *(one.then.otherwise if one.then else ()))
            if not happened:  # a wait follows a wait: its line is stored with the next thing that is done
                if any(line.at == due and line.what in ("sent", "task") for line in lines):
                    self.wrong.append(f"{journey.id} at {due}: announced {lines}, and nothing was done")
                continue
            comes = [told(line) for line in lines if line.at >= due][: len(happened)]
            if not comes and one.then is not None and one.then.at == due:
                comes = happened[:1]  # it decides at this instant, and said so
            if not comes or comes != happened[: len(comes)]:
                self.wrong.append(f"{journey.id} at {due}: announced {comes}, then {one.then}; and {happened}")
            self.seen.update(line[1] for line in comes)

    async def _shown(self, journey: Journey, at: Instant) -> Ahead:
        def read(session: Session) -> Ahead:
            customer = customers.by_id(session, journey.customer_id)
            assert customer is not None
            assert self.explainer is not None
            return coming(session, self.explainer, customer, at)[journey.id]

        return await self.engine.database.read(read)

    async def _lines(self, journey: Journey) -> list[Line]:
        rows = await self.engine.database.read(lambda session: traces.of_journey(session, journey.id))
        return [reader.line_of(row) for row in rows]


def told(line: Line) -> tuple[Instant, str, str | None, str | None, str | None, str | None]:
    return (line.at, line.what, line.step, line.template, line.to, line.reason)


async def live(rehearsal: Rehearsal, number: int, gate: asyncio.Semaphore) -> None:
    """One of the demo's people, begun on another day, and doing everything some hours later or earlier."""
    chance, who = random.Random(number), CAST[number % len(CAST)]
    async with gate:
        customer, start = f"cus_foreseen{number:04d}", START.add(seconds=chance.randrange(0, 86400 * 10))
        attributes = {
            "first_name": who.name.split()[0], "email": f"{customer}@example.com", "phone": f"+3361234{number:04d}",
            "time_zone": who.zone, "language": who.language, "success_manager": "success@example.com",
            "account_manager": "sales@example.com", **who.attributes,
        }  # fmt: skip
        topics = [topic for topic in rehearsal.engine.applier.map.topics if topic not in who.refuses]
        await rehearsal.add_customer(customer, attributes, None, topics, start)
        await rehearsal.live(customer, doings(who, start, chance), start.add(hours=24 * DAYS))


def doings(who: Character, start: Instant, chance: random.Random) -> list[Happening]:
    found = []
    for day, what, properties in who.happens:
        at = start.add(seconds=round(86400 * day) + chance.randrange(0, 72000 if day else 1))
        more = {name: value for name, value in properties.items() if name != "of"}
        changes = what == "set"
        found.append(
            Happening(at, "set" if changes else "milestone", "" if changes else what, more, properties.get("of"))
        )
    return sorted(found, key=lambda one: one.at)


async def test_what_is_shown_to_come_next_is_what_happens(server: TemporalServer, url: str) -> None:
    found = project.load(ROOT)
    async with rehearse(found, url, server=server) as made:
        explainer = wiring.explainer(found, made.engine.applier, wiring.Outside().secret_key)
        watched = Watched(made.engine, made.clocks, explainer=explainer)
        gate = asyncio.Semaphore(6)
        async with asyncio.timeout(1500), asyncio.TaskGroup() as group:
            for number in range(CUSTOMERS):
                group.create_task(live(watched, number, gate))
    assert watched.wrong == [], watched.wrong[:5]
    assert watched.seen["sent"] > 4 * CUSTOMERS
