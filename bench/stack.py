"""Our side of the comparison: the engine as it is wired for production, whole or with store and rendering left out.

`wiring` puts both together, so that what is measured is what is shipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker
from whenever import Instant

import wiring
from activities.contract import Report, Work
from activities.journey import JourneyActivities
from activities.tools import Tools
from bench.shape import ENTRY, TOPICS, project
from intake.apply import Applier
from intake.doors import CHUNK
from lifecycle.commands import Finish
from lifecycle.course import Course
from lifecycle.inputs import Result
from lifecycle.interpreter import pending
from lifecycle.plan import Plan
from lifecycle.state import STATE
from project import Project
from store import events
from store.database import Database
from store.migrate import upgrade
from worker import running

_READY = "ready"
_PATIENCE = 60.0
_BETWEEN_LOOKS = 0.05


@asynccontextmanager
async def engine(address: str, folder: Path, wait: str, longest: str) -> AsyncIterator[wiring.Engine]:
    """The real engine at work: store, intake, dispatcher, rendering; its SQLite database is in `folder`."""
    url = database_url(folder)
    upgrade(url)
    found = project(wait, longest)
    with closing(Database(url)) as database:
        client = await wiring.connect(address)
        ours = wiring.engine(found, database, client)
        await database.write(lambda session: wiring.publish(session, found, Instant.now(), holdouts=False))
        async with running(ours):
            yield ours


def database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'milepost.db'}"


async def serve(folder: Path, wait: str, longest: str, address: str) -> None:
    """Run the real engine until the process is killed; see `measure.working`."""
    async with engine(address, folder, wait, longest):
        (folder / _READY).touch()
        await asyncio.Event().wait()


async def ready(folder: Path) -> None:
    """Returns when the engine that `serve` runs has its database and its playbook."""
    async with asyncio.timeout(_PATIENCE):
        while not (folder / _READY).exists():  # noqa: ASYNC110 - it is another process that says so
            await asyncio.sleep(_BETWEEN_LOOKS)


async def track(database: Database, user: str, *, name: str = ENTRY) -> None:
    """Accept an event as a door does."""
    now = Instant.now()
    arrival = events.Arrival("bench", f"{user}/{name}", user, "track", now, now, name, {"revenue": 49})
    await database.write(partial(_accept, [arrival]))


async def introduce(database: Database, users: Iterable[str]) -> None:
    """Accept the traits of customers who can be reached by e-mail and SMS and agree to both; return once applied."""
    now = Instant.now()
    arrivals = [
        events.Arrival("bench", f"{user}/identify", user, "identify", now, now, None, _traits(user)) for user in users
    ]
    for first in range(0, len(arrivals), CHUNK):
        await database.write(partial(_accept, arrivals[first : first + CHUNK]))
    async with asyncio.timeout(_PATIENCE):
        while await database.read(_pending):  # noqa: ASYNC110 - it is another process that applies them
            await asyncio.sleep(_BETWEEN_LOOKS)


def _pending(session: Session) -> bool:
    return bool(events.next_pending(session, Instant.now(), 1))


def _traits(user: str) -> dict[str, object]:
    agreed = dict.fromkeys(TOPICS, True)
    # SMS have hours, and are measured at any: where these customers live it is early in the afternoon.
    ahead = 13 - Instant.now().to_tz("UTC").hour
    zone = f"Etc/GMT{-ahead:+d}"
    reached = {"email": f"{user}@example.com", "phone": "+33612345678", "time_zone": zone}
    return {"first_name": "Ada", **reached, "consent": agreed}


def _accept(arrivals: list[events.Arrival], session: Session) -> None:
    events.accept(session, arrivals)


class Stubbed(JourneyActivities):
    """Activities that do no I/O: every message goes out, and the core answers what follows, as it really does."""

    plan: Plan

    @activity.defn(name="deliver")
    async def deliver(self, work: Work) -> Report:
        state = STATE.validate_python(work.state)
        course = Course(state, state)
        result = Result("sent")
        course.feed(self.plan, result, Instant.now())
        return Report(result=result, closed=isinstance(pending(self.plan, course.state), Finish))

    async def _perform(self, work: Work, now: Callable[[], Instant], do: object) -> Report:
        raise AssertionError("this journey only sends")


async def serve_stubbed(wait: str, longest: str, address: str) -> None:
    """Run our workers without store and rendering until the process is killed; see `measure.working`."""
    ours = stubbed(project(wait, longest), await wiring.connect(address))
    await asyncio.gather(*(one.run() for one in ours))


def stubbed(found: Project, client: Client) -> Sequence[Worker]:
    """Our workers without store and rendering, for the one playbook of a project."""
    assert found.map is not None
    (Stubbed.plan,) = found.plans.values()
    # The workers are those of `wiring`, with all their settings; the activities alone are others.
    wiring.JourneyActivities = Stubbed  # type: ignore[attr-defined]
    tools = cast("Tools", SimpleNamespace(map=found.map, senders=wiring.OUTBOX))
    applier = Applier(found.map, found.conditions)
    return wiring.workers(wiring.Engine(cast("Database", None), client, found, tools, applier))
