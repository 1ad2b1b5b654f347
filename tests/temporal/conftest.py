"""One real server for the tests of this folder. Journeys continue as new after a few events, so that all of them do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from embedded import TemporalServer


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[TemporalServer]:
    async with TemporalServer(skipping=True, config=("limit.historyCount.suggestContinueAsNew=40",)) as running:
        yield running
