"""Addresses: one form, one hash, and the places where a number may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.quiet_hours import Reach
from messaging.addresses import fingerprint, normal, reach_of

KEY = b"a key of at least thirty-two bytes"


@pytest.mark.parametrize(
    ("channel", "text", "form"),
    [
        ("email", "ada@example.com", "ada@example.com"),
        ("email", " Ada@Example.COM ", "Ada@example.com"),
        ("email", "ada+offers@example.com", "ada+offers@example.com"),
        ("email", "ada@exämple.com", "ada@xn--exmple-cua.com"),
        ("sms", "+33612345678", "+33612345678"),
        ("sms", "+33 (0)6 12-34.56 78", "+33612345678"),
        ("sms", "+1 (202) 555-0100", "+12025550100"),
        ("sms", "tel:+1-202-555-0100", "+12025550100"),
    ],
)
def test_an_address_has_one_form(channel: str, text: str, form: str) -> None:
    assert normal(channel, text) == form
    assert normal(channel, form) == form


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("email", ""),
        ("email", "ada"),
        ("email", "ada@"),
        ("email", "@example.com"),
        ("email", "ada@localhost"),
        ("email", "ada@example..com"),
        ("email", "ada@[192.0.2.1]"),
        ("email", "Ada <ada@example.com>"),
        ("email", "ada@example.com, bea@example.com"),
        ("email", "ada@example.com\nBcc: bea@example.com"),
        ("email", "ada@example.com\r\n\r\nHello"),
        ("email", "ada@example.com\x00"),
        ("email", "ä@example.com"),
        ("email", "+33612345678"),
        ("sms", ""),
        ("sms", "ada"),
        ("sms", "0612345678"),
        ("sms", "612345678"),
        ("sms", "+33612"),
        ("sms", "+999612345678"),
        ("sms", "+33612345678901234"),
        ("sms", "ada@example.com"),
    ],
)
def test_what_is_no_address_has_none(channel: str, text: str) -> None:
    assert normal(channel, text) is None


@given(st.sampled_from(["email", "sms"]), st.text(max_size=60))
def test_no_text_makes_an_error_or_an_address_with_a_line_in_it(channel: str, text: str) -> None:
    form = normal(channel, text)
    assert form is None or (form.isascii() and form.isprintable() and " " not in form)


def test_a_hash_stands_for_one_address_whatever_its_capitals() -> None:
    one = fingerprint(KEY, "email", "Ada@example.com")
    assert one == fingerprint(KEY, "email", "ada@example.com")
    assert one != fingerprint(KEY, "email", "bea@example.com")
    assert len(one) == 64
    assert "ada" not in one


def test_a_hash_cannot_be_made_without_the_key_nor_for_another_channel() -> None:
    one = fingerprint(KEY, "sms", "+33612345678")
    assert one != fingerprint(b"another key", "sms", "+33612345678")
    assert one != fingerprint(KEY, "email", "+33612345678")


def test_a_stored_zone_says_where_somebody_is() -> None:
    assert reach_of("+12025550100", "Europe/Paris", None, None, "Asia/Tokyo") == Reach(("Europe/Paris",), "US", None)


def test_without_it_all_zones_of_the_number_are_possible() -> None:
    assert reach_of("+33 6 12 34 56 78", None, None, None, "Asia/Tokyo") == Reach(("Europe/Paris",), "FR", None)
    everywhere = reach_of("+18005550100", None, None, None, "Asia/Tokyo")
    assert len(everywhere.zones) > 20
    assert {"America/New_York", "Pacific/Honolulu"} <= set(everywhere.zones)


@pytest.mark.parametrize("phone", [None, "", "nonsense", "+88216123456"])
def test_where_nothing_is_known_the_fallback_counts(phone: str | None) -> None:
    assert reach_of(phone, None, None, None, "Asia/Tokyo") == Reach(("Asia/Tokyo",), None, None)


def test_a_zone_that_is_none_is_as_good_as_none() -> None:
    assert reach_of(None, "Mars/Olympus", None, None, "Asia/Tokyo").zones == ("Asia/Tokyo",)


@pytest.mark.parametrize(
    ("country", "found"), [("us", "US"), (" CA ", "CA"), ("France", "FR"), ("", "FR"), (None, "FR")]
)
def test_a_country_is_a_code_of_two_letters_or_that_of_the_number(country: str | None, found: str) -> None:
    assert reach_of("+33612345678", None, country, "tx ", "Asia/Tokyo") == Reach(("Europe/Paris",), found, "TX")
