"""Frequency caps: how many marketing messages a person gets, and which goes first where there is room for one. Pure.

A message counts from the instant at which it was claimed until `every` later, by the calendar of the person's zone:
what was sent on Monday at 10:00 under `7 days` counts until next Monday at 10:00, whatever the clocks do. All that went
out counts, and all that may have (`lifecycle.ledger.COUNTED`); transactional messages never do.

Priority (rules.md 10) orders only messages that were put off already. There is no look-ahead: no message waits for
another that may come. Several that a full cap has put off come due in the same moment, in no order of their own; so a
message that would take a last place looks for rivals: others of the same person, under the same cap, of a playbook
with a smaller priority number (of equal ones the journey with the smaller id goes first), which came due again within
the last minute. Where there are as many as there is room, it yields for a minute, in which they are asked and take
their places. A rival that came due longer ago is held by a pause or dead, and nobody waits for it; so a message yields
to the same rivals once at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from whenever import Instant, TimeDelta

from lifecycle.calendar import add
from lifecycle.language.map import Cap
from lifecycle.language.times import parse_span

YIELDING = TimeDelta(minutes=1)
"""How long a message yields, and for how long after it came due a rival goes first."""


class Counted(NamedTuple):
    """A marketing message of the person that counts, and when it was claimed."""

    at: Instant
    channel: str
    topic: str | None


class Rival(NamedTuple):
    """Another message of the person that is put off until `not_before`, of a playbook of this `priority`."""

    priority: int
    not_before: Instant
    journey: str
    channel: str
    topic: str | None


def applies(cap: Cap, channel: str, topic: str | None) -> bool:
    """Whether messages of this channel and topic fall under a cap."""
    return (cap.channel is None or cap.channel == channel) and (cap.topic is None or cap.topic == topic)


def reaches_back(caps: Iterable[Cap]) -> TimeDelta:
    """A time before which no message counts under any of `caps`, as a distance from now. Never too short."""
    return max((_longest(cap.every) for cap in caps), default=TimeDelta.ZERO)


@lru_cache(maxsize=256)
def _longest(every: str) -> TimeDelta:
    """No shorter than the span in any zone from any day: a working day may be three days on, and clocks may go back."""
    span = parse_span(every)
    days = span.months * 31 + span.days + span.working * 3
    return TimeDelta(hours=(days * 24 + 24) if days else 0, seconds=span.seconds)


def counting(cap: Cap, counted: Iterable[Counted], now: Instant, zone: str) -> list[Instant]:
    """Until when each message that counts under `cap` at `now` goes on to count; the latest first."""
    return _ends(cap, _recent(cap, counted, now), now, zone)


def _recent(cap: Cap, counted: Iterable[Counted], now: Instant) -> list[Instant]:
    """When the messages were sent that may count; exact arithmetic is for these only."""
    since = now - _longest(cap.every)
    return [at for at, channel, topic in counted if at > since and applies(cap, channel, topic)]


def _ends(cap: Cap, recent: Iterable[Instant], now: Instant, zone: str) -> list[Instant]:
    span = parse_span(cap.every)
    ends = [add(at, span, zone) for at in recent]
    return sorted((end for end in ends if end > now), reverse=True)


def room(cap: Cap, counted: Iterable[Counted], now: Instant, zone: str) -> Instant:
    """The first instant from `now` on at which `cap` has room for one message more."""
    recent = _recent(cap, counted, now)
    if len(recent) < cap.at_most:
        return now
    ends = _ends(cap, recent, now, zone)
    return ends[cap.at_most - 1] if len(ends) >= cap.at_most else now


def goes_first(rival: Rival, priority: int, journey: str, now: Instant) -> bool:
    """Whether a rival came due within the last minute and is before a message of `journey` with this `priority`."""
    return now - YIELDING < rival.not_before <= now and (rival.priority, rival.journey) < (priority, journey)


def before_it(
    cap: Cap, counted: Iterable[Counted], rivals: Iterable[Rival], priority: int, journey: str, now: Instant, zone: str
) -> list[Rival]:
    """The rivals for which a message of `journey` leaves the last places under `cap`; none where there is room for all.

    A cap without any room decides by itself, and nobody yields then.
    """
    first = [r for r in rivals if applies(cap, r.channel, r.topic) and goes_first(r, priority, journey, now)]
    if not first:
        return []
    places = cap.at_most - len(counting(cap, counted, now, zone))
    return first if 0 < places <= len(first) else []
