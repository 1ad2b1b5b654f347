"""Pauses by call: begun, listed, ended, and answered once for each Idempotency-Key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy.orm import Session

from store import audit, holds
from tests.api.calls import PAUSE, problem
from tests.api.house import NOW, House


async def test_a_pause_begins_is_listed_and_ends(house: House) -> None:
    house.message()
    headers = house.token("operate")
    begun = await house.client.post("/v1/pauses", json=PAUSE, headers=headers)
    assert begun.status_code == 201
    pause = begun.json()
    assert pause == {
        "id": pause["id"], "scope": "playbook", "target": "welcome", "policy": "continue", "reason": PAUSE["reason"],
        "made_by": "api:a operate key", "started_at": "2026-03-02T09:00:00Z", "ends_at": None, "ended_at": None,
        "handling": None, "spread": None, "include_transactional": False, "held": None,
    }  # fmt: skip
    (listed,) = (await house.client.get("/v1/pauses", headers=house.token("read"))).json()["pauses"]
    assert listed == {**pause, "held": 0}
    where = f"/v1/pauses/{pause['id']}"
    ended = await house.client.delete(where, params={"reason": "mended", "spread": 100}, headers=headers)
    assert (ended.status_code, ended.json()["ended_at"], ended.json()["spread"]) == (200, "2026-03-02T09:00:00Z", 100)
    assert "has ended already" in problem(
        await house.client.delete(where, params={"reason": "x"}, headers=headers), 409
    )
    acts = house.database.read_now(lambda session: audit.about(session, "welcome"))
    assert [(act.what, act.who, act.reason) for act in acts] == [
        ("pause", "api:a operate key", "a wrong price in it"),
        ("resume", "api:a operate key", "mended"),
    ]


async def test_a_repeated_call_with_its_key_is_answered_as_the_first_time(house: House) -> None:
    house.message()
    headers = {**house.token("operate"), "Idempotency-Key": "7f1c"}
    first, again = [await house.client.post("/v1/pauses", json=PAUSE, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    other = await house.client.post("/v1/pauses", json={**PAUSE, "policy": "freeze"}, headers=headers)
    assert "was used for another request" in problem(other, 409)
    where = f"/v1/pauses/{first.json()['id']}"
    ended = [await house.client.delete(where, params={"reason": "x"}, headers=headers) for _ in range(2)]
    assert ended[0].status_code == 200
    assert ended[0].json() == ended[1].json()
    (only,) = (await house.client.get("/v1/pauses", params={"ended": True}, headers=headers)).json()["pauses"]
    assert only["id"] == first.json()["id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"scope": "playbook", "target": "welcome"}, 422),
        ({**PAUSE, "reason": " "}, 422),
        ({**PAUSE, "scope": "galaxy"}, 422),
        ({**PAUSE, "target": None}, 422),
        ({**PAUSE, "scope": "everything"}, 422),
        ({**PAUSE, "policy": "stop"}, 422),
        ({**PAUSE, "ends_at": "2026-03-01T09:00:00Z"}, 422),
        ({**PAUSE, "ends_at": "tomorrow"}, 422),
        ({"scope": "channel", "target": "email", "policy": "freeze", "reason": "x"}, 422),
        ({**PAUSE, "target": "ada@example.com"}, 404),
        ({"scope": "customer", "target": "ada@example.com", "reason": "x"}, 404),
        ({"scope": "journey", "target": "ada@example.com", "reason": "x"}, 404),
    ],
)
async def test_a_pause_that_makes_no_sense_is_refused(house: House, body: Mapping[str, Any], status: int) -> None:
    house.message()
    headers = house.token("operate")
    before = house.digest()
    answer = await house.client.post("/v1/pauses", json=body, headers=headers)
    problem(answer, status)
    assert "ada@" not in answer.text
    assert house.digest() == before


@pytest.mark.parametrize(
    "query", ["", "?reason=", "?reason=x&handling=burn", "?reason=x&spread=0", "?reason=x&handling=skip&spread=5"]
)
async def test_the_end_of_a_pause_needs_a_reason_and_sense(house: House, query: str) -> None:
    headers = house.token("operate")
    await house.client.post("/v1/pauses", json={"scope": "everything", "reason": "x"}, headers=headers)
    problem(await house.client.delete(f"/v1/pauses/1{query}", headers=headers), 422)
    problem(await house.client.delete("/v1/pauses/2?reason=x", headers=headers), 404)
    for number in ("x", "0", "9" * 30):
        problem(await house.client.delete(f"/v1/pauses/{number}?reason=x", headers=headers), 422)


async def test_what_the_end_of_a_pause_would_do_is_told_before(house: House) -> None:
    house.message()
    headers = house.token("operate")
    begun = (await house.client.post("/v1/pauses", json=PAUSE, headers=headers)).json()

    def meet(session: Session) -> None:
        holds.add(session, "welcome.0", [begun["id"]], NOW, {begun["id"]: "email"})

    house.database.write_now(meet)
    other = (await house.client.post("/v1/pauses", json={"scope": "everything", "reason": "r"}, headers=headers)).json()
    where = f"/v1/pauses/{begun['id']}"
    told = (await house.client.get(where, headers=house.token("read"))).json()
    assert told == {
        **begun, "held": 1,
        "would": {
            "held": 1, "email": 1, "sms": 0, "others": [other["id"]],
            "says": "1 journey stands because of it and goes on at once. 1 e-mail is due; each is decided upon again "
            "before it is sent, and nothing is that has expired. 1 other pause holds some of them still.",
        },
    }  # fmt: skip
    skipped = await house.client.get(where, params={"handling": "skip"}, headers=headers)
    assert "1 e-mail is not sent" in skipped.json()["would"]["says"]
    problem(await house.client.get("/v1/pauses/77", headers=headers), 404)
