"""Quiet hours: at which hours of the day a person may be messaged, by law and by the map. Pure.

Only marketing messages have hours. For SMS the law gives some, by jurisdiction (`LAW`); e-mail has none unless the map
declares them. Hours that the map declares hold besides those of the law, so they can only be stricter. A person whose
time zone is not known may be in any of several: the hours must be right in all of them at once.

The table comes from secondary sources (summaries of the American TCPA with the stricter rules of single states, and
common practice elsewhere), not from counsel: docs/reasons.md tells it, and says so. The law of a state that is not
known is the strictest of all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from whenever import Instant, ZonedDateTime

from lifecycle.language.times import parse_hours

MINUTE = 60_000_000_000  # nanoseconds
DAY = 1440  # minutes

HORIZON_DAYS = 8
"""How far ahead a permitted minute is looked for."""


class Reach(NamedTuple):
    """Where a person is: one of `zones` (at least one), in `country` (two letters) and there in `region` (`FL`)."""

    zones: tuple[str, ...]
    country: str | None = None
    region: str | None = None


class Window(NamedTuple):
    """Minutes of the local day: from `opens` on, and before `closes`."""

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{_clock(self.opens)} to {_clock(self.closes)}"


Week = tuple[Window, ...]
"""The hours of each day of the week; the first is Monday's."""

SUNDAY = 6


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _hours(opens: int, closes: int, *, sundays_from: int | None = None) -> Week:
    day = Window(opens * 60, closes * 60)
    sunday = day if sundays_from is None else Window(sundays_from * 60, closes * 60)
    return (*[day] * 6, sunday)


DEFAULT: Week = _hours(9, 20)
"""For SMS wherever the table says nothing else."""

FEDERAL: Week = _hours(8, 21)

STATES: dict[str, Week] = {
    **dict.fromkeys(("FL", "MD", "OK", "NJ", "MS"), _hours(8, 20)),
    "CT": _hours(9, 20),
    "TX": _hours(9, 21, sundays_from=12),
}
"""American states whose hours are stricter than the federal ones."""

_OTHER_STATES = frozenset(
    "AL AK AZ AR CA CO DE DC GA HI ID IL IN IA KS KY LA ME MA MI MN MO MT NE NV NH NM NY NC ND OH OR PA RI SC SD TN UT"
    " VT VA WA WV WI WY".split()
)
_AMERICAN = frozenset({"US", "USA", "UNITED STATES", "UNITED STATES OF AMERICA"})


def both(one: Week, other: Week) -> Week:
    """The hours at which both permit."""
    return tuple(Window(max(a.opens, b.opens), min(a.closes, b.closes)) for a, b in zip(one, other, strict=True))


STRICTEST: Week = FEDERAL
for _state in STATES.values():
    STRICTEST = both(STRICTEST, _state)

ALWAYS: Week = _hours(0, 24)


def law(country: str | None, region: str | None) -> Week:
    """The hours for SMS to somebody there."""
    if (country or "").strip().upper() not in _AMERICAN:
        return DEFAULT
    state = (region or "").strip().upper().removeprefix("US-")
    if state in STATES:
        return STATES[state]
    return FEDERAL if state in _OTHER_STATES else STRICTEST


@lru_cache(maxsize=1024)
def week_of(channel: str, country: str | None, region: str | None, declared: str | None) -> Week | None:
    """The hours for a channel in a jurisdiction, where the map declares `declared` (`10:00 to 19:00`) for the channel.

    None: there are none, and any hour is right.
    """
    lawful = law(country, region) if channel == "sms" else None
    if declared is None:
        return lawful
    opens, closes = (clock.hour * 60 + clock.minute for clock in parse_hours(declared))
    return both(lawful or ALWAYS, (Window(opens, closes),) * 7)


def next_permitted(at: Instant, reach: Reach, hours: Week) -> Instant:
    """The first instant from `at` on at which the clocks of all the person's zones show a permitted time.

    That is `at` itself, or the beginning of a minute. Zones far apart may have no such minute in common: then it is
    `HORIZON_DAYS` after `at`, which is time to look again.
    """
    zones = reach.zones
    if len(zones) == 1:
        return _next_in(at, zones[0], hours)
    last = at.add(hours=24 * HORIZON_DAYS)
    found = at
    while found < last:
        before = found
        for zone in zones:
            found = _next_in(found, zone, hours)
        if found == before:
            return found
    return last


def _next_in(at: Instant, zone: str, hours: Week) -> Instant:
    """The same for one zone.

    From where the clock stands it is so and so many minutes to the next opening, unless the clocks change before: then
    it is looked at anew from the change on, which may itself lead into a permitted hour, or back into one.
    """
    local = at.to_tz(zone)
    minutes = _minutes_to_opening(local, hours)
    if minutes == 0:
        return at
    while minutes > 0:
        opening = local.to_instant().add(nanoseconds=minutes * MINUTE - _past_the_minute(local))
        change = local.next_transition()
        if change is None or change.to_instant() > opening:
            return opening
        local = change
        minutes = _minutes_to_opening(local, hours)
    return local.to_instant()


def closes(at: Instant, reach: Reach, hours: Week) -> Instant:
    """The first instant after `at`, a permitted one, at which a clock of the person's zones shows a quiet time."""
    return min(_closes_in(at, zone, hours) for zone in reach.zones)


def _closes_in(at: Instant, zone: str, hours: Week) -> Instant:
    local = at.to_tz(zone)
    while _minutes_to_opening(local, hours) == 0:
        left = hours[local.date().day_of_week().value - 1].closes - local.hour * 60 - local.minute
        end = local.to_instant().add(nanoseconds=left * MINUTE - _past_the_minute(local))
        change = local.next_transition()
        if change is None or change.to_instant() >= end:
            return end
        local = change
    return local.to_instant()


def _past_the_minute(local: ZonedDateTime) -> int:
    """In nanoseconds."""
    return local.second * 1_000_000_000 + local.nanosecond


def _minutes_to_opening(local: ZonedDateTime, hours: Week) -> int:
    """Minutes on the clock until it shows a permitted time; 0 where it does."""
    day = local.date().day_of_week().value - 1
    minute = local.hour * 60 + local.minute
    today = hours[day]
    if today.opens <= minute < today.closes:
        return 0
    if minute < today.opens < today.closes:
        return today.opens - minute
    ahead = 1
    while ahead < HORIZON_DAYS and hours[(day + ahead) % 7].opens >= hours[(day + ahead) % 7].closes:
        ahead += 1
    return ahead * DAY - minute + hours[(day + ahead) % 7].opens
