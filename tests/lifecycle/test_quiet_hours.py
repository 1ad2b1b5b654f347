"""Quiet hours: the table of jurisdictions, and the next permitted minute in every time zone there is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import Instant, ZonedDateTime, available_timezones

from lifecycle import quiet_hours
from lifecycle.language.faults import Faults
from lifecycle.language.map import LAWFUL_ANYWHERE, Map
from lifecycle.language.source import read
from lifecycle.language.validate import validate
from lifecycle.policies import Asked, Decision, Reach, closes, decide
from lifecycle.quiet_hours import Week, Window, next_permitted, week_of
from tests.lifecycle.asking import MAP, asked, local, map_with, template

FROM, TO = Instant.from_utc(2026, 1, 1), Instant.from_utc(2028, 1, 1)


def hours(week: Week | None, day: int = 0) -> str:
    assert week is not None
    return str(week[day])


@pytest.mark.parametrize(
    ("country", "region", "weekdays", "sundays"),
    [
        (None, None, "09:00 to 20:00", "09:00 to 20:00"),
        ("FR", None, "09:00 to 20:00", "09:00 to 20:00"),
        ("fr", "FL", "09:00 to 20:00", "09:00 to 20:00"),
        ("US", "CA", "08:00 to 21:00", "08:00 to 21:00"),
        ("us", "ny", "08:00 to 21:00", "08:00 to 21:00"),
        ("United States", "US-WA", "08:00 to 21:00", "08:00 to 21:00"),
        *[("US", state, "08:00 to 20:00", "08:00 to 20:00") for state in ("FL", "MD", "OK", "NJ", "MS")],
        ("US", "CT", "09:00 to 20:00", "09:00 to 20:00"),
        ("US", "TX", "09:00 to 21:00", "12:00 to 21:00"),
        ("US", None, "09:00 to 20:00", "12:00 to 20:00"),
        ("US", "Florida", "09:00 to 20:00", "12:00 to 20:00"),  # a state that is not known
    ],
)
def test_the_hours_for_sms_by_jurisdiction(
    country: str | None, region: str | None, weekdays: str, sundays: str
) -> None:
    week = week_of("sms", country, region, None)
    assert [hours(week, day) for day in range(7)] == [*[weekdays] * 6, sundays]


def test_email_has_no_hours_unless_the_map_declares_them() -> None:
    assert week_of("email", "US", "TX", None) is None
    assert hours(week_of("email", "US", "TX", "07:30 to 22:00")) == "07:30 to 22:00"


def test_hours_that_the_map_declares_hold_besides_those_of_the_law() -> None:
    assert hours(week_of("sms", "FR", None, "10:00 to 19:00")) == "10:00 to 19:00"
    assert hours(week_of("sms", "FR", None, "06:00 to 23:00")) == "09:00 to 20:00"
    assert hours(week_of("sms", "US", "TX", "10:00 to 23:00"), quiet_hours.SUNDAY) == "12:00 to 21:00"


def test_the_hours_that_are_lawful_anywhere_are_those_of_the_strictest_day() -> None:
    strictest = quiet_hours.both(quiet_hours.STRICTEST, quiet_hours.DEFAULT)[quiet_hours.SUNDAY]
    assert strictest == Window(*(clock.hour * 60 + clock.minute for clock in LAWFUL_ANYWHERE))


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{email: 08:00 to 21:00, sms: 10:00 to 19:00}", None),
        ("{sms: 8:00 to 12:30}", None),
        ("{email: 21:00 to 08:00}", "not-a-time"),
        ("{email: morning}", "not-a-time"),
        ("{email: 08:00 to 25:00}", "not-a-time"),
        ("{sms: 06:00 to 12:00}", "never-lawful"),
        ("{sms: 20:00 to 23:00}", "never-lawful"),
        ("{letter: 08:00 to 21:00}", "unknown-key"),
    ],
)
def test_a_map_with_hours_that_cannot_be_is_reported_in_plain_words(written: str, code: str | None) -> None:
    faults = Faults()
    text = f"time_zone: Europe/Paris\nmilestones: {{purchase: {{}}}}\nstages: {{one: {{for: all}}}}\nhours: {written}\n"
    source = read("map.yaml", text, faults)
    assert source is not None
    found = validate(Map, source, faults)
    assert [fault.code for fault in faults] == ([code] if code else [])
    assert (found is None) == (code is not None)


# --- in every zone -------------------------------------------------------------------------------------------------


def permitted(local: ZonedDateTime, week: Week) -> bool:
    opens, closes = week[local.date().day_of_week().value - 1]
    return opens <= local.hour * 60 + local.minute < closes


def scanned(at: Instant, zones: tuple[str, ...], week: Week, minutes: int = 3 * 1440) -> Instant | None:
    """The same by looking at every minute."""
    for minute in range(minutes):
        found = at.add(minutes=minute)
        if all(permitted(found.to_tz(zone), week) for zone in zones):
            return found
    return None


def changes(zone: str) -> list[ZonedDateTime]:
    """The instants in 2026 and 2027 at which the clocks of a zone change."""
    found, local = [], FROM.to_tz(zone)
    while (local_ := local.next_transition()) is not None and local_.to_instant() < TO:
        local = local_
        found.append(local)
    return found


def like(zone: str) -> tuple[object, ...]:
    """Zones of which this is the same keep the same time in those years."""
    shown = (FROM.to_tz(zone), *changes(zone))
    return tuple((local.to_instant(), local.offset) for local in shown)


KINDS: dict[tuple[object, ...], list[str]] = {}
for _zone in sorted(available_timezones()):
    KINDS.setdefault(like(_zone), []).append(_zone)


def test_an_sms_due_at_half_past_nine_in_the_evening_goes_at_the_next_permitted_minute_in_every_zone() -> None:
    """Across every change of the clocks of the zone in 2026 and 2027. One zone of each kind is held against a scan of
    all minutes, and those like it against that one.
    """
    assert sum(len(zones) for zones in KINDS.values()) > 590
    for zones in KINDS.values():
        around = [change.to_tz("UTC").date() for change in changes(zones[0])] or [FROM.to_tz("UTC").date()]
        for date in {date.add(days=days) for date in around for days in (-2, -1, 0, 1)}:
            due = local(f"{date.format_iso()}T21:30", zones[0])
            expected = scanned(due, (zones[0],), quiet_hours.DEFAULT)
            assert expected is not None
            for zone in zones:
                question = Asked(template("sms"), MAP, due, consent=True, reach=Reach((zone,)))
                assert decide(question) == Decision("defer", "quiet-hours", expected), (zone, due)
                assert decide(question._replace(now=expected)) == Decision("send"), (zone, due)
                assert decide(question._replace(now=expected.subtract(minutes=1))).outcome == "defer", (zone, due)


CHANGING = [zones[0] for kind, zones in KINDS.items() if len(kind) > 1]
NIGHTLY = (
    "America/St_Johns",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
)


def week(opens: int, closes: int, sunday: int) -> Week:
    return (*[Window(opens, closes)] * 6, Window(max(opens, min(sunday, closes - 1)), closes))


weeks = st.builds(
    lambda opens, length, sunday: week(opens, min(opens + length, 1439), sunday),
    st.integers(0, 1430), st.integers(1, 900), st.integers(0, 1439),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([*CHANGING, *NIGHTLY]), st.data(), weeks, st.integers(-2000, 2000))
def test_any_hours_hold_while_the_clocks_change(zone: str, data: st.DataObject, week: Week, minutes: int) -> None:
    """Also hours within which, or at the edge of which, an hour of the clock is skipped or comes twice."""
    at = data.draw(st.sampled_from(changes(zone))).to_instant().add(minutes=minutes)
    found = next_permitted(at, Reach((zone,)), week)
    assert found == scanned(at, (zone,), week)
    end = quiet_hours.closes(found, Reach((zone,)), week)
    # 1440 minutes at most on the clock, and an hour or two that come twice.
    lasting = (found.add(minutes=minute) for minute in range(1600))
    assert end == next(minute for minute in lasting if not permitted(minute.to_tz(zone), week))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(available_timezones())), min_size=2, max_size=4, unique=True),
    st.integers(0, 2 * 365 * 1440),
)
def test_a_person_who_may_be_in_several_zones_is_written_to_when_it_is_right_in_all(zones: list[str], at: int) -> None:
    due, reach = FROM.add(minutes=at), Reach(tuple(zones))
    found = next_permitted(due, reach, quiet_hours.DEFAULT)
    last = due.add(hours=24 * quiet_hours.HORIZON_DAYS)
    expected = scanned(due, reach.zones, quiet_hours.DEFAULT, 24 * 60 * quiet_hours.HORIZON_DAYS)
    assert found == (expected or last)


def test_zones_without_an_hour_in_common_are_looked_at_again_after_eight_days() -> None:
    opposite = Reach(("Pacific/Honolulu", "Africa/Nairobi"))
    due = local("2026-03-03T12:00", "UTC")
    question = asked("sms", due, reach=opposite)
    assert decide(question) == Decision("defer", "quiet-hours", due.add(hours=24 * 8))
    expires = due.add(hours=24 * 3)
    assert decide(question._replace(expires=expires)).until == expires


def test_a_second_past_the_hour_is_in_the_hour_and_what_is_put_off_goes_at_a_whole_minute() -> None:
    seconds = local("2026-03-03T19:59").add(seconds=59, nanoseconds=5)
    assert decide(asked("sms", seconds)) == Decision("send")
    late = local("2026-03-03T20:00").add(seconds=59, nanoseconds=5)
    assert decide(asked("sms", late)).until == local("2026-03-04T09:00")


def test_a_message_is_worth_delivering_until_the_hours_of_its_day_end() -> None:
    assert closes(asked("sms")) == local("2026-03-03T20:00")
    assert closes(asked("sms", map=map_with(hours={"sms": "10:00 to 12:30"}))) == local("2026-03-03T12:30")
    assert closes(asked("sms", reach=Reach(("Europe/Paris", "Europe/Athens")))) == local("2026-03-03T19:00")
    assert closes(asked("email")) is None
    assert closes(asked("sms", purpose="transactional")) is None
