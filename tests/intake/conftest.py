"""Houses for tests of intake, and one Temporal server for those that need it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from embedded import TemporalServer
from tests.intake.house import House

Build = Callable[[Mapping[str, str]], House]


@pytest.fixture
def build(tmp_path: Path, url: str) -> Iterator[Build]:
    """Builds a house of these playbooks."""
    with contextlib.ExitStack() as stack:

        def built(playbooks: Mapping[str, str]) -> House:
            house = House.build(tmp_path, url, playbooks)
            stack.callback(house.database.close)
            return house

        yield built


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[TemporalServer]:
    async with TemporalServer() as server:
        yield server
