"""Waking dispatchers in other processes, through PostgreSQL's NOTIFY (rules.md 11).

- A notification is sent on a connection of its own, and at most one in APART seconds: within the insert it would halve
  the rate, since commits that notify wait for each other.
- It is a courtesy. One that is lost costs a second, for dispatchers look each second all the same; so nobody waits for
  a notification, and trouble with it fails nothing.
- SQLite has none. There the API and the dispatcher of one process know each other, and others look each second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import psycopg
import structlog
from sqlalchemy import URL

from intake.looping import POLL, forever
from store.database import Database

log = structlog.get_logger()

APART = 0.02
PATIENCE = 5
"""Seconds to wait for a connection."""

_NOTIFY, _LISTEN = "NOTIFY milepost_events", "LISTEN milepost_events"

Connection = psycopg.AsyncConnection[tuple[object, ...]]


class Notifier:
    """Tells dispatchers, wherever they run, that events are there. Its connection is made with the first telling."""

    def __init__(self, database: Database) -> None:
        self._url = database.url
        self._connection: Connection | None = None
        self._wanted = False
        self._telling: asyncio.Task[None] | None = None

    def notify(self) -> None:
        """Tell them at once, or together with whoever asked within the last APART seconds; waits for nothing."""
        self._wanted = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def aclose(self) -> None:
        """Let go of the connection."""
        if self._telling is not None:
            self._telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._telling
        await self._drop()

    async def _tell(self) -> None:
        while self._wanted:
            self._wanted, pause = False, APART
            try:
                if self._connection is None:
                    self._connection = await _connected(self._url)
                await self._connection.execute(_NOTIFY)
            except (psycopg.Error, OSError) as error:
                log.warning("events.not_notified", because=type(error).__name__)
                await self._drop()
                pause = POLL
            await asyncio.sleep(pause)

    async def _drop(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


async def listen(database: Database, woken: Callable[[], None]) -> None:
    """Call `woken` whenever somebody notifies, until cancelled; also after each connecting, for what was missed.

    On SQLite this returns at once.
    """
    if database.url.get_backend_name() != "postgresql":
        return

    async def heard() -> bool:
        async with await _connected(database.url) as connection:
            await connection.execute(_LISTEN)
            woken()
            async for _ in connection.notifies():
                woken()
        return True

    await forever(heard)


async def _connected(url: URL) -> Connection:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return await psycopg.AsyncConnection.connect(address, autocommit=True, connect_timeout=PATIENCE)
