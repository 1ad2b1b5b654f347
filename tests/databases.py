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


class Postgres:
    """A server of the run's own; each of its databases is a copy of one that was migrated once."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._numbers = itertools.count()

    def bare(self) -> str:
        """A database without a schema."""
        return self._create("template1")

    def migrated(self) -> str:
        """A migrated database without rows."""
        return self._create(self._template)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    @cached_property
    def _template(self) -> str:
        url = self.bare()
        migrate.upgrade(url)
        name = make_url(url).database
        assert name
        return name

    def _create(self, template: str) -> str:
        name = f"milepost_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return make_url(self.server.url).set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        address = make_url(self.server.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())


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
