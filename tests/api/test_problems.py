"""Whatever goes wrong is a problem with a sentence, and the description of the API tells of it."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from store.database import Database
from tests.api.calls import problem
from tests.api.house import House


async def test_an_address_that_is_none_and_a_method_that_is_none(house: House) -> None:
    assert problem(await house.client.get("/nothing/ada@example.com"), 404) == "There is nothing at this address."
    problem(await house.client.delete("/healthz"), 405)
    # A redirect would turn a POST into a GET.
    problem(await house.client.post("/v1/pauses/"), 404)


async def test_a_mistake_of_our_own_is_answered_and_logged_without_what_it_quotes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("of ada@example.com")

    monkeypatch.setattr("intake.pauses.listed", broken)
    with capture_logs() as lines:
        answer = await house.client.get("/v1/pauses", headers=house.token("read"))
    assert "mistake of Milepost's own" in problem(answer, 500)
    assert [(line["event"], line["error"], line["route"]) for line in lines] == [
        ("a request failed", "RuntimeError", "/v1/pauses")
    ]
    assert "ada@" not in answer.text + str(lines)


async def test_a_database_that_is_away_is_said_so() -> None:
    gone = Database("sqlite:////nowhere/at/all.db")
    house = House.build(gone)
    answer = await house.client.get("/healthz")
    assert "try again" in problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert "/nowhere" not in answer.text
    gone.close()


async def test_health_is_whether_the_database_answers(house: House) -> None:
    answer = await house.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "waiting": 0, "lag_seconds": 0.0})


async def test_the_description_has_every_call_with_its_problems(house: House) -> None:
    told = (await house.client.get("/openapi.json")).json()
    assert told["openapi"].startswith("3.1")
    assert set(told["paths"]) >= {
        "/v1/track", "/v1/identify", "/v1/page", "/v1/screen", "/v1/group", "/v1/alias", "/v1/batch", "/v1/import",
        "/v1/events", "/v1/events/{id}", "/v1/journeys/{id}/skip", "/v1/journeys/{id}/exit", "/v1/customers/{id}/enrol",
        "/v1/customers/{id}/timeline", "/v1/pauses", "/v1/pauses/{id}", "/v1/customers/{id}/consents/{topic}",
        "/webhooks/sendgrid", "/webhooks/twilio/status", "/webhooks/twilio/inbound", "/u/{token}",
        "/preferences/{token}", "/confirm/{token}", "/v1/customers/{id}/export", "/v1/customers/{id}/erase",
    }  # fmt: skip
    for path, calls in told["paths"].items():
        for call in calls.values():
            assert call["description"], path
            for status, answer in call["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], path
            if path.startswith("/v1/"):
                assert call["security"], path
                assert {"401", "403"} <= set(call["responses"]), path
