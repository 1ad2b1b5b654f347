"""Whether what was said to come next is what then happened: for tests that look ahead, on whatever engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whenever import Instant, TimeDelta

from lifecycle.ahead import Ahead
from lifecycle.timeline import Line

EXACT = TimeDelta(seconds=0)


def broken(
    told: Ahead, happened: Sequence[Line], outside: Iterable[Instant] = (), within: TimeDelta = EXACT
) -> list[str]:
    """What was told and did not come so: nothing where all did.

    `happened` are the lines that the journey's timeline gained after it was told; times may differ by `within`. What
    was told for a time after the first of `outside`, when something happened to the customer that nobody could know,
    is not held to. Lines are in the order of time.
    """
    until = min(outside, default=None)
    wrong: list[str] = []
    for number, line in enumerate(told.lines):
        if until is not None and line.at >= until:
            return wrong
        if number >= len(happened):
            return [*wrong, f"nothing happened where {_shown(line)} was to come"]
        came = happened[number]
        if _what(line) != _what(came) or not -within <= came.at - line.at <= within:
            return [*wrong, f"{_shown(came)} happened where {_shown(line)} was to come"]
    if until is None and told.then is None and len(happened) > len(told.lines):
        wrong.append(f"{_shown(happened[len(told.lines)])} happened after the end")
    return wrong


def _what(line: Line) -> tuple[object, ...]:
    # Where a line leads may be an instant that is late by as much as its own.
    return line.what, line.step, line.channel, line.template, line.reason


def _shown(line: Line) -> str:
    return " ".join(str(part) for part in (line.at, *_what(line)) if part is not None)
