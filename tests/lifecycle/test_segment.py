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


def test_an_identify_call_brings_attributes_under_our_names() -> None:
    found = read_call({"type": "identify", "userId": 7, "traits": {"firstName": "Ada", "plan": "pro"}})
    assert found == Call("7", "identify", "", {"first_name": "Ada", "plan": "pro"}, None)


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
