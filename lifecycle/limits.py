"""What a provider's rate makes of messages that come due at once: pure, minute by minute.

A channel takes so many messages a second. What comes due beyond that waits, first come, first served, and goes in the
minutes that follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Jam:
    """A time in which a channel is at its rate, and somebody waits for a minute. `begins`, `ends`: seconds since 1970.

    `delayed` messages go in a later minute than they came due; the last one waits `longest` seconds at most.
    """

    channel: str
    begins: int
    ends: int
    delayed: float
    longest: float


def flow(due: Mapping[int, float], channel: str, per_second: float | None) -> tuple[dict[int, float], list[Jam]]:
    """How many messages go in which minute (by its first second), and the jams, where `due` says when they come due."""
    if per_second is None:
        return dict(due), []
    goes: dict[int, float] = {}
    jams: list[Jam] = []
    room = per_second * MINUTE
    waiting = delayed = longest = 0.0
    begins = minute = 0
    times = sorted(due)
    index = 0
    while index < len(times) or waiting > 0:
        if not waiting:
            minute = begins = times[index]
        arrive = 0.0
        if index < len(times) and times[index] == minute:
            arrive = due[minute]
            index += 1
        taken = min(waiting + arrive, room)
        goes[minute] = taken
        before, waiting = waiting, waiting + arrive - taken
        # What waited goes first, so that so many of those that arrive do not go in their own minute.
        delayed += min(arrive, waiting)
        longest = max(longest, waiting / per_second)
        minute += MINUTE
        if before and waiting < 1e-9:
            if longest >= MINUTE:  # who waits for less goes in the next minute, and nobody notices
                jams.append(Jam(channel, begins, minute, delayed, longest))
            waiting = delayed = longest = 0.0
    return goes, jams
