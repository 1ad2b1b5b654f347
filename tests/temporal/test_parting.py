"""A worker that is told to stop finishes what it has in hand: a deploy leaves no message that nobody can tell of."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from whenever import Instant

import wiring
from embedded import TemporalServer
from messaging.sending import Outcome, Outgoing
from store import events
from store.database import Database
from store.tables import Customer, Message
from tests.lifecycle.strategies import compiled, small_project
from worker import running

PLAYBOOK: dict[str, Any] = {
    "playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"}, "steps": [{"send": "mail/receipt"}],
}  # fmt: skip


class Slow:
    """A provider that takes its time."""

    name, stores = "slow", False

    def __init__(self) -> None:
        self.begun = False

    def send(self, message: Outgoing) -> Outcome:
        self.begun = True
        time.sleep(1.5)
        return Outcome("accepted", provider_id="P1", sender=self.name)

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        return Outcome("unknown")

    def forget(self, subject: str) -> Outcome:
        return Outcome("accepted")

    def close(self) -> None:
        pass


def prepare(session: Session, now: Instant) -> None:
    plan = compiled(PLAYBOOK)
    wiring.publish(session, replace(small_project(), plans={"random": plan}, sources={"random": ""}), now)
    session.add(Customer(id="cus_1", user_id="cus_1", email="ada@example.com", created_at=now, updated_at=now))
    session.flush()
    events.accept(session, [events.Arrival("test", "1", "cus_1", "track", now, now, "purchase", {"revenue": 5.0})])


async def test_a_message_that_is_being_sent_when_the_worker_is_told_to_stop_is_settled(
    server: TemporalServer, url: str
) -> None:
    database, slow = Database(url), Slow()
    senders: Any = {"email": slow, "sms": slow}
    engine = wiring.engine(small_project(), database, server.client, wiring.Outside(senders=senders))
    await database.write(lambda session: prepare(session, Instant.now()))
    async with asyncio.timeout(60), running(engine) as dispatcher:
        dispatcher.wake()
        while not slow.begun:  # noqa: ASYNC110 - set in a thread
            await asyncio.sleep(0.02)
    (row,) = await database.read(lambda session: list(session.scalars(select(Message))))
    database.close()
    assert (row.state, row.provider_id, row.attempt) == ("accepted", "P1", 1)
