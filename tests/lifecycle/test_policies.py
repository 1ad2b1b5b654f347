"""The decision before a send: each rule by itself, their order, and what is told about them."""

from __future__ import annotations

from typing import Any

import pytest
from whenever import Instant

from lifecycle import caps, policies
from lifecycle.policies import Counted, Decision, Lying, Reach, Rival, decide, explain
from lifecycle.reasons import REASONS, code_of
from tests.lifecycle.asking import NOON, asked, local, map_with

NIGHT = local("2026-03-03T23:15")
MORNING = local("2026-03-04T09:00")
LATE = map_with(hours={"email": "10:30 to 12:00"})
CAPPED = map_with(caps=[{"channel": "email", "at_most": 2, "every": "7 days"}])


def counted(*texts: str, channel: str = "email", topic: str = "offers") -> list[Counted]:
    return [Counted(local(text), channel, topic) for text in texts]


FULL = counted("2026-02-26T10:00", "2026-03-01T18:30")
ROOM = local("2026-03-05T10:00")
"""When the first of `FULL` counts no more."""

# What is asked with, the reason for which marketing is refused, and that for which transactional mail is.
REFUSED: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({}, None, None),
    ({"erased": True}, "erased", "erased"),
    ({"exited": True}, "exited", "exited"),
    ({"expires": NOON.subtract(minutes=1)}, "expired", "expired"),
    ({"expires": NOON}, "expired", "expired"),
    ({"expires": NOON.add(minutes=1)}, None, None),
    ({"address": "none"}, "no-address", "no-address"),
    ({"address": "invalid"}, "invalid-address", "invalid-address"),
    ({"suppression": ("complained", "marketing")}, "suppressed", None),
    ({"suppression": ("hard-bounce", "all")}, "suppressed", "suppressed"),
    ({"arm": "holdout"}, "holdout", None),
    ({"consent": None}, "no-consent", None),
    ({"consent": False}, "no-consent", None),
    ({"consent": None, "topic": "tips"}, None, None),
    ({"consent": False, "topic": "tips"}, "no-consent", None),
    ({"consent": None, "topic": "letters"}, "no-consent", None),
    ({"consent": None, "topic": "unheard-of"}, "no-consent", None),
    ({"intent": "upsell", "stage": "adopter"}, "forbidden-intent", "forbidden-intent"),
    ({"intent": "upsell", "stage": "loyalist"}, None, None),
    ({"intent": "upsell", "stage": None}, None, None),
]


@pytest.mark.parametrize(("given", "marketing", "transactional"), REFUSED)
def test_what_refuses_a_message(given: dict[str, Any], marketing: str | None, transactional: str | None) -> None:
    for purpose, reason in (("marketing", marketing), ("transactional", transactional)):
        decision = decide(asked(purpose=purpose, **given))
        assert decision == (Decision("refuse", reason) if reason else Decision("send")), purpose


def test_the_first_rule_that_is_not_kept_refuses() -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("erased", {"erased": True}),
        ("exited", {"exited": True}),
        ("expired", {"expires": NOON}),
        ("no-address", {"address": "none"}),
        ("suppressed", {"suppression": ("stop", "all")}),
        ("holdout", {"arm": "holdout"}),
        ("no-consent", {"consent": None}),
        ("forbidden-intent", {"intent": "upsell", "stage": "adopter"}),
        ("paused", {"pauses": [Lying("everything", "incident")]}),
    ]
    for place, (reason, _) in enumerate(wrong):
        everything = {key: value for _, given in wrong[place:] for key, value in given.items()}
        assert decide(asked(**everything)).reason == reason


LATER = NOON.add(hours=5)

# What is asked with, and the reason and the instant until which marketing and transactional mail are put off.
PUT_OFF: list[tuple[dict[str, Any], tuple[str, Instant | None] | None, tuple[str, Instant | None] | None]] = [
    ({"pauses": [Lying("playbook", "launch", LATER)]}, ("paused", LATER), None),
    ({"pauses": [Lying("playbook", "launch", LATER, True)]}, ("paused", LATER), ("paused", LATER)),
    ({"pauses": [Lying("playbook", "launch", NOON)]}, None, None),
    ({"pauses": [Lying("playbook", "launch")]}, ("paused", None), None),
    ({"pauses": [Lying("a", "b", LATER), Lying("c", "d", LATER.add(hours=1))]}, ("paused", LATER.add(hours=1)), None),
    ({"pauses": [Lying("a", "b", LATER), Lying("c", "d")]}, ("paused", None), None),
    ({"pauses": [Lying("a", "b"), Lying("c", "d", LATER, True)]}, ("paused", None), ("paused", LATER)),
    ({"now": NIGHT}, None, None),
    ({"now": NIGHT, "channel": "sms"}, ("quiet-hours", MORNING), None),
    ({"now": NIGHT, "map": LATE}, ("quiet-hours", MORNING.add(minutes=90)), None),
    ({"map": CAPPED, "counted": FULL}, ("frequency-cap", ROOM), None),
    ({"map": CAPPED, "counted": FULL[:1]}, None, None),
    ({"map": CAPPED, "counted": FULL, "channel": "sms"}, None, None),
    ({"map": CAPPED, "counted": [*FULL, *counted("2026-02-20T10:00")]}, ("frequency-cap", ROOM), None),
    ({"map": CAPPED, "counted": FULL, "expires": LATER}, ("frequency-cap", LATER), None),
]  # fmt: skip


@pytest.mark.parametrize(("given", "marketing", "transactional"), PUT_OFF)
def test_what_puts_a_message_off(
    given: dict[str, Any],
    marketing: tuple[str, Instant | None] | None,
    transactional: tuple[str, Instant | None] | None,
) -> None:
    for purpose, wanted in (("marketing", marketing), ("transactional", transactional)):
        decision = decide(asked(purpose=purpose, **given))
        assert decision == (Decision("defer", *wanted) if wanted else Decision("send")), purpose


def test_all_rules_that_are_not_kept_now_are_named_and_the_deciding_one_goes_first() -> None:
    capped = map_with(caps=[{"at_most": 1, "every": "7 days"}])
    for until, reason in (
        (MORNING.subtract(hours=4), "frequency-cap, quiet-hours, paused"),
        (MORNING.add(hours=4), "frequency-cap, paused, quiet-hours"),
        (MORNING.add(hours=24 * 9), "paused, frequency-cap, quiet-hours"),
    ):
        decision = decide(
            asked("sms", NIGHT, map=capped, counted=counted("2026-03-01T18:30"), pauses=[Lying("a", "b", until)])
        )
        assert decision.reason == reason
        assert code_of(decision.reason or "") == reason.partition(",")[0]
        assert decision.until == max(local("2026-03-08T18:30"), until)


def test_a_pause_that_ends_in_quiet_hours_puts_off_until_they_are_over() -> None:
    assert decide(asked("sms", pauses=[Lying("a", "b", NIGHT)])) == Decision("defer", "paused", MORNING)


def test_a_pause_without_a_known_end_tells_no_time_whatever_else_is_in_the_way() -> None:
    question = asked("sms", NIGHT, pauses=[Lying("everything", "incident")], expires=MORNING)
    assert decide(question) == Decision("defer", "paused", None)


def test_transactional_messages_go_at_night_whatever_has_gone_before() -> None:
    capped = map_with(caps=[{"at_most": 1, "every": "7 days"}], hours={"email": "10:00 to 11:00"})
    for channel in ("email", "sms"):
        assert decide(asked(channel, NIGHT, map=capped, purpose="transactional", counted=FULL)) == Decision("send")


def test_who_is_asked_about_without_a_place_is_in_the_zone_of_the_map() -> None:
    assert decide(asked("sms", NIGHT, reach=None)) == Decision("defer", "quiet-hours", MORNING)


def test_a_week_in_which_the_clocks_go_back_is_a_week_of_the_calendar() -> None:
    """The clocks of Paris go back on 25 October 2026: that week has 169 hours."""
    capped = map_with(caps=[{"at_most": 1, "every": "7 days"}])
    last = local("2026-10-26T09:59")
    question = asked(map=capped, now=last, counted=counted("2026-10-19T10:00"))
    assert decide(question) == Decision("defer", "frequency-cap", last.add(minutes=1))
    assert caps.reaches_back(capped.caps) > last - local("2026-10-19T10:00")


# --- which of two messages goes first ------------------------------------------------------------------------------


def rival(priority: int = 1, seconds: float = 0, *, journey: str = "b", channel: str = "email") -> Rival:
    """One that came due so many seconds ago."""
    return Rival(priority, NOON.subtract(seconds=int(seconds)), journey, channel, "offers")


LAST_PLACE = FULL[:1]
YIELDS = Decision("defer", "priority", NOON.add(minutes=1))


@pytest.mark.parametrize(
    ("rivals", "wanted"),
    [
        ([rival()], YIELDS),
        ([rival(seconds=59)], YIELDS),
        ([rival(seconds=60)], Decision("send")),  # held, or dead: nobody waits for it
        ([rival(seconds=-1)], Decision("send")),  # it may come: there is no look-ahead
        ([rival(5)], Decision("send")),
        ([rival(4)], Decision("send")),
        ([rival(3, journey="a")], YIELDS),
        ([rival(3, journey="c")], Decision("send")),
        ([rival(channel="sms")], Decision("send")),
        ([], Decision("send")),
    ],
)
def test_a_message_that_would_take_the_last_place_yields_to_one_that_goes_first(
    rivals: list[Rival], wanted: Decision
) -> None:
    question = asked(map=CAPPED, counted=LAST_PLACE, rivals=rivals, priority=3, journey="b")
    assert decide(question) == wanted


def test_nobody_yields_while_there_is_room_for_all() -> None:
    assert decide(asked(map=CAPPED, rivals=[rival()], priority=3, journey="z")) == Decision("send")
    two = [rival(journey="a"), rival(journey="b")]
    assert decide(asked(map=CAPPED, rivals=two, priority=3, journey="z")) == YIELDS


def test_where_no_room_is_left_the_cap_decides_and_nobody_yields() -> None:
    question = asked(map=CAPPED, counted=FULL, rivals=[rival()], priority=3)
    assert decide(question) == Decision("defer", "frequency-cap", ROOM)


def test_a_message_yields_to_the_same_rival_once() -> None:
    question = asked(map=CAPPED, counted=LAST_PLACE, rivals=[rival()], priority=3)
    until = decide(question).until
    assert until is not None
    assert decide(question._replace(now=until)) == Decision("send")


# --- what is told --------------------------------------------------------------------------------------------------


def test_explain_stops_at_the_refusal() -> None:
    for given, reason, _ in REFUSED:
        checks = explain(asked(**given))
        assert [check.check for check in checks if not check.passed] == ([reason] if reason else [])
        wanted = policies.CODES if reason is None else policies.CODES[: policies.CODES.index(reason) + 1]
        assert tuple(check.check for check in checks) == wanted


def test_explain_says_of_every_rule_of_time_what_it_saw_on_the_customers_clock() -> None:
    there = "America/Chicago"
    limits = [{"channel": "sms", "at_most": 1, "every": "7 days"}, {"topic": "offers", "at_most": 3, "every": "P1W"}]
    question = asked(
        "sms",
        local("2026-03-03T23:15", there),
        map=map_with(caps=limits),
        reach=Reach((there,), "US", "TX"),
        counted=[Counted(local("2026-03-01T18:30", there), "sms", "offers")],
        pauses=[Lying("playbook", "a typo", local("2026-03-04T11:00", there)), Lying("everything", "incident")],
    )
    pauses, hours, frequency, priority = explain(question)[9:]
    assert pauses.saw == (
        "a pause of the playbook until Wed 2026-03-04 11:00 (America/Chicago): a typo; "
        "a pause of everything without a known end: incident"
    )
    assert hours.saw == "Tue 2026-03-03 23:15 (America/Chicago); permitted from Wed 2026-03-04 09:00 (America/Chicago)"
    assert hours.says == "SMS goes from 09:00 to 21:00, on Sundays from 12:00 to 21:00, where the customer is"
    assert frequency.saw == (
        "1 of 1 SMS in 7 days, room from Sun 2026-03-08 18:30 (America/Chicago); 1 of 3 messages about offers in 7 days"
    )
    assert priority.saw == "no such message; this one has priority 5"
    assert [check.passed for check in (pauses, hours, frequency, priority)] == [False, False, False, True]


def test_explain_names_the_priority_of_the_message_that_goes_first() -> None:
    check = explain(asked(map=CAPPED, counted=LAST_PLACE, rivals=[rival()], priority=3))[-1]
    assert (
        check.saw == "one of priority 1 is due, this one has 3 and is asked again Tue 2026-03-03 12:01 (Europe/Paris)"
    )


def test_what_is_told_and_what_is_decided_are_the_same() -> None:
    given = [given for given, _, _ in REFUSED] + [given for given, _, _ in PUT_OFF]
    for purpose in ("marketing", "transactional"):
        for one in given:
            question = asked(purpose=purpose, **one)
            wrong = {check.check for check in explain(question) if not check.passed}
            decision = decide(question)
            assert wrong >= set((decision.reason or "").split(", ")) - {""}
            assert bool(wrong) == (decision.outcome != "send")


def test_every_code_is_a_reason_of_the_right_kind() -> None:
    kinds = [REASONS[code].kind for code in policies.CODES]
    assert kinds == ["refused"] * 9 + ["deferred"] * 4
