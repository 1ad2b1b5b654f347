"""A console that answers over HTTP in this process, and users of every role who may come to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from temporalio.client import Client
from whenever import Instant

import wiring
from api.app import create
from api.parts import Parts as ApiParts
from api.server import listening, serving
from console import app as console
from console.parts import Parts
from intake import signing_in
from intake.acceptor import Acceptor
from intake.apply import Applier
from intake.commands import NoAnswer
from intake.users import make
from lifecycle.rights import ROLES
from messaging.links import Links
from project import Project
from store import users
from store.database import Database
from tests.console.company import SECRET

PASSWORD = "correct horse battery"
HASH = signing_in.hashed(PASSWORD)


@dataclass(frozen=True)
class Site:
    """`at` is its address. A user's name is their role."""

    at: str
    database: Database
    parts: Parts

    async def session(self, role: str) -> str:
        """The cookie of somebody of this role who has signed in."""
        now = self.parts.api.clock()

        def begin(session: Session) -> str:
            user = users.by_name(session, role)
            assert user is not None
            return signing_in.begin(session, user, "a test", now)[0]

        return await self.database.write(begin)

    def address(self, path: str = "/") -> str:
        """Where the browser finds a page of the console; `path` as in its routes."""
        return f"{self.at}/console{path}"


@asynccontextmanager
async def running(
    project: Project, database: Database, clock: Callable[[], Instant] = Instant.now, client: Client | None = None
) -> AsyncIterator[Site]:
    """Serve the API and the console of a project over this database, while the block runs.

    Without `client`, Temporal is away.
    """

    async def temporal() -> Client:
        if client is None:
            raise NoAnswer("Temporal does not answer, and nothing was changed")
        return client

    assert project.map is not None
    with listening("127.0.0.1", 0) as taken:
        at = f"http://127.0.0.1:{taken.getsockname()[1]}"
        applier, links = Applier(project.map, project.conditions), Links(at, SECRET)
        explainer = wiring.explainer(project, applier, SECRET)
        api = ApiParts(database, project.map, links, at, Acceptor(database), applier, explainer, temporal, clock=clock)
        app: Any = create(api)
        parts = wiring.console_parts(project, api, SECRET)
        console.mount(app, parts)
        await database.write(lambda session: _users(session, clock()))
        async with serving(app, taken):
            yield Site(at, database, parts)


def _users(session: Session, now: Instant) -> None:
    for role in ROLES:
        if users.by_name(session, role) is None:
            make(session, role, role, HASH, "test", now)
