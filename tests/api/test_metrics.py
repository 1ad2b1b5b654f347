"""What watches Milepost reads how events come in and how far applying them lags."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from store import events
from store.events import Arrival
from tests.api.house import NOW, House


async def figures(house: House) -> dict[str, float]:
    answer = await house.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [one for family in text_string_to_metric_families(answer.text) for one in family.samples]
    assert all(not one.labels for one in samples)  # nobody and nothing is named
    return {one.name.removeprefix("milepost_events_"): one.value for one in samples}


async def test_metrics_count_what_came_in_and_show_the_lag(house: House) -> None:
    before = NOW.subtract(seconds=30)
    came = [Arrival("key", message, "ada", "track", before, before, "purchase") for message in ("a", "b", "a")]
    await house.parts.acceptor.accept(came)
    house.database.write_now(lambda session: events.set_aside(session, 2, "E"))
    assert await figures(house) == {
        "accepted_total": 2, "duplicate_total": 1, "unstorable_total": 0, "overloaded_total": 0,
        "queued": 0, "waiting": 1, "lag_seconds": 30, "failed": 1,
    }  # fmt: skip


async def test_a_lag_shows_in_the_health_and_makes_nobody_unwell(house: House) -> None:
    before = NOW.subtract(seconds=30)
    await house.parts.acceptor.accept([Arrival("key", "a", "ada", "track", before, before, "purchase")])
    answer = await house.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "waiting": 1, "lag_seconds": 30.0})
