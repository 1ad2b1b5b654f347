"""A company on Temporal's real server, at real time, whose customers wait seconds where others wait days."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

import project
import wiring
from embedded import TemporalServer
from store import customers, events, journeys, messages
from store.database import Database
from store.tables import Customer, Journey, Message
from tests.browser.site import Site, running
from tests.console.company import SECRET
from worker import running as working

PROJECT = Path(__file__).parent.parent / "project"


@dataclass
class Alive:
    """Events come in by `track` and `identify`, as from a product."""

    site: Site
    numbers: Any = field(default_factory=lambda: count(1))

    async def identify(self, user: str, **traits: Any) -> None:
        """Somebody whom one may write to."""
        known = {"email": f"{user}@example.com", "consent": ["news"], "time_zone": "Europe/Paris", **traits}
        await self._accept(user, "identify", None, known)

    async def track(self, user: str, name: str, **properties: Any) -> None:
        await self._accept(user, "track", name, properties)

    async def _accept(self, user: str, kind: str, name: str | None, properties: Mapping[str, Any]) -> None:
        now = Instant.now()
        one = events.Arrival("shop", f"{user}-{next(self.numbers)}", user, kind, now, now, name, properties)
        await self.site.database.write(lambda session: events.accept(session, [one]))

    async def customer(self, user: str) -> Customer:
        found = await self.site.database.read(lambda session: customers.get(session, user))
        assert found is not None
        return found

    async def journey(self, user: str) -> Journey:
        """Their only one."""
        owner = (await self.customer(user)).id
        (found,) = await self.site.database.read(lambda session: journeys.of_customer(session, owner))
        return found

    async def sent(self, user: str) -> list[str]:
        """The steps whose messages were accepted, in their order."""
        owner = (await self.customer(user)).id
        found: list[Message] = await self.site.database.read(partial(_messages, owner=owner))
        return [one.step for one in found if one.accepted_at is not None]


def _messages(session: Session, owner: str) -> list[Message]:
    return sorted(messages.of_customer(session, owner), key=lambda one: one.due_at)


@asynccontextmanager
async def alive(server: TemporalServer, folder: Path, url: str, **playbooks: Mapping[str, Any]) -> AsyncIterator[Alive]:
    """A company with these playbooks, a worker and a console, on the empty, migrated database at `url`."""
    root = folder / "alive"
    shutil.copytree(PROJECT, root)
    for name, authored in playbooks.items():
        head = {"playbook": name, "stage": "stranger", "description": "A test.", "owner": "lifecycle@example.com"}
        (root / "playbooks" / f"{name}.yaml").write_text(json.dumps({**head, **authored}), "utf-8")  # which is YAML too
    found = project.load(root)
    assert not found.faults.errors, [str(fault) for fault in found.faults.errors]
    async with AsyncExitStack() as stack:
        database = stack.enter_context(closing(Database(url)))
        await database.write(lambda session: wiring.publish(session, found, Instant.now(), holdouts=False))
        engine = wiring.engine(found, database, server.client, wiring.Outside(secret_key=SECRET))
        stack.callback(engine.tools.threads.shutdown)
        await stack.enter_async_context(working(engine))
        yield Alive(await stack.enter_async_context(running(found, database, client=server.client)))
