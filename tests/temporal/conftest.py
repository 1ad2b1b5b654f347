"""One real server for the tests of this folder. Journeys continue as new after a few events, so that all of them do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from embedded import TemporalServer
from intake import scheduling


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[TemporalServer]:
    async with TemporalServer(skipping=True, config=("limit.historyCount.suggestContinueAsNew=40",)) as running:
        yield running


@pytest.fixture(autouse=True)
def nobody_sweeps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the server that tests share no worker makes schedules: the sweeps would run in workers of other tests."""
    if "server" in request.fixturenames:

        async def ensure(*_: object) -> None:
            pass

        monkeypatch.setattr(scheduling, "ensure", ensure)
