"""Consent by call: what is recorded, what is told, and what is wrong is named and never repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest
from whenever import Instant

from tests.api.calls import CONSENT, YES, problem
from tests.api.house import NOW, House


async def test_a_consent_is_recorded_with_its_proof(house: House) -> None:
    answer = await house.client.put(CONSENT, json=YES, headers=house.token("operate"))
    assert (answer.status_code, answer.json()["state"]) == (200, "given")
    (row,) = house.consents()
    assert (row.topic, row.channel, row.granted) == ("offers", None, True)
    assert (row.source, row.ip, row.text_version) == ("sign-up form", "192.0.2.1", "v3")
    assert row.at == Instant.from_utc(2026, 3, 1, 9)


async def test_a_consent_counts_by_channel_and_for_customers_with_any_id(house: House) -> None:
    headers = house.token("operate")
    for user, path in (("ada@example.com", "ada%40example.com"), ("a/b c", "a%2Fb%20c")):
        where = f"/v1/customers/{path}/consents/offers"
        answer = await house.client.put(
            where, json={"granted": True, "source": "crm", "channel": "sms"}, headers=headers
        )
        assert answer.json()["channel"] == "sms"
        (row,) = house.consents(user)
        assert (row.channel, row.at) == ("sms", NOW)


async def test_our_own_id_names_the_same_customer(house: House) -> None:
    house.message()
    where = f"/v1/customers/{house.customer().id}/consents/tips"
    await house.client.put(where, json={"granted": False, "source": "crm"}, headers=house.token("operate"))
    assert house.answers() == [("tips", None, False)]


async def test_saying_it_again_and_double_opt_in_are_told(house: House) -> None:
    headers = house.token("operate")
    paths = (CONSENT, CONSENT, CONSENT.replace("offers", "stories"))
    told = [(await house.client.put(path, json=YES, headers=headers)).json() for path in paths]
    assert [one["state"] for one in told] == ["given", "same", "requested"]
    assert told[2]["says"] == "the customer asked for `stories`; it counts once it is confirmed"


async def test_an_unknown_topic_or_channel_is_answered_with_those_there_are(house: House) -> None:
    headers = house.token("operate")
    for path, body in ((CONSENT + "s", YES), (CONSENT.replace("offers", "tips"), {**YES, "channel": "sms"})):
        told = problem(await house.client.put(path, json=body, headers=headers), 404)
        assert "offers (email and sms), tips (email)" in told
    assert not house.consents()


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body.granted"),
        ({**YES, "granted": "yes"}, "body.granted"),
        ({**YES, "source": ""}, "body.source"),
        ({**YES, "source": "ada@example.com\0"}, "body.source"),
        ({**YES, "ip": "ada@example.com"}, "body.ip"),
        ({**YES, "at": "ada@example.com"}, "body.at"),
        ({**YES, "at": "2026-03-01"}, "body.at"),
        ({**YES, "at": 17}, "body.at"),
        ({**YES, "channel": "ada@example.com"}, "body.channel"),
        ({**YES, "ada@example.com": 1}, "body"),
        ([YES], "body"),
        ("ada@example.com", "body"),
    ],
)
async def test_what_is_wrong_is_named_and_never_repeated(house: House, body: Any, where: str) -> None:
    answer = await house.client.put(CONSENT, json=body, headers=house.token("operate"))
    problem(answer, 422)
    assert where in [one["where"] for one in answer.json()["errors"]]
    assert "ada@" not in answer.text
    assert not house.consents()


async def test_a_body_that_is_no_json_is_said_so(house: House) -> None:
    bare = house.token("operate")
    headers = {**bare, "Content-Type": "application/json"}
    for body in (b"{", b"\xff\xfe", b'{"granted": tru', b"[" * 50_000):
        assert problem(await house.client.put(CONSENT, content=body, headers=headers), 400)
    as_text = await house.client.put(CONSENT, content=json.dumps(YES), headers={**bare, "Content-Type": "text/plain"})
    assert problem(as_text, 422)
    assert "sent with `Content-Type: application/json`" in as_text.json()["errors"][0]["says"]
    half = json.dumps({**YES, "source": "\ud800"})
    assert problem(await house.client.put(CONSENT, content=half, headers=headers), 422)
    assert not house.consents()
