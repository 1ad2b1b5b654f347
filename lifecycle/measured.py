"""Rates and delays as a history shows them, where nobody has declared any. Pure.

Of most customers it is not known yet whether they will: they came a week ago. The estimate of Kaplan and Meier counts
each for as long as they have been watched, and goes as far as enough have been.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

FEWEST = 20
"""As long as so many are watched, what happens to them tells something."""

POINTS = 200


@dataclass(frozen=True, slots=True)
class Curve:
    """Which share of those who do it at all has done so after so many seconds; both rise, the shares to 1."""

    seconds: tuple[float, ...]
    shares: tuple[float, ...]

    def passed(self, seconds: float) -> float:
        """The share after so long."""
        index = bisect_right(self.seconds, seconds)
        return self.shares[index - 1] if index else 0.0

    def at(self, share: float) -> float:
        """After how long this share has done it."""
        return self.seconds[min(bisect_left(self.shares, share), len(self.seconds) - 1)]


@dataclass(frozen=True, slots=True)
class Measured:
    """A share of customers, and after how long they do it. `watched` is for how long, in seconds, that is known."""

    rate: float
    curve: Curve
    watched: float


def measure(waits: Iterable[tuple[float, bool]]) -> Measured | None:
    """From how long each was watched, in seconds, and whether it happened at the end of that time; None for too few."""
    ordered = sorted(waits)
    left, remains = len(ordered), 1.0
    if left < FEWEST:
        return None
    steps: list[tuple[float, float]] = []
    watched = 0.0
    index = 0
    while index < len(ordered) and left >= FEWEST:
        watched = seconds = ordered[index][0]
        happened = gone = 0
        while index < len(ordered) and ordered[index][0] == seconds:
            happened += ordered[index][1]
            gone += 1
            index += 1
        if happened:
            remains *= 1 - happened / left
            steps.append((seconds, 1 - remains))
        left -= gone
    rate = 1 - remains
    if not steps:
        return Measured(0.0, Curve((0.0,), (1.0,)), watched)
    every = -(-len(steps) // POINTS)
    kept = [*steps[:-1][::every], steps[-1]]
    return Measured(rate, Curve(tuple(at for at, _ in kept), tuple(share / rate for _, share in kept)), watched)
