"""Which addresses are left alone after what was told of their messages."""

from __future__ import annotations

import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from lifecycle.language.faults import Faults
from lifecycle.language.map import Map
from lifecycle.language.outcomes import Cause, Suppress
from lifecycle.language.source import read
from lifecycle.language.validate import validate
from lifecycle.suppression import DEFAULTS, Told, cause_of, looks_back, rules_for, suppresses

NOON = Instant.from_utc(2026, 3, 2, 12)
PLAIN = "time_zone: Europe/Paris\nmilestones: {}\nstages: {customer: {for: enjoy it}}\n"


def map_of(text: str = "") -> Map:
    found, faults = _read(text)
    assert found is not None, faults
    return found


def faults_of(text: str) -> list[str]:
    return _read(text)[1]


def _read(text: str) -> tuple[Map | None, list[str]]:
    faults = Faults()
    source = read("map.yaml", PLAIN + text, faults)
    assert source is not None
    return validate(Map, source, faults), [str(fault) for fault in faults]


def told(number: int, days: float, kind: str = "bounced", detail: str | None = "blocked") -> Told:
    return Told(f"m{number}", kind, detail, NOON.add(hours=24 * days))


@pytest.mark.parametrize(
    ("kind", "detail", "cause"),
    [
        ("bounced", "bounce", "bounced"),
        ("bounced", None, "bounced"),
        ("bounced", "blocked", "blocked"),
        ("complained", None, "complained"),
        ("undelivered", "30003", "undelivered"),
        ("undelivered", None, "undelivered"),
        ("undelivered", "invalid", "invalid"),
        ("dropped", "invalid", "invalid"),
        ("dropped", "earlier-bounce", "bounced"),
        ("dropped", "earlier-complaint", "complained"),
        ("dropped", "other", None),
        ("dropped", "earlier-unsubscribe", None),
        ("delivered", None, None),
        ("opened", None, None),
        ("unsubscribed", None, None),
        ("deferred", None, None),
    ],
)
def test_what_is_told_says_this_against_an_address(kind: str, detail: str | None, cause: str | None) -> None:
    assert cause_of(kind, detail) == cause


@pytest.mark.parametrize(
    ("cause", "scope"), [("bounced", "all"), ("invalid", "all"), ("complained", "marketing")], ids=str
)
def test_without_a_word_in_the_map_one_of_these_is_enough(cause: Cause, scope: str) -> None:
    kind, detail = ("dropped", "invalid") if cause == "invalid" else (cause, None)
    rules = rules_for(map_of(), cause)
    assert suppresses(rules, Told("m1", kind, detail, NOON), []) == scope
    assert not looks_back(rules)


def test_without_a_word_in_the_map_five_blocked_messages_within_thirty_days_end_marketing() -> None:
    rules = rules_for(map_of(), "blocked")
    others = [told(number, number) for number in range(4)]
    assert looks_back(rules)
    assert suppresses(rules, told(4, 30), others) == "marketing"
    assert suppresses(rules, told(4, 30.01), others) is None
    assert suppresses(rules, told(3, 20), others[:3]) is None


def test_without_a_word_in_the_map_three_undelivered_messages_within_thirty_days_end_all() -> None:
    rules = rules_for(map_of(), "undelivered")
    others = [told(number, number, "undelivered", "30003") for number in range(2)]
    assert suppresses(rules, told(2, 30, "undelivered", "30004"), others) == "all"
    assert suppresses(rules, told(2, 31, "undelivered", "30004"), others) is None


def test_a_message_counts_once_however_often_it_is_told() -> None:
    rules = rules_for(map_of(), "blocked")
    assert suppresses(rules, told(1, 4), [told(1, day) for day in range(4)]) is None


def test_what_is_told_of_other_causes_does_not_count() -> None:
    rules = rules_for(map_of(), "blocked")
    assert suppresses(rules, told(9, 4), [told(n, 1, "undelivered", None) for n in range(8)]) is None


def test_the_map_speaks_for_a_cause_and_ours_hold_for_the_others() -> None:
    map = map_of("suppress: [{on: bounced, after: 2, within: 7 days, scope: marketing}, {on: bounced, after: 3}]\n")
    assert [rule.after for rule in rules_for(map, "bounced")] == [2, 3]
    assert rules_for(map, "complained") == [rule for rule in DEFAULTS if rule.on == "complained"]


def test_of_several_rules_the_widest_counts() -> None:
    rules = [Suppress(on="bounced", after=2, within="7 days", scope="marketing"), Suppress(on="bounced", after=3)]
    bounces = [told(number, 8 * number, detail="bounce") for number in range(3)]
    assert suppresses(rules, bounces[1], bounces[:1]) is None
    assert suppresses(rules, told(3, 9, detail="bounce"), bounces[1:2]) == "marketing"
    assert suppresses(rules, bounces[2], bounces[:2]) == "all"


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(1, 6), st.integers(1, 30), st.randoms())
def test_the_order_in_which_things_are_told_changes_nothing(
    days: list[int], after: int, within: int, chance: random.Random
) -> None:
    rule = Suppress(on="blocked", after=after, within=f"{within} days")
    news = [told(number, day) for number, day in enumerate(days)]
    chance.shuffle(news)
    suppressed = any(suppresses([rule], one, news[:number]) for number, one in enumerate(news))
    days = sorted(days)
    assert suppressed == any(last - first <= within for first, last in zip(days, days[after - 1 :], strict=False))


def test_a_mistake_in_a_rule_is_told_at_its_place() -> None:
    assert "map.yaml:4:17" in faults_of("suppress: [{on: bounce}]\n")[0]
    assert faults_of("suppress: [{on: bounced, after: 0}]\n")
    assert "not-a-time" in faults_of("suppress: [{on: bounced, within: soon}]\n")[0]
    assert faults_of("suppress: [{on: bounced, scope: sms}]\n")
    assert "`on` is missing" in faults_of("suppress: [{after: 2}]\n")[0]


def test_the_shipped_rules_are_one_for_each_cause() -> None:
    assert sorted(rule.on for rule in DEFAULTS) == sorted(get_args(Cause))
