"""A playbook's arms are compared as Newcombe published it, and told in a sentence that claims no more than is known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.results import Arm, newcombe, verdict, wilson

SOME = settings(max_examples=300, deadline=None)


@st.composite
def arms(draw: st.DrawFn, least: int = 1) -> Arm:
    entered = draw(st.integers(least, 100_000))
    return Arm(entered, draw(st.integers(0, entered)))


# Newcombe 1998, table II, method 10.
PUBLISHED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize(("a", "m", "b", "n", "low", "high"), PUBLISHED)
def test_the_interval_is_the_published_one(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    found = newcombe(Arm(m, a), Arm(n, b))

    assert found.value == pytest.approx(a / m - b / n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_the_wilson_interval_is_the_published_one() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
    assert [round(one, 4) for one in wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(one, 4) for one in wilson(0, 20)] == [0.0, 0.1611]


@SOME
@given(one=arms(), other=arms())
def test_an_interval_holds_its_difference_and_stays_possible(one: Arm, other: Arm) -> None:
    found, back = newcombe(one, other), newcombe(other, one)

    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))


@SOME
@given(one=arms(), other=arms(), times=st.integers(2, 9))
def test_more_customers_with_the_same_shares_say_more(one: Arm, other: Arm, times: int) -> None:
    few = newcombe(one, other)
    many = newcombe(
        Arm(one.entered * times, one.converted * times), Arm(other.entered * times, other.converted * times)
    )

    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(
    ("journey", "holdout", "said"),
    [
        (Arm(0, 0), Arm(0, 0), "Nobody has entered yet."),
        (Arm(40, 10), Arm(0, 0), "10 of 40 reached the goal; nobody is held out to compare them with."),
        (Arm(40, 10), Arm(3, 1), "10 of 40 against 1 of 3 held out: too few to compare."),
        (
            Arm(100, 12), Arm(100, 8),
            "12 of 100 against 8 of 100 held out: 4 points more, between 4.6 less and 13 more; too early to tell.",
        ),
        (
            Arm(10_000, 1_200), Arm(1_000, 80),
            "1,200 of 10,000 against 80 of 1,000 held out: 4 points more, between 2.1 more and 5.7 more; it helps.",
        ),
        (
            Arm(1_000, 80), Arm(1_000, 200),
            "80 of 1,000 against 200 of 1,000 held out: 12 points less, between 15 less and 9 less; it does harm.",
        ),
        (
            Arm(50, 5), Arm(50, 5),
            "5 of 50 against 5 of 50 held out: no difference, between 13 less and 13 more; too early to tell.",
        ),
    ],
)  # fmt: skip
def test_the_verdict_is_a_sentence(journey: Arm, holdout: Arm, said: str) -> None:
    assert verdict(journey, holdout) == said


@SOME
@given(one=arms(), other=arms())
def test_a_verdict_is_sure_only_where_chance_is_unlikely(one: Arm, other: Arm) -> None:
    said = verdict(one, other)

    if "it helps" in said:
        assert newcombe(one, other).low > 0
    if "it does harm" in said:
        assert newcombe(one, other).high < 0
