"""The one thread of a process that writes to SQLite.

SQLite lets one transaction write at a time, and every COMMIT waits for the disk. Calls that are queued together
therefore share a transaction, each under a savepoint of its own (rules.md 13):

- a call with nobody behind it has a transaction to itself, and needs no savepoint;
- a call that raises rolls back what it did itself; its exception reaches its own caller, and the others go on;
- nobody hears of success before COMMIT has returned;
- where the group as a whole fails (the disk is full, the transaction was lost), each call is run again alone, so
  that one bad call cannot fail the others.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from store.errors import StoreError

T = TypeVar("T")

MOST_CALLS = 256
LONGEST = 0.05
"""Seconds after which a group takes no further call: another process may be waiting for the lock."""


class _TransactionLost(Exception):
    """SQLite rolled the whole transaction back, as it does when the disk is full."""


class _Call:
    __slots__ = ("error", "fn", "future", "result")

    def __init__(self, fn: Callable[[Session], Any]) -> None:
        self.fn = fn
        self.future: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, connection: Connection) -> None:
        """Run under a savepoint; the outcome is kept until the group has committed."""
        try:
            with (
                Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session,
                session.begin(),
            ):
                try:
                    self.result = self.fn(session)
                except BaseException as error:
                    self.error = error
                    raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
            # Where the transaction is gone, rolling back fails too; the first error is the one that tells.
            if self.error is None:
                self.error = error
        if self.error is not None and not _in_transaction(connection):
            raise _TransactionLost

    def answer(self) -> None:
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs calls in the order in which they were handed in. The thread starts with the first call."""

    def __init__(self, engine: Engine, explain: Callable[[BaseException], StoreError | None]) -> None:
        """`explain` knows the errors that are about reaching the database, and says them in our words."""
        self._engine = engine
        self._explain = explain
        self._queue: SimpleQueue[_Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._stopping = False

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Queue a call; its future is done once it is committed, or failed."""
        call = _Call(fn)
        with self._lock:
            if self._closed:
                raise RuntimeError("the database is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
                self._thread.start()
            self._queue.put(call)
        return call.future

    def is_current_thread(self) -> bool:
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Commit what is queued, then end the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._queue.put(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while not self._stopping:
            call = self._queue.get()
            if call is None:
                return
            if call.future.set_running_or_notify_cancel():
                self._perform(call)
            # What a call holds is let go before the wait for the next one.
            del call

    def _perform(self, first: _Call) -> None:
        group = [first]
        if self._queue.empty():
            self._alone(first)
        else:
            self._together(group)
        for call in group:
            call.answer()

    def _together(self, group: list[_Call]) -> None:
        try:
            self._commit(group)
        except BaseException as error:  # noqa: BLE001 - the thread goes on, and every caller gets an answer
            known = self._explain(error)
            if known is None:
                for call in group:
                    self._alone(call)
            else:
                known.__cause__ = error
                # Whoever is queued has waited as long; to wait anew for each would keep the last one for minutes.
                group.extend(self._queued())
                for call in group:
                    call.error = known

    def _commit(self, group: list[_Call]) -> None:
        """Run the first call and those that are queued behind it, which join the group, and commit."""
        with self._engine.connect() as connection, connection.begin():
            group[0].run(connection)
            until = time.monotonic() + LONGEST
            for call in self._queued():
                group.append(call)
                call.run(connection)
                if len(group) == MOST_CALLS or time.monotonic() >= until:
                    break

    def _alone(self, call: _Call) -> None:
        call.result = call.error = None
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                call.result = call.fn(session)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
            call.error = self._explain(error) or error

    def _queued(self) -> Iterator[_Call]:
        """Take calls from the queue until it is empty, or the order to stop is reached."""
        while not self._stopping:
            try:
                call = self._queue.get_nowait()
            except Empty:
                return
            if call is None:
                self._stopping = True
            elif call.future.set_running_or_notify_cancel():
                yield call


def _in_transaction(connection: Connection) -> bool:
    return cast("sqlite3.Connection", connection.connection.dbapi_connection).in_transaction
