"""When entries by schedule and by date come due: pure, from the entry, the zone and the instants that are asked about.

- Schedules and dates are meant on the customer's clock. A time that a change of the clocks skips comes at the next real
  one; one that happens twice comes the first time. What falls on one instant is one slot, so that nobody enters twice.
- A slot is named by what the clocks show then (`2026-03-02T09:00`): a customer who moves to another time zone between
  two sweeps is not entered for the same morning again.
- The anniversary of 29 February is 28 February in years without one.
- With `spread`, each customer has a turn of their own after the slot, by their id. Those ids are drawn at random, so
  their order is as good as a hash: those whose turn has come are those up to a certain id, and a database that pages by
  id finds them without looking at anybody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from cronsim import CronSim
from whenever import Date, Instant, PlainDateTime, TimeDelta

from lifecycle.answers import as_date
from lifecycle.calendar import MIDNIGHT, attribute_day, resolve
from lifecycle.language.times import Moment, Span, parse_clock, parse_moment, parse_span
from lifecycle.plan import Entry

AT_MOST = TimeDelta(hours=24)
"""The longest spread, and how late a customer's turn may be taken: after a longer absence it is passed over."""

_PREFIX, _DIGITS = "cus_", 16
"""How the ids of customers are written (`store.customers`): so many random hexadecimal digits."""


class Slot(NamedTuple):
    """A time at which an entry comes due in a zone. `days` are the local days that it stands for, mostly one."""

    at: Instant
    name: str
    days: tuple[Date, ...]


def slots(entry: Entry, zone: str, after: Instant, until: Instant) -> Iterator[Slot]:
    """The slots of an entry in a zone, later than `after` and up to `until`, in their order."""
    local = _days(entry, zone, after) if entry.date is not None else _times(entry, zone, after)
    wanted = ((resolve(time, zone), time.date()) for time in local)
    for at, same in groupby(wanted, itemgetter(0)):
        if at > until:
            return
        if at > after:
            yield Slot(at, name_of(at, zone), tuple(day for _, day in same))


def name_of(at: Instant, zone: str) -> str:
    """A slot's name: what the clocks of a zone show, to the minute where that is all."""
    shown = at.to_tz(zone).to_plain().round("second", mode="floor").format_iso()
    return shown.removesuffix(":00")


def due(entry: Entry, zone: str, value: object, after: Instant, until: Instant) -> list[Slot]:
    """The slots that concern a customer whose attribute (the one that `entry.date` names) has this value."""
    return [slot for slot in slots(entry, zone, after, until) if concerns(entry, slot, value, zone)]


def concerns(entry: Entry, slot: Slot, value: object, zone: str) -> bool:
    """Whether a slot is that of a customer: any is, for a schedule; for a date, that of the day that is meant."""
    if entry.date is None:
        return True
    date = as_date(value, zone)
    return date is not None and any(_falls_on(entry, date, day, zone) for day in slot.days)


def attribute_of(entry: Entry) -> str:
    """The attribute of customers that an entry by date looks at."""
    return (_moment(entry).attribute or "").partition(".")[2]


def anniversary(date: Date, year: int) -> Date:
    """`date` in another year; 29 February is 28 February where there is none."""
    return Date(year, 2, 28) if (date.month, date.day) == (2, 29) and not _leap(year) else date.replace(year=year)


def spread_of(entry: Entry) -> TimeDelta:
    """The time over which a slot's customers are spread."""
    return window(parse_span(entry.spread)) if entry.spread else TimeDelta.ZERO


def window(span: Span) -> TimeDelta:
    """A span of days, hours, minutes and seconds in exact time."""
    return TimeDelta(hours=24 * span.days, seconds=span.seconds)


def turn_of(customer: str, slot: Instant, spread: TimeDelta) -> Instant:
    """When it is a customer's turn: the same at each time that it is asked, and in the order of their ids."""
    try:
        place = int(customer.removeprefix(_PREFIX), 16) / 16**_DIGITS
    except ValueError:  # an id that was not drawn: such a customer comes whenever their page does
        place = 0.0
    return slot.add(seconds=round(spread.total("seconds") * min(place, 1.0)))


def last_in_turn(slot: Instant, spread: TimeDelta, now: Instant) -> str | None:
    """The id up to which customers have had their turn at `now`; None where all have."""
    passed = (now - slot).total("nanoseconds")
    whole = spread.total("nanoseconds")
    if passed >= whole:
        return None
    return f"{_PREFIX}{int(16**_DIGITS * (passed / whole)):0{_DIGITS}x}"


def shortest_gap(schedule: str, looks: int = 400) -> TimeDelta:
    """The shortest time between two of the next times of a schedule; as long as can be where it comes once."""
    times = CronSim(schedule, datetime(2026, 1, 1))  # noqa: DTZ001 - on a clock that never changes
    gap, before = TimeDelta.MAX, None
    for _, time in zip(range(looks), times, strict=False):
        if before is not None:
            gap = min(gap, TimeDelta(seconds=(time - before).total_seconds()))
        before = time
    return gap


def _times(entry: Entry, zone: str, after: Instant) -> Iterator[PlainDateTime]:
    assert entry.schedule is not None
    begin = after.to_tz(zone).to_plain().to_stdlib()
    for time in CronSim(entry.schedule, begin):
        yield PlainDateTime(time)


def _days(entry: Entry, zone: str, after: Instant) -> Iterator[PlainDateTime]:
    """Every day at the entry's clock time, from the day before `after` on: a whole day can be skipped, too."""
    clock = _moment(entry).at or MIDNIGHT
    day = after.to_tz(zone).date().subtract(days=1)
    while True:
        yield day.at(clock)
        day = day.add(days=1)


def _falls_on(entry: Entry, date: Date, day: Date, zone: str) -> bool:
    moment = _moment(entry)
    if not entry.yearly:
        return attribute_day(moment, date, zone) == day
    years = _reach(moment.offset)
    return any(
        attribute_day(moment, anniversary(date, year), zone) == day
        for year in range(max(day.year - years, date.year), day.year + years + 1)
    )


def _reach(offset: Span | None) -> int:
    """How many years may lie between an anniversary and the day that is so long before or after it."""
    return 0 if offset is None else 1 + (offset.months * 31 + offset.days + offset.working * 2) // 365 + (
        offset.seconds // (365 * 86400)
    )  # fmt: skip


@lru_cache(maxsize=512)
def _moment(entry: Entry) -> Moment:
    assert entry.date is not None
    moment = parse_moment(entry.date)
    if entry.at is None:
        return moment
    return Moment(attribute=moment.attribute, offset=moment.offset, after=moment.after, at=parse_clock(entry.at))


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
