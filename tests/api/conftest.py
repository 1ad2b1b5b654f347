"""A house for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.database import Database
from tests.api.house import House


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def house(database: Database) -> House:
    return House.build(database)
