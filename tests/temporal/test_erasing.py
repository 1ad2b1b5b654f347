"""An erased person is in no table, file, log or Temporal payload (issue 4), after a journey on a real server.

The customer lives through a journey in the outbox, and through one with the providers of `tests.provider` and their
callbacks. Everything is searched, byte by byte; before the erasure as well, so that the search is known to find.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError
from whenever import Instant

import project as projects
import wiring
import worker
from api.app import create
from api.parts import Parts
from api.server import listening, serving
from embedded import TemporalServer
from intake import erasing, exporting
from intake.acceptor import Acceptor
from messaging.links import Links
from messaging.senders.sendgrid import SendGrid
from messaging.senders.twilio import Twilio
from store import customers, erasures, events, journeys, messages
from store.database import Database
from store.migrate import upgrade
from store.tables import Callback, table_of
from tests.api.house import away
from tests.intake.house import write_project
from tests.provider import ACCOUNT, API_KEY, AUTH_TOKEN, Provider
from tests.searching import forms, in_files, in_tables

USER, EMAIL, PHONE, NAME = "user-zq7x@example.com", "ada.zq7x@example.com", "+33698765432", "Zyxwada"
PERSON = (USER, EMAIL, PHONE, "zq7x", NAME)
PUBLIC, SECRET = "https://milepost.example.com", "not a secret, and long enough"
STEPS = """
  - {send: mail/one}
  - {send: text/one}
  - {send: mail/receipt}
  - {task: Call them, assign: customer.manager}
  - {wait_for: {milestone: beta}, timeout: 9 days}
"""
PLAYBOOKS = {"welcome": f"entry: {{milestone: purchase, per: order}}\nsteps:{STEPS}"}


@dataclass
class Company:
    """A company whose data is in `folder`."""

    folder: Path
    database: Database
    client: Client
    engine: wiring.Engine

    async def until(self, holds: Callable[[Session], bool]) -> None:
        async with asyncio.timeout(60):
            while not await self.database.read(holds):  # noqa: ASYNC110 - others bring it about
                await asyncio.sleep(0.1)

    async def live(self, user: str, email: str, phone: str) -> str:
        """Somebody becomes a customer and buys; their journey, once it waits."""
        now = Instant.now()
        # SMS have hours: where this customer lives it is early in the afternoon.
        ahead = 14 - int(now.to_tz("UTC").hour)
        zone = f"Etc/GMT{-ahead if ahead <= 12 else 24 - ahead:+d}"
        traits = {
            "email": email,
            "phone": phone,
            "time_zone": zone,
            "first_name": NAME if user == USER else "Bo",
            "manager": f"manager of {user}",
            "consent": {"news": True},
        }
        kinds: list[tuple[str, str | None, dict[str, Any]]] = [
            ("identify", None, traits), ("track", "purchase", {"revenue": 5, "order": f"order of {user}", "by": email}),
        ]  # fmt: skip
        arrivals = [
            events.Arrival("test", f"{user}/{kind}", user, kind, now, now, name, properties)
            for kind, name, properties in kinds
        ]
        await self.database.write(lambda session: events.accept(session, arrivals))
        await self.until(lambda session: _waits(session, user))
        (journey,) = await self.database.read(lambda session: journeys.of_customer(session, _id(session, user)))
        return journey.id

    async def erase(self, user: str) -> erasing.Erased:
        return await self.database.write(
            partial(erasing.erase, name=user, reason="asked for it", who="test", now=Instant.now(), key=SECRET.encode())
        )

    async def payloads(self) -> bytes:
        """Every event of every history there is, as it is stored."""
        found = b""
        async for execution in self.client.list_workflows():
            handle = self.client.get_workflow_handle(execution.id, run_id=execution.run_id)
            with contextlib.suppress(RPCError):  # it is being deleted
                async for event in handle.fetch_history_events():
                    found += event.SerializeToString()
        return found

    async def runs(self, journey: str) -> int:
        """How many executions Temporal still has of a journey, with those that it is about to delete left out."""
        try:
            described = await self.client.get_workflow_handle(journey).describe()
        except RPCError:
            return 0
        return int(described.status is WorkflowExecutionStatus.RUNNING) or 1


def _id(session: Session, user: str) -> str:
    found = customers.get(session, user)
    return found.id if found else ""


def _waits(session: Session, user: str) -> bool:
    found = journeys.of_customer(session, _id(session, user))
    return any(one.step and (one.state or {}).get("phase") == "listening" for one in found)


@contextlib.asynccontextmanager
async def company(tmp_path: Path, provider: Provider | None) -> AsyncIterator[Company]:
    folder = tmp_path / "data"
    folder.mkdir()
    found = projects.load(write_project(tmp_path / "project", PLAYBOOKS))
    assert found.map is not None
    assert not found.faults.errors, [str(fault) for fault in found.faults.errors]
    url = f"sqlite:///{folder / 'milepost.db'}"
    upgrade(url)
    database = Database(url)
    await database.write(lambda session: wiring.publish(session, found, Instant.now()))
    out = wiring.Outside(PUBLIC, SECRET)
    if provider is not None:
        mail = SendGrid(API_KEY, provider.url, "Larkspur <hello@example.com>")
        sms = Twilio(ACCOUNT, AUTH_TOKEN, provider.url, "MG" + "0" * 32, f"{PUBLIC}/webhooks/twilio/status")
        out = wiring.Outside(PUBLIC, SECRET, {"email": mail, "sms": sms})
    key = provider.keys.event_key if provider else ""
    try:
        async with TemporalServer(folder / "temporal.db") as server:
            engine = wiring.engine(found, database, server.client, out)
            parts = Parts(
                database, found.map, Links(PUBLIC, SECRET), PUBLIC, Acceptor(database), engine.applier,
                wiring.explainer(found, engine.applier, SECRET), away, (key,), (AUTH_TOKEN,),
            )  # fmt: skip
            with listening("127.0.0.1", 0) as taken:
                async with serving(create(parts), taken), worker.running(engine):
                    if provider is not None:
                        provider.calls.to = f"http://127.0.0.1:{taken.getsockname()[1]}"
                    yield Company(folder, database, server.client, engine)
            assert PERSON[0].encode() not in await Company(folder, database, server.client, engine).payloads()
    finally:
        database.close()


def settled(session: Session) -> bool:
    """Whether nothing of an erasure is left to do now: ours is done once, and providers have taken theirs."""
    return all(one.provider == erasures.OURS and one.subject is None for one in erasures.open(session))


@pytest.mark.parametrize("live", [False, True], ids=["outbox", "providers"])
async def test_an_erased_person_is_in_no_table_file_log_or_payload(
    tmp_path: Path, live: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "FORGET", 0.2)
    async with contextlib.AsyncExitStack() as stack:
        provider = stack.enter_context(Provider(tmp_path)) if live else None
        house = await stack.enter_async_context(company(tmp_path, provider))
        journey = await house.live(USER, EMAIL, PHONE)
        other = await house.live("bo", "bo@example.com", "+33612345678")
        ours = await house.database.read(lambda session: _id(session, USER))
        if live:
            await house.until(partial(delivered, customer=ours))
        await house.database.write(set_aside)
        assert {
            "message.recipient",
            "event.properties",
            "customer.user_id",
            "callback.body",
        } <= await house.database.read(partial(in_tables, texts=PERSON))
        held = await house.database.read(
            lambda session: exporting.export(session, USER, Instant.now(), SECRET.encode())
        )
        assert all(text in str(held) for text in PERSON)
        # Even while they live, Temporal has nothing of them.
        histories = await house.payloads()
        assert journey.encode() in histories
        assert not [text for text in forms(PERSON) if text.encode() in histories.lower()]

        assert (await house.erase(USER)).new
        await house.until(settled)
        async with asyncio.timeout(90):
            while await house.runs(journey):  # noqa: ASYNC110 - Temporal deletes a moment later
                await asyncio.sleep(0.1)
        assert await house.database.read(partial(in_tables, texts=PERSON)) == set()
        assert in_files(house.folder, PERSON) == set()
        if provider is not None:
            sids = {one.provider_id for one in provider.accepted("sms") if one.to == PHONE}
            assert set(provider.forgotten) == {EMAIL, *sids}
        # Nobody else has lost anything.
        assert await house.runs(other) == 1
        assert "message.recipient" in await house.database.read(partial(in_tables, texts=["bo@example.com"]))

        # Who comes back is somebody new, of whom nothing old is known.
        await house.live(USER, EMAIL, PHONE)
        back = await house.database.read(lambda session: customers.get(session, USER))
        assert back is not None
        assert back.id != ours
        if live:
            await house.until(partial(delivered, customer=back.id))
        assert (await house.erase(USER)).customer_id == back.id
        await house.until(settled)
        assert await house.database.read(partial(in_tables, texts=PERSON)) == set()
    printed = capfd.readouterr()
    assert not [text for text in forms(PERSON) if text in (printed.out + printed.err).lower()]
    assert in_files(house.folder, PERSON) == set()


def delivered(session: Session, customer: str) -> bool:
    """Whether providers have told all that they will, and it was read."""
    waiting = session.scalars(select(table_of(Callback).c.id).where(table_of(Callback).c.state == "pending")).all()
    return not waiting and {one.state for one in messages.of_customer(session, customer)} == {"delivered"}


def set_aside(session: Session) -> None:
    """A callback about two people that could not be processed."""
    body = f'[{{"email": "{EMAIL}", "event": "open"}}, {{"email": "bo@example.com", "event": "open"}}]'.encode()
    session.add(
        Callback(provider="sendgrid", digest="aside", body=body, received_at=Instant.now(), state="failed", attempts=5)
    )
