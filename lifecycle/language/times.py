"""How playbooks write time: `3 days`, `P3D`, `72 hours`, `1 working day`; `day 30`, `tuesday 10:00`,
`30 days before customer.renews_on`, `2026-12-24`; `0 9 * * MON`.

Texts become values here and nothing is computed; `lifecycle.calendar` does that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cronsim import CronSim, CronSimError
from whenever import Date, Time

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class NotATime(ValueError):
    """A text that is no duration, moment or clock time. The message says what would be one."""


class NeverComes(NotATime):
    """A schedule that can be read, of days that no calendar has."""


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time. `months` and `days` are calendar time, `seconds` are exact, `working` is Monday to Friday."""

    months: int = 0
    days: int = 0
    seconds: int = 0
    working: int = 0

    def __str__(self) -> str:
        parts = (
            (self.months, "month"),
            (self.days, "day"),
            (self.working, "working day"),
            (self.seconds // 3600, "hour"),
            (self.seconds % 3600 // 60, "minute"),
            (self.seconds % 60, "second"),
        )
        return " ".join(f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in parts if n) or "0 days"


@dataclass(frozen=True, slots=True)
class Moment:
    """A point to wait for. Exactly one of `day` (of the journey), `weekday` (0 is Monday), `date`, `attribute` is set.

    `offset` and `after` belong to `attribute`: so long before or after the customer's date. `at` is a local clock time.
    """

    day: int | None = None
    weekday: int | None = None
    date: Date | None = None
    attribute: str | None = None
    offset: Span | None = None
    after: bool = False
    at: Time | None = None


_UNITS = {
    "month": "months", "day": "days", "week": "weeks", "working day": "working", "business day": "working",
    "hour": "hours", "minute": "minutes", "second": "seconds",
}  # fmt: skip
_SPAN_PART = re.compile(r"(\d+)\s*(working day|business day|month|week|day|hour|minute|second)s?\b", re.IGNORECASE)
_ISO = re.compile(r"P(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_CLOCK = re.compile(r"(?P<moment>.+?)\s+(?:at\s+)?(?P<clock>\d{1,2}:\d{2})")
_MAX_DAYS = 3660
_LONGEST_SCHEDULE = 100
_SOME_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - a schedule is read without a zone


@lru_cache(maxsize=4096)
def parse_span(text: str) -> Span:
    """`3 days`, `2 weeks`, `1 month`, `72 hours`, `1 working day`, `1 day 12 hours` or ISO 8601 (`P3D`, `PT72H`)."""
    iso = _ISO.fullmatch(text.strip())
    if iso and any(iso.groups()):
        months, weeks, days, hours, minutes, seconds = (int(group or 0) for group in iso.groups())
        return _checked(Span(months, weeks * 7 + days, hours * 3600 + minutes * 60 + seconds), text)
    amounts = dict.fromkeys(set(_UNITS.values()), 0)
    rest = _SPAN_PART.sub(lambda part: _count(part, amounts), text)
    if rest.strip(" ,") not in ("", "and") or not any(char.isdigit() for char in text):
        raise NotATime(f"`{text}` is not a length of time; write for example `3 days`, `72 hours` or `1 working day`")
    return _checked(
        Span(
            amounts["months"],
            amounts["weeks"] * 7 + amounts["days"],
            amounts["hours"] * 3600 + amounts["minutes"] * 60 + amounts["seconds"],
            amounts["working"],
        ),
        text,
    )


def _count(part: re.Match[str], amounts: dict[str, int]) -> str:
    amounts[_UNITS[part[2].lower()]] += int(part[1])
    return ""


def _checked(span: Span, text: str) -> Span:
    if span.months * 31 + span.days + span.working * 2 + span.seconds / 86400 > _MAX_DAYS:
        raise NotATime(f"`{text}` is longer than ten years")
    return span


@lru_cache(maxsize=4096)
def parse_clock(text: str) -> Time:
    """A clock time such as `10:00` or `9:30`."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip())
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise NotATime(f"`{text}` is not a clock time; write for example `10:00`")
    return Time(int(found[1]), int(found[2]))


@lru_cache(maxsize=256)
def parse_hours(text: str) -> tuple[Time, Time]:
    """Hours of a day such as `08:00 to 21:00`: from the first on, and before the second."""
    opens, _, closes = text.partition(" to ")
    try:
        found = parse_clock(opens), parse_clock(closes)
    except NotATime:
        raise NotATime(f"`{text}` are not hours of a day; write for example `08:00 to 21:00`") from None
    if found[0] >= found[1]:
        raise NotATime(f"`{text}` ends before it begins; write hours of one day, for example `08:00 to 21:00`")
    return found


@lru_cache(maxsize=4096)
def parse_moment(text: str) -> Moment:
    """`day 30`, `tuesday 10:00`, `30 days before customer.renews_on`, `customer.renews_on` or `2026-12-24`."""
    text = text.strip()
    at = None
    with_clock = _CLOCK.fullmatch(text)
    if with_clock:
        text, at = with_clock["moment"], parse_clock(with_clock["clock"])
    if found := re.fullmatch(r"day\s+(\d{1,4})", text, re.IGNORECASE):
        return Moment(day=int(found[1]), at=at)
    if text.lower() in WEEKDAYS:
        return Moment(weekday=WEEKDAYS.index(text.lower()), at=at)
    if found := re.fullmatch(r"(?:(.+?)\s+(before|after)\s+)?((?:customer|account|event)\.\w+)", text):
        offset = parse_span(found[1]) if found[1] else None
        return Moment(attribute=found[3], offset=offset, after=found[2] == "after", at=at)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            return Moment(date=Date.parse_iso(text), at=at)
        except ValueError:
            raise NotATime(f"`{text}` is not a day of the calendar") from None
    raise NotATime(
        f"`{text}` is not a moment; write for example `day 30`, `tuesday 10:00`, `2026-12-24` "
        "or `30 days before customer.renews_on`"
    )


@lru_cache(maxsize=1024)
def parse_schedule(text: str) -> str:
    """A schedule as cron writes it, such as `0 9 * * MON`: minute, hour, day of the month, month, day of the week."""
    fields = text.split()
    if len(fields) != 5 or len(text) > _LONGEST_SCHEDULE:
        raise NotATime(
            f"`{text}` is not a schedule; write minute, hour, day of the month, month and day of the week, "
            "for example `0 9 * * MON`"
        )
    try:
        next(CronSim(text, _SOME_DAY))
    except StopIteration:
        raise NeverComes(f"`{text}` never comes") from None
    except CronSimError as error:
        try:  # a day that its month does not have, or no day at all
            CronSim(" ".join([*fields[:3], "*", fields[4]]), _SOME_DAY)
        except CronSimError:
            said = str(error).removeprefix("Bad ").replace("-", " ")
            raise NotATime(f"`{text}` is not a schedule: the {said} cannot be read") from None
        if _is_month(fields[3]):
            raise NeverComes(f"`{text}` never comes: no such month has such a day") from None
        raise NotATime(f"`{text}` is not a schedule: the month cannot be read") from None
    return text


def _is_month(field: str) -> bool:
    try:
        CronSim(f"0 0 1 {field} *", _SOME_DAY)
    except CronSimError:
        return False
    return True
