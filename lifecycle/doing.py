"""Whether something is done, and after how long: shares, delays, and the numbers that are drawn for them. Pure.

One number decides both: it happens where that lies below the rate, and the place below the rate says when. For a
customer of whom it is known that so much time has passed without it, only what is left of the numbers is drawn from.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from lifecycle.language.behaviour import BETWEEN
from lifecycle.language.times import parse_span
from lifecycle.measured import Curve

DAY = 86_400.0


class Delay(NamedTuple):
    """How long something takes, in seconds: evenly from `shortest` to `longest`, or with this `median`."""

    median: float | None
    shortest: float = 0.0
    longest: float = 0.0

    @classmethod
    def read(cls, text: str) -> Delay:
        """`2 days` is a median, `1 hour to 3 days` evenly between."""
        first, _, last = text.partition(BETWEEN)
        return cls(None, seconds_of(first), seconds_of(last)) if last else cls(seconds_of(first))

    def passed(self, seconds: float) -> float:
        """The share of those who do it at all that has done so after so long."""
        if self.median is not None:
            return 1.0 - 2.0 ** (-seconds / self.median) if self.median else 1.0
        low, high = sorted((self.shortest, self.longest))
        return min(max((seconds - low) / (high - low), 0.0), 1.0) if high > low else float(seconds >= low)

    def at(self, share: float) -> float:
        """After how long this share has done it: the inverse of `passed`."""
        if self.median is not None:
            return -self.median * math.log2(1.0 - share) if share < 1 else self.median * 50
        low, high = sorted((self.shortest, self.longest))
        return low + (high - low) * share


@dataclass(frozen=True, slots=True)
class Doing:
    """A habit made ready. `properties` are the values that its milestone brings, by weight."""

    name: str
    rate: float
    delay: Delay | Curve
    follows: str
    times: int = 1
    properties: tuple[tuple[str, tuple[tuple[Any, float], ...]], ...] = ()

    def after(self, number: float, elapsed: float = 0.0) -> float | None:
        """When it happens, in seconds after what it follows; None where it never does.

        `number` is drawn from 0 to 1; so many seconds have passed already, in which it did not happen.
        """
        gone = self.rate * self.delay.passed(elapsed) if elapsed > 0 else 0.0
        number = gone + (1.0 - gone) * number
        return max(self.delay.at(number / self.rate), elapsed) if number < self.rate else None


def draw(seed: int, customer: str, about: str) -> float:
    """A number from 0 to below 1, always the same for the same three."""
    digest = hashlib.blake2b(f"{seed}|{customer}|{about}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def seconds_of(text: str) -> float:
    """A span in exact time: a month has 30 days here, and a working day is a day."""
    span = parse_span(text)
    return (span.months * 30 + span.days + span.working) * DAY + span.seconds
