"""Calendar arithmetic where the clocks change: in Paris at 2:00 on 29 March 2026 and, back, at 3:00 on 25 October."""

from __future__ import annotations

import pytest
from whenever import Instant

from lifecycle import calendar
from lifecycle.language.times import Moment, Span, parse_clock

PARIS = "Europe/Paris"
SECOND_HALF_PAST_TWO = Instant.from_utc(2026, 10, 25, 1, 30)
FIRST_HALF_PAST_TWO = Instant.from_utc(2026, 10, 25, 0, 30)


@pytest.mark.parametrize("at", [None, parse_clock("2:30")])
@pytest.mark.parametrize("entered", [FIRST_HALF_PAST_TWO, SECOND_HALF_PAST_TWO])
def test_the_day_of_entry_at_its_own_clock_time_is_the_instant_of_entry(entered: Instant, at: object) -> None:
    day = Moment(day=0, at=at)  # type: ignore[arg-type]
    assert calendar.moment(day, now=entered, entered=entered, zone=PARIS) == entered


def test_a_day_from_or_to_an_hour_that_comes_twice_keeps_the_clock_time() -> None:
    day = Span(days=1)
    assert calendar.add(SECOND_HALF_PAST_TWO, day, PARIS) == SECOND_HALF_PAST_TWO.add(hours=24)
    assert calendar.add(FIRST_HALF_PAST_TWO.subtract(hours=24), day, PARIS) == FIRST_HALF_PAST_TWO


def test_a_day_that_ends_in_a_skipped_hour_ends_with_it() -> None:
    half_past_two = Instant.from_utc(2026, 3, 28, 1, 30)
    assert calendar.add(half_past_two, Span(days=1), PARIS) == Instant.from_utc(2026, 3, 29, 1)


def test_days_are_counted_on_the_clocks_of_a_zone() -> None:
    late, later = Instant.from_utc(2026, 3, 28, 22, 59), Instant.from_utc(2026, 3, 28, 23)
    assert calendar.day_number(later, PARIS) - calendar.day_number(late, PARIS) == 1
    assert calendar.day_number(later, "UTC") == calendar.day_number(late, "UTC")
