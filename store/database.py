"""`Database`: the one way to run a transaction, from asyncio and from plain threads, on SQLite and on PostgreSQL.

A transaction is a function of a session; it commits when the function returns and rolls back when it raises.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store import connections
from store.errors import StoreError, translated
from store.group_commit import Writer
from trouble import place_of

T = TypeVar("T")

log = structlog.get_logger()

PURGING = 5.0
"""Seconds for which a SQLite file is tried to be written anew beside those who are at work."""

ATTEMPTS = 4
"""How often a transaction is tried that PostgreSQL breaks off because it and another wait for each other. Locks are
taken in an order that prevents this (rules of the package); one that is not is logged and no loss."""
PAUSE = 0.05
"""Seconds between the first two attempts; longer between later ones."""


class Database:
    """The database at an address such as `sqlite:///milepost.db` or `postgresql+psycopg://USER:PASSWORD@HOST/NAME`.

    Nothing is opened before the first call. Objects that a function returns stay readable after its transaction.
    Errors of all four calls, besides what the function itself raises: `DatabaseBusy` and `DatabaseUnreachable`.
    """

    def __init__(self, url: str, patience: float = connections.PATIENCE) -> None:
        """`patience`: seconds to wait for a lock that somebody else holds. ValueError: not such an address."""
        self.url = connections.parse(url)
        self._patience = patience
        self._write_engine = connections.writing(self.url, patience)
        self._read_engine = connections.reading(self.url, patience)
        self._readers = ThreadPoolExecutor(connections.READERS, thread_name_prefix="database-reader")
        self._writer: Writer | None = None
        self._writers: ThreadPoolExecutor | None = None
        if self.url.get_backend_name() == "sqlite":
            self._writer = Writer(self._write_engine, self._explained)
        else:
            self._writers = ThreadPoolExecutor(connections.WRITERS, thread_name_prefix="database-writer")

    async def write(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` in a transaction and return its result once that is committed.

        `fn` may run twice (see the package's rules). If the awaiting task is cancelled, the write may still happen.
        """
        return await asyncio.wrap_future(self._submit(fn))

    def write_now(self, fn: Callable[[Session], T]) -> T:
        """`write`, blocking: for commands and plain threads, never on an event loop's own thread."""
        if self._writer is not None and self._writer.is_current_thread():
            raise RuntimeError("a write within a write would wait for itself; use the session that is at hand")
        return self._submit(fn).result()

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` on one consistent state of the database, in which every write acknowledged so far is seen.

        A change that `fn` attempts is refused by the database.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, fn)

    def read_now(self, fn: Callable[[Session], T]) -> T:
        """`read`, blocking, in the calling thread."""
        return self._run(self._read_engine, fn)

    def purge(self) -> bool:
        """Write a SQLite file anew and empty its log, so that nothing of what was deleted or overwritten is left in
        them: rows that were moved within the file leave copies behind, which `secure_delete` does not reach.

        Blocking; meanwhile writers wait. False: others were at work all the time; try again later. Of its files a
        PostgreSQL server takes care: True.
        """
        if self._writer is None:
            return True
        connection = self._write_engine.raw_connection()
        until, rewritten = time.monotonic() + PURGING, False
        try:
            while time.monotonic() < until:
                try:
                    if not rewritten:
                        connection.cursor().execute("VACUUM")
                        rewritten = True
                    (busy, *_) = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                    if not busy:
                        return True
                except sqlite3.OperationalError as error:
                    if not connections.is_busy(error):
                        raise
                time.sleep(0.02)
            return False
        finally:
            connection.close()

    def close(self) -> None:
        """Finish the writes that are queued, then let go of all threads and connections. May be called twice."""
        if self._writer is not None:
            self._writer.close()
        if self._writers is not None:
            self._writers.shutdown()
        self._readers.shutdown()
        self._read_engine.dispose()
        # Last, so that SQLite can fold its log back into the file.
        self._write_engine.dispose()

    def _submit(self, fn: Callable[[Session], T]) -> Future[T]:
        if self._writer is not None:
            return self._writer.submit(fn)
        assert self._writers is not None
        return self._writers.submit(self._run, self._write_engine, fn)

    def _run(self, engine: Engine, fn: Callable[[Session], T]) -> T:
        attempt = 1
        while True:
            try:
                with Session(engine, expire_on_commit=False) as session, session.begin():
                    return fn(session)
            except DBAPIError as error:
                known = self._explained(error)
                if known is not None:
                    raise known from error
                if attempt == ATTEMPTS or not connections.is_deadlock(error.orig):
                    raise
                log.warning("database.deadlock", attempt=attempt, at=place_of(error))
                time.sleep(PAUSE * attempt)  # let the other one finish, or the two may meet again
            attempt += 1

    def _explained(self, error: BaseException) -> StoreError | None:
        return translated(error, self.url, self._patience) if isinstance(error, DBAPIError) else None
