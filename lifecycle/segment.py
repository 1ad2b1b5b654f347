"""One call of the Segment tracking API, as products send it and as event logs hold it: read, or refused with a reason.

Every door of events (import, and calls over HTTP) and `milepost backtest` read by this one function, so that what is
accepted anywhere is accepted everywhere. A reason never quotes a value: it is printed and logged, and a product's user
ids are often e-mail addresses.

- Whom a call is about: `userId`, else `anonymousId`. An `identify` with both says that they are one person; any other
  call with both is about `userId`.
- `page` and `screen` are the milestones of those names.
- When it happened: a device's clock may be wrong, so `happened` reckons from the clock of whoever received the call.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from whenever import Instant, TimeDelta

from lifecycle.traits import attributes_of

MAX_LINE = 1_000_000
"""The most bytes that a line of an event log may have."""

MAX_ID = 255
"""The most characters that an id or the name of an event may have."""

_MAX_BITS = MAX_ID * 4
"""A number with more bits has more digits than that; Python writes none of many thousands."""

DEEPEST = 32
"""So many objects and lists may lie within each other in what a call brings."""

# Calendars are not reckoned outside these years, and no customer's event lies there.
FIRST, LAST = Instant.from_utc(1970, 1, 1), Instant.from_utc(2200, 1, 1)

LONGEST_WAIT = TimeDelta(hours=30 * 24)
"""A call that was sent longer than this after it happened, or before, was not dated by the clock that sent it."""

TYPES = ("track", "identify", "page", "screen", "group", "alias")

Kind = Literal["track", "identify", "group", "alias"]

_KINDS: Mapping[str, Kind] = {"identify": "identify", "group": "group", "alias": "alias"}

_CONTENT = {
    "track": "properties", "page": "properties", "screen": "properties", "identify": "traits", "group": "traits",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """A call that can be accepted. `user` is the product's id of the customer, `id` that of the message, if it has one.

    `track` (a page and a screen too): `name` is the event under the name that the product gives it, `properties` are
    its own. `identify`: `properties` are attributes under our names; `previous` is another id of the same person.
    `group`: `name` is the id of the group, `properties` are its traits. `alias`: `previous` is the id that `user` had.

    `at` is when the sender says that it happened, `sent` when the sender says that it sent the call; None where the
    call does not say so. `sent` is also None where `at` was put right before.
    """

    user: str
    kind: Kind
    name: str
    properties: Mapping[str, Any]
    at: Instant | None
    id: str | None = None
    previous: str | None = None
    sent: Instant | None = None

    def happened(self, received: Instant) -> Instant:
        """When it happened, reckoned from when it was received: as long before as it waited to be sent.

        Where the two clocks of a call have nothing to do with each other, what the product says stands.
        """
        if self.at is None:
            return received
        if self.sent is None or abs(self.sent - self.at) > LONGEST_WAIT:
            return self.at
        reckoned = received - (self.sent - self.at)
        return reckoned if FIRST <= reckoned < LAST else self.at


class NotJson(ValueError):
    """Text that is not JSON; `str()` says so."""


def read_line(line: bytes | str, types: Sequence[str] = TYPES) -> Call | str:
    """The call on one line of JSON, or why there is none of these types."""
    if len(line) > MAX_LINE:
        return f"it has {len(line) / 1_000_000:.1f} MB; at most {MAX_LINE // 1_000_000} MB is read"
    try:
        return read_call(read_json(line), types)
    except NotJson as error:
        return str(error)


def read_json(text: bytes | str) -> Any:
    """Plain data from a text of JSON. Raises NotJson, also for what could be stored nowhere."""
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8 text") from None
    try:
        data = json.loads(text, parse_constant=_no_number)
        if "\\ud" in text.lower():  # half of a character; it could be stored nowhere
            json.dumps(data, ensure_ascii=False).encode()
        return data
    except UnicodeEncodeError:
        raise NotJson("it holds a broken character") from None
    except (ValueError, RecursionError):
        raise NotJson("it is not JSON") from None


def read_call(data: Any, types: Sequence[str] = TYPES) -> Call | str:
    """The call that plain data (from JSON) describes, or why it is none of these types."""
    if not isinstance(data, dict):
        return "it is not a JSON object"
    kind = data.get("type")
    if not isinstance(kind, str) or kind not in types:
        return f"its `type` is none of {', '.join(f'`{one}`' for one in types)}"
    user, previous = identity(data.get("userId")), identity(data.get("anonymousId"))
    if kind == "alias":
        previous = identity(data.get("previousId"))
        if not user:
            return f"it has no `userId` of 1 to {MAX_ID} characters"
        if not previous:
            return f"it has no `previousId` of 1 to {MAX_ID} characters"
        if previous == user:
            return "its `userId` and its `previousId` are the same"
    elif user is None and (data.get("userId") or not previous):
        return f"it has no `userId` of 1 to {MAX_ID} characters, and no `anonymousId` in its place"
    message = identity(data.get("messageId"))
    if message is None and data.get("messageId") is not None:
        return f"its `messageId` is not a text of 1 to {MAX_ID} characters"
    name = ""
    if kind in ("page", "screen"):
        name = kind
    elif kind in ("track", "group"):
        field = "event" if kind == "track" else "groupId"
        name = (_text(data.get(field)) if kind == "track" else identity(data.get(field))) or ""
        if not name:
            return f"it has no `{field}` of 1 to {MAX_ID} characters"
    properties = _content(kind, data)
    if isinstance(properties, str):
        return properties
    at = _time(data)
    if isinstance(at, str):
        return at
    return Call(
        user or previous or "",
        _KINDS.get(kind, "track"),
        name,
        properties,
        at,
        message,
        previous if kind == "alias" or (kind == "identify" and user and previous != user) else None,
        _sent(data),
    )


def identity(value: Any) -> str | None:
    """An id as it is stored, or None. Numbers are taken as they are written: many products number their customers."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if value.bit_length() < _MAX_BITS else None
    return _text(value)


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_ID:
        return None
    return value.strip() if value.isprintable() else None


# --- what it brings ------------------------------------------------------------------------------------------------


def _content(kind: str, data: Mapping[str, Any]) -> dict[str, Any] | str:
    key, context = _CONTENT.get(kind), data.get("context")
    if key is None:
        return {}
    content = {} if data.get(key) is None else data[key]
    if not isinstance(content, dict):
        return f"its `{key}` are not a JSON object"
    context = context if isinstance(context, dict) else {}
    if kind == "identify":
        # RudderStack's libraries put what an identify tells into the context.
        beside = context.get("traits")
        content = attributes_of({**(beside if isinstance(beside, dict) else {}), **content}, context)
    elif kind in ("page", "screen"):
        own = {field: data[field] for field in ("name", "category") if isinstance(data.get(field), str)}
        content = {**own, **content}
    return _unstorable(content) or content


def _unstorable(content: Mapping[str, Any]) -> str | None:
    """Why some database would not store this."""
    for depth, value in _within(content):
        if depth > DEEPEST:
            return f"it has more than {DEEPEST} objects or lists within each other"
        if (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, str) and "\0" in value):
            return "it holds a value that cannot be stored"
    return None


def _within(content: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    """Every key and value, and how deep it lies."""
    waiting: list[tuple[int, Any]] = [(1, content)]
    while waiting:
        depth, value = waiting.pop()
        yield depth, value
        if depth > DEEPEST:
            continue
        if isinstance(value, dict):
            waiting += [(depth + 1, part) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(depth + 1, part) for part in value]


# --- when ----------------------------------------------------------------------------------------------------------


def _time(data: Mapping[str, Any]) -> Instant | str | None:
    for field in ("timestamp", "originalTimestamp"):
        if data.get(field) is not None:
            at = _instant(data[field])
            return at or f"its `{field}` is not a date and time with an offset, such as 2026-01-05T10:00:00Z"
    return None


def _sent(data: Mapping[str, Any]) -> Instant | None:
    """A call that has both times went through a server before, which has put `timestamp` right."""
    if data.get("timestamp") is not None and data.get("originalTimestamp") is not None:
        return None
    return _instant(data.get("sentAt"))


def _instant(value: Any) -> Instant | None:
    try:
        found = Instant.parse_iso(value)
    except (ValueError, TypeError):
        return None
    return found if FIRST <= found < LAST else None


def _no_number(constant: str) -> None:
    raise ValueError(constant)
