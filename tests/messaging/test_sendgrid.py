"""What an e-mail looks like when SendGrid gets it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from messaging.senders.sendgrid import SendGrid
from messaging.sending import Outgoing
from tests import provider
from tests.messaging.wire import EMAIL, NOW, Got, sendgrid, wire

LINK = "https://milepost.example.com/u/TOKEN"


def sent(message: Outgoing) -> Got:
    with wire() as far, sendgrid(far.url) as sender:
        assert sender.send(message).what == "accepted"
        return far.got[0]


def test_one_person_is_one_personalization_with_our_id_and_nothing_else_of_theirs() -> None:
    body = sent(EMAIL).json
    (person,) = body["personalizations"]
    assert person["to"] == [{"email": EMAIL.to}]
    assert person["custom_args"] == {"milepost_id": EMAIL.id}
    assert "custom_args" not in body


def test_nothing_personal_goes_into_custom_args_or_categories() -> None:
    body = sent(replace(EMAIL, categories=("welcome", "trial/welcome"))).json
    kept = repr((body["personalizations"][0]["custom_args"], body["categories"]))
    assert EMAIL.to not in kept
    assert "Ada" not in kept


def test_categories_are_named_once_and_are_ten_at_most() -> None:
    names = ("welcome", "welcome", *(f"c{n}" for n in range(20)))
    found = sent(replace(EMAIL, categories=names)).json["categories"]
    assert sorted(found) == sorted(dict.fromkeys(names).keys() & set(found))
    assert len(found) == 10


def test_the_text_comes_before_the_html() -> None:
    kinds = [part["type"] for part in sent(EMAIL).json["content"]]
    assert kinds == ["text/plain", "text/html"]


def test_marketing_mail_has_the_two_headers_of_one_click() -> None:
    headers = sent(replace(EMAIL, unsubscribe_url=LINK)).json["personalizations"][0]["headers"]
    assert headers == {"List-Unsubscribe": f"<{LINK}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def test_mail_without_a_link_has_no_header_of_ours() -> None:
    assert "headers" not in sent(EMAIL).json["personalizations"][0]


@pytest.mark.parametrize("link", [LINK, None])
def test_sendgrids_own_unsubscribe_links_are_off(link: str | None) -> None:
    settings = sent(replace(EMAIL, unsubscribe_url=link)).json["tracking_settings"]
    assert settings["subscription_tracking"] == {"enable": False}


@pytest.mark.parametrize("watched", [True, False])
def test_opens_and_clicks_are_tracked_only_where_the_message_says_so(watched: bool) -> None:
    settings = sent(replace(EMAIL, tracking=watched)).json["tracking_settings"]
    assert settings["open_tracking"] == {"enable": watched}
    assert settings["click_tracking"] == {"enable": watched, "enable_text": False}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("hi@example.com", {"email": "hi@example.com"}),
        ("Acme <hi@example.com>", {"email": "hi@example.com", "name": "Acme"}),
        ('"Acme, Inc." <hi@example.com>', {"email": "hi@example.com", "name": "Acme, Inc."}),
        ("Acme, Inc. <hi@example.com>", {"email": "hi@example.com", "name": "Acme, Inc."}),
        ("<hi@example.com>", {"email": "hi@example.com"}),
        ("Zoë & Söhne <hi@example.com>", {"email": "hi@example.com", "name": "Zoë & Söhne"}),
    ],
)
def test_a_party_is_a_name_and_an_address(written: str, read: dict[str, str]) -> None:
    body = sent(replace(EMAIL, from_=written, reply_to=written)).json
    assert (body["from"], body["reply_to"]) == (read, read)


def test_a_message_that_names_no_sender_comes_from_ours() -> None:
    body = sent(EMAIL).json
    assert body["from"] == {"email": "hi@example.com", "name": "Acme"}
    assert "reply_to" not in body


def test_an_address_with_strange_but_valid_signs_arrives_whole() -> None:
    for to in ('"a b"@example.com', "o'hara+news@example.com", "zoë@exämple.com"):
        assert sent(replace(EMAIL, to=to)).json["personalizations"][0]["to"] == [{"email": to}]


INJECTED = "Hello\r\nBcc: everybody@example.com"


@pytest.mark.parametrize(
    "message",
    [
        replace(EMAIL, subject=INJECTED),
        replace(EMAIL, subject="Hello\x85Bcc: everybody@example.com"),
        replace(EMAIL, subject="Hello\u2028Bcc: everybody@example.com"),
        replace(EMAIL, from_="Acme\r\nBcc: everybody@example.com <hi@example.com>"),
        replace(EMAIL, from_="hi@example.com\n"),
        replace(EMAIL, reply_to="Acme\nBcc: everybody@example.com <hi@example.com>"),
        replace(EMAIL, to="ada@example.com\r\nBcc: everybody@example.com"),
        replace(EMAIL, unsubscribe_url=f"{LINK}\r\nBcc: everybody@example.com"),
        replace(EMAIL, unsubscribe_url=f"{LINK}>, <mailto:everybody@example.com"),
        replace(EMAIL, unsubscribe_url="javascript:alert(1)"),
        replace(EMAIL, categories=("a\r\nb",)),
    ],
)
def test_what_would_go_on_in_a_second_header_is_rejected_unsent(message: Outgoing) -> None:
    with wire() as far, sendgrid(far.url) as sender:
        outcome = sender.send(message)
        assert (outcome.what, outcome.reason, outcome.sender) == ("rejected", "rejected", "sendgrid")
        assert far.got == []


@pytest.mark.parametrize(
    "message",
    [
        replace(EMAIL, subject=""),
        replace(EMAIL, text="", html=""),
        replace(EMAIL, from_="nobody"),
        replace(EMAIL, reply_to="Acme"),
    ],
)
def test_what_sendgrid_could_not_take_is_rejected_unsent(message: Outgoing) -> None:
    with wire() as far, sendgrid(far.url) as sender:
        assert sender.send(message).what == "rejected"
        assert far.got == []


@pytest.mark.parametrize("from_", ["", "Acme", "Acme <hi>", "Acme\r\n <hi@example.com>"])
def test_a_sender_of_our_own_that_is_no_address_stops_the_start(from_: str) -> None:
    with pytest.raises(ValueError, match="Name <address>"):
        SendGrid("SG.not-a-key", "https://api.example.com", from_)


def test_nothing_proves_that_sendgrid_does_not_have_a_mail() -> None:
    with wire() as far, sendgrid(far.url) as sender:
        assert sender.look_up(EMAIL, NOW).what == "unknown"
        assert far.got == []


def test_over_tls_with_a_bundle_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider.Provider(tmp_path, tls=True) as far:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.fspath(far.certificate or ""))
        with sendgrid(far.url) as sender:
            assert [sender.send(EMAIL).what for _ in range(3)] == ["accepted"] * 3
            assert [one.id for one in far.accepted()] == [EMAIL.id] * 3
