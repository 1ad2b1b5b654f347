"""What is told about the rules of time: every one of them, with its own first instant, on the customer's clock."""

from __future__ import annotations

from functools import lru_cache

from lifecycle import caps, quiet_hours
from lifecycle.language.times import parse_span
from lifecycle.policies.asked import Asked, Check
from lifecycle.policies.time_rules import caps_of, hours_of, in_hours, pauses_on, rivals_before
from lifecycle.policies.words import CHANNELS, moment
from lifecycle.quiet_hours import Week


def checks(asked: Asked) -> tuple[Check, ...]:
    """Every rule with the value that it saw and, where it is not kept, the first instant that it would allow."""
    pauses = _pauses(asked)
    if asked.marketing:
        return (pauses, _hours(asked), _caps(asked), _priority(asked))
    return (
        pauses,
        Check("quiet-hours", "transactional", True, "transactional messages go at any hour"),
        Check("frequency-cap", "transactional", True, "transactional messages do not count"),
        Check("priority", "transactional", True, "transactional messages yield to none"),
    )


def _pauses(asked: Asked) -> Check:
    lying = pauses_on(asked)
    told = "; ".join(
        f"a pause of {'' if pause.scope == 'everything' else 'the '}{pause.scope} "
        f"{f'until {moment(asked, pause.until)}' if pause.until else 'without a known end'}: {pause.reason}"
        for pause in lying
    )
    return Check("paused", told or "no pause", not lying, "no pause lies on the message")


def _hours(asked: Asked) -> Check:
    hours, reach = hours_of(asked), asked.where
    told = "; ".join([moment(asked, asked.now, zone) for zone in reach.zones])
    if hours is None:
        return Check("quiet-hours", told, True, "the map declares no hours for e-mail")
    opening = in_hours(asked, asked.now)
    if opening > asked.now:
        told += f"; permitted from {moment(asked, opening)}"
    kind = CHANNELS[asked.template.channel]
    return Check("quiet-hours", told, opening == asked.now, f"{kind} goes {_week(hours)}, where the customer is")


@lru_cache(maxsize=256)
def _week(hours: Week) -> str:
    usual, sunday = hours[0], hours[quiet_hours.SUNDAY]
    return f"from {usual}" + (f", on Sundays from {sunday}" if sunday != usual else "")


def _caps(asked: Asked) -> Check:
    told, passed = [], True
    for cap in caps_of(asked):
        ends = caps.counting(cap, asked.counted, asked.now, asked.where.zones[0])
        line = f"{len(ends)} of {cap.at_most} {_kind(cap.channel, cap.topic)} in {_every(cap.every)}"
        if len(ends) >= cap.at_most:
            passed = False
            line += f", room from {moment(asked, ends[cap.at_most - 1])}"
        told.append(line)
    says = "the caps of the map have room for one message more"
    return Check("frequency-cap", "; ".join(told) or "no cap", passed, says)


def _kind(channel: str | None, topic: str | None) -> str:
    """`SMS about offers`, `e-mails`, `messages`."""
    kind = {"sms": "SMS", "email": "e-mails", None: "messages"}[channel]
    return f"{kind} about {topic}" if topic else kind


@lru_cache(maxsize=256)
def _every(every: str) -> str:
    return str(parse_span(every))


def _priority(asked: Asked) -> Check:
    before = rivals_before(asked)
    told = f"no such message; this one has priority {asked.priority}"
    if before:
        numbers = " and ".join(str(number) for number in sorted({rival.priority for rival in before}))
        again = moment(asked, asked.now + caps.YIELDING)
        told = f"one of priority {numbers} is due, this one has {asked.priority} and is asked again {again}"
    return Check("priority", told, not before, "no message of a more important playbook is due for the last place")
