"""Whatever the net throws at the doors that need no key, nobody meets a 5xx, and nothing unsigned is stored."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from tests.api.house import AUTH, EVENTS, NOW, PUBLIC, House, sendgrid_headers

SIGNATURES = ("X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp", "X-Twilio-Signature")
HEADERS = st.dictionaries(
    st.sampled_from([*SIGNATURES, "Content-Type"]), st.binary(max_size=40).filter(lambda b: not set(b) & {0, 10, 13})
)
PATHS = st.sampled_from(["/webhooks/sendgrid", "/webhooks/twilio/status", "/webhooks/twilio/inbound"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CALLS = [
    (
        "PUT",
        "/v1/customers/{}/consents/offers",
        {"granted": True, "source": "form", "ip": "::1", "text_version": "1", "at": NOW.format_iso(), "channel": "sms"},
    ),
    (
        "POST",
        "/v1/pauses",
        {"scope": "channel", "target": "sms", "reason": "x", "policy": "continue", "include_transactional": True},
    ),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(["MessageSid", "From", "To", "Body", "MessageStatus", "OptOutType", "ErrorCode"]) | TEXT

# The house is made once for all examples: each of them may leave rows, and none of them minds.
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ask(house: House, method: str, path: str, **more: Any) -> int:
    return asyncio.run(house.client.request(method, path, **more)).status_code


@many
@given(PATHS, st.binary(max_size=200), HEADERS, st.binary(max_size=20))
def test_what_nobody_signed_is_refused(
    house: House, path: str, body: bytes, headers: dict[str, bytes], query: bytes
) -> None:
    assert ask(house, "POST", path, content=body, headers=headers, params={"id": query.hex()}) in (400, 401)
    assert not house.callbacks()


@many
@given(
    st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()) | st.just(json.dumps(EVENTS).encode()),
    st.data(),
)
def test_anything_that_is_signed_as_sendgrid_does(house: House, body: bytes, data: st.DataObject) -> None:
    headers = sendgrid_headers(body, str(NOW.timestamp() + data.draw(st.integers(-100_000, 400))))
    cut = data.draw(st.integers(0, len(body)))
    sent = data.draw(st.sampled_from([body, body[:cut], body[cut:] + body[:cut]]))
    status = ask(house, "POST", "/webhooks/sendgrid", content=sent, headers=headers)
    assert status in (200, 400, 401)
    assert status == 401 or sent == body


@many
@given(st.sampled_from(["status?id=m1", "status", "inbound"]), st.dictionaries(NAMES, TEXT, max_size=8))
def test_anything_that_is_signed_as_twilio_does(house: House, path: str, form: dict[str, str]) -> None:
    where = f"/webhooks/twilio/{path}"
    headers = {
        "X-Twilio-Signature": RequestValidator(AUTH).compute_signature(PUBLIC + where, form),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert ask(house, "POST", where, content=urlencode(form).encode(), headers=headers) in (200, 204, 400)


@many
@given(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["u", "preferences", "confirm"]),
    st.sampled_from(["", "IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2NyI."]),
    st.text(max_size=30),
    st.binary(max_size=60),
    HEADERS,
)
def test_any_link_and_any_form(
    house: House, method: str, kind: str, begins: str, rest: str, body: bytes, headers: dict[str, bytes]
) -> None:
    before = house.digest()
    address = f"/{kind}/{begins}" + "".join(f"%{byte:02x}" for byte in rest.encode("utf-8", "surrogatepass"))
    assert ask(house, method, address, content=body, headers=headers) in (400, 404)
    assert house.digest() == before


@pytest.mark.parametrize("kind", ["unsubscribe", "preferences", "confirm"])
@many
@given(body=st.binary(max_size=120), headers=HEADERS)
def test_any_form_with_a_good_link(house: House, kind: str, body: bytes, headers: dict[str, bytes]) -> None:
    link = getattr(house.parts.links, kind)(house.message()).removeprefix(PUBLIC)
    assert ask(house, "POST", link, content=body, headers=headers) in (200, 400)


@many
@given(st.sampled_from(CALLS), st.text(min_size=1, max_size=10), st.data())
def test_any_json_with_a_good_key(
    house: House, call: tuple[str, str, dict[str, Any]], user: str, data: st.DataObject
) -> None:
    method, path, good = call
    field = data.draw(st.sampled_from([*good, "more"]))
    body = data.draw(st.just({**good, field: data.draw(JSON)}) | JSON)
    named = "".join(f"%{byte:02x}" for byte in user.encode("utf-8", "surrogatepass"))
    headers = {**house.token("operate"), "Content-Type": "application/json"}
    status = ask(house, method, path.format(named), content=json.dumps(body).encode(), headers=headers)
    assert status in (200, 201, 400, 404, 422)
