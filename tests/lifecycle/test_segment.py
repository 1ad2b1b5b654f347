"""Reading calls of the Segment tracking API."""

from __future__ import annotations

import json

import pytest
from whenever import Instant

from lifecycle.segment import Call, read_call, read_line

TRACK = {
    "type": "track",
    "userId": "u1",
    "event": "Order Completed",
    "messageId": "m1",
    "timestamp": "2026-01-05T10:00:00Z",
}


def test_a_track_call_is_read_whole() -> None:
    found = read_call({**TRACK, "properties": {"revenue": 5}})
    assert found == Call("u1", "track", "Order Completed", {"revenue": 5}, Instant.from_utc(2026, 1, 5, 10), "m1")


@pytest.mark.parametrize("length", [255, 256, 4000])
@pytest.mark.parametrize("field", ["userId", "messageId"])
def test_an_id_has_255_characters_at_most_also_where_it_is_a_number(field: str, length: int) -> None:
    for value in ("1" * length, int("1" * length)):
        found = read_call({"type": "track", "event": "purchase", "userId": "u", field: value})
        assert isinstance(found, str) is (length > 255), (type(value), found)


def test_an_identify_call_brings_attributes_under_our_names() -> None:
    found = read_call({"type": "identify", "userId": 7, "traits": {"firstName": "Ada", "plan": "pro"}})
    assert found == Call("7", "identify", "", {"first_name": "Ada", "plan": "pro"}, None)


def test_reserved_traits_become_our_attributes_and_others_keep_their_names() -> None:
    traits = {
        "lastName": "L", "createdAt": "2026-01-01", "timezone": "Europe/Paris",
        "address": {"country": "US", "state": "FL"}, "plan": "pro",
    }  # fmt: skip
    context = {"locale": "fr-FR", "timezone": "UTC", "ip": "192.0.2.1"}
    found = read_call({"type": "identify", "userId": "u1", "traits": traits, "context": context})
    assert isinstance(found, Call)
    assert found.properties == {
        "last_name": "L",
        "created_at": "2026-01-01",
        "time_zone": "Europe/Paris",
        "language": "fr-FR",
        "country": "US",
        "region": "FL",
        "plan": "pro",
    }
    beside = read_call({"type": "identify", "userId": "u1", "context": {"traits": {"firstName": "Ada"}}})
    assert isinstance(beside, Call)
    assert beside.properties == {"first_name": "Ada"}
    whole = read_call({"type": "identify", "userId": "u1", "traits": {"address": "1 Rue X"}})
    assert isinstance(whole, Call)
    assert whole.properties == {"address": "1 Rue X"}


@pytest.mark.parametrize(
    ("call", "read"),
    [
        (
            {"type": "page", "anonymousId": "v", "name": "Pricing"},
            Call("v", "track", "page", {"name": "Pricing"}, None),
        ),
        ({"type": "screen", "userId": "u"}, Call("u", "track", "screen", {}, None)),
        ({"type": "group", "userId": "u", "groupId": 7}, Call("u", "group", "7", {}, None)),
        ({"type": "alias", "userId": "u", "previousId": "v"}, Call("u", "alias", "", {}, None, None, "v")),
        ({"type": "identify", "userId": "u", "anonymousId": "v"}, Call("u", "identify", "", {}, None, None, "v")),
        ({"type": "identify", "userId": "u", "anonymousId": "u"}, Call("u", "identify", "", {}, None)),
        ({"type": "identify", "anonymousId": "v"}, Call("v", "identify", "", {}, None)),
        ({"type": "track", "userId": "u", "anonymousId": "v", "event": "e"}, Call("u", "track", "e", {}, None)),
    ],
)
def test_every_type_of_call_says_whom_it_is_about(call: dict[str, object], read: Call) -> None:
    assert read_call(call) == read


@pytest.mark.parametrize("time", ["2026-01-05T10:00:00Z", "2026-01-05T11:00:00.000+01:00", "2026-01-05 10:00Z"])
def test_a_time_with_an_offset_is_an_instant(time: str) -> None:
    found = read_call(TRACK | {"timestamp": time})
    assert isinstance(found, Call)
    assert found.at == Instant.from_utc(2026, 1, 5, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timestamp": "2026-02-30T10:00:00Z"}, {"timestamp": "2026-01-05T10:00:00"}, {"timestamp": 5},
        {"timestamp": "9999-01-01T00:00:00Z"}, {"timestamp": "0001-01-01T00:00:00Z"}, {"userId": None}, {"userId": ""},
        {"userId": True}, {"userId": "x" * 256}, {"userId": "a\nb"}, {"userId": "\ud800"}, {"userId": {}},
        {"event": None}, {"event": " "}, {"event": 5}, {"messageId": ""}, {"messageId": []}, {"properties": []},
        {"type": "group"}, {"type": None},
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_used_has_a_reason_without_its_values(wrong: dict[str, object]) -> None:
    reason = read_call(TRACK | wrong)
    assert isinstance(reason, str)
    assert "\n" not in reason
    assert "x" * 256 not in reason


@pytest.mark.parametrize(
    "line",
    [b"{", b"", b"[]", b"5", b'"x"', b"\xff", b"[" * 100_000, b'{"a": NaN}', b'{"a": "\\ud800"}', b"9" * 10_000,
     b" " * 1_000_001],
)  # fmt: skip
def test_a_line_that_is_no_call_has_a_reason(line: bytes) -> None:
    assert isinstance(read_line(line), str)


def test_every_character_of_json_is_read() -> None:
    found = read_line(json.dumps(TRACK | {"event": "Café 😀"}))
    assert isinstance(found, Call)
    assert found.name == "Café 😀"
