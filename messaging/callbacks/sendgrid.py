"""SendGrid's Event Webhook: a signed list of events, several messages in one post.

Events come late, twice and out of order, and SendGrid has been seen to change an event's own id when it repeats it: the
message, the kind and the time tell events apart, and nothing else does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from sendgrid.helpers.eventwebhook import EventWebhook
from whenever import Instant

from messaging.callbacks.news import Kind, News
from messaging.callbacks.reading import id_of

OUR_ID = "milepost_id"
"""The custom argument under which a message's id travels, and comes back as a key of each event."""

_KINDS: Mapping[str, Kind] = {
    "processed": "processed",
    "dropped": "dropped",
    "deferred": "deferred",
    "delivered": "delivered",
    "bounce": "bounced",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}

_DROPPED: Mapping[str, str] = {
    "bounced address": "earlier-bounce",
    "spam reporting address": "earlier-complaint",
    "unsubscribed address": "earlier-unsubscribe",
    "invalid": "invalid",
    "invalid smtpapi header": "bad-request",
}
"""SendGrid's sentence for why it dropped a message, and our code for it."""


def verified(public_key: str, body: bytes, signature: str | None, timestamp: str | None) -> bool:
    """Whether SendGrid signed exactly these bytes. `public_key` is the one that its console shows, base64 without
    lines around it.
    """
    if not (public_key and signature and timestamp):
        return False
    try:
        # The SDK joins text, so the body is decoded; bytes that are not UTF-8 were never SendGrid's.
        return bool(EventWebhook(public_key).verify_signature(body.decode("utf-8"), signature, timestamp))
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):  # not a key, or not base64
        return False


def read(body: bytes) -> list[News]:
    """What the events of a post say, in their order. What is not an event of a message of ours is left out."""
    try:
        events = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return list(_all(events)) if isinstance(events, list) else []


def _all(events: list[Any]) -> Iterator[News]:
    for event in events:
        if isinstance(event, dict) and (news := _read(event)) is not None:
            yield news


def _read(event: Mapping[str, Any]) -> News | None:
    message, at, what = id_of(event.get(OUR_ID)), _instant(event.get("timestamp")), event.get("event")
    if message is None or at is None or not isinstance(what, str):
        return None
    kind = _KINDS.get(what, "mentioned")
    machine = kind == "opened" and event.get("sg_machine_open") is True
    # Their id of the message, and after the first point the machines that it went through.
    given = event.get("sg_message_id")
    provider_id = id_of(given.partition(".")[0]) if isinstance(given, str) else None
    return News(message, kind, at, provider_id, "machine" if machine else _detail(kind, event), machine)


def _detail(kind: Kind, event: Mapping[str, Any]) -> str | None:
    if kind == "bounced":
        return "blocked" if event.get("type") == "blocked" else "bounce"
    if kind == "dropped":
        return _DROPPED.get(str(event.get("reason", "")).lower(), "other")
    return None


def _instant(value: Any) -> Instant | None:
    """A time in seconds since 1970, sometimes as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
        return Instant.from_timestamp(math.floor(seconds))
    except (ValueError, OverflowError):
        return None
