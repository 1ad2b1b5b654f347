"""SendGrid's Event Webhook: nothing is believed that it did not sign, and nothing is lost of what it did."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from messaging.callbacks.news import News
from messaging.callbacks.sendgrid import read, verified

PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEY = base64.b64encode(PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
STAMP = "1772445600"
AT = Instant.from_timestamp(1772445600)


def event(what: str = "delivered", **more: Any) -> dict[str, Any]:
    given = {
        "email": "ada@example.com",
        "timestamp": 1772445600,
        "event": what,
        "sg_event_id": "b2xk",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "milepost_id": "m1",
    }
    return {name: value for name, value in (given | more).items() if value is not None}


def body(*events: Any) -> bytes:
    return json.dumps(events, indent=1).encode()  # as nobody who serialises it again would write it


def sign(content: bytes, stamp: str = STAMP, key: ec.EllipticCurvePrivateKey = PRIVATE) -> str:
    return base64.b64encode(key.sign(stamp.encode() + content, ec.ECDSA(hashes.SHA256()))).decode()


# --- signatures ------------------------------------------------------------------------------------------------------


def test_what_sendgrid_signed_is_verified() -> None:
    post = body(event(), event("open"))
    assert verified(KEY, post, sign(post), STAMP)


def test_a_body_is_verified_byte_by_byte() -> None:
    post = body(event())
    again = json.dumps(json.loads(post)).encode()
    assert json.loads(again) == json.loads(post)
    assert not verified(KEY, again, sign(post), STAMP)


@pytest.mark.parametrize(
    "changed",
    [
        lambda post: post[:-1],
        lambda post: post[: len(post) // 2],
        lambda post: post + b" ",
        lambda post: post.replace(b"delivered", b"bounce"),
        lambda post: b"",
        lambda post: b"\xff\xfe" + post,
    ],
    ids=["last byte", "half", "longer", "another event", "nothing", "no text"],
)
def test_a_body_that_was_changed_or_cut_is_refused(changed: Any) -> None:
    post = body(event())
    assert not verified(KEY, changed(post), sign(post), STAMP)


def test_a_signature_by_somebody_else_is_refused() -> None:
    post = body(event())
    assert not verified(KEY, post, sign(post, key=ec.generate_private_key(ec.SECP256R1())), STAMP)


def test_a_signature_holds_for_its_own_time_only() -> None:
    post = body(event())
    assert not verified(KEY, post, sign(post), "1772445601")


@pytest.mark.parametrize("signature", [None, "", "no base64 at all", "AAAA", "é", base64.b64encode(b"0" * 70).decode()])
def test_a_signature_that_is_none_is_refused_without_an_error(signature: str | None) -> None:
    assert not verified(KEY, body(event()), signature, STAMP)


@pytest.mark.parametrize("stamp", [None, "", "é"])
def test_a_time_that_is_none_is_refused_without_an_error(stamp: str | None) -> None:
    assert not verified(KEY, body(event()), sign(body(event())), stamp)


@pytest.mark.parametrize("key", ["", "no key", "AAAA", KEY[:-8], "é", "-----BEGIN PUBLIC KEY-----"])
def test_with_a_key_that_is_none_nothing_is_verified(key: str) -> None:
    post = body(event())
    assert not verified(key, post, sign(post), STAMP)


@given(st.binary(max_size=200), st.text(max_size=100), st.text(max_size=20))
def test_no_post_makes_an_error(content: bytes, signature: str, stamp: str) -> None:
    assert not verified(KEY, content, signature, stamp)
    assert read(content) == []


# --- events ----------------------------------------------------------------------------------------------------------


def only(**more: Any) -> News:
    (news,) = read(body(event(**more)))
    return news


def test_an_event_names_our_message_and_theirs() -> None:
    assert only() == News("m1", "delivered", AT, "14c5d75ce93")


def test_an_event_without_their_id_is_read_as_well() -> None:
    """Late bounces come without it."""
    assert only(what="bounce", sg_message_id=None) == News("m1", "bounced", AT, None, "bounce")


@pytest.mark.parametrize(
    ("told", "kind", "detail"),
    [
        ({"what": "processed"}, "processed", None),
        ({"what": "deferred", "response": "450 try ada@example.com later"}, "deferred", None),
        ({"what": "delivered"}, "delivered", None),
        ({"what": "bounce", "type": "bounce", "reason": "550 ada@example.com is unknown"}, "bounced", "bounce"),
        ({"what": "bounce", "type": "blocked"}, "bounced", "blocked"),
        ({"what": "dropped", "reason": "Bounced Address"}, "dropped", "earlier-bounce"),
        ({"what": "dropped", "reason": "Invalid"}, "dropped", "invalid"),
        ({"what": "dropped", "reason": "ada@example.com is not to our liking"}, "dropped", "other"),
        ({"what": "open"}, "opened", None),
        ({"what": "open", "sg_machine_open": False}, "opened", None),
        ({"what": "open", "sg_machine_open": True}, "opened", "machine"),
        ({"what": "click", "url": "https://example.com/?who=ada"}, "clicked", None),
        ({"what": "spamreport"}, "complained", None),
        ({"what": "unsubscribe"}, "unsubscribed", None),
        ({"what": "group_unsubscribe", "asm_group_id": 7}, "unsubscribed", None),
        ({"what": "group_resubscribe"}, "mentioned", None),
        ({"what": "something of next year"}, "mentioned", None),
    ],
    ids=str,
)
def test_every_event_is_told_in_our_words_and_never_in_theirs(told: dict[str, Any], kind: str, detail: str) -> None:
    news = only(**told)
    assert (news.kind, news.detail) == (kind, detail)
    assert "ada" not in repr(news)


def test_an_open_by_a_machine_is_marked() -> None:
    assert only(what="open", sg_machine_open=True).machine
    assert not only(what="open").machine


@pytest.mark.parametrize(
    "strange",
    [
        None, 7, "delivered", [], {}, event(milepost_id=None), event(milepost_id=7), event(milepost_id="a b"),
        event(milepost_id="x" * 201), event(milepost_id="m\x001"), event(timestamp=None), event(timestamp="soon"),
        event(timestamp=1e300), event(timestamp=True), event(timestamp=float("nan")), {**event(), "event": None},
        {**event(), "event": ["open"]},
    ],
    ids=str,
)  # fmt: skip
def test_an_event_that_is_not_ours_or_no_event_spoils_no_other(strange: Any) -> None:
    read_ = read(body(event(milepost_id="first"), strange, event(milepost_id="last")))
    assert [news.message for news in read_] == ["first", "last"]


@pytest.mark.parametrize("post", [b"", b"{}", b"null", b"[", b"\xff", b"[" * 100_000], ids=lambda post: repr(post[:9]))
def test_a_body_that_is_no_list_of_events_says_nothing(post: bytes) -> None:
    assert read(post) == []


def test_a_time_may_come_as_text_or_with_a_fraction() -> None:
    assert only(timestamp="1772445600").at == only(timestamp=1772445600.9).at == AT


def test_an_id_of_theirs_that_is_none_is_left_out() -> None:
    assert only(sg_message_id=7).provider_id is None
    assert only(sg_message_id="a b").provider_id is None
