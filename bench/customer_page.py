"""How long the console's page of a customer takes with 100,000 journeys in the store, and finding somebody there.

One customer has lived through ten thousand things; the others are who the database has to look past.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import insert, text
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from api.parts import Parts
from bench.figures import Figure
from bench.shape import ROOT
from console.app import mount
from embedded_postgres import PostgresServer
from intake import signing_in, users
from intake.acceptor import Acceptor
from intake.apply import Applier
from intake.commands import NoAnswer
from lifecycle.course import Course, due_of
from lifecycle.plan import Plan
from lifecycle.state import STATE, State
from messaging.links import Links
from project import Project, load
from store.database import Database
from store.migrate import upgrade
from store.tables import Customer, Event, Journey, Message, Milestone, Row, Trace, table_of

JOURNEYS, ENTRIES = 100_000, 10_000
MOST = 150
"""Milliseconds of which 95 of 100 pages may take no more."""

PAGES = 40
CHUNK = 5_000

_NOW = Instant.from_utc(2026, 3, 2, 9)
_SECRET = "the secret of a benchmark, which guards nothing"
_SITE = "http://bench.example"
_BUSY, _OTHER = "cus_00000000000000ff", "upsell-offer"


def customer_pages() -> list[Figure]:
    """On SQLite and on PostgreSQL, each on this machine's disk."""
    found = []
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        found += _measured("SQLite", f"sqlite:///{Path(folder) / 'pages.db'}")
        with PostgresServer(Path(folder) / "postgres") as server:
            found += _measured("PostgreSQL", server.url)
    return found


def _measured(name: str, url: str) -> list[Figure]:
    upgrade(url)
    project, database = load(ROOT), Database(url)
    try:
        database.write_now(lambda session: wiring.publish(session, project, _NOW))
        _fill(database, project)
        return asyncio.run(_pages(name, project, database))
    finally:
        database.close()


async def _pages(name: str, project: Project, database: Database) -> list[Figure]:
    app, cookie = _app(project, database), await database.write(_sign_in)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=_SITE, cookies={"milepost_session": cookie}) as browser:

        async def get(path: str, **headers: str) -> httpx.Response:
            answer = await browser.get(f"/console{path}", headers=headers)
            if answer.status_code not in (200, 304):
                raise RuntimeError(f"{path} answered {answer.status_code}")
            return answer

        first = await get(f"/customers/{_BUSY}")
        mark = first.headers["etag"]
        deep = first.text.partition('rel="next" href="/console')[2].partition('"')[0].replace("&amp;", "&")
        ways: list[tuple[str, Callable[[int], Awaitable[httpx.Response]], float | None]] = [
            ("a customer's page, one of 100,000", lambda n: get(f"/customers/cus_{n * 997 + 1000:016x}"), MOST),
            (f"the page of somebody with {ENTRIES:,} entries", lambda n: get(f"/customers/{_BUSY}"), MOST),
            ("the next page of these entries", lambda n: get(deep), MOST),
            ("that nothing has changed", lambda n: get(f"/customers/{_BUSY}", **{"If-None-Match": mark}), None),
            ("finding by the beginning of an address", lambda n: get(f"/?q=person{n * 11}"), MOST),
            (
                "why somebody is not in a playbook",
                lambda n: get(f"/customers/{_BUSY}/explain?playbook=upsell-offer"),
                MOST,
            ),
        ]
        return [Figure(f"{what}, {name}, p95", await _p95(way), "ms", budget) for what, way, budget in ways]


async def _p95(way: Callable[[int], Awaitable[httpx.Response]]) -> float:
    taken = []
    for number in range(PAGES + 5):
        began = time.perf_counter()
        await way(number)
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken[5:])[int(PAGES * 0.95)]


def _app(project: Project, database: Database) -> FastAPI:
    assert project.map is not None

    async def away() -> Any:
        raise NoAnswer("Temporal is away")

    applier = Applier(project.map, project.conditions)
    api = Parts(
        database, project.map, Links(_SITE, _SECRET), _SITE, Acceptor(database), applier, away, clock=lambda: _NOW
    )
    app = FastAPI()
    mount(app, wiring.console_parts(project, api, _SECRET))
    return app


def _sign_in(session: Session) -> str:
    user = users.make(session, "bench", "support", None, "bench", _NOW)
    return signing_in.begin(session, user, "bench", _NOW)[0]


def _fill(database: Database, project: Project) -> None:
    plan = project.plans["first-90-days"]
    for first in range(0, JOURNEYS, CHUNK):
        database.write_now(lambda session, first=first: _some(session, plan, first))  # type: ignore[misc]
    for first in range(0, ENTRIES // 4, CHUNK // 4):
        database.write_now(lambda session, first=first: _busy(session, first))  # type: ignore[misc]

    def analyze(session: Session) -> None:
        session.execute(text("ANALYZE"))

    database.write_now(analyze)


def _some(session: Session, plan: Plan, first: int) -> None:
    """People who stand at the first wait of a playbook. All are alike, or to make them would take longer than this."""
    begun = Course.begin(plan, State("", "Europe/Paris", _NOW, _NOW), _NOW)
    state = STATE.dump_python(begun.state, mode="json", exclude_defaults=True)
    rows: dict[type[Row], list[dict[str, Any]]] = {model: [] for model in (Customer, Journey, Event, Milestone, Trace)}
    for number in range(first, first + CHUNK):
        identity, journey = f"cus_{number:016x}", f"{plan.playbook}.{number:020x}"
        user, email, name = f"user-{number}", f"person{number}@example.com", f"ada{number}"
        rows[Customer].append({
            "id": identity, "user_id": user, "email": email, "attributes": {"first_name": name}, "stage": "onboarding",
            "created_at": _NOW, "updated_at": _NOW, "find_id": user, "find_email": email, "find_name": name,
        })  # fmt: skip
        rows[Journey].append({
            "id": journey, "customer_id": identity, "playbook": plan.playbook, "version": plan.version,
            "arm": "journey", "key": "", "entry_event_id": number + 1, "history_mark": 0, "entered_at": _NOW,
            "status": "open", "inbox_last": 0, "seq": begun.state.n, "simulated": False,
            "state": {**state, "customer": identity}, "due": due_of(plan, begun.state), "step": begun.state.step,
            "shard": 0,
        })  # fmt: skip
        rows[Event].append({
            "id": number + 1, "source": "bench", "message_id": f"m{number}", "user_id": user,
            "kind": "track", "name": "purchase", "properties": {"revenue": 49}, "at": _NOW, "received_at": _NOW,
            "state": "applied", "attempts": 0, "hops": 0, "backfill": False, "shard": 0, "customer_id": identity,
        })  # fmt: skip
        rows[Milestone].append({"customer_id": identity, "name": "purchase", "at": _NOW, "applied_at": _NOW,
                                "event_id": number + 1, "properties": {"revenue": 49}})  # fmt: skip
        rows[Trace] += [{"journey_id": journey, "seq": line.seq, "at": line.at, "day": 0, "what": line.what,
                         "step": line.step, "to": line.to, "reason": line.reason} for line in begun.lines]  # fmt: skip
    for model, made in rows.items():
        session.execute(insert(table_of(model)), made)


def _busy(session: Session, first: int) -> None:
    """A quarter each of milestones, messages, lines of the journey and changes of attributes."""
    journey = f"first-90-days.{0xFF:020x}"
    numbers = range(first, first + CHUNK // 4)
    session.execute(insert(table_of(Milestone)), [
        {"customer_id": _BUSY, "name": "used", "at": _NOW.subtract(minutes=n + 1), "applied_at": _NOW,
         "event_id": 10**7 + n, "properties": {"n": n}} for n in numbers
    ])  # fmt: skip
    session.execute(insert(table_of(Message)), [
        {"id": f"m{n}", "journey_id": journey, "step": f"s{n}", "occurrence": "1", "customer_id": _BUSY,
         "channel": "email", "template": "onboarding/welcome", "subject": f"Hello {n}", "state": "delivered",
         "attempt": 1, "due_at": _NOW.subtract(minutes=n + 1), "claimed_at": _NOW.subtract(minutes=n + 1),
         "html": "x" * 8000, "text": "y" * 2000} for n in numbers
    ])  # fmt: skip
    session.execute(insert(table_of(Trace)), [
        {"journey_id": journey, "seq": 1000 + n, "at": _NOW.subtract(minutes=n + 1), "day": 0, "what": "branch",
         "step": "team", "to": "else", "reason": None} for n in numbers
    ])  # fmt: skip
    session.execute(insert(table_of(Event)), [
        {"source": "bench", "message_id": f"i{n}", "user_id": "user-255", "kind": "identify", "properties": {"n": n},
         "at": _NOW.subtract(minutes=n + 1), "received_at": _NOW, "state": "applied", "attempts": 0, "hops": 0,
         "backfill": False, "shard": 0, "customer_id": _BUSY, "id": 2 * 10**7 + n} for n in numbers
    ])  # fmt: skip


if __name__ == "__main__":
    for figure in customer_pages():
        print(f"{figure.value:8.1f} {figure.unit}  {figure.name}", file=sys.stdout)
