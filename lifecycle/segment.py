"""One call of the Segment tracking API, as products send it and as event logs hold it: read, or refused with a reason.

Both doors of events (import, and calls over HTTP) and `milepost backtest` read by this one function, so that what is
accepted anywhere is accepted everywhere. Only `track` and `identify` are known here. A reason never quotes a value: it
is printed and logged, and a product's user ids are often e-mail addresses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from whenever import Instant

MAX_LINE = 1_000_000
"""The most bytes that a line of an event log may have."""

MAX_ID = 255
"""The most characters that a user id, a message id or the name of an event may have."""

# Calendars are not reckoned outside these years, and no customer's event lies there.
FIRST, LAST = Instant.from_utc(1970, 1, 1), Instant.from_utc(2200, 1, 1)

# Segment's names for attributes that every customer of ours has.
TRAITS = {
    "firstName": "first_name", "lastName": "last_name", "email": "email", "phone": "phone", "locale": "language",
    "timezone": "time_zone",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """A call that can be accepted. `user` is the product's id of the customer, `id` that of the message, if it has one.

    For `track`, `name` is the event under the name that the product gives it, and `properties` are its own; for
    `identify`, `name` is empty and `properties` are attributes under our names. `at` is None where the call does
    not say when it happened.
    """

    user: str
    kind: Literal["track", "identify"]
    name: str
    properties: Mapping[str, Any]
    at: Instant | None
    id: str | None = None


def read_line(line: bytes | str) -> Call | str:
    """The call on one line of JSON, or why there is none."""
    if len(line) > MAX_LINE:
        return f"it has {len(line) / 1_000_000:.1f} MB; at most {MAX_LINE // 1_000_000} MB is read"
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
    except UnicodeDecodeError:
        return "it is not UTF-8 text"
    try:
        data = json.loads(text, parse_constant=_no_number)
        if "\\ud" in text.lower():  # half of a character; it could be stored nowhere
            json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "it holds a broken character"
    except (ValueError, RecursionError):
        return "it is not JSON"
    return read_call(data)


def read_call(data: Any) -> Call | str:
    """The call that plain data (from JSON) describes, or why it is none."""
    if not isinstance(data, dict):
        return "it is not a JSON object"
    kind = data.get("type")
    if kind not in ("track", "identify"):
        return "its `type` is neither `track` nor `identify`"
    user, message = _identity(data.get("userId")), _identity(data.get("messageId"))
    if not user:
        return f"it has no `userId` of 1 to {MAX_ID} characters"
    if message is None and data.get("messageId") is not None:
        return f"its `messageId` is not a text of 1 to {MAX_ID} characters"
    name = ""
    if kind == "track":
        name = _text(data.get("event")) or ""
        if not name:
            return f"it has no `event` of 1 to {MAX_ID} characters"
    key = "properties" if kind == "track" else "traits"
    properties = data.get(key)
    if properties is None:
        properties = {}
    elif not isinstance(properties, dict):
        return f"its `{key}` are not a JSON object"
    if kind == "identify":
        properties = {TRAITS.get(trait, trait): value for trait, value in properties.items()}
    at = None
    if data.get("timestamp") is not None:
        at = _instant(data["timestamp"])
        if at is None:
            return "its `timestamp` is not a date and time with an offset, such as 2026-01-05T10:00:00Z"
    return Call(user, kind, name, properties, at, message)


def _identity(value: Any) -> str | None:
    """Numbers are taken as they are written: many products number their customers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_ID:
        return None
    return value.strip() if value.isprintable() else None


def _instant(value: Any) -> Instant | None:
    try:
        found = Instant.parse_iso(value)
    except (ValueError, TypeError):
        return None
    return found if FIRST <= found < LAST else None


def _no_number(constant: str) -> None:
    raise ValueError(constant)
