"""Houses for tests of intake, and one Temporal server for those that need it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from embedded import TemporalServer
from store.migrate import upgrade
from tests.intake.house import House
from tests.store.conftest import migrated_postgres, migrated_sqlite, postgres_server, postgres_url, sqlite_url

__all__ = ["migrated_postgres", "migrated_sqlite", "postgres_server", "postgres_url", "sqlite_url"]

Build = Callable[[Mapping[str, str]], House]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, to be copied."""
    file = tmp_path_factory.mktemp("intake") / "empty.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def build(tmp_path: Path, empty_database: Path) -> Iterator[Build]:
    """Builds a house of these playbooks."""
    with contextlib.ExitStack() as stack:

        def built(playbooks: Mapping[str, str]) -> House:
            house = House.build(tmp_path, empty_database, playbooks)
            stack.callback(house.database.close)
            return house

        yield built


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[TemporalServer]:
    async with TemporalServer() as server:
        yield server
