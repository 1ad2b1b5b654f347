"""Our journey of the shape of the yardstick costs hardly more than the yardstick (design §15)."""

from __future__ import annotations

import pytest

from bench.counts import MOST_ACTIONS, MOST_BYTES, MOST_EVENTS, Both, of_ours
from bench.server import Storage, running


@pytest.fixture(scope="module")
async def costs() -> Both:
    async with running(Storage.MEMORY) as (server, _):
        return await of_ours(server)


def test_it_takes_as_many_history_events_as_by_hand(costs: Both) -> None:
    assert [cost.events for cost in costs] == [34, 39]
    assert max(cost.events for cost in costs) <= MOST_EVENTS


def test_it_takes_one_activity_a_message_and_at_most_one_more(costs: Both) -> None:
    assert [cost.activities for cost in costs] in ([3, 4], [4, 5])
    assert [cost.local_activities for cost in costs] == [0, 0]


def test_it_takes_few_billable_actions(costs: Both) -> None:
    assert max(cost.billable_actions for cost in costs) <= MOST_ACTIONS


def test_its_history_is_small(costs: Both) -> None:
    assert max(cost.history_bytes for cost in costs) <= MOST_BYTES
