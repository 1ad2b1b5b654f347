"""What stands beside the workflow by hand in `make bench` runs: our workers, without store and rendering."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

import wiring
from bench.measure import cost_of
from bench.server import Storage, running
from bench.shape import project, start
from bench.stack import Stubbed, stubbed


async def test_a_journey_goes_to_its_end_without_store_and_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wiring.JourneyActivities", Stubbed)  # `stubbed` does so as well; this puts it back
    found = project("1 second", "1 second")
    async with running(Storage.MEMORY) as (server, _), AsyncExitStack() as stack:
        client = await wiring.connect(server.address)
        for worker in stubbed(found, client):
            await stack.enter_async_context(worker)
        (plan,) = found.plans.values()
        cost = await cost_of(await start(client, plan, 1))
    assert cost.activities >= 4
