"""What a playbook brings: those who go through it against those who are held out, and how sure that is. Pure.

Customers are counted by the arm that they were drawn for, whatever became of them then (rules.md 18). The interval of
the difference is Newcombe's, from the Wilson scores of both shares: it stays within what is possible, and holds for few
customers and for shares near nought, where the usual one does not.

R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
Statistics in Medicine 17 (1998), 873-890: method 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z = 1.959963984540054
"""Of a 95 % interval."""

FEW = 10
"""With fewer customers than that in an arm, nothing is said about a difference."""


@dataclass(frozen=True, slots=True)
class Arm:
    """How many customers entered, and how many of them reached the goal in time. `going`: of the others, how many
    still have time.
    """

    entered: int = 0
    converted: int = 0
    going: int = 0

    @property
    def share(self) -> float | None:
        """Of those who entered, the share that reached the goal; None where nobody entered."""
        return self.converted / self.entered if self.entered else None


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one share is above another, and the interval around it: from -1 to 1."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether nought lies outside: chance alone would hardly do that."""
        return self.low > 0 or self.high < 0


def wilson(converted: int, entered: int, z: float = Z) -> tuple[float, float]:
    """The Wilson score interval of a share. `entered` is at least 1."""
    share, square = converted / entered, z * z
    middle = share + square / (2 * entered)
    reach = z * sqrt(share * (1 - share) / entered + square / (4 * entered * entered))
    whole = 1 + square / entered
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)


def newcombe(one: Arm, other: Arm, z: float = Z) -> Difference:
    """By how much the share of `one` is above that of `other`, with its interval. Both have somebody in them."""
    p, q = one.converted / one.entered, other.converted / other.entered
    (low, high), (below, above) = wilson(one.converted, one.entered, z), wilson(other.converted, other.entered, z)
    value = p - q
    return Difference(
        value, max(-1.0, value - sqrt((p - low) ** 2 + (above - q) ** 2)),
        min(1.0, value + sqrt((high - p) ** 2 + (q - below) ** 2)),
    )  # fmt: skip


def verdict(journey: Arm, holdout: Arm) -> str:
    """What the two arms say, in a sentence."""
    if not journey.entered:
        return "Nobody has entered yet."
    if not holdout.entered:
        return f"{_of(journey)} reached the goal; nobody is held out to compare them with."
    told = f"{_of(journey)} against {_of(holdout)} held out"
    if min(journey.entered, holdout.entered) < FEW:
        return f"{told}: too few to compare."
    found = newcombe(journey, holdout)
    about = f"{told}: {_points(found.value)}, between {_more(found.low)} and {_more(found.high)}"
    if not found.sure:
        return f"{about}; too early to tell."
    return f"{about}; {'it helps' if found.value > 0 else 'it does harm'}."


def _of(arm: Arm) -> str:
    return f"{arm.converted:,} of {arm.entered:,}"


def _points(value: float) -> str:
    number = _number(value)
    if number == "0":
        return "no difference"
    return f"{number} {'point' if number == '1' else 'points'} {'more' if value > 0 else 'less'}"


def _more(value: float) -> str:
    number = _number(value)
    return "0" if number == "0" else f"{number} {'more' if value > 0 else 'less'}"


def _number(value: float) -> str:
    """Points with a decimal where they are few."""
    points = abs(value) * 100
    return f"{points:.1f}".removesuffix(".0") if points < 9.95 else f"{points:.0f}"
