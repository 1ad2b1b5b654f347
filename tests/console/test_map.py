"""The map on a page: three columns, people in each stage, and where they get stuck."""

from __future__ import annotations

from tests.console.desk import Desk
from tests.console.test_playbooks import text_of
from tests.intake.house import START, day


async def test_an_empty_map_says_what_to_do(desk: Desk) -> None:
    page = await desk.get("/map", "viewer")
    assert page.status_code == 200
    assert "milepost track ada visited" in text_of(page.text)


async def test_the_map_counts_who_is_where(desk: Desk) -> None:
    for number in range(3):
        desk.house.track("purchase", START, f"c-{number}", revenue=1)
    desk.now = day(1)
    page = await desk.get("/map", "viewer")
    words = text_of(page.text)
    assert "3 customers" in words
    assert "customer 3 people here now" in words
    assert page.text.count('class="side ') == 3
    tag = {"If-None-Match": page.headers["etag"]}
    assert (await desk.get("/map", "viewer", headers=tag)).status_code == 304
