"""Conditions: what they come to, what counts as missing, and what cannot be written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from jinja2 import Undefined, UndefinedError
from whenever import Instant

from lifecycle.facts import ConditionError, Conditions, Facts, Milestones, Verdict
from messaging.conditions import JinjaConditions
from messaging.names import names_of
from messaging.sandbox import Sandbox, TooMuch
from tests.messaging.condition_strategies import EXPRESSIONS, FACTS

CONDITIONS: Conditions = JinjaConditions()
NOW = Instant.from_utc(2026, 3, 2, 9)
FACTS_OF_ADA = Facts(
    now=NOW,
    customer={"plan": "pro", "seats": 3, "nickname": None},
    event={"amount": 2000, "lines": [{"sku": "pen"}]},
    milestones={
        "purchase": Milestones(2, Instant.from_utc(2026, 1, 1), NOW.add(hours=-49)),
        "message.opened": Milestones(1, NOW, NOW),
    },
    messages={"reminder": "accepted"},
    stage="adopter",
)


def verdict(expression: str, facts: Facts = FACTS_OF_ADA) -> Verdict:
    return CONDITIONS.evaluate(expression, facts)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("event.amount > 1000 and milestones.purchase.count >= 1", True),
        ("customer.plan in ['free', 'team']", False),
        ("1000 < event.amount <= 2000", True),
        ("milestones.purchase.days_since == 2", True),
        ("milestones.purchase.first < milestones.purchase.last", True),
        ("milestones.message.opened.count == 1", True),
        ("milestones['message.opened'].count == 1", True),
        ("messages.reminder.state == 'accepted'", True),
        ("event.lines[0].sku", "pen"),
        ("stage == 'adopter'", True),
        ("customer.plan|upper", "PRO"),
        ("10 if customer.seats > 2 else 20", 10),
        ("reached is defined", False),
    ],
)
def test_a_condition_comes_to_its_value(expression: str, value: object) -> None:
    assert verdict(expression) == Verdict(value)


def test_a_milestone_that_never_happened_counts_zero_and_has_no_dates() -> None:
    assert verdict("milestones.upgraded.count == 0") == Verdict(value=True)
    for part in ("first", "last", "days_since"):
        assert verdict(f"milestones.upgraded.{part}").missing == (f"milestones.upgraded.{part}",)


def test_days_since_are_whole_days_of_24_hours_and_never_negative() -> None:
    def days(**ago: int) -> object:
        last = NOW.subtract(**ago)  # type: ignore[call-overload]
        return verdict("milestones.m.days_since", Facts(NOW, milestones={"m": Milestones(1, last, last)})).value

    assert days(hours=47, minutes=59) == 1
    assert days(hours=48) == 2
    assert days(hours=-5) == 0
    assert days(hours=23, minutes=59, seconds=59, milliseconds=999) == 0


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("customer.country == 'FR'", ("customer.country",)),
        ("customer.nickname == 'Ada'", ("customer.nickname",)),
        ("customer.plan > 3", ("customer.plan",)),
        ("customer.plan > customer.seats", ("customer.plan", "customer.seats")),
        ("event.amount / (customer.seats - 3) > 1", ("event.amount", "customer.seats")),
        ("health < 50", ("health",)),
        ("reached.amount > 1", ("reached.amount",)),
        ("customer.plan.name == 'x'", ("customer.plan.name",)),
        ("event.lines[4].sku == 'pen'", ("event.lines.4.sku",)),
        ("messages.nudge.state == 'accepted'", ("messages.nudge.state",)),
        ("customer.plan * 1000000000 == 'x'", ("customer.plan",)),
        ("customer.plan|abs > 1", ("customer.plan",)),
        ("not customer.country", ("customer.country",)),
    ],
)
def test_a_value_that_is_missing_or_does_not_fit_is_named(expression: str, missing: tuple[str, ...]) -> None:
    assert verdict(expression) == Verdict(None, missing)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("customer.country is defined and customer.country > 1", False),
        ("customer.plan == 'pro' or customer.country == 'FR'", True),
        ("customer.country|default('none') == 'none'", True),
        ("customer.country|default(customer.region)|default('none')", "none"),
        ("''|default('none', true)", "none"),
        ("'a' if customer.seats else customer.country", "a"),
    ],
)
def test_a_missing_value_that_nobody_asks_for_does_not_matter(expression: str, value: object) -> None:
    assert verdict(expression) == Verdict(value)


def test_the_names_of_a_condition_are_dotted_and_stand_once() -> None:
    expression = "event.amount > 3 and (milestones.purchase.count or event.amount < 9) and health and stage is defined"
    assert CONDITIONS.names(expression) == ("event.amount", "milestones.purchase.count", "health", "stage")
    assert CONDITIONS.names("messages.reminder.state == 'x' or reached is defined") == (
        "messages.reminder.state",
        "reached",
    )


@pytest.mark.parametrize(
    ("expression", "offset", "says"),
    [
        ("event.amount = 5", 13, "write `==`"),
        ("event.amount > 5 && stage", 17, "write `and`"),
        ("! stage", 0, "write `not`"),
        ("event.amount >", 14, "stops too early"),
        ("(event.amount", 13, "stops too early"),
        ("event.amount 5", 13, "should end before `5`"),
        ("'open", 0, "cannot be read"),
        ("  ", 0, "no condition"),
        ("stage == 'x' and custmer.plan", 17, "did you mean `customer`?"),
        ("plan == 'pro'", 0, "a name begins with"),
        ("event.amount|rond", 13, "did you mean `round`?"),
        ("event.amount is define", 16, "did you mean `defined`?"),
        ("customer == 1", 0, "`customer.plan`"),
        ("milestones.purchase", 0, "`milestones.purchase.count`"),
        ("milestones.purchase.total", 0, "`milestones.purchase.count`"),
        ("messages.reminder", 0, "`messages.ID.state`"),
        ("stage.name", 0, "has no parts"),
        ("range(5)", 0, "functions cannot be called"),
        ("customer.plan.upper()", 0, "functions cannot be called"),
        ("customer.plan == none", 18, "is not defined"),
        ("'a' if stage", 3, "needs an `else`"),
        ("customer[event.amount]", 0, "must be fixed"),
        ("customer.plan in [stage]", 18, "fixed values only"),
        ("customer.plan ~ 'x'", 0, "cannot be joined"),
        ("2 ** 9 ** 9 ** 9", 0, "powers"),
        ("(stage == 'x') is defined", 1, "asks about a name"),
        ("customer.__class__", 0, "underscore"),
        ("''.__class__.__mro__", 0, "only names"),
        ("customer['__class__']", 0, "underscore"),
        ("self", 0, "not known"),
        ("stage " * 400, 2000, "at most 2,000"),
        ("not " * 400 + "stage", 0, "nested too deeply"),
        ("(" * 900 + "1" + ")" * 900, 0, "nested too deeply"),
        ("1 == \x00", 5, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_stands(expression: str, offset: int, says: str) -> None:
    with pytest.raises(ConditionError) as raised:
        CONDITIONS.names(expression)
    assert says in str(raised.value)
    assert raised.value.offset == offset


MISSING = object()
REFERENCE = Sandbox()


def by_jinja2(expression: str, facts: Facts) -> Any:
    """The same condition by Jinja2's own compiler in the sandbox."""
    run = REFERENCE.compile_expression(expression, undefined_to_none=False)
    try:
        value = run(**names_of(facts))
    except (UndefinedError, TypeError, ValueError, ArithmeticError, TooMuch):
        return MISSING
    return MISSING if isinstance(value, Undefined) else value


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS, FACTS)
def test_conditions_mean_what_jinja2_says_they_mean(expression: str, facts: Facts) -> None:
    ours = CONDITIONS.evaluate(expression, facts)
    theirs = by_jinja2(expression, facts)
    if ours.missing:
        assert theirs is MISSING
    else:
        assert (type(ours.value), repr(ours.value)) == (type(theirs), repr(theirs))
