"""What a provider's rate makes of messages that come due at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.limits import Jam, flow

MINUTE = 60
dues = st.dictionaries(st.integers(0, 200).map(lambda minute: minute * MINUTE), st.integers(1, 500), max_size=30)


def test_without_a_rate_everything_goes_when_it_is_due() -> None:
    assert flow({0: 1e6, 60: 2}, "email", None) == ({0: 1e6, 60: 2}, [])


def test_what_comes_due_at_once_goes_in_the_minutes_that_follow() -> None:
    goes, jams = flow({0: 1000, 120: 50}, "email", 5)
    assert goes == {0: 300, 60: 300, 120: 300, 180: 150}
    assert jams == [Jam("email", 0, 240, 750, 140)]


def test_two_crowds_with_time_between_are_two_jams() -> None:
    _, jams = flow({0: 1000, 3600: 1000}, "sms", 5)
    assert [(jam.begins, jam.ends, jam.delayed) for jam in jams] == [(0, 240, 700), (3600, 3840, 700)]


def test_who_waits_less_than_a_minute_is_no_jam() -> None:
    goes, jams = flow({0: 301}, "email", 5)
    assert (goes, jams) == ({0: 300, 60: 1}, [])


@given(dues, st.sampled_from([0.5, 1, 3, 8]))
def test_nothing_is_lost_nothing_goes_early_and_no_minute_takes_more_than_its_rate(
    due: dict[int, float], rate: float
) -> None:
    goes, jams = flow(due, "email", rate)
    assert sum(goes.values()) == pytest.approx(sum(due.values()))
    assert all(count <= rate * MINUTE + 1e-6 for count in goes.values())
    for minute in goes:
        gone = sum(count for at, count in goes.items() if at <= minute)
        assert gone <= sum(count for at, count in due.items() if at <= minute) + 1e-6
    assert all(earlier.ends <= later.begins for earlier, later in itertools.pairwise(jams))
    assert all(jam.longest <= jam.ends - jam.begins for jam in jams)
