"""The providers' webhooks: what is theirs is stored word for word and answered at once, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs
from whenever import TimeDelta

from api.app import create
from api.problems import LARGEST
from store.database import Database
from tests.api.house import AUTH, EVENTS, INSIDE, NOW, PUBLIC, House, public_key, sendgrid_headers

STATUS = "/webhooks/twilio/status?id=m1"
DELIVERED = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+33612345678"}
INBOUND = "/webhooks/twilio/inbound"
BODY = json.dumps(EVENTS).encode()


def refused(answer: httpx.Response, status: int, says: str) -> bool:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code == status and says in answer.json()["detail"]


# --- SendGrid ------------------------------------------------------------------------------------------------------


async def test_what_sendgrid_signed_is_stored_word_for_word(house: House) -> None:
    answer = await house.sendgrid()
    assert (answer.status_code, answer.content) == (200, b"")
    (row,) = house.callbacks()
    assert (row.provider, row.body, row.state, row.received_at) == ("sendgrid", BODY, "pending", NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Twilio-Email-Event-Webhook-Signature": ""},
        {"X-Twilio-Email-Event-Webhook-Signature": "bm90IGEgc2lnbmF0dXJl"},
        {"X-Twilio-Email-Event-Webhook-Signature": "not base64"},
        {"X-Twilio-Email-Event-Webhook-Timestamp": ""},
        {"X-Twilio-Email-Event-Webhook-Timestamp": str(NOW.timestamp() + 1)},
        sendgrid_headers(BODY, str(NOW.timestamp()), ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["no signature", "not its signature", "not base64", "no timestamp", "another timestamp", "another key"],
)
async def test_what_sendgrid_did_not_sign_is_refused(house: House, headers: Mapping[str, str]) -> None:
    before = house.digest()
    assert refused(await house.sendgrid(headers=headers), 401, "The signature is not SendGrid's.")
    assert house.digest() == before


@pytest.mark.parametrize("sent", [BODY[:-1], BODY + b" ", BODY.replace(b"m1", b"m2"), b""])
async def test_one_byte_that_was_changed_is_noticed(house: House, sent: bytes) -> None:
    before = house.digest()
    assert refused(await house.sendgrid(sent=sent), 401, "The signature")
    assert house.digest() == before


@pytest.mark.parametrize("body", [BODY[:-1], b"", b"null", b'{"event": "delivered"}', b"[1]", b"[" * 100_000, b"\xff"])
async def test_what_is_no_list_of_events_is_refused_although_it_is_signed(house: House, body: bytes) -> None:
    before = house.digest()
    answer = await house.sendgrid(body)
    assert refused(answer, 400, "not a JSON list") or (body == b"\xff" and refused(answer, 401, "The signature"))
    assert house.digest() == before


async def test_a_post_that_is_played_again_is_refused(house: House) -> None:
    await house.sendgrid()
    before = house.digest()
    # Signed anew: an ECDSA signature is never the same twice, so that it cannot be what is compared.
    assert refused(await house.sendgrid(), 400, "received before")
    assert house.digest() == before
    later = NOW.add(seconds=1)
    assert (await house.sendgrid(at=later)).status_code == 200


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (TimeDelta(hours=25), 200),
        (TimeDelta(hours=25, seconds=1), 401),
        (TimeDelta(minutes=-5), 200),
        (TimeDelta(minutes=-5, seconds=-1), 401),
    ],
)
async def test_a_signature_lives_for_as_long_as_sendgrid_tries(house: House, age: TimeDelta, status: int) -> None:
    assert (await house.sendgrid(at=NOW - age)).status_code == status
    assert len(house.callbacks()) == (status == 200)


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "１２３４", "9" * 12, "1e9", "9" * 400])
async def test_a_signed_timestamp_that_is_none_is_refused(house: House, timestamp: str) -> None:
    headers = {name.encode(): value.encode() for name, value in sendgrid_headers(BODY, timestamp).items()}
    answer = await house.client.post("/webhooks/sendgrid", content=BODY, headers=headers)
    assert answer.status_code == 401
    assert not house.callbacks()


# --- Twilio --------------------------------------------------------------------------------------------------------


async def test_what_twilio_signed_is_stored_with_the_query_that_names_the_message(house: House) -> None:
    answer = await house.twilio(STATUS, DELIVERED)
    assert (answer.status_code, answer.content) == (204, b"")
    (row,) = house.callbacks()
    assert row.provider == "twilio-status"
    assert row.body == b"id=m1&MessageSid=SM1&MessageStatus=delivered&To=%2B33612345678"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "milepost.example.com"},
        {"Host": "10.0.0.7:8080", "X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "http"},
        {"Host": "evil.example.com", "X-Forwarded-For": "192.0.2.1", "Forwarded": "host=evil.example.com;proto=http"},
    ],
)
async def test_behind_a_proxy_the_public_address_is_what_counts(house: House, headers: Mapping[str, str]) -> None:
    assert (await house.twilio(STATUS, DELIVERED, **headers)).status_code == 204
    others = [INSIDE + STATUS, "http://milepost.example.com" + STATUS, "https://evil.example.com" + STATUS]
    for signed in others:
        answer = await house.twilio(STATUS, {**DELIVERED, "MessageSid": "SM2"}, signed=signed, **headers)
        assert refused(answer, 401, "not Twilio's")
    assert len(house.callbacks()) == 1


async def test_a_public_address_may_have_a_path(database: Database) -> None:
    house = House.build(database, public_url=f"{PUBLIC}/milepost/")
    assert (await house.twilio(STATUS, DELIVERED, signed=f"{PUBLIC}/milepost{STATUS}")).status_code == 204


@pytest.mark.parametrize("path", [STATUS, INBOUND])
async def test_what_twilio_did_not_sign_is_refused(house: House, path: str) -> None:
    before = house.digest()
    form = {"MessageSid": "SM1", "From": "+33612345678", "Body": "STOP"}
    assert refused(await house.post(path, form), 401, "not Twilio's")
    assert refused(await house.twilio(path, form, token="somebody else's"), 401, "not Twilio's")
    assert refused(await house.twilio(path, form, signed=f"{PUBLIC}{STATUS}2"), 401, "not Twilio's")
    garbage = await house.client.post(path, content=b"a=b", headers={b"X-Twilio-Signature": b"\xe9\xff"})
    assert refused(garbage, 401, "not Twilio's")
    assert house.digest() == before


async def test_the_status_of_one_message_cannot_be_played_for_another(house: House) -> None:
    answer = await house.twilio("/webhooks/twilio/status?id=m2", DELIVERED, signed=PUBLIC + STATUS)
    assert refused(answer, 401, "not Twilio's")


async def test_a_form_that_is_played_again_is_refused_in_whatever_shape(house: House) -> None:
    await house.twilio(STATUS, DELIVERED)
    before = house.digest()
    # The last has the same letters, so that the same signature is good for it: its number begins within its name.
    split = {"MessageSid": "SM1", "MessageStatus": "delivered", "To+": "33612345678"}
    for form in (DELIVERED, dict(reversed(DELIVERED.items())), split):
        assert refused(await house.twilio(STATUS, form), 400, "received before")
    assert house.digest() == before


@pytest.mark.parametrize("form", [{}, {"MessageStatus": "delivered"}, {"MessageSid2": "x"}])
async def test_a_form_without_what_twilio_always_says_is_refused(house: House, form: Mapping[str, str]) -> None:
    before = house.digest()
    assert refused(await house.twilio(STATUS, form), 400, "not a form of Twilio's")
    assert house.digest() == before


async def test_what_is_no_form_is_refused_although_it_is_signed(house: House) -> None:
    before = house.digest()
    as_json = await house.twilio(STATUS, DELIVERED, **{"Content-Type": "application/json"})
    assert refused(as_json, 400, "not a form of Twilio's")
    many = {**DELIVERED, **{f"f{number}": "x" for number in range(250)}}
    assert refused(await house.twilio(STATUS, many), 400, "not a form of Twilio's")
    assert house.digest() == before


async def test_each_account_has_a_token_of_its_own(database: Database) -> None:
    house = House.build(database, twilio_tokens=(AUTH, "second"), sendgrid_keys=(public_key(),))
    assert (await house.twilio(STATUS, DELIVERED)).status_code == 204
    assert (await house.twilio(STATUS, {**DELIVERED, "MessageSid": "SM2"}, token="second")).status_code == 204
    assert (await house.twilio(STATUS, {**DELIVERED, "MessageSid": "SM3"}, token="third")).status_code == 401


@pytest.mark.parametrize(
    ("body", "more", "helps"),
    [
        ("STOP", {}, False),
        ("Stop please", {}, False),
        ("What time is it?", {}, False),
        ("help me please", {}, True),
        ("HELP", {}, False),
        ("info", {}, False),
        ("Help!", {"OptOutType": "HELP"}, False),
    ],
)
async def test_only_who_asks_for_help_and_gets_none_from_twilio_is_answered(
    house: House, body: str, more: Mapping[str, str], helps: bool
) -> None:
    form = {"MessageSid": "SM1", "From": "+33612345678", "To": "+33700000000", "Body": body, **more}
    answer = await house.twilio(INBOUND, form)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert ("<Message>Larkspur &amp; Co: " in answer.text) is helps
    assert answer.text.startswith('<?xml version="1.0" encoding="UTF-8"?><Response>')
    assert helps or answer.text.endswith("<Response></Response>")
    (row,) = house.callbacks()
    assert row.provider == "twilio-inbound"


# --- both ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/webhooks/sendgrid", STATUS, INBOUND])
async def test_what_is_too_large_is_refused_before_anybody_reads_it(house: House, path: str) -> None:
    read = 0

    async def large() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 65_536
            yield b"x" * 65_536

    answer = await house.client.post(path, content=large())
    assert refused(answer, 413, "larger than 1024 KiB")
    assert read <= LARGEST + 2 * 65_536
    declared = await house.client.post(path, content=b"x", headers={"Content-Length": str(LARGEST + 1)})
    assert refused(declared, 413, "larger than 1024 KiB")
    assert not house.callbacks()


@pytest.mark.parametrize(
    ("path", "setting"),
    [
        ("/webhooks/sendgrid", "MILEPOST_SENDGRID_WEBHOOK_KEY"),
        (STATUS, "MILEPOST_TWILIO_AUTH_TOKEN"),
        (INBOUND, "MILEPOST_TWILIO_AUTH_TOKEN"),
    ],
)
async def test_without_its_key_a_webhook_says_which_setting_is_missing(house: House, path: str, setting: str) -> None:
    before = house.digest()
    bare = create(replace(house.parts, sendgrid_keys=(), twilio_tokens=()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(bare), base_url=INSIDE) as client:
        assert refused(await client.post(path, content=BODY), 503, f"{setting} is not set")
    assert house.digest() == before


async def test_the_log_tells_of_callbacks_and_of_nobody(house: House) -> None:
    form = {"MessageSid": "SM1", "From": "+33612345678", "Body": "my name is Ada"}
    with capture_logs() as lines:
        await house.sendgrid()
        await house.sendgrid()
        await house.twilio(INBOUND, form)
        await house.post(INBOUND, form)
    told = [(line["event"], line["provider"], line["log_level"]) for line in lines]
    assert told == [
        ("a callback came in", "sendgrid", "info"),
        ("a callback was refused", "sendgrid", "warning"),
        ("a callback came in", "twilio-inbound", "info"),
        ("a callback was refused", "twilio-inbound", "warning"),
    ]
    assert not any(secret in str(lines) for secret in ("ada", "Ada", "336", "m1"))


async def test_a_get_of_a_webhook_is_no_callback(house: House) -> None:
    for path in ("/webhooks/sendgrid", STATUS, INBOUND):
        answer: Any = await house.client.get(path)
        assert refused(answer, 405, "does not take this method")
