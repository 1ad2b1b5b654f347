"""The lines of a timeline as plain data: what scripts and callers of the API read. Times are the customer's own."""

from __future__ import annotations

from typing import Any

from whenever import Instant

from lifecycle.timeline import Line


def as_data(line: Line, zone: str) -> dict[str, Any]:
    """One line: what there is not is left out, instants carry the offset of `zone`."""
    data = {"at": local_iso(line.at, zone)} | {
        key: value for key, value in line._asdict().items() if key not in ("seq", "at") and value is not None
    }
    instant = instant_of(line)
    if instant is not None:
        data["to"] = local_iso(instant, zone)
    return data


def local_iso(at: Instant, zone: str) -> str:
    """`2026-01-05T10:00:00+01:00`"""
    return at.to_tz(zone).to_fixed_offset().format_iso()


def instant_of(line: Line) -> Instant | None:
    """The instant that a line looks ahead to, if it does."""
    if line.what not in ("waiting", "deferred") or line.to is None:
        return None
    try:
        return Instant.parse_iso(line.to)
    except ValueError:
        return None
