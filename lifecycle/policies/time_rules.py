"""The rules that put a message off: pauses, quiet hours, frequency caps, priority; in the order in which they are told.

Each gives the first instant from now on that it would allow if it were alone: now itself where it is kept. Pauses and
caps only ever become easier with time, and priority concerns the present minute only, so that the first instant which
suits all rules is the first permitted hour after the latest of the others.
"""

from __future__ import annotations

from whenever import Instant

from lifecycle import caps, quiet_hours
from lifecycle.language.map import Cap
from lifecycle.policies.asked import Asked, Lying
from lifecycle.quiet_hours import Week

NOBODY_KNOWS = Instant.MAX
"""The first instant after a pause whose end nobody knows."""


def waits(asked: Asked) -> list[tuple[Instant, str]]:
    """The rules that are not kept now: the first instant that each would allow, and its code."""
    now, template, map = asked.now, asked.template, asked.map
    found: list[tuple[Instant, str]] = []
    if asked.pauses and (resumed := after_pauses(asked)) > now:
        found.append((resumed, "paused"))
    if template.purpose == "marketing":
        # Most messages are e-mail at any hour to somebody who has had few: those cost nothing here.
        limited = template.channel == "sms" or map.hours.email is not None
        if limited and (opening := in_hours(asked, now)) > now:
            found.append((opening, "quiet-hours"))
        if len(asked.counted) >= map.tightest and (free := with_room(asked)) > now:
            found.append((free, "frequency-cap"))
        if asked.rivals and rivals_before(asked):
            found.append((now + caps.YIELDING, "priority"))
    return found


def pauses_on(asked: Asked) -> list[Lying]:
    """The pauses that hold the message now."""
    return [
        pause
        for pause in asked.pauses
        if (pause.transactional or asked.marketing) and (pause.until is None or pause.until > asked.now)
    ]


def after_pauses(asked: Asked) -> Instant:
    """The first instant at which no pause lies on the message."""
    return max((pause.until or NOBODY_KNOWS for pause in pauses_on(asked)), default=asked.now)


def hours_of(asked: Asked) -> Week | None:
    """The hours of the message; None where any is right."""
    template, where = asked.template, asked.where
    if template.purpose != "marketing":
        return None
    declared = asked.map.hours.sms if template.channel == "sms" else asked.map.hours.email
    return quiet_hours.week_of(template.channel, where.country, where.region, declared)


def in_hours(asked: Asked, at: Instant) -> Instant:
    """The first permitted instant from `at` on; `at` itself where it is one."""
    hours = hours_of(asked)
    return at if hours is None else quiet_hours.next_permitted(at, asked.where, hours)


def closes(asked: Asked) -> Instant | None:
    """Until when a message that may go now may arrive: the end of today's hours; None where there are none."""
    hours = hours_of(asked)
    return None if hours is None else quiet_hours.closes(asked.now, asked.where, hours)


def caps_of(asked: Asked) -> list[Cap]:
    """The caps under which the message falls."""
    template = asked.template
    return [cap for cap in asked.map.caps if caps.applies(cap, template.channel, template.topic)]


def with_room(asked: Asked) -> Instant:
    """The first instant at which every cap has room."""
    template, counted, found = asked.template, asked.counted, asked.now
    for cap in asked.map.caps:
        if len(counted) >= cap.at_most and caps.applies(cap, template.channel, template.topic):
            found = max(found, caps.room(cap, counted, asked.now, asked.where.zones[0]))
    return found


def rivals_before(asked: Asked) -> list[caps.Rival]:
    """The messages to which this one would have to yield."""
    if not asked.rivals:
        return []
    zone = asked.where.zones[0]
    return [
        rival
        for cap in caps_of(asked)
        for rival in caps.before_it(cap, asked.counted, asked.rivals, asked.priority, asked.journey, asked.now, zone)
    ]
