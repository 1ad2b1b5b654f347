"""When a playbook is stopped because of what people and their mail servers make of its e-mails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.halting import Counted, may_be_over, too_many
from lifecycle.language.outcomes import Halt
from tests.lifecycle.test_suppression import faults_of, map_of

HALT = Halt()


def test_without_a_word_in_the_map_these_limits_hold() -> None:
    halt = map_of().halt
    assert (halt.complained, halt.bounced, halt.at_least, halt.within) == (0.3, 5.0, 200, "7 days")


def test_a_map_sets_its_own() -> None:
    halt = map_of("halt: {complained: 0.1%, bounced: 2%, at_least: 1000, within: 1 day}\n").halt
    assert (halt.complained, halt.bounced, halt.at_least, halt.within) == (0.1, 2.0, 1000, "1 day")


@pytest.mark.parametrize(
    "wrong", ["complained: often", "bounced: 91%", "at_least: 0", "within: a while", "opened: 3%"], ids=str
)
def test_a_mistake_in_the_limits_is_told(wrong: str) -> None:
    assert faults_of(f"halt: {{{wrong}}}\n")


@pytest.mark.parametrize(
    ("counted", "over"),
    [
        (Counted(1000, 3, 50), False),  # exactly the limit
        (Counted(1000, 4, 50), True),
        (Counted(1000, 3, 51), True),
        (Counted(199, 199, 199), False),  # too few to judge by
        (Counted(200, 1, 0), True),
        (Counted(200, 0, 0), False),
        (Counted(0, 0, 0), False),
    ],
)
def test_a_playbook_is_stopped_above_a_limit_and_not_on_it(counted: Counted, over: bool) -> None:
    assert (too_many(HALT, counted) is not None) == over


def test_the_reason_is_a_sentence_with_its_figures() -> None:
    assert too_many(HALT, Counted(812, 5, 10)) == (
        "of 812 e-mails within 7 days, 5 (0.62 %) were complained about (the limit is 0.3 %)"
    )
    assert too_many(HALT, Counted(200, 200, 15)) == (
        "of 200 e-mails within 7 days, 200 (100 %) were complained about (the limit is 0.3 %) and "
        "15 (7.5 %) bounced (the limit is 5 %)"
    )


@given(st.integers(0, 2000), st.integers(0, 200), st.integers(0, 200))
def test_what_may_not_be_over_is_not_over_whatever_is_counted(accepted: int, complained: int, bounced: int) -> None:
    """So that the long count is made only where it can matter."""
    if not may_be_over(HALT, complained, bounced):
        assert too_many(HALT, Counted(accepted, complained, bounced)) is None
