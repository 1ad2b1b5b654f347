"""`milepost serve` is killed under load: what it acknowledged is there, and nothing is there twice.

Clients do what every SDK does: they send one event after the other, and repeat one that was not acknowledged under the
same message id. MILEPOST_TEST_CHAOS=full kills five times.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing

import httpx
import pytest
from sqlalchemy import select
from whenever import Instant

from api.keys import digest_of, new_key
from embedded import free_port
from store import tokens
from store.database import Database
from store.tables import Event, Token, table_of

KILLS = 5 if os.environ.get("MILEPOST_TEST_CHAOS") == "full" else 2
CLIENTS = 8
BETWEEN = 50
"""Events that each process acknowledges before it is killed."""
PATIENCE = 60.0
"""Seconds for that, and for a process to start, on a machine that is busy."""


def a_key(url: str) -> str:
    """A key that may send events."""
    key = new_key()
    token = Token(name="test", digest=digest_of(key), scope="ingest", created_at=Instant.now())
    with closing(Database(url)) as database:
        database.write_now(lambda session: tokens.add(session, token))
    return key


async def send(client: httpx.AsyncClient, user: str, message: str) -> bool:
    """Send one event; whether it was acknowledged."""
    answer = await client.post("/v1/track", json={"userId": user, "event": "purchase", "messageId": message})
    return answer.status_code == 200


async def deliver(port: int, key: str, number: int, acknowledged: list[str], stop: asyncio.Event) -> None:
    """One client: events in order, each until it is acknowledged."""
    address, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        sent = 0
        while not stop.is_set():
            message = f"{number}-{sent}"
            try:
                taken = await send(client, f"user-{number}", message)
            except httpx.HTTPError:
                taken = False
            if taken:
                acknowledged.append(message)
                sent += 1
            else:
                await asyncio.sleep(0.02)


async def door(nursery: asyncio.subprocess.Process, port: int) -> int:
    """The number of a process that accepts, once it takes calls; the one before must have been killed."""
    assert nursery.stdin
    assert nursery.stdout
    async with asyncio.timeout(PATIENCE):
        nursery.stdin.write(b"go\n")
        number = int(await nursery.stdout.readline())
        while True:
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                return number
            except OSError:
                await asyncio.sleep(0.02)


async def more(acknowledged: list[str]) -> None:
    """Wait until BETWEEN more events were acknowledged."""
    enough = len(acknowledged) + BETWEEN
    async with asyncio.timeout(PATIENCE):
        while len(acknowledged) < enough:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("address", ["sqlite_url", "postgres_url"], ids=["sqlite", "postgres"])
async def test_what_was_acknowledged_is_there_and_nothing_twice_however_often_the_process_is_killed(
    request: pytest.FixtureRequest, address: str
) -> None:
    url, port = request.getfixturevalue(address), free_port()
    key, acknowledged, stop = a_key(url), list[str](), asyncio.Event()
    nursery = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.intake.door", str(port)),
        env=os.environ | {"MILEPOST_DATABASE_URL": url, "MILEPOST_SECRET_KEY": "s" * 32},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process = await door(nursery, port)
    clients = [asyncio.create_task(deliver(port, key, number, acknowledged, stop)) for number in range(CLIENTS)]
    per_process = []
    try:
        for _ in range(KILLS):
            before = len(acknowledged)
            await more(acknowledged)
            os.kill(process, signal.SIGKILL)
            per_process.append(len(acknowledged) - before)
            process = await door(nursery, port)
        await more(acknowledged)
    finally:
        stop.set()
        await asyncio.gather(*clients)
        os.kill(process, signal.SIGKILL)
        nursery.kill()
        await nursery.wait()

    found = select(table_of(Event).c.message_id, table_of(Event).c.user_id).order_by(table_of(Event).c.id)
    with closing(Database(url)) as database:
        rows = [tuple(row) for row in database.read_now(lambda session: session.execute(found).all())]
    sys.stdout.write(f"\n{len(acknowledged)} events acknowledged, {per_process} of them before each of {KILLS} kills\n")
    stored = [message for message, _ in rows]
    assert set(acknowledged) - set(stored) == set()
    assert {message: times for message, times in Counter(stored).items() if times > 1} == {}
    for number in range(CLIENTS):  # and each client's are in their order
        own = [message for message, user in rows if user == f"user-{number}"]
        assert own == [f"{number}-{count}" for count in range(len(own))]
