"""Pauses, quiet hours and caps together: the earliest instant that suits them all, against a look at every minute."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import Instant

from lifecycle import calendar
from lifecycle.language.times import parse_span
from lifecycle.policies import Asked, Counted, Lying, Reach, decide
from tests.lifecycle.asking import map_with, template

ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "America/Chicago",
)
STARTS = tuple(Instant.from_utc(2026, month, day, hour) for month, day, hour in (
    (3, 7, 20), (3, 28, 20), (4, 4, 9), (9, 26, 12), (10, 3, 12), (10, 24, 20), (10, 31, 20), (6, 17, 3),
))  # fmt: skip
SPANS = ("1 day", "2 days", "7 days", "36 hours", "2 working days")
LAST = 14 * 1440
"""Minutes: no rule drawn here puts a message off for longer."""


class Case(NamedTuple):
    asked: Asked
    clock: tuple[int, int]
    """The hours that hold, in minutes of the day, every day alike."""


def minutes(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    now = draw(st.sampled_from(STARTS)).add(minutes=draw(minutes(0, 3 * 1440)))
    zone, channel = draw(st.sampled_from(ZONES)), draw(st.sampled_from(("email", "sms")))
    opens = draw(minutes(0, 15)) * 60
    closes = opens + draw(minutes(1, 8)) * 60
    shut = draw(st.booleans())
    text = f"{opens // 60:02}:00 to {closes // 60:02}:00"
    caps: list[dict[str, Any]] = [
        {
            "channel": draw(st.sampled_from((None, "email", "sms"))),
            "topic": draw(st.sampled_from((None, "offers", "tips"))),
            "at_most": draw(minutes(1, 3)),
            "every": draw(st.sampled_from(SPANS)),
        }
        for _ in range(draw(minutes(0, 2)))
    ]
    map = map_with(caps=caps, hours={"email": text, "sms": "08:00 to 13:00"} if shut else {})
    counted = [
        Counted(now.subtract(minutes=draw(minutes(0, 8 * 1440))), draw(st.sampled_from(("email", "sms"))), topic)
        for topic in draw(st.lists(st.sampled_from(("offers", "tips", None)), max_size=6))
    ]
    pauses = [
        Lying("playbook", "why", now.add(minutes=draw(minutes(-60, 3 * 1440)))) for _ in range(draw(minutes(0, 2)))
    ]
    expires = draw(st.none() | minutes(1, 4 * 1440).map(lambda later: now.add(minutes=later)))
    asked = Asked(
        template(channel), map, now,
        consent=True, expires=expires, reach=Reach((zone,), "FR"), counted=counted, pauses=pauses,
    )  # fmt: skip
    hours = (540, 780 if shut else 1200) if channel == "sms" else (opens, closes) if shut else (0, 1440)
    return Case(asked, hours)


def earliest(case: Case) -> Instant:
    """The first minute that suits all rules, found by looking."""
    asked, (opens, closes) = case
    (zone,) = asked.where.zones
    channel, topic = asked.template.channel, asked.template.topic
    caps = [
        (cap.at_most, [
            calendar.add(one.at, parse_span(cap.every), zone) for one in asked.counted
            if cap.channel in (None, one.channel) and cap.topic in (None, one.topic)
        ])
        for cap in asked.map.caps if cap.channel in (None, channel) and cap.topic in (None, topic)
    ]  # fmt: skip
    for minute in range(LAST):
        at = asked.now.add(minutes=minute)
        if any(pause.until is not None and at < pause.until for pause in asked.pauses):
            continue
        if any(sum(at < end for end in ends) >= at_most for at_most, ends in caps):
            continue
        local = at.to_tz(zone)
        if opens <= local.hour * 60 + local.minute < closes:
            return at
    raise AssertionError("nothing suits")


@settings(max_examples=200, deadline=None)
@given(cases())
def test_a_message_goes_at_the_earliest_minute_that_suits_pauses_quiet_hours_and_caps(case: Case) -> None:
    asked, wanted = case.asked, earliest(case)
    decision = decide(asked)
    if wanted == asked.now:
        assert decision.outcome == "send"
        return
    assert decision.outcome == "defer"
    assert decision.until is not None
    assert decision.until > asked.now
    assert decision.until == (wanted if asked.expires is None else min(wanted, asked.expires))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_who_asks_again_whenever_told_gets_one_answer_for_good_and_never_goes_after_it_expires(case: Case) -> None:
    asked = case.asked
    first = decide(asked)
    if first.outcome != "defer":
        return
    assert first.until is not None
    again = decide(asked._replace(now=first.until))
    expired = asked.expires is not None and first.until >= asked.expires
    assert (again.outcome, again.reason) == (("refuse", "expired") if expired else ("send", None))
