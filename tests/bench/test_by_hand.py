"""The yardstick costs exactly what it should: every ratio of `make bench` is worth as much as these numbers."""

from __future__ import annotations

import pytest

from bench.by_hand import TASK_QUEUE, ByHand, Entry, worker
from bench.measure import Cost, at_rest_after, cost_of
from bench.server import Storage, running

_HOUR = 3600.0


@pytest.fixture(scope="module")
async def costs() -> tuple[Cost, Cost]:
    """Of a journey that reached the milestone, and of one that timed out."""
    async with running(Storage.MEMORY) as (_, client), worker(client):
        reached = await client.start_workflow(
            ByHand.run, Entry("ada", 0.01, _HOUR), id="reached", task_queue=TASK_QUEUE
        )
        timed_out = await client.start_workflow(
            ByHand.run, Entry("ben", 0.01, 0.01), id="timed-out", task_queue=TASK_QUEUE
        )
        await at_rest_after(reached, activities=2)
        await reached.signal(ByHand.milestone)
        return await cost_of(reached), await cost_of(timed_out)


def test_it_takes_34_history_events_when_reached_and_39_when_timed_out(costs: tuple[Cost, Cost]) -> None:
    assert [cost.events for cost in costs] == [34, 39]


def test_it_takes_one_activity_a_message_and_no_local_ones(costs: tuple[Cost, Cost]) -> None:
    assert [cost.activities for cost in costs] == [3, 4]
    assert [cost.local_activities for cost in costs] == [0, 0]


def test_it_takes_7_billable_actions_either_way(costs: tuple[Cost, Cost]) -> None:
    assert [cost.billable_actions for cost in costs] == [7, 7]


def test_its_history_takes_a_few_kilobytes(costs: tuple[Cost, Cost]) -> None:
    # Not to the byte: a history also holds the name of the host and the length of its process ids.
    reached, timed_out = costs
    assert 3000 < reached.history_bytes < timed_out.history_bytes < 5000
