"""Ten thousand random changes to calls that are good: nobody meets a 5xx, and a batch is answered 200 or as a whole.

The suite tries five hundred; `MILEPOST_TEST_CHAOS=full` all of them.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.house import NOW, House
from tests.api.test_events import CLOUD, PURCHASE
from tests.api.test_fuzz import JSON
from tests.api.test_tracking import CALLS

CHANGES = 10_000 if os.environ.get("MILEPOST_TEST_CHAOS") == "full" else 500

SEEDS: list[tuple[str, Any]] = [
    *((kind, {**call, "type": kind, "timestamp": NOW.format_iso()}) for kind, call in CALLS.items()),
    ("batch", {"batch": [{"type": kind, **call} for kind, call in CALLS.items()], "sentAt": NOW.format_iso()}),
    ("events", PURCHASE),
    ("events", {"customer": "ada", "attributes": {"consent": ["offers"], "address": {"country": "FR"}}}),
    ("events", [PURCHASE, PURCHASE]),
    ("events", CLOUD),
]
ODD: st.SearchStrategy[Any] = JSON | st.sampled_from(
    [
        "", " ", "\0", "x" * 300, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00+23:59", -1,
        2**70, 1e308, float("inf"), True, [], {}, [[]], {"": {}}, "message.opened", "consent.given", "2026-02-30",
    ]
)  # fmt: skip
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            [
                "application/json",
                "text/plain",
                "application/cloudevents+json",
                "application/cloudevents-batch+json",
                "é;",
            ]
        ),
        "Origin": st.sampled_from(["null", "https://shop.example.com", ""]),
        "ce-specversion": st.sampled_from(["1.0", "2"]),
        "ce-id": st.sampled_from(["1", "%00", "%ff"]),
        "ce-source": st.sampled_from(["/shop", "a b", "%ed%a0%80"]),
        "ce-subject": st.sampled_from(["ada", "%00", ""]),
        "ce-type": st.sampled_from(["purchase", "message.opened"]),
        "Idempotency-Key": st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=10),
    },
)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inside:
        yield from places(value, (*path, key))


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = changed(data[path[0]], path[1:], value)
    return copy


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, bytes, dict[str, Any]]:
    """The address, body and headers of a call that was good."""
    path, data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 3))):
        data = changed(data, draw(st.sampled_from(list(places(data)))), draw(ODD))
    headers, body = dict(draw(HEADERS)), json.dumps(data).encode()
    how = draw(st.sampled_from(["as it is", "cut", "garbled", "packed", "packed and cut"]))
    if "packed" in how:
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = draw(st.sampled_from(["gzip", "GZIP", "x-gzip", "br"]))
    if "cut" in how:
        body = body[: draw(st.integers(0, len(body)))]
    if how == "garbled":
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=4)) + body[at:]
    query = "?dry_run=true" if path == "events" and draw(st.booleans()) else ""
    return f"/v1/{path}{query}", body, headers


async def send(house: House, path: str, body: bytes, headers: dict[str, Any]) -> tuple[int, Any]:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = await house.client.post(path, content=body, headers=encoded)
    return answer.status_code, answer.json()


def test_a_changed_call_never_meets_a_mistake_of_ours(house: House) -> None:
    keys = [house.key("ingest"), house.key("browser", milestones=["purchase"], origins=["https://shop.example.com"])]
    with asyncio.Runner() as runner:

        @settings(max_examples=CHANGES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(mutations(), st.sampled_from(keys))
        def never(call: tuple[str, bytes, dict[str, Any]], key: str) -> None:
            path, body, headers = call
            status, told = runner.run(send(house, path, body, {**headers, "Authorization": f"Bearer {key}"}))
            assert status in (200, 202, 400, 403, 413, 415, 422), (status, told)
            if status >= 400:
                assert told["detail"].endswith(".")

        never()
