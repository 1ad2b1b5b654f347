"""Twilio's webhooks: signed for the address that the public knows, and read without a text of theirs going on."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from messaging.callbacks.news import News
from messaging.callbacks.twilio import form_of, read_inbound, read_status, verified

TOKEN = "12345678901234567890123456789012"
URL = "https://mail.example.com/webhooks/twilio/status?id=m1"
RECEIVED = Instant.from_utc(2026, 3, 2, 9)
STATUS = {
    "MessageSid": "SM0123456789abcdef0123456789abcdef",
    "MessageStatus": "delivered",
    "To": "+33612345678",
    "From": "+33644600000",
    "ErrorCode": "",
}


def sign(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def status(**more: str) -> News | None:
    return read_status({"id": "m1", **STATUS, **more}, RECEIVED)


# --- signatures ------------------------------------------------------------------------------------------------------


def test_what_twilio_signed_is_verified() -> None:
    assert verified(TOKEN, URL, STATUS, sign(URL, STATUS))


@pytest.mark.parametrize(
    "url",
    [
        "https://mail.example.com/webhooks/twilio/status?id=m2",
        "https://mail.example.com/webhooks/twilio/status",
        "http://mail.example.com/webhooks/twilio/status?id=m1",
        "https://inside.example.com/webhooks/twilio/status?id=m1",
        "https://mail.example.com/webhooks/twilio/inbound?id=m1",
        "https://mail.example.com:x/",
        "",
    ],
)
def test_a_signature_holds_for_its_own_address_only(url: str) -> None:
    assert not verified(TOKEN, url, STATUS, sign(URL, STATUS))


@pytest.mark.parametrize("change", [{"MessageStatus": "failed"}, {"More": ""}, {"MessageSid": "SM1"}], ids=str)
def test_a_form_that_was_changed_is_refused(change: dict[str, str]) -> None:
    assert not verified(TOKEN, URL, {**STATUS, **change}, sign(URL, STATUS))


def test_a_form_that_was_cut_is_refused() -> None:
    signature = sign(URL, STATUS)
    post = urlencode(STATUS).encode()
    assert verified(TOKEN, URL, form_of(post), signature)
    for length in range(len(post) - 1):
        # An empty last value may lose its `=`; nothing else may be lost.
        assert not verified(TOKEN, URL, form_of(post[:length]), signature) or form_of(post[:length]) == form_of(post)


@pytest.mark.parametrize("signature", [None, "", "no base64", "é", sign(URL, STATUS, "somebody else's token")])
def test_another_signature_is_refused(signature: str | None) -> None:
    assert not verified(TOKEN, URL, STATUS, signature)


def test_without_a_token_nothing_is_verified() -> None:
    assert not verified("", URL, STATUS, sign(URL, STATUS, ""))


# --- statuses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("accepted", "accepted"),
        ("queued", "accepted"),
        ("sending", "accepted"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("undelivered", "undelivered"),
        ("failed", "undelivered"),
        ("canceled", "dropped"),
        ("a word of next year", "mentioned"),
    ],
)
def test_every_status_is_told_in_our_words(word: str, kind: str) -> None:
    assert status(MessageStatus=word) == News("m1", kind, RECEIVED, STATUS["MessageSid"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "detail"),
    [("30003", "30003"), ("30005", "invalid"), ("30006", "invalid"), ("21614", "invalid"), ("", None), ("x y", None)],
)
def test_an_error_is_told_by_its_code(code: str, detail: str | None) -> None:
    news = status(MessageStatus="undelivered", ErrorCode=code, ErrorMessage="+33612345678 is a landline")
    assert news is not None
    assert news.detail == detail
    assert "336" not in repr(news)


def test_our_id_comes_before_whatever_the_form_calls_so() -> None:
    form = form_of(b"id=m1&" + urlencode({**STATUS, "id": "m2"}).encode())
    news = read_status(form, RECEIVED)
    assert news is not None
    assert news.message == "m1"


@pytest.mark.parametrize("form", [{}, {"id": "m1"}, {"MessageStatus": "sent"}, {"id": "a b", "MessageStatus": "sent"}])
def test_a_status_of_no_message_of_ours_says_nothing(form: dict[str, str]) -> None:
    assert read_status(form, RECEIVED) is None


# --- what customers write --------------------------------------------------------------------------------------------


def inbound(**more: str) -> Any:
    return read_inbound({"From": "+33612345678", "To": "+33644600000", "Body": "Hello", **more})


def test_an_sms_says_who_wrote_to_which_number_and_what_they_want() -> None:
    assert tuple(inbound(Body="Stop please")) == ("+33612345678", "+33644600000", "stop")


def test_where_twilio_acted_on_a_keyword_that_counts() -> None:
    assert inbound(Body="Schluss jetzt mit dem Unsinn", OptOutType="STOP").intent == "stop"
    assert inbound(Body="ja", OptOutType="START").intent == "start"
    assert inbound(Body="don't stop", OptOutType="").intent == "none"


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=10)), st.binary(max_size=50))
def test_no_form_makes_an_error(form: dict[str, str], content: bytes) -> None:
    read_inbound(form)
    read_status(form, RECEIVED)
    read_status(form_of(content), RECEIVED)
    assert not verified(TOKEN, URL, form, "AAAA")
