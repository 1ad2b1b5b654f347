"""What a journey makes goes no further than ten hops from outside (rules.md 20)."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.tables import Event
from tests.activities.desk import Desk
from tests.intake.house import START, House

STEPS = "steps:\n  - record: beta\n  - send: mail/receipt\n"


@pytest.mark.parametrize(("hops", "made"), [(9, [10]), (10, [])])
def test_a_journey_makes_events_of_ten_hops_and_none_of_eleven(
    tmp_path: Path, url: str, hops: int, made: list[int]
) -> None:
    house = House.build(tmp_path, url, {"first": f"entry: {{milestone: alpha}}\n{STEPS}"})
    house.identify(email="ada@example.com")
    house.track("alpha", hops=hops)
    desk = Desk(house, START)
    desk.deliver()
    desk.engine.tools.threads.shutdown()
    assert [event.hops for event in house.rows(Event) if event.name == "beta"] == made
    house.database.close()
