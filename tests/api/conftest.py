"""A house for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database import Database
from store.migrate import upgrade
from tests.api.house import House


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, to be copied."""
    file = tmp_path_factory.mktemp("api") / "empty.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Iterator[Database]:
    shutil.copy(empty_database, tmp_path / "milepost.db")
    opened = Database(f"sqlite:///{tmp_path / 'milepost.db'}")
    yield opened
    opened.close()


@pytest.fixture
def house(database: Database) -> House:
    return House.build(database)
