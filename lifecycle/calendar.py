"""Calendar arithmetic: when a wait ends, in the customer's time zone, through clock changes and frozen time.

Instants are UTC. Days are calendar days: 3 days from 10:00 end at 10:00 local, whatever the clocks did in between. A
clock time that a change of the clocks skips becomes the next real one (2:30 becomes 3:00); one that happens twice is
the first. Frozen intervals (a pause that stops the clock) lengthen durations; dates and weekdays stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from whenever import Date, Instant, PlainDateTime, Time, TimeDelta

from lifecycle.language.times import Moment, Span

Frozen = Sequence[tuple[Instant, Instant]]
"""Intervals in which the clock stood: from, to; in order, without overlap."""

DAY = TimeDelta(hours=24)
MIDNIGHT = Time(0, 0)


def resolve(local: PlainDateTime, zone: str) -> Instant:
    """The instant at which clocks in `zone` show `local`, or the next real one."""
    found = local.assume_tz(zone, disambiguation="compatible")
    if found.to_plain() != local:  # skipped: `compatible` adds the length of the gap, we want its end
        # A moment later, because `found` itself is the end where `local` is the first that was skipped.
        change = found.add(seconds=1).prev_transition()
        if change is not None:
            return change.to_instant()
    return found.to_instant()


def add(start: Instant, span: Span, zone: str) -> Instant:
    """`span` after `start`: calendar units in `zone`, then exact seconds."""
    if span.months or span.days or span.working:
        local = start.to_tz(zone)
        date = local.date().add(months=span.months, days=span.days)
        if span.working:
            date = _working(date, span.working)
        start = resolve(date.at(local.time()), zone)  # never the day of `start`
    return start.add(seconds=span.seconds) if span.seconds else start


def subtract(date: Date, span: Span) -> Date:
    """`span` before `date`; exact hours count as whole days, rounded up, so that `72 hours before` is 3 days before."""
    days = span.days + -(-span.seconds // 86400)
    date = date.subtract(months=span.months, days=days)
    for _ in range(span.working):
        date = date.subtract(days=1)
        while date.day_of_week().value > 5:
            date = date.subtract(days=1)
    return date


def day_number(instant: Instant, zone: str) -> int:
    """The number of the local calendar day; the difference of two is the days between them."""
    return instant.to_tz(zone).date().to_stdlib().toordinal()


def thaw(due: Instant, start: Instant, frozen: Frozen) -> Instant:
    """`due` of a duration that began at `start`, later by as long as the clock stood in between."""
    if not frozen:
        return due
    for begin, end in frozen:
        if end > start and begin < due:
            due = due + (end - max(begin, start))
    return due


def moment(spec: Moment, *, now: Instant, entered: Instant, zone: str, frozen: Frozen = ()) -> Instant:
    """The instant that `spec` means for a wait that begins at `now`; it may lie in the past.

    A day of the journey without a clock time keeps the clock time of entry; a date begins at midnight. `attribute` is
    not answered here: its date is a fact about the customer (`attribute_moment`).
    """
    if spec.day is not None:
        return _day_of_journey(spec, entered, zone, frozen)
    if spec.weekday is not None:
        local = now.to_tz(zone)
        ahead = (spec.weekday + 1 - local.date().day_of_week().value) % 7
        found = resolve(local.date().add(days=ahead).at(spec.at or MIDNIGHT), zone)
        if found >= now:
            return found
        # Without a clock time the whole of today counts as that day.
        return now if spec.at is None else resolve(local.date().add(days=ahead + 7).at(spec.at), zone)
    assert spec.date is not None
    return resolve(spec.date.at(spec.at or MIDNIGHT), zone)


def attribute_moment(spec: Moment, date: Date, zone: str) -> Instant:
    """The instant that `30 days before customer.renews_on` means when the attribute holds `date`."""
    return resolve(attribute_day(spec, date, zone).at(spec.at or MIDNIGHT), zone)


def attribute_day(spec: Moment, date: Date, zone: str) -> Date:
    """The day that `30 days before customer.renews_on` means when the attribute holds `date`."""
    if spec.offset and spec.after:
        return add(resolve(date.at(Time(12)), zone), spec.offset, zone).to_tz(zone).date()
    return subtract(date, spec.offset) if spec.offset else date


def _day_of_journey(spec: Moment, entered: Instant, zone: str, frozen: Frozen) -> Instant:
    """Frozen time moves a day of the journey by whole days, so that a message keeps its hour of the day."""
    assert spec.day is not None
    local = entered.to_tz(zone)
    clock = spec.at or local.time()
    date = local.date().add(days=spec.day)
    # The day of entry at its own clock time is that very instant: a repeated hour stays what it was.
    due = entered if spec.day == 0 and clock == local.time() else resolve(date.at(clock), zone)
    if not frozen:
        return due
    stood = TimeDelta.ZERO
    for begin, end in frozen:
        if begin >= due:
            break
        stood = stood + (end - begin)
        due = resolve(date.add(days=int(stood / DAY)).at(clock), zone)
        while due < end:
            date = date.add(days=1)
            due = resolve(date.add(days=int(stood / DAY)).at(clock), zone)
    return due


def _working(date: Date, days: int) -> Date:
    for _ in range(days):
        date = date.add(days=1)
        while date.day_of_week().value > 5:
            date = date.add(days=1)
    return date
