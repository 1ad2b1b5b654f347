"""The plain form of events, CloudEvents, dry runs, and what became of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from whenever import Instant

from store import events
from tests.api.calls import problem
from tests.api.house import NOW, House

PURCHASE: dict[str, Any] = {"customer": "ada", "milestone": "purchase", "properties": {"revenue": 49}, "id": "order-1"}
CLOUD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "https://shop.example.com/orders",
    "type": "purchase",
    "subject": "ada",
    "time": "2026-03-02T08:00:00Z",
    "data": {"revenue": 49},
}


def apply(house: House) -> None:
    """Apply what is pending, as the dispatcher does."""
    house.database.write_now(
        lambda session: house.parts.applier.apply_each(session, events.next_pending(session, NOW, 100), NOW)
    )


async def test_a_single_event_and_a_list_are_accepted_once(house: House) -> None:
    headers = house.token("ingest")
    first = await house.client.post("/v1/events", json=PURCHASE, headers=headers)
    nothing: dict[str, Any] = {"rejected": [], "warnings": []}
    assert (first.status_code, first.json()) == (202, {"accepted": 1, "duplicates": 0, "ids": ["order-1"], **nothing})
    several = [
        PURCHASE,
        {"customer": "ada", "attributes": {"plan": "pro"}, "at": "2026-03-01T10:00:00+01:00"},
        {"customer": "ada", "milestone": "purchse"},
        {"milestone": "purchase"},
        {"customer": "ada", "milestone": "purchase", "propertys": {}},
        {"customer": "ada", "milestone": "x", "properties": {"x": "y" * 40_000}},
    ]
    told = (await house.client.post("/v1/events", json=several, headers=headers)).json()
    assert (told["accepted"], told["duplicates"], [one["index"] for one in told["rejected"]]) == (2, 1, [3, 4, 5])
    assert "`customer`" in told["rejected"][0]["reason"]
    assert told["warnings"] == [{"index": 2, "says": "`purchse` is not declared in the map; did you mean `purchase`?"}]
    assert [bool(one) for one in told["ids"]] == [True, True, True, False, False, False]
    _, attributes, _ = house.events()
    assert (attributes.kind, attributes.properties, attributes.at) == (
        "identify",
        {"plan": "pro"},
        Instant.from_utc(2026, 3, 1, 9),
    )


async def test_a_single_bad_event_is_a_problem_in_the_words_of_its_form(house: House) -> None:
    headers = house.token("ingest")
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"customer": None}, "`customer`"),
        ({"milestone": 5}, "`milestone`"),
        ({"at": "soon"}, "`at`"),
        ({"at": "9999-01-01T00:00:00Z"}, "`at`"),
        ({"id": ""}, "`id`"),
        ({"properties": []}, "`properties`"),
        ({"ada@example.com": 1}, "none of `customer`"),
        ({"attributes": {}}, "either"),
        ({"milestone": "message.opened"}, "made by Milepost itself"),
        ({"properties": {"x": "y" * 40_000}}, "32 KiB"),
    ]
    for wrong, says in wrongs:
        answer = await house.client.post("/v1/events", json={**PURCHASE, **wrong}, headers=headers)
        detail = problem(answer, 422)
        assert says in detail
        assert "userId" not in detail
        assert "ada@" not in detail
    for body, status in ((b"{", 400), (b"5", 422), (b'"x"', 422), (json.dumps([PURCHASE] * 501).encode(), 422)):
        problem(await house.client.post("/v1/events", content=body, headers=headers), status)
    problem(await house.client.post("/v1/events", content=b" " * 600_000, headers=headers), 413)
    assert not house.events()


async def test_cloud_events_come_alone_in_a_batch_and_in_headers(house: House) -> None:
    headers = house.token("ingest")
    alone = {**headers, "Content-Type": "application/cloudevents+json; charset=utf-8"}
    batch = {**headers, "Content-Type": "application/cloudevents-batch+json"}
    binary = {
        **headers, "Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "3", "ce-type": "purchase",
        "ce-source": "https://shop.example.com/orders", "ce-subject": "ada%40example.com",
        "ce-time": "2026-03-02T08:00:00Z",
    }  # fmt: skip
    first = await house.client.post("/v1/events", json=CLOUD, headers=alone)
    assert (first.status_code, first.json()["ids"]) == (202, ["https://shop.example.com/orders 1"])
    other = {**CLOUD, "source": "https://other.example.com"}
    told = (await house.client.post("/v1/events", json=[CLOUD, other, {**CLOUD, "id": None}], headers=batch)).json()
    assert (told["accepted"], told["duplicates"], [one["index"] for one in told["rejected"]]) == (1, 1, [2])
    answer = await house.client.post("/v1/events", json={"revenue": 5}, headers=binary)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    empty = await house.client.post("/v1/events", headers={**binary, "ce-id": "4"})
    assert empty.json()["accepted"] == 1
    assert [(event.user_id, event.properties) for event in house.events()] == [
        ("ada", {"revenue": 49}),
        ("ada", {"revenue": 49}),
        ("ada@example.com", {"revenue": 5}),
        ("ada@example.com", {}),
    ]
    assert {event.at for event in house.events()} == {Instant.from_utc(2026, 3, 2, 8)}
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"specversion": "0.3"}, "specversion"), ({"source": "a b"}, "`source`"), ({"subject": None}, "`subject`"),
        ({"data_base64": "eA=="}, "not JSON"), ({"type": ""}, "`type`"), ({"time": "soon"}, "`time`"),
        ({"id": "x" * 250}, "longer"),
    ]  # fmt: skip
    for wrong, says in wrongs:
        assert says in problem(await house.client.post("/v1/events", json={**CLOUD, **wrong}, headers=alone), 422)


async def test_a_dry_run_says_what_an_event_would_do_and_keeps_nothing(house: House) -> None:
    headers = house.token("ingest")
    before = house.digest()
    answer = await house.client.post("/v1/events?dry_run=true", json=PURCHASE, headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"id": "order-1", "state": "dry_run", "entered": [], "signalled": [], "not_entered": []}
    problem(await house.client.post("/v1/events?dry_run=true", json=[PURCHASE], headers=headers), 422)
    problem(await house.client.post("/v1/events?dry_run=true", json={}, headers=headers), 422)
    assert house.digest() == before


async def test_what_became_of_an_event_is_told_by_its_id(house: House) -> None:
    sending, reading = house.token("ingest"), house.token("read")
    await house.client.post("/v1/events", json=PURCHASE, headers=sending)
    await house.client.post(
        "/v1/events", json=CLOUD, headers={**sending, "Content-Type": "application/cloudevents+json"}
    )
    pending = (await house.client.get("/v1/events/order-1", headers=reading)).json()
    assert (pending["state"], pending["received_at"], pending["error"]) == ("pending", "2026-03-02T09:00:00Z", None)
    apply(house)
    applied = (await house.client.get("/v1/events/order-1", headers=reading)).json()
    assert (applied["state"], applied["entered"], applied["not_entered"]) == ("applied", [], [])
    named = "/v1/events/https%3A%2F%2Fshop.example.com%2Forders%201"
    assert (await house.client.get(named, headers=reading)).json()["state"] == "applied"
    problem(await house.client.get("/v1/events/nobody's", headers=reading), 404)
    problem(await house.client.get("/v1/events/order-1", headers=sending), 403)


@pytest.mark.parametrize("scope", ["read", "operate"])
async def test_sending_needs_a_key_that_sends(house: House, scope: Any) -> None:
    assert "scope" in problem(await house.client.post("/v1/events", json=PURCHASE, headers=house.token(scope)), 403)
    problem(await house.client.post("/v1/events", json=PURCHASE), 401)
    assert not house.events()


async def test_an_id_that_is_too_long_is_refused_with_a_sentence(house: House) -> None:
    headers = house.token("ingest")
    for wrong in ("9" * 3000, int("9" * 3000), int("9" * 256)):
        event = {"customer": wrong, "milestone": "purchase"}
        answer = await house.client.post("/v1/events", json=event, headers=headers)
        assert "of 1 to 255 characters" in problem(answer, 422)
        several = await house.client.post("/v1/events", json=[event, PURCHASE], headers=headers)
        assert [one["index"] for one in several.json()["rejected"]] == [0]
    beyond = b'{"milestone": "purchase", "customer": ' + b"9" * 5000 + b"}"
    headers = {**headers, "Content-Type": "application/json"}
    problem(await house.client.post("/v1/events", content=beyond, headers=headers), 400)
    assert {event.user_id for event in house.events()} == {"ada"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "customers/{}/timeline", None), ("GET", "customers/{}/suppressions", None),
        ("POST", "customers/{}/notes", {"text": "a note"}), ("GET", "customers/{}/export", None),
        ("POST", "pauses", {"scope": "customer", "target": "{}", "reason": "r"}), ("GET", "tasks?customer={}", None),
        ("PUT", "customers/{}/consents/offers", {"granted": True, "source": "form"}),
    ],
)  # fmt: skip
async def test_whoever_has_the_longest_id_is_found_by_it_and_a_longer_one_is_refused(
    house: House, method: str, path: str, body: dict[str, Any] | None
) -> None:
    longest = "9" * 255
    event = {"customer": longest, "milestone": "purchase"}
    await house.client.post("/v1/events", json=event, headers=house.token("ingest"))
    apply(house)
    headers = house.token("operate" if body or "export" in path else "read", "one")
    for name, good in ((longest, True), ("9" * 256, False), ("9" * 3000, False)):
        given = {key: name if value == "{}" else value for key, value in body.items()} if body else None
        answer = await house.client.request(method, f"/v1/{path.format(name)}", json=given, headers=headers)
        if good:
            assert answer.status_code in (200, 201, 202), answer.text
        else:
            assert "9" * 50 not in problem(answer, 422)
