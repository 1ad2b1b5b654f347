"""How long the console's pages take, over HTTP and from a process of their own, with 100,000 journeys in the store.

One visitor asks for one page after the other, each customer's only once, so that nothing is there already but what a
server that has run for a while has: its connections and its compiled templates.
"""

from __future__ import annotations

import asyncio
import http.client
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Engine, event
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from whenever import Instant

import wiring
from api.app import create
from api.server import listening, serving
from bench.crowd import ENTRIES, JOURNEYS, crowd
from bench.figures import Figure, Section
from bench.intake import postgres
from bench.shape import ROOT
from console.app import mount
from intake import signing_in
from intake.users import make
from project import load
from settings import Settings
from store.database import Database
from store.migrate import upgrade

LONGEST = 150
"""Milliseconds that 95 of 100 pages take at most."""

_PAGES, _WARM = 200, 20
_PLAYBOOK = "first-90-days"
_QUERIES = "x-queries"


def pages() -> list[Section]:
    """In about four minutes, most of which it takes to fill the two databases."""
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        found = _measured(f"sqlite:///{Path(folder) / 'pages.db'}", "SQLite")
    with postgres() as url:
        found += _measured(url, "PostgreSQL")
    return [Section(f"Pages of the console, with {JOURNEYS:,} journeys in the store", found)]


def _measured(url: str, name: str) -> list[Figure]:
    upgrade(url)
    now = Instant.now()
    with closing(Database(url)) as database:
        people = crowd(load(ROOT), database, now)
        user = database.write_now(lambda session: make(session, "bench", "admin", None, "bench", now))
        cookie = database.write_now(lambda session: signing_in.begin(session, user, "bench", now)[0])
    customers = [f"/customers/{one}" for one in people.whole[: _PAGES + _WARM]]
    playbook = [f"/playbooks/{_PLAYBOOK}"] * (_PAGES + _WARM)
    busy = [f"/customers/{people.busy}"] * (_PAGES // 4 + _WARM)
    typed = [f"/?q={one[:number]}" for one in people.whole[: _PAGES // 4 + _WARM] for number in (5, 8, 12)]
    with _served(url) as port, closing(_Visitor(port, cookie)) as visitor:
        return [
            *_figures(f"a customer's page, {name}", visitor.looks(customers), LONGEST),
            *_figures(f"a playbook's page, {name}", visitor.looks(playbook), LONGEST),
            *_figures(f"finding somebody as one types, {name}", visitor.looks(typed), LONGEST),
            *_figures(f"the page of a customer with {ENTRIES:,} entries, {name}", visitor.looks(busy), LONGEST),
        ]


@dataclass(frozen=True, slots=True)
class _Look:
    milliseconds: float
    queries: int
    kilobytes: float


def _figures(name: str, looks: Sequence[_Look], budget: float) -> Iterator[Figure]:
    times = sorted(one.milliseconds for one in looks)
    most = max(one.queries for one in looks)
    note = f"Half of them take {median(times):.0f} ms; {most} queries, {looks[-1].kilobytes:.0f} KB."
    yield Figure(f"{name}, p95", times[int(len(times) * 0.95)], "ms", budget, note=note)
    yield Figure(f"{name}, queries", most, "queries")


class _Visitor:
    """A browser's connection, without the browser. It keeps the connection, and asks for what pages ask for."""

    def __init__(self, port: int, cookie: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Cookie": f"milepost_session={cookie}", "Accept": "text/html"}

    def looks(self, paths: Iterable[str]) -> list[_Look]:
        """Look at each page; without the first ones, for which the server has to make up its mind."""
        return [self._look(path) for path in paths][_WARM:]

    def _look(self, path: str) -> _Look:
        began = time.perf_counter()
        self.connection.request("GET", f"/console{path}", headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"The console answered {answer.status} to {path}.")
        return _Look(took, int(answer.headers[_QUERIES]), len(body) / 1000)

    def close(self) -> None:
        self.connection.close()


# --- the server, a process of its own ---------------------------------------------------------------------------------


@contextmanager
def _served(url: str) -> Iterator[int]:
    """The console for the database at `url`, while the block runs; its port."""
    with listening("127.0.0.1", 0) as taken:
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(url, taken), daemon=True)
        process.start()
        try:
            yield taken.getsockname()[1]
        finally:
            process.kill()
            process.join()


def _serve(url: str, taken: socket.socket) -> None:
    asyncio.run(_serving(url, taken))


async def _serving(url: str, taken: socket.socket) -> None:
    with closing(Database(url)) as database:
        project, key = load(ROOT), wiring.Outside().secret_key
        parts = wiring.api_parts(project, database, Settings(), key)
        app: Any = create(parts)
        mount(app, wiring.console_parts(project, parts, key))
        async with serving(_Counting(app), taken):
            await asyncio.Event().wait()


class _Counting:
    """Tells with each answer how many statements it took. One request is answered at a time here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.count = app, 0
        event.listen(Engine, "before_cursor_execute", self._counted)

    def _counted(self, *_: Any) -> None:
        self.count += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.count = 0

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_QUERIES.encode(), str(self.count).encode())]
            await send(message)

        await self.app(scope, receive, telling)


if __name__ == "__main__":
    from rich.console import Console

    from bench.figures import show

    show(pages(), Console())
