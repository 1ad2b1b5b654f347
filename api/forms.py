"""The forms in which an event comes besides Segment's: the plain one, and CloudEvents. Each becomes a call that
`lifecycle.segment` reads, so that all doors accept the same; and what that says is said in the words of the form.

A CloudEvent is unique by its `source` and its `id` together, so its message id is made of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from fastapi import Request

from api.bodies import json_of
from intake.doors import NotAccepted
from lifecycle.segment import MAX_ID, identity

STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"


class Form(NamedTuple):
    """`call` makes a Segment call of plain data, or raises NotAccepted; `fields` are Segment's names of its fields."""

    call: Callable[[Any], dict[str, Any]]
    fields: Mapping[str, str]

    def in_words(self, reason: str) -> str:
        """A reason that speaks of Segment's fields, in the words of this form."""
        reason = reason.removesuffix(", and no `anonymousId` in its place")
        for ours, segments in self.fields.items():
            reason = reason.replace(f"`{segments}`", f"`{ours}`")
        return reason


def read(request: Request, body: bytes) -> tuple[Form, Any]:
    """The form of a call, and its event, or a list of events. Raises HTTPException for what is not JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "ce-specversion" in request.headers:
        told = {name[3:]: unquote(value) for name, value in request.headers.items() if name.startswith("ce-")}
        return CLOUD, {**told, "data": json_of(body) if body else None}
    data = json_of(body)
    if kind == BATCHED:
        return CLOUD, data if isinstance(data, list) else [data]
    if kind == STRUCTURED:
        return CLOUD, None if isinstance(data, list) else data
    return PLAIN, data


def _plain(data: Any) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise NotAccepted("it is not a JSON object")
    if any(field not in PLAIN.fields for field in data):
        raise NotAccepted(f"there is a field here that is none of {', '.join(f'`{one}`' for one in PLAIN.fields)}")
    if ("milestone" in data) is ("attributes" in data):
        raise NotAccepted("it has either a `milestone` or `attributes`")
    if "attributes" in data and "properties" in data:
        raise NotAccepted("`properties` are a milestone's; a customer has `attributes`")
    call = {PLAIN.fields[field]: value for field, value in data.items()}
    return {"type": "track" if "milestone" in data else "identify", **call}


def _cloud(data: Any) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise NotAccepted("it is not a JSON object")
    source, own = identity(data.get("source")), identity(data.get("id"))
    if data.get("specversion") != "1.0":
        raise NotAccepted("its `specversion` is not `1.0`")
    if not source or " " in source or not own:
        raise NotAccepted("it has no `id`, or no `source` without spaces")
    if "data_base64" in data:
        raise NotAccepted("its data is not JSON")
    message = f"{source} {own}"
    if len(message) > MAX_ID:
        raise NotAccepted(f"its `source` and its `id` are longer than {MAX_ID} characters together")
    call = {segments: data[ours] for ours, segments in CLOUD.fields.items() if ours in data}
    return {**call, "type": "track", "messageId": message}


PLAIN = Form(
    _plain,
    {
        "customer": "userId", "milestone": "event", "properties": "properties", "attributes": "traits",
        "at": "timestamp", "id": "messageId",
    },
)  # fmt: skip
CLOUD = Form(
    _cloud, {"subject": "userId", "type": "event", "data": "properties", "time": "timestamp", "id": "messageId"}
)
