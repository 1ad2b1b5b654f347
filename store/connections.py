"""Engines: how a connection is opened on SQLite and on PostgreSQL, for writing and for reading.

Python's sqlite3 begins transactions by its own rules, so its BEGIN is switched off and ours is sent instead: that is
what makes SAVEPOINT, transactional DDL and repeatable reads right. A writer begins IMMEDIATE, because a deferred
transaction that reads and then writes fails at once when another process wrote between (rules.md 13).
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import ArgumentError, OperationalError

from store.types import as_json

PATIENCE = 10.0
"""Seconds to wait for a lock that another process or transaction holds."""

_ROUND = 20
"""Milliseconds for which SQLite itself waits for the lock before we ask anew. SQLite's lock has no queue, and its waits
between two tries grow to a tenth of a second: beside a process that writes without rest, and leaves the lock free for
an instant only, one could wait for ten seconds. A new round tries often again, and gets in within one."""

READERS = 4
"""Threads that read, each with a connection of its own."""

WRITERS = 8
"""Threads that write to PostgreSQL, each with a connection of its own: commits there wait for the disk together."""

_POSTGRES = {
    "timezone": "UTC",
    # A worker whose machine stands still in the middle of a transaction holds shards and customers: not for ever.
    "idle_in_transaction_session_timeout": "60s",
}
"""How a session is set. No limit to a statement: what is asked of all customers at once takes as long as it takes."""

_REACHING = {
    "connect_timeout": 10,
    # A server that is gone without a word (its machine, the network) is noticed within a minute, not after hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""How a connection is made and watched: libpq's own names, seconds but for the last, which is milliseconds."""


class _SqliteDialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's own, with savepoints sent as they are.

    A group commit sets one per call, and SQLAlchemy builds and compiles an expression for each SAVEPOINT and RELEASE,
    which takes longer than the insert between them.
    """

    driver = "milepost"
    supports_statement_cache = True

    def do_savepoint(self, connection: Connection, name: str) -> None:
        _execute(connection, f"SAVEPOINT {name}")

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        _execute(connection, f"ROLLBACK TO SAVEPOINT {name}")

    def do_release_savepoint(self, connection: Connection, name: str) -> None:
        _execute(connection, f"RELEASE SAVEPOINT {name}")


def _execute(connection: Connection, statement: str) -> None:
    cast("sqlite3.Connection", connection.connection.dbapi_connection).execute(statement)


registry.register("sqlite.milepost", __name__, "_SqliteDialect")


def parse(url: str) -> URL:
    """The address of a database, checked; ValueError says what to write instead."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        parsed = None
    if parsed is not None and parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ValueError("SQLite needs a file, such as sqlite:///milepost.db: several threads share it")
        return parsed.set(drivername="sqlite+milepost")
    if parsed is not None and parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise ValueError("a database address reads sqlite:///milepost.db or postgresql+psycopg://USER:PASSWORD@HOST/NAME")


def writing(url: URL, patience: float = PATIENCE) -> Engine:
    """An engine whose transactions may change rows."""
    if url.get_backend_name() != "sqlite":
        return _postgres(url, patience)
    # What is deleted or overwritten is zeroed in the file, so that an erased person is nowhere in it.
    engine = _sqlite(url, patience, f"busy_timeout={_ROUND}", "secure_delete=ON")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        until = time.monotonic() + patience
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return
            except OperationalError as error:
                if not is_busy(error.orig) or time.monotonic() >= until:
                    raise

    return engine


def reading(url: URL, patience: float = PATIENCE) -> Engine:
    """An engine whose transactions see one instant of the database from their first query on, and change nothing."""
    if url.get_backend_name() == "sqlite":
        engine = _sqlite(url, patience, "query_only=ON")

        @event.listens_for(engine, "begin")
        def start(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

        return engine
    engine = _postgres(url, patience, "REPEATABLE READ")

    @event.listens_for(engine, "connect")
    def read_only(connection: Any, record: Any) -> None:
        connection.read_only = True

    return engine


def is_busy(error: BaseException | None) -> bool:
    """Whether the database gave up on a lock that another connection holds."""
    if getattr(error, "sqlstate", None) == "55P03":
        return True
    # The low byte is the error, what is above it the detail.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_deadlock(error: BaseException | None) -> bool:
    """Whether PostgreSQL broke a transaction off that may simply be run again."""
    return getattr(error, "sqlstate", None) in ("40P01", "40001")


def _sqlite(url: URL, patience: float, *pragmas: str) -> Engine:
    if sqlite3.sqlite_version_info < (3, 35):
        raise ValueError(f"SQLite {sqlite3.sqlite_version} is too old: this Python needs one built with 3.35 or later")
    engine = create_engine(
        url,
        connect_args={"timeout": patience, "check_same_thread": False},
        json_serializer=as_json,
        hide_parameters=True,  # an error must not quote what was to be stored
        pool_size=READERS,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None
        for each in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *pragmas):
            connection.execute(f"PRAGMA {each}")

    return engine


def _postgres(url: URL, patience: float, isolation_level: str = "READ COMMITTED") -> Engine:
    session = {**_POSTGRES, "lock_timeout": f"{patience:g}s"}
    engine = create_engine(
        url,
        connect_args={**_REACHING, "options": " ".join(f"-c {name}={value}" for name, value in session.items())},
        isolation_level=isolation_level,
        json_serializer=as_json,
        hide_parameters=True,
        pool_size=WRITERS,
        # A connection that a restart of the server broke is noticed when it is taken, not in the middle of a write.
        pool_pre_ping=True,
    )
    event.listen(engine, "handle_error", _without_details)
    return engine


def _without_details(context: ExceptionContext) -> None:
    """Cut an error down to its first line: below it PostgreSQL quotes the row that was to be stored."""
    error, told = context.original_exception, context.sqlalchemy_exception
    if getattr(error, "sqlstate", None) is not None and told is not None:
        error.args = (str(error).partition("\n")[0],)
        told.args = (f"({type(error).__module__}.{type(error).__name__}) {error}",)
