"""The tracking API as it is served, in a process of its own, and clients that keep their connections.

The clients are a few lines around a socket: a client library would take more of the machine than the API does.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass

from whenever import Instant

import wiring
from api.app import create
from api.keys import digest_of, new_key
from api.server import listening, serving
from bench.load import CLIENTS, arrival, rate
from bench.shape import ROOT
from project import load
from settings import Settings
from store import tokens
from store.database import Database
from store.events import Arrival
from store.tables import Token

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Door:
    """A running API on this machine, and a key that may send events."""

    port: int
    key: str

    def rate(self, size: int) -> float:
        """Events a second through `POST /v1/track`, or with more than one in a call through `POST /v1/batch`."""
        return asyncio.run(self._rate(size))

    async def _rate(self, size: int) -> float:
        async with AsyncExitStack() as stack:
            calls = [await stack.enter_async_context(self._client(size)) for _ in range(CLIENTS[size])]
            for call in calls:
                await call()
            return await rate(calls, size)

    @asynccontextmanager
    async def _client(self, size: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def call() -> None:
            writer.write(self._request(size))
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200 ") or length is None:
                raise RuntimeError(f"The door answered {head.splitlines()[0]!r}.")
            answer = json.loads(await reader.readexactly(int(length[1])))
            if answer.get("rejected"):
                raise RuntimeError(f"The door rejected {answer['rejected'][0]}.")

        try:
            yield call
        finally:
            writer.close()
            await writer.wait_closed()

    def _request(self, size: int) -> bytes:
        path, said = ("track", _call(arrival())) if size == 1 else ("batch", _batch(size))
        body = json.dumps(said).encode()
        head = f"POST /v1/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _batch(size: int) -> dict[str, object]:
    return {"batch": [{"type": "track", **_call(arrival())} for _ in range(size)]}


def _call(one: Arrival) -> dict[str, object]:
    return {"userId": one.user_id, "event": one.name, "properties": one.properties, "messageId": one.message_id}


@contextmanager
def door(url: str) -> Iterator[Door]:
    """The API for the database at `url`, while the block runs."""
    key = new_key()
    token = Token(name="bench", digest=digest_of(key), scope="ingest", created_at=Instant.now())
    with closing(Database(url)) as database:
        database.write_now(lambda session: tokens.add(session, token))
    with listening("127.0.0.1", 0) as taken:
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(url, taken), daemon=True)
        process.start()
        try:
            yield Door(taken.getsockname()[1], key)
        finally:
            process.kill()
            process.join()


def _serve(url: str, taken: socket.socket) -> None:
    asyncio.run(_served(url, taken))


async def _served(url: str, taken: socket.socket) -> None:
    with closing(Database(url)) as database:
        parts = wiring.api_parts(load(ROOT), database, Settings(), wiring.Outside().secret_key)
        async with serving(create(parts), taken):
            await asyncio.Event().wait()
