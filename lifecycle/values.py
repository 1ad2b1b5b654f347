"""Values in the types that the map declares, whether they were typed, stand in a cell of a table, or came in a call.

Whoever takes a value in from outside converts it by this one place, so that a condition such as `event.revenue > 0`
meets a number however the product wrote it. What can be read in one way only is converted, everything else is refused;
what the map does not declare stays as it came. A reason never quotes a value: it is printed and logged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from whenever import Date, Instant, PlainDateTime

from lifecycle.calendar import resolve

_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_PLAIN = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d{1,15}(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?", re.ASCII)


def unstorable(text: str) -> str | None:
    """Why not every database stores a text, in a sentence; None where each does.

    PostgreSQL takes no NUL in a text, and half of a character cannot be written anywhere.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return "this is not Unicode"
    return "this holds a character that cannot be stored" if "\0" in text else None


class NotOfItsType(ValueError):
    """A value that is not of its declared type; `str()` says so, in a sentence that does not quote it."""


def converted(values: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """Values as a product sent them, each in its type of `types`; others stay as they are. Raises NotOfItsType."""
    return {name: typed(name, value, types[name]) if name in types else value for name, value in values.items()}


def read(texts: Mapping[str, str], types: Mapping[str, str]) -> dict[str, Any]:
    """Values that were written as texts, each in its type of `types`, else what it looks like. Raises NotOfItsType."""
    return {
        name: typed(name, text, types[name]) if name in types else guessed(text.strip()) for name, text in texts.items()
    }


def guessed(text: str) -> Any:
    """What a text of no declared type looks like: a number or true or false where it is written as one, else itself.

    `007` and `1e5` may be somebody's code, and stay texts.
    """
    if text in ("true", "false"):
        return _WORDS[text]
    return _number(text) if _PLAIN.fullmatch(text) else text


def typed(name: str, value: Any, type: str) -> Any:
    """`value` as a number, boolean, date or text. None, which takes a value away, is of every type."""
    if value is None:
        return None
    if type == "number":
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            return _number(value.strip())
        raise NotOfItsType(f"`{name}` is a number such as 49.5, and this is none")
    if type == "boolean":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in _WORDS:
            return _WORDS[value.strip().lower()]
        raise NotOfItsType(f"`{name}` is true or false, and this is neither")
    if type == "date":
        return _date(name, value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise NotOfItsType(f"`{name}` is a text, and this is none")
    return value


def instant(text: str, zone: str, clock: str = "00:00") -> Instant:
    """`2026-03-02`, `2026-03-02T10:00` by the clocks of `zone`, or with an offset of its own. Raises ValueError.

    `clock` is the time of a day without one.
    """
    wanted = text.strip().replace(" ", "T", 1)
    try:
        return Instant.parse_iso(wanted)
    except ValueError:
        if "T" not in wanted:
            wanted = f"{Date.parse_iso(wanted).format_iso()}T{clock}"
        return resolve(PlainDateTime.parse_iso(wanted), zone)


def _date(name: str, value: Any) -> str:
    """A day, or an instant, whose day is that of the customer's zone (`lifecycle.answers.as_date`)."""
    if isinstance(value, str):
        text = value.strip()
        try:
            return Date.parse_iso(text).format_iso()
        except ValueError:
            pass
        try:
            Instant.parse_iso(text)
            return text
        except ValueError:
            pass
    raise NotOfItsType(f"`{name}` is a date such as 2026-12-24, and this is none")


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdigit() else float(text)
