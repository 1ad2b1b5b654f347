"""Segment's tracking API: what is taken, what is refused with which status, and that one bad call loses no other."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from whenever import Instant

from intake.acceptor import Acceptor, Overloaded
from lifecycle.language.map import Map
from store.events import Arrival
from tests.api.calls import problem
from tests.api.house import MAP, NOW, House

TRACK = {"userId": "ada", "event": "purchase", "properties": {"revenue": 49}, "messageId": "m1"}
CALLS: Mapping[str, Mapping[str, Any]] = {
    "track": TRACK,
    "identify": {"userId": "ada", "traits": {"firstName": "Ada"}, "anonymousId": "visitor"},
    "page": {"anonymousId": "visitor", "name": "Pricing", "properties": {"url": "/pricing"}},
    "screen": {"userId": "ada", "name": "Settings"},
    "group": {"userId": "ada", "groupId": "larkspur", "traits": {"plan": "pro"}},
    "alias": {"userId": "ada", "previousId": "visitor"},
}


def basic(key: str, password: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:{password}".encode()).decode()}


async def post(house: House, path: str, body: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
    given = house.token("ingest") if headers is None else headers
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await house.client.post(f"/v1/{path}", content=content, headers=given)


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("track", ("track", "ada", "purchase", {"revenue": 49}, None)),
        ("identify", ("identify", "ada", None, {"first_name": "Ada"}, "visitor")),
        ("page", ("track", "visitor", "page", {"name": "Pricing", "url": "/pricing"}, None)),
        ("screen", ("track", "ada", "screen", {"name": "Settings"}, None)),
        ("group", ("group", "ada", "larkspur", {"plan": "pro"}, None)),
        ("alias", ("alias", "ada", None, {}, "visitor")),
    ],
)
async def test_every_call_is_stored_as_what_it_says(house: House, kind: str, stored: Any) -> None:
    answer = await post(house, kind, CALLS[kind])
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    (event,) = house.events()
    assert (event.kind, event.user_id, event.name, event.properties, event.previous_id) == stored
    assert (event.state, event.received_at, event.source) == ("pending", NOW, "key:1")


async def test_a_key_comes_as_user_name_as_a_bearer_or_within_the_body(house: House) -> None:
    key = house.key("ingest")
    ways: Sequence[tuple[dict[str, str], dict[str, str]]] = [
        (basic(key), {}), (basic(key, "whatever"), {}), ({"Authorization": f"Bearer {key}"}, {}),
        ({"Content-Type": "text/plain"}, {"writeKey": key}),
    ]  # fmt: skip
    for headers, within in ways:
        assert (await post(house, "track", {**TRACK, **within}, headers)).status_code == 200
        assert (await post(house, "batch", {"batch": [], **within}, headers)).status_code == 200
    assert len(house.events()) == 1  # one message id


async def test_who_has_no_good_key_is_refused_and_nothing_is_stored(house: House) -> None:
    scopes = {scope: house.token(scope) for scope in ("read", "operate")}
    before = house.digest()
    for path in (*CALLS, "batch", "import", "t", "b"):
        for headers in ({}, basic("nobody's"), {"Authorization": "Basic %"}, {"Authorization": "Digest x"}):
            for within in ({}, {"writeKey": "nobody's"}, {"writeKey": 5}):
                answer = await post(house, path, {**TRACK, **within}, headers)
                assert "key" in problem(answer, 401)
                assert answer.headers["www-authenticate"].startswith("Bearer")
        for scope, its in scopes.items():
            assert f"scope `{scope}`" in problem(await post(house, path, TRACK, its), 403)
    assert house.digest() == before


async def test_a_batch_loses_none_of_its_good_calls(house: House) -> None:
    batch: list[Any] = [{**TRACK, "type": "track", "messageId": f"m{number}"} for number in range(100)]
    batch[37] = {**batch[37], "userId": None}
    batch += [{"type": kind, **call} for kind, call in CALLS.items() if kind != "track"]
    batch += [5, {**TRACK, "type": "dance"}, {**TRACK, "type": "track", "properties": {"x": "y" * 40_000}}]
    answer = await post(house, "batch", {"batch": batch, "sentAt": NOW.format_iso()})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["success"], [one["index"] for one in told["rejected"]]) == (True, [37, 105, 106, 107])
    assert all(one["reason"] for one in told["rejected"])
    assert len(house.events()) == 99 + 5
    again = await post(house, "import", {"batch": batch[:3]})
    assert again.json() == {"success": True, "rejected": []}


async def test_a_value_that_no_database_stores_is_one_rejected_call(house: House) -> None:
    bad = [{"x": "a\0b"}, {"a\0b": 1}, {"deep": json.loads("[" * 40 + "]" * 40)}]
    body = json.dumps({"batch": [{**TRACK, "type": "track", "properties": one} for one in bad]})
    huge = body.replace("[{", '[{"type": "track", "userId": "ada", "event": "x", "properties": {"n": 1e999}}, {', 1)
    told = (await post(house, "batch", huge.encode())).json()
    assert [one["index"] for one in told["rejected"]] == [0, 1, 2, 3]
    assert not house.events()


async def test_a_repeated_message_id_is_acknowledged_and_ignored_for_each_key(house: House) -> None:
    first, other = house.token("ingest"), house.token("ingest")
    for headers in (first, first, other):
        assert (await post(house, "track", TRACK, headers)).status_code == 200
    assert sorted(event.source for event in house.events()) == ["key:1", "key:2"]


async def test_a_call_without_an_id_counts_each_time_unless_it_says_when(house: House) -> None:
    headers = house.token("ingest")
    anonymous = {"anonymousId": "visitor", "name": "Pricing"}
    for at in (NOW, NOW.add(seconds=1)):
        later = House.build(house.database, clock=lambda at=at: at)
        await post(later, "page", anonymous, headers)
        await post(later, "page", {**anonymous, "timestamp": NOW.format_iso(), "sentAt": at.format_iso()}, headers)
    twice = {"batch": [{"type": "page", **anonymous}] * 2}
    await post(house, "batch", twice, headers)
    assert len(house.events()) == 2 + 1 + 2


# --- the call as a whole --------------------------------------------------------------------------------------------


GZIP = {"Content-Encoding": "gzip"}
UNREADABLE: Sequence[tuple[bytes, Mapping[str, str], int]] = [
    *(
        (body, {}, 400)
        for body in (b"", b"{", b"\xff", b"[" * 30_000, b'{"a": NaN}', b"[]", b"5", b"{}", b'{"batch": 1}')
    ),
    (b'{"a": "\\ud800"}', {}, 400),
    *((body, GZIP, 400) for body in (b"not gzip", gzip.compress(b"{}")[:-4], gzip.compress(b"{}") + b"more")),
    (b"{}", {"Content-Encoding": "br"}, 415),
    *((body, {}, 413) for body in (b'"' + b"x" * 600_000 + b'"', b"x" * 1_100_000)),
    (gzip.compress(b" " * 50_000_000), GZIP, 413),
]


async def test_a_call_that_cannot_be_read_is_refused_as_a_whole(house: House) -> None:
    key = house.token("ingest")
    for path in ("track", "batch"):
        for body, headers, status in UNREADABLE:
            answer = await post(house, path, body, {**key, **headers})
            detail = problem(answer, status)
            assert answer.json()["message"] == detail
            assert answer.json()["code"].islower()
    assert not house.events()


async def test_the_limits_are_those_of_the_specification(house: House) -> None:
    def padded(size: int, call: dict[str, Any]) -> bytes:
        empty = json.dumps({**call, "context": {"x": ""}})
        return json.dumps({**call, "context": {"x": "y" * (size - len(empty))}}).encode()

    good, large = padded(32 * 1024, TRACK), padded(32 * 1024 + 1, TRACK)
    assert (await post(house, "track", good)).status_code == 200
    assert "32 KiB" in problem(await post(house, "track", large), 413)
    packed = {**house.token("ingest"), "Content-Encoding": "gzip"}
    assert (await post(house, "track", gzip.compress(good), packed)).status_code == 200
    assert (await post(house, "batch", padded(500 * 1024, {"batch": []}))).status_code == 200
    assert "500 KiB" in problem(await post(house, "batch", padded(500 * 1024 + 1, {"batch": []})), 413)


async def test_a_wrong_key_gets_nothing_unpacked(house: House) -> None:
    answer = await post(house, "track", b"not gzip", {**basic("nobody's"), "Content-Encoding": "gzip"})
    problem(answer, 401)


BAD: Sequence[tuple[str, str, Sequence[Mapping[str, Any]]]] = [
    ("track", "`userId`", [{"userId": None}, {"userId": {}}, {"userId": "x" * 256}, {"userId": "a\nb"}]),
    ("track", "`event`", [{"event": None}, {"event": 5}, {"event": " "}]),
    ("track", "made by Milepost itself", [{"event": "message.of ada@example.com"}, {"event": "consent.given"}]),
    ("track", "`properties`", [{"properties": []}]),
    ("track", "`messageId`", [{"messageId": ""}, {"messageId": []}]),
    ("track", "`timestamp`", [{"timestamp": at} for at in ("9999-12-31T00:00:00Z", 5, "soon", "0001-01-01T00:00:00Z")]),
    ("identify", "`traits`", [{"traits": "x"}]),
    ("identify", "`consent`", [{"traits": {"consent": one}} for one in ("yes", {"ada@example.com": True})]),
    ("group", "`groupId`", [{"groupId": ""}, {"groupId": None}]),
    ("alias", "`previousId`", [{"previousId": None}, {"previousId": "ada"}]),
    ("alias", "`userId`", [{"userId": None}]),
    ("page", "`anonymousId`", [{"anonymousId": " "}, {"anonymousId": None}]),
]


async def test_a_bad_call_is_one_sentence_that_repeats_nothing(house: House) -> None:
    key = house.token("ingest")
    for kind, says, wrongs in BAD:
        for wrong in wrongs:
            answer = await post(house, kind, {**CALLS[kind], **wrong}, key)
            assert says in problem(answer, 400)
            assert "ada@" not in answer.text
    assert not house.events()


# --- when it happened ------------------------------------------------------------------------------------------------

HOUR = "2026-03-02T10:00:00+01:00"  # NOW


SAID: Sequence[tuple[Mapping[str, str], Instant]] = [
    ({}, NOW),
    ({"timestamp": "2026-03-02T08:50:00Z"}, NOW.subtract(minutes=10)),
    # Sent by a clock that is an hour ahead, ten minutes after it happened.
    ({"timestamp": "2026-03-02T09:50:00Z", "sentAt": "2026-03-02T10:00:00Z"}, NOW.subtract(minutes=10)),
    ({"originalTimestamp": "2026-03-02T09:50:00Z", "sentAt": "2026-03-02T10:00:00Z"}, NOW.subtract(minutes=10)),
    # A clock that was never set.
    ({"timestamp": "1970-01-01T00:00:05Z", "sentAt": "1970-01-01T00:00:10Z"}, NOW.subtract(seconds=5)),
    # It came by another server, which has put it right.
    (
        {"timestamp": "2026-03-01T09:00:00Z", "originalTimestamp": "2026-03-01T11:00:00Z", "sentAt": HOUR},
        NOW.subtract(hours=24),
    ),
    # The product dated it: history, and what is still ahead.
    ({"timestamp": "2019-01-01T00:00:00Z", "sentAt": HOUR}, Instant.from_utc(2019, 1, 1)),
    ({"timestamp": "2026-03-09T09:00:00Z", "sentAt": HOUR}, NOW.add(hours=24 * 7)),
    # Clocks that have nothing to do with each other, and what is no time.
    ({"timestamp": "2026-03-02T08:50:00Z", "sentAt": "2190-01-01T00:00:00Z"}, NOW.subtract(minutes=10)),
    ({"timestamp": "2026-03-02T08:50:00Z", "sentAt": "1970-01-01T00:00:00Z"}, NOW.subtract(minutes=10)),
    ({"timestamp": "2026-03-02T08:50:00Z", "sentAt": "0001-01-01T00:00:00Z"}, NOW.subtract(minutes=10)),
    ({"timestamp": "2026-03-02T08:50:00Z", "sentAt": "now"}, NOW.subtract(minutes=10)),
]


async def test_the_time_is_reckoned_from_our_clock(house: House) -> None:
    key = house.token("ingest")
    for number, (said, at) in enumerate(SAID):
        call = {"type": "track", "userId": "ada", "event": "purchase", "messageId": f"b{number}", **said}
        sent = call.pop("sentAt", None)
        await post(house, "track", {**call, "messageId": f"t{number}", **said}, key)
        await post(house, "batch", {"batch": [call], **({"sentAt": sent} if sent else {})}, key)
        assert [event.at for event in house.events()[-2:]] == [at, at], said


async def test_a_store_that_is_overloaded_asks_to_wait(house: House) -> None:
    class Full(Acceptor):
        async def accept(self, arrivals: Sequence[Arrival]) -> list[int | None]:
            raise Overloaded

    full = House.build(house.database, acceptor=Full(house.database))
    answer = await post(full, "batch", {"batch": [{**TRACK, "type": "track"}]}, house.token("ingest"))
    assert "try again" in problem(answer, 503)
    assert answer.headers["retry-after"] == "1"


async def test_values_come_in_the_types_that_the_map_declares_or_not_at_all(house: House) -> None:
    declared = Map.model_validate(
        MAP.model_dump(by_alias=True) | {"milestones": {"paid": {"properties": {"revenue": "number"}}}}
    )
    typed = House.build(house.database, map=declared)
    key = house.token("ingest")
    good = {"userId": "ada", "event": "paid", "properties": {"revenue": "49"}}
    assert (await post(typed, "track", good, key)).status_code == 200
    assert house.events()[0].properties == {"revenue": 49}
    bad = await post(typed, "track", {**good, "properties": {"revenue": "a lot"}}, key)
    problem(bad, 400)
    assert "a lot" not in bad.text
    answer = await post(typed, "batch", {"batch": [{**good, "type": "track", "properties": {"revenue": "a lot"}}]}, key)
    assert [one["index"] for one in answer.json()["rejected"]] == [0]
    assert len(house.events()) == 1
