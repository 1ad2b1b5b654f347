"""When entries by schedule and by date come due: each time once, in every zone, whatever the clocks do."""

from __future__ import annotations

import contextlib
import zoneinfo
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from whenever import Date, Instant, PlainDateTime, Time, TimeDelta

from lifecycle import calendar
from lifecycle.language.map import is_zone
from lifecycle.language.times import NotATime, parse_schedule
from lifecycle.plan import Entry
from lifecycle.schedule import Slot, anniversary, due, last_in_turn, shortest_gap, slots, turn_of

PARIS = "Europe/Paris"
ALL_ZONES = sorted(name for name in zoneinfo.available_timezones() if is_zone(name))
YEAR = (Instant.from_utc(2026, 1, 1), Instant.from_utc(2027, 1, 1))
HALF_PAST_TWO = Entry(schedule="30 2 * * *")
BIRTHDAY = Entry(date="customer.birthday", yearly=True, at="09:00")


def utc(text: str) -> Instant:
    return Instant.parse_iso(f"{text}:00Z")


def names(entry: Entry, zone: str, after: str, until: str) -> list[str]:
    return [slot.name for slot in slots(entry, zone, utc(after), utc(until))]


def days(entry: Entry, value: str, years: range, zone: str = PARIS) -> list[str]:
    begin, end = Instant.from_utc(years.start, 1, 1), Instant.from_utc(years.stop, 1, 1)
    return [slot.name for slot in due(entry, zone, value, begin, end)]


# --- schedules -----------------------------------------------------------------------------------------------------


def test_a_schedule_comes_by_the_clocks_of_the_zone() -> None:
    mondays = Entry(schedule="0 9 * * MON")
    assert names(mondays, PARIS, "2026-03-01T00:00", "2026-03-16T08:00") == [
        "2026-03-02T09:00", "2026-03-09T09:00", "2026-03-16T09:00",
    ]  # fmt: skip
    assert [slot.at for slot in slots(mondays, "Asia/Tokyo", utc("2026-03-01T00:00"), utc("2026-03-02T12:00"))] == [
        utc("2026-03-02T00:00")
    ]


def test_what_is_asked_begins_after_one_instant_and_ends_with_the_other() -> None:
    assert names(Entry(schedule="0 9 * * *"), "UTC", "2026-03-01T09:00", "2026-03-02T09:00") == ["2026-03-02T09:00"]


def test_a_time_that_the_clocks_skip_comes_at_the_next_real_one() -> None:
    found = list(slots(HALF_PAST_TWO, PARIS, utc("2026-03-28T12:00"), utc("2026-03-29T12:00")))
    assert found == [Slot(utc("2026-03-29T01:00"), "2026-03-29T03:00", (Date(2026, 3, 29),))]


def test_a_time_that_the_clocks_show_twice_comes_the_first_time() -> None:
    found = list(slots(HALF_PAST_TWO, PARIS, utc("2026-10-24T12:00"), utc("2026-10-25T12:00")))
    assert found == [Slot(utc("2026-10-25T00:30"), "2026-10-25T02:30", (Date(2026, 10, 25),))]


def test_the_first_moment_that_the_clocks_skip_is_skipped_as_well() -> None:
    """It was taken for the change of the clocks before, half a year earlier."""
    assert calendar.resolve(PlainDateTime(2026, 3, 29, 2), PARIS) == utc("2026-03-29T01:00")
    assert calendar.resolve(PlainDateTime(2011, 12, 30), "Pacific/Apia") == utc("2011-12-30T10:00")


def test_two_times_that_a_change_of_the_clocks_makes_one_are_one() -> None:
    """Nobody enters twice at one instant."""
    found = names(Entry(schedule="*/30 2,3 * * *"), PARIS, "2026-03-29T00:00", "2026-03-29T12:00")
    assert found == ["2026-03-29T03:00", "2026-03-29T03:30"]


def test_in_every_zone_a_daily_time_comes_once_a_day_whatever_the_clocks_do() -> None:
    """Looked at around every change of the clocks in 2026 and 2027, at times that it skips and that it repeats."""
    looked = 0
    for zone in ALL_ZONES:
        for change in changes(zone):
            for clock in (Time(0, 0), Time(2, 0), Time(2, 30)):
                looked += 1
                entry = Entry(schedule=f"{clock.minute} {clock.hour} * * *")
                found = list(slots(entry, zone, change.subtract(hours=60), change.add(hours=60)))
                each = [day for slot in found for day in slot.days]
                assert each == [each[0].add(days=n) for n in range(len(each))], (zone, each)
                assert len(each) in (5, 6)
                for slot in found:
                    shown, wanted = slot.at.to_tz(zone).to_plain(), slot.days[0].at(clock)
                    before = slot.at.subtract(seconds=1).to_tz(zone).to_plain()
                    # Where the clocks skipped it, this is what they showed next.
                    assert shown == wanted or before < wanted < shown, (zone, slot)
    assert looked > 700


def changes(zone: str) -> list[Instant]:
    found, at = [], YEAR[0].to_tz(zone)
    while (change := at.next_transition()) is not None and change.year < 2028:
        found.append(change.to_instant())
        at = change
    return found


SCHEDULES = ("0 9 * * MON", "30 2 * * *", "*/15 1-3 * * *", "0 0 1 * *", "0 0 29 2 *", "59 23 L * *", "5 4 * * 5#2")
TRANSITIONS = [Instant.from_utc(2026, month, 1) for month in (1, 3, 4, 6, 9, 10, 11)]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ALL_ZONES),
    st.one_of(
        st.builds(lambda text: Entry(schedule=text), st.sampled_from(SCHEDULES)),
        st.builds(lambda at: Entry(date="customer.birthday", at=at), st.sampled_from(("00:00", "02:30", "23:59"))),
    ),
    st.sampled_from(TRANSITIONS),
    st.lists(st.integers(0, 40 * 1440), min_size=2, max_size=12, unique=True),
)
@example("Pacific/Apia", Entry(date="customer.birthday"), Instant.from_utc(2011, 12, 20), [0, 14000, 14400, 15000])
def test_however_often_one_looks_every_slot_is_seen_once(
    zone: str, entry: Entry, begin: Instant, minutes: list[int]
) -> None:
    looks = [begin.add(minutes=minute) for minute in sorted(minutes)]
    whole = list(slots(entry, zone, looks[0], looks[-1]))
    parts = [slot for one, two in pairwise(looks) for slot in slots(entry, zone, one, two)]
    assert parts == whole
    assert len({slot.name for slot in whole}) == len(whole)
    assert all(one.at < two.at for one, two in pairwise(whole))


def test_a_day_that_a_zone_never_had_is_the_next_one() -> None:
    """Samoa had no 30 December 2011."""
    (slot,) = due(Entry(date="customer.birthday"), "Pacific/Apia", "2011-12-30", utc("2011-12-28T00:00"),
                  utc("2012-01-02T00:00"))  # fmt: skip
    assert slot.name == "2011-12-31T00:00"


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789*/-,#LWMONFEB ", max_size=25))
def test_any_text_is_a_schedule_or_a_mistake(text: str) -> None:
    with contextlib.suppress(NotATime):
        schedule = parse_schedule(text)
        list(slots(Entry(schedule=schedule), "UTC", YEAR[0], YEAR[0].add(minutes=1)))


# --- dates ---------------------------------------------------------------------------------------------------------


def test_a_birthday_comes_every_year_at_its_clock_time() -> None:
    assert days(BIRTHDAY, "1990-05-01", range(2026, 2028)) == ["2026-05-01T09:00", "2027-05-01T09:00"]


def test_without_every_year_a_date_comes_on_that_very_day() -> None:
    once = Entry(date="customer.renews_on", at="09:00")
    assert days(once, "2026-05-01", range(2025, 2030)) == ["2026-05-01T09:00"]
    assert days(once, "1990-05-01", range(2025, 2030)) == []


def test_no_anniversary_comes_before_the_date() -> None:
    assert days(BIRTHDAY, "2027-05-01", range(2025, 2029)) == ["2027-05-01T09:00", "2028-05-01T09:00"]


def test_the_29th_of_february_is_the_28th_in_other_years() -> None:
    assert days(BIRTHDAY, "2000-02-29", range(2026, 2029)) == [
        "2026-02-28T09:00", "2027-02-28T09:00", "2028-02-29T09:00",
    ]  # fmt: skip
    assert days(BIRTHDAY, "2000-02-28", range(2028, 2029)) == ["2028-02-28T09:00"]


def test_a_date_may_be_so_long_before_or_after_the_attribute() -> None:
    before = Entry(date="30 days before customer.renews_on", at="09:00")
    assert days(before, "2026-01-15", range(2025, 2027)) == ["2025-12-16T09:00"]
    assert days(Entry(date="2 working days after customer.renews_on"), "2026-05-01", range(2026, 2027)) == [
        "2026-05-05T00:00"
    ]
    yearly = Entry(date="10 days before customer.birthday", yearly=True)
    assert days(yearly, "1990-01-05", range(2026, 2027)) == ["2026-12-26T00:00"]


@pytest.mark.parametrize("value", [None, "", "soon", "2026-13-01", 7, {"a": 1}])
def test_what_is_no_date_never_comes(value: object) -> None:
    assert due(BIRTHDAY, PARIS, value, *YEAR) == []


def test_an_instant_counts_as_its_local_day() -> None:
    assert days(BIRTHDAY, "1990-05-01T23:30:00Z", range(2026, 2027)) == ["2026-05-02T09:00"]


@settings(max_examples=20, deadline=None)
@given(
    st.dates(min_value=Date(1930, 1, 1).to_stdlib(), max_value=Date(2025, 12, 31).to_stdlib()),
    st.sampled_from(("", "1 day before ", "30 days before ", "14 months before ", "400 days after ", "5 weeks after ")),
)
def test_every_year_has_one_anniversary(born: object, offset: str) -> None:
    entry = Entry(date=f"{offset}customer.birthday", yearly=True, at="09:00")
    assert len(days(entry, str(born), range(2027, 2030))) in ((3,) if not offset else (2, 3, 4))


def test_anniversaries_keep_month_and_day() -> None:
    assert anniversary(Date(2000, 2, 29), 2100) == Date(2100, 2, 28)
    assert anniversary(Date(2000, 12, 31), 2026) == Date(2026, 12, 31)


# --- spreading -----------------------------------------------------------------------------------------------------

HOUR = TimeDelta(hours=1)
NINE = utc("2026-03-02T09:00")


def test_turns_fill_the_window_in_the_order_of_ids() -> None:
    ids = [f"cus_{number * 0xFFFF_FFFF:016x}" for number in range(0, 2**32, 2**28)]
    turns = [turn_of(one, NINE, HOUR) for one in ids]
    assert turns == sorted(turns)
    assert turns[0] == NINE
    assert NINE.add(minutes=50) < turns[-1] < NINE.add(hours=1)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 3600))
def test_whose_turn_has_come_is_told_by_the_id_alone(number: int, seconds: int) -> None:
    customer, now = f"cus_{number:016x}", NINE.add(seconds=seconds)
    last = last_in_turn(NINE, HOUR, now)
    has_come = last is None or customer <= last
    # To the half second: a turn is told in whole ones.
    assert has_come or turn_of(customer, NINE, HOUR) >= now.subtract(seconds=1)
    assert not has_come or turn_of(customer, NINE, HOUR) <= now.add(seconds=1)


def test_without_a_spread_everybodys_turn_is_the_slot() -> None:
    assert last_in_turn(NINE, TimeDelta.ZERO, NINE) is None
    assert turn_of("cus_ffffffffffffffff", NINE, TimeDelta.ZERO) == NINE


def test_the_shortest_gap_is_that_between_two_times() -> None:
    assert shortest_gap("0 9,10 * * MON") == HOUR
    assert shortest_gap("0 9 * * *") == TimeDelta(timedelta(days=1))
