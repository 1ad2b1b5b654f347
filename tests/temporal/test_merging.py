"""A visitor's open journey goes on after the alias, and what it sends next goes to the customer, once (rules.md 21)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from embedded import TemporalServer
from store import customers, events, journeys
from store.database import Database
from store.events import Arrival
from store.tables import Customer, Journey, Message
from tests.lifecycle.strategies import compiled, small_project
from worker import running

PLAYBOOK: dict[str, Any] = {
    "playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"},
    "steps": [{"wait_for": {"milestone": "beta"}, "timeout": "9 days"}, {"send": "mail/receipt"}],
}  # fmt: skip


async def test_a_visitors_open_journey_goes_on_after_the_alias_and_writes_to_the_customer_once(
    server: TemporalServer, tmp_path: Path, url: str
) -> None:
    database = Database(url)
    engine = wiring.engine(small_project(), database, server.client, wiring.Outside())
    found = replace(small_project(), plans={"random": compiled(PLAYBOOK)}, sources={"random": ""})
    await database.write(lambda session: wiring.publish(session, found, Instant.now()))
    visitor, customer = f"anon-{tmp_path.name}", f"ada-{tmp_path.name}"

    def stored(session: Session) -> list[Journey]:
        return sorted(session.scalars(select(Journey)), key=lambda one: one.entered_at)

    async def until(wanted: Callable[[list[Journey]], bool]) -> list[Journey]:
        while True:
            rows = await database.read(stored)
            if wanted(rows):
                return rows
            await asyncio.sleep(0.05)

    async def say(user: str, kind: str, name: str | None = None, previous: str | None = None, **traits: Any) -> None:
        now = Instant.now()
        one = Arrival("test", f"{user}-{kind}-{name}", user, kind, now, now, name, traits, previous_id=previous)
        await database.write(lambda session: events.accept(session, [one]))
        dispatcher.wake()

    async with asyncio.timeout(90), running(engine) as dispatcher:
        await say(visitor, "track", "purchase")
        await until(lambda rows: [one.status for one in rows] == ["open"])
        await say(customer, "identify", email="ada@example.com")
        await say(customer, "track", "purchase")
        await until(lambda rows: [one.status for one in rows] == ["open", "open"])
        await say(customer, "alias", previous=visitor)
        older, younger = await until(lambda rows: len(rows) == 2 and rows[1].status == "ended")
        assert (older.status, younger.exit_reason) == ("open", "merged")
        await say(visitor, "track", "beta")
        await until(lambda rows: rows[0].status == "ended")

    def read(session: Session) -> tuple[list[Message], list[Customer], str | None]:
        ada = customers.get(session, customer)
        owners = {one.customer_id for one in journeys.of_customer(session, ada.id)} if ada else set()
        assert ada is not None
        assert owners == {ada.id}
        return list(session.scalars(select(Message))), list(session.scalars(select(Customer))), ada.id

    sent, people, ada_id = await database.read(read)
    database.close()
    assert [(one.journey_id, one.recipient, one.state, one.customer_id) for one in sent] == [
        (older.id, "ada@example.com", "accepted", ada_id)
    ]
    assert len(people) == 2
