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

from sqlalchemy.orm import Session
from whenever import Instant

import project
from cli.cast import CAST, Character
from embedded import TemporalServer
from intake import reader
from intake.reader import Next
from lifecycle.simulator import Happening
from lifecycle.state import Line
from rehearsal import Rehearsal, rehearse
from store import journeys, traces
from store.tables import Journey

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("MILEPOST_TEST_CHAOS") == "full"
CUSTOMERS, DAYS = (100, 45) if FULL else (12, 30)
START = Instant.from_utc(2026, 3, 2, 9)

DOES = {
    "decide": ("branch",), "task": ("task",), "record": ("recorded",), "set": ("set",), "enrol": ("enrolled",),
    "take": ("split",), "wait": ("waiting",), "repeat": ("waiting",), "end": ("finished", "exited", "goal"),
}  # fmt: skip
"""How the timeline tells what a step does, by the first word of what was announced."""

WAYS = ("timed_out", "in_time", "passed")
"""How it tells that a wait is over."""


@dataclass
class Watched(Rehearsal):
    """A rehearsal in which somebody looks at the page before everything that comes due."""

    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    async def _fire(self, journey: Journey, due: Instant) -> None:
        since = Instant.parse_iso(journey.state["clock"]) if journey.state else journey.entered_at
        announced = [
            await self.engine.database.read(lambda session, at=at: shown(session, journey.id, at))
            for at in (since, due.subtract(seconds=1))
        ]
        before = await self.engine.database.read(lambda session: len(traces.of_journey(session, journey.id)))
        await super()._fire(journey, due)
        rows = await self.engine.database.read(lambda session: traces.of_journey(session, journey.id))
        stored = [reader.line_of(row) for row in rows[before:]]
        # What came in since the last activity is stored with this one; it was shown already.
        told = [line for line in stored if line.at >= due]
        if told and told[0].what == "branch" and told[0].to in WAYS:
            del told[0]  # the end of the wait itself, which is what `at` is about
        for one in announced:
            verb = (one.what or "").partition(" ")[0].rstrip(":")
            silent = [line for line in stored if line.at < due and line.what in ("sent", "task")]
            if not told or silent or told[0].at != due or one.at != due or not happened(one, told[0]):
                self.wrong.append(f"{journey.id} at {due}: {one}, and then {told[:1]}")
            self.seen[verb] += 1


def shown(session: Session, journey: str, at: Instant) -> Next:
    row = journeys.get(session, journey)
    assert row is not None
    return reader.position(session, row, at).next


def happened(announced: Next, line: Line) -> bool:
    verb, _, rest = (announced.what or "").partition(" ")
    verb = verb.rstrip(":")
    if verb == "send":
        return line.what in ("sent", "deferred", "refused") and rest.partition(" by ")[0] == line.template
    return line.what in DOES[verb]


async def live(rehearsal: Rehearsal, number: int, gate: asyncio.Semaphore) -> None:
    """One of the demo's people, begun on another day, and doing everything some hours later or earlier."""
    chance, who = random.Random(number), CAST[number % len(CAST)]
    async with gate:
        customer, start = f"cus_{number}", START.add(seconds=chance.randrange(0, 86400 * 10))
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
        kind, name = ("set", "") if what == "set" else ("milestone", what)
        found.append(Happening(at, kind, name, more, properties.get("of")))
    return sorted(found, key=lambda one: one.at)


async def test_what_is_shown_to_come_next_is_what_happens(server: TemporalServer, url: str) -> None:
    found = project.load(ROOT)
    async with rehearse(found, url, server=server) as made:
        watched = Watched(made.engine, made.skipper)
        gate = asyncio.Semaphore(6)
        async with asyncio.timeout(1500), asyncio.TaskGroup() as group:
            for number in range(CUSTOMERS):
                group.create_task(live(watched, number, gate))
    assert watched.wrong == [], watched.wrong[:5]
    assert watched.seen["send"] > 4 * CUSTOMERS
