"""A company on Temporal's real server whose customers are moved through days, and what was sent to them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session
from whenever import Instant

from embedded import TemporalServer
from intake import pauses, reader
from lifecycle.simulated import Happening
from rehearsal import Rehearsal, rehearse
from store import journeys
from store.tables import Hold, Message
from tests.lifecycle.strategies import START, compiled, small_project
from tests.temporal.test_agreement import ATTRIBUTES

Steps = Sequence[Mapping[str, Any]]


def day(days: float) -> Instant:
    return START.add(seconds=round(days * 86400))


@dataclass
class Stage:
    """A company of which nothing but pauses is told: customers live from `START` on, in days.

    `run` tells this test's customers from those of others on the same server.
    """

    rehearsal: Rehearsal
    run: str

    def id(self, customer: str) -> str:
        return f"{customer}-{self.run}"

    async def enter(self, *customers: str, at: float = 0) -> None:
        for one in customers:
            await self.rehearsal.add_customer(self.id(one), {**ATTRIBUTES, "time_zone": "UTC"}, None, ["news"], START)
            bought = Happening(day(at), "milestone", "purchase", {"revenue": 50})
            await self.rehearsal.live(self.id(one), [bought], day(at))

    async def reach(self, customer: str, days: float, milestone: str | None = None) -> None:
        """Live on to `days`, where `milestone` happens."""
        happening = [Happening(day(days), "milestone", milestone)] if milestone else []
        await self.rehearsal.live(self.id(customer), happening, day(days))

    async def pause(self, days: float, scope: str = "playbook", target: str = "quiet", **more: Any) -> int:
        row = await self.write(
            lambda session: pauses.start(
                session, scope=scope, target=target, reason="the test", who="test", now=day(days), **more
            )
        )
        assert row.id is not None
        return int(row.id)

    async def end(self, pause: int, days: float, **more: Any) -> None:
        await self.write(
            lambda session: pauses.end(session, pause, reason="the test", who="test", now=day(days), **more)
        )

    async def wake(self, customer: str, days: float) -> None:
        await self.rehearsal.wake(self.id(customer), day(days))

    async def write(self, fn: Any) -> Any:
        return await self.rehearsal.engine.database.write(fn)

    async def sent(self, customer: str) -> list[tuple[str, float]]:
        """The steps whose messages were accepted, and the day of each, to a hundredth."""

        def read(session: Session) -> list[Message]:
            found = [one for one in session.scalars(select(Message)) if one.customer_id == self.id(customer)]
            return sorted(found, key=lambda one: one.claimed_at or START)

        rows = await self.rehearsal.engine.database.read(read)
        return [
            (one.step, round((one.claimed_at - START).total("hours") / 24, 2))
            for one in rows
            if one.state == "accepted" and one.claimed_at
        ]

    async def refused(self, customer: str) -> list[tuple[str | None, str | None]]:
        (lines,) = await self.rehearsal.timeline(self.id(customer))
        return [(line.step, line.reason) for line in lines if line.what == "refused"]

    async def look(self, customer: str, days: float) -> reader.Position:
        def read(session: Session) -> reader.Position:
            (journey,) = journeys.of_customer(session, self.id(customer))
            return reader.position(session, journey, day(days))

        return await self.rehearsal.engine.database.read(read)

    async def holds(self) -> int:
        return len(await self.rehearsal.engine.database.read(lambda session: session.scalars(select(Hold)).all()))


@contextlib.asynccontextmanager
async def staged(server: TemporalServer, url: str, **playbooks: Steps) -> AsyncIterator[Stage]:
    authored = {
        name: {"playbook": name, "stage": "stranger", "entry": {"milestone": "purchase"}, "steps": list(steps)}
        for name, steps in playbooks.items()
    }
    plans = {name: compiled(one) for name, one in authored.items()}
    project = replace(small_project(), plans=plans, sources=dict.fromkeys(plans, ""))
    async with rehearse(project, url, server=server) as rehearsal:
        yield Stage(rehearsal, uuid4().hex)
