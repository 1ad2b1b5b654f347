"""Rates and delays as a history shows them: of most customers it is not known yet whether they will."""

from __future__ import annotations

import pytest

from lifecycle.doing import Delay, Doing, draw
from lifecycle.measured import FEWEST, measure

DAY = 86_400.0


def watched(rate: float, median: str, days: int, number: int = 6_000) -> list[tuple[float, bool]]:
    """Customers who came evenly over the last `days`, each watched until now."""
    doing = Doing("x", rate, Delay.read(median), "entry")
    found = []
    for one in range(number):
        age = days * DAY * (one + 1) / number
        at = doing.after(draw(9, f"c{one}", "x"))
        found.append((at, True) if at is not None and at <= age else (age, False))
    return found


def test_the_rate_is_found_although_many_came_only_lately() -> None:
    seen = measure(watched(0.6, "4 days", 40))
    assert seen is not None
    assert seen.rate == pytest.approx(0.6, abs=0.03)
    assert seen.curve.at(0.5) == pytest.approx(4 * DAY, rel=0.1)
    naive = sum(happened for _, happened in watched(0.6, "4 days", 40)) / 6_000
    assert naive < 0.55


def test_what_lies_beyond_what_was_watched_is_not_known() -> None:
    seen = measure(watched(0.8, "60 days", 10))
    assert seen is not None
    assert seen.rate < 0.15
    assert seen.watched == pytest.approx(10 * DAY, rel=0.01)


def test_too_few_tell_nothing_and_nobody_doing_it_is_a_rate_of_nothing() -> None:
    assert measure([(DAY, True)] * (FEWEST - 1)) is None
    seen = measure([(DAY, False)] * 100)
    assert seen is not None
    assert Doing("x", seen.rate, seen.curve, "entry").after(0.0) is None


def test_the_share_and_the_time_of_a_curve_agree() -> None:
    seen = measure(watched(0.6, "4 days", 40))
    assert seen is not None
    for share in (0.1, 0.5, 0.9, 1.0):
        assert seen.curve.passed(seen.curve.at(share)) >= share
    assert seen.curve.passed(0.0) == 0.0
