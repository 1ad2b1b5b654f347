"""How times, and a customer's timeline, are printed for people. Times of a timeline are the customer's own.

For scripts: `lifecycle.lines`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from whenever import Instant, ZonedDateTime

from lifecycle.lines import instant_of
from lifecycle.timeline import Line

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CHANNELS = {"email": "e-mail", "sms": "SMS"}


def merged(journeys: Iterable[Sequence[Line]]) -> list[Line]:
    """The lines of all journeys in the order of time; those of one instant stay in the order of the journeys."""
    return sorted((line for lines in journeys for line in lines), key=lambda line: line.at)


def local(at: Instant, zone: str) -> str:
    """`Mon  5 Jan 2026, 10:00`"""
    there = at.to_tz(zone)
    return f"{_day(there)} {there.year}, {_clock(there)}"


def minute(at: Instant, zone: str) -> str:
    """`2026-01-05 10:00`, as the clocks of a zone show it; whoever prints it says which zone that is."""
    there = at.to_tz(zone)
    return f"{there.date().format_iso()} {_clock(there)}"


def in_words(lines: Sequence[Line], zone: str) -> Iterator[str]:
    """A timeline for people, a line each; the day and the time stand only where they change."""
    shown = None
    for line in lines:
        when = f"day {line.day:>3}   {local(line.at, zone)}"
        yield f"{when if when != shown else '':{len(when)}}   {sentence(line, zone)}".rstrip()
        shown = when


def sentence(line: Line, zone: str) -> str:
    """What one line of a timeline says, without its time."""
    channel = _CHANNELS.get(line.channel or "", line.channel or "")
    because = f" ({line.reason})" if line.reason else ""
    what = f"{line.what:<10}"
    if line.what in ("sent", "refused", "deferred") and line.template:
        until = f" until {_shown(line, zone)}" if line.what == "deferred" else ""
        return f"{what} {channel:<7}{line.template}{until}{because}"
    if line.what == "refused":
        return f"{what} task for {line.to}{because}"
    if line.what == "waiting":
        return f"{what} {_waiting(line, zone)}"
    if line.what == "branch":
        return f"{what} {line.step}: {_ARMS.get(line.to or '', line.to)}{because}"
    if line.what == "split":
        return f"{what} {line.step}: {line.to}"
    if line.what == "task":
        return f"{what} {line.reason} (for {line.to})"
    if line.what == "exited":
        return f"{what} {line.reason or ''}"
    return f"{what} {line.to or ''}{because}"


_ARMS = {"timed_out": "timed out", "passed": "the date has passed"}


def _waiting(line: Line, zone: str) -> str:
    if line.to is None:
        return f"at {line.step}: {line.reason}"
    if line.reason and line.reason.startswith("for "):
        return f"{line.reason}, until {_shown(line, zone)} at most"
    return f"until {_shown(line, zone)}" + (f" ({line.reason})" if line.reason else "")


def _shown(line: Line, zone: str) -> str:
    instant = instant_of(line)
    if instant is None:
        return str(line.to)
    there = instant.to_tz(zone)
    return f"{_day(there).replace('  ', ' ')}, {_clock(there)}"


def _day(there: ZonedDateTime) -> str:
    return f"{_DAYS[there.date().day_of_week().value - 1]} {there.day:>2} {_MONTHS[there.month - 1]}"


def _clock(there: ZonedDateTime) -> str:
    return f"{there.hour:02}:{there.minute:02}"
