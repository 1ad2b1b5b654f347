"""A journey that moves to another version of its playbook: the core alone (rules.md 16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import Instant

from lifecycle.events import Person
from lifecycle.inputs import MoveAsked
from lifecycle.moving import differences
from lifecycle.plan import Plan
from lifecycle.shares import drawn
from lifecycle.simulated import Happening
from lifecycle.simulator import Life
from lifecycle.timeline import Line
from tests.lifecycle.rig import Rig
from tests.lifecycle.strategies import START, compiled, lives, playbooks, world

Steps = Sequence[Mapping[str, Any]]
END = START.add(hours=24 * 400)
SOME = settings(max_examples=100, deadline=None)
ONE, TWO, RECEIPT = {"send": "mail/one"}, {"send": "mail/two"}, {"send": "mail/receipt"}


def day(days: float) -> Instant:
    return START.add(minutes=round(days * 1440))


def playbook(*steps: Mapping[str, Any], **more: Any) -> Plan:
    authored = {"playbook": "random", "stage": "stranger", "entry": {"milestone": "purchase"}, "steps": [*steps]}
    return compiled(authored | more)


def move(days: float, plan: Plan, **targets: str) -> Happening:
    return Happening(day(days), "move", "random", {"plan": plan, "targets": targets})


def bought() -> Happening:
    return Happening(START, "milestone", "purchase", {"revenue": 50})


def lived(plan: Plan, *happenings: Happening) -> Life:
    life = Life(world(plan), Person("cus_1", {"first_name": "Ada", "time_zone": "UTC"}))
    life.run([bought(), *happenings], END)
    return life


def sent(life: Life) -> list[tuple[str | None, float]]:
    """Steps and days of the messages, to a hundredth."""
    (journey,) = life.journeys
    return [(x.step, round((x.at - START).total("hours") / 24, 2)) for x in journey.lines if x.what == "sent"]


WAITS = playbook({"wait": "10 days"}, ONE)


@pytest.mark.parametrize(
    ("length", "at"), [("12 days", 12.0), ("8 days", 8.0), ("2 days", 5.0)], ids=["longer", "shorter", "over already"]
)
def test_a_wait_keeps_its_start_and_has_the_new_length(length: str, at: float) -> None:
    assert sent(lived(WAITS, move(5, playbook({"wait": length}, ONE)))) == [("one", at)]


def test_time_for_which_the_clock_stood_counts_for_the_new_length_too() -> None:
    frozen = [Happening(day(1), "pause", "freeze"), Happening(day(3), "resume")]
    assert sent(lived(WAITS, *frozen, move(5, playbook({"wait": "6 days"}, ONE)))) == [("one", 8.0)]


@pytest.mark.parametrize(("length", "at"), [("2 days", 6.0), ("6 days", 7.0)])
def test_a_journey_whose_clock_stands_moves_and_goes_on_when_it_is_let_go(length: str, at: float) -> None:
    frozen = [Happening(day(5), "pause", "freeze"), move(5.5, playbook({"wait": length}, ONE))]
    assert sent(lived(WAITS, *frozen, Happening(day(6), "resume"))) == [("one", at)]


def test_a_day_that_is_past_is_dealt_with_as_its_author_says() -> None:
    new = playbook({"wait": {"until": "day 3"}, "in_time": [ONE], "passed": [TWO]})
    old = playbook({"wait": {"until": "day 9"}, "in_time": [ONE], "passed": [TWO]})
    assert sent(lived(old, move(5, new))) == [("two", 5.0)]


LISTENS = playbook({"wait_for": {"milestone": "alpha"}, "timeout": "20 days", "reached": [ONE], "timed_out": [TWO]})


@pytest.mark.parametrize(("since", "at"), [("entry", 5.0), ("step", 12.0)])
def test_a_milestone_in_which_nobody_was_interested_before_is_heard_where_it_counts_from_entry(
    since: str, at: float
) -> None:
    listens = {"milestone": ["alpha", "beta"], "since": since}
    new = playbook({"wait_for": listens, "timeout": "20 days", "reached": [ONE], "timed_out": [TWO], "id": "w"})
    happened = [Happening(day(2), "milestone", "beta"), move(5, new, **{"wait-for-alpha": "w"})]
    life = lived(LISTENS, *happened, Happening(day(12), "milestone", "beta"))
    assert sent(life) == [("one", at)]


def test_a_goal_or_an_exit_that_happened_before_the_version_had_it_ends_the_journey() -> None:
    happened = Happening(day(2), "milestone", "omega")
    life = lived(WAITS, happened, move(5, playbook({"wait": "10 days"}, ONE, exit=["omega"])))
    assert sent(life) == []
    assert (life.journeys[0].state.outcome, life.journeys[0].state.reason) == ("exited", "omega")
    late = playbook({"wait": "10 days"}, ONE, goal={"milestone": "omega", "within": "1 days"})
    assert sent(lived(WAITS, happened, move(5, late))) == [("one", 10.0)]


def test_a_repeat_keeps_its_start_and_its_rounds() -> None:
    old = playbook({"repeat": {"every": "10 days", "at_most": 4}, "steps": [ONE], "id": "again"})
    new = playbook({"repeat": {"every": "4 days", "at_most": 4}, "steps": [ONE], "id": "again"})
    assert sent(lived(old, move(15, new))) == [("one", 0.0), ("one", 10.0)]  # its four rounds would be over on day 12
    longer = playbook({"repeat": {"every": "8 days", "at_most": 4}, "steps": [ONE], "id": "again"})
    assert [at for _, at in sent(lived(old, move(15, longer)))] == [0.0, 10.0, 16.0, 24.0]


def test_where_a_step_is_gone_the_journey_stays_until_somebody_says_where_it_belongs() -> None:
    gone = playbook(ONE, TWO)
    assert sent(lived(playbook(ONE, {"wait": "10 days"}, TWO), move(5, gone))) == [("one", 0.0), ("two", 10.0)]
    told = move(5, gone, **{"wait-10-days": "two"})
    assert sent(lived(playbook(ONE, {"wait": "10 days"}, TWO), told)) == [("one", 0.0), ("two", 5.0)]


def test_what_was_sent_is_not_sent_again_by_a_move_back() -> None:
    first = playbook(ONE, {"wait": "3 days"}, TWO)
    second = playbook(ONE, {"wait": "1 days"}, TWO, {"wait": "9 days"}, RECEIPT)
    there, back = move(0.5, second), move(5, first, **{"wait-9-days": "one"})
    life = lived(first, there, back)
    assert sent(life) == [("one", 0.0), ("two", 1.0)]
    assert life.journeys[0].state.outcome == "finished"


def test_within_a_repeat_a_step_is_done_once_a_round_whatever_moves() -> None:
    every = {"every": "10 days", "at_most": 3}
    plan = playbook({"repeat": every, "steps": [ONE, {"wait": "5 days", "id": "w"}, TWO], "id": "again"})
    back = playbook({"repeat": every, "steps": [ONE, {"wait": "6 days", "id": "v"}, TWO], "id": "again"})
    life = lived(plan, move(12, back, w="one"))
    assert sent(life) == [("one", 0.0), ("two", 5.0), ("one", 10.0), ("two", 18.0), ("one", 20.0), ("two", 26.0)]


def test_who_is_moved_into_a_repeat_is_in_its_first_round() -> None:
    plan = playbook(ONE, {"wait": "5 days", "id": "w"}, TWO)
    looped = playbook({"repeat": {"every": "10 days", "at_most": 2},
                       "steps": [ONE, {"wait": "5 days", "id": "w"}, TWO]})  # fmt: skip
    life = lived(plan, move(2, looped))
    assert sent(life) == [("one", 0.0), ("two", 5.0), ("one", 12.0), ("two", 17.0)]


def test_of_several_applies_the_latest_counts_and_an_old_one_is_ignored() -> None:
    life = lived(WAITS, move(5, playbook({"wait": "12 days"}, ONE)), move(5, playbook({"wait": "14 days"}, ONE)))
    assert sent(life) == [("one", 14.0)]
    (journey,) = life.journeys
    assert journey.state.moved == 2
    life._feed(journey, MoveAsked(99, END, 1), END)
    assert journey.state.moving == 0


def test_an_ended_journey_is_left_alone() -> None:
    life = lived(playbook(ONE), move(5, playbook({"wait": "1 days"}, ONE, TWO)))
    assert sent(life) == [("one", 0.0)]
    assert not [line for line in life.journeys[0].lines if line.what == "moved"]


# --- for every playbook and every life ----------------------------------------------------------------------------


def told(life: Life, *, but: tuple[str, ...] = ("moved", "waiting")) -> list[tuple[Any, ...]]:
    """What happened, without the moves, and without the numbers of lines."""
    return [line[1:] for journey in life.journeys for line in journey.lines if line.what not in but]


@SOME
@given(playbooks, lives, st.integers(0, 40 * 1440))
def test_a_move_to_the_same_version_changes_nothing(
    authored: dict[str, Any], happenings: list[Happening], minutes: int
) -> None:
    plan = compiled(authored)
    same = Happening(START.add(minutes=minutes), "move", "random", {"plan": plan})
    assert told(lived(plan, *happenings[1:])) == told(lived(plan, *_with(happenings[1:], same)))


@SOME
@given(playbooks, lives, st.integers(1, 40 * 1440))
def test_there_and_back_before_anything_happens_changes_nothing(
    authored: dict[str, Any], happenings: list[Happening], minutes: int
) -> None:
    plan, at = compiled(authored), START.add(minutes=minutes)
    # The same steps with another priority: another version, in which everybody stands where they stood.
    other = compiled({**authored, "priority": 2})
    there, back = (Happening(at, "move", "random", {"plan": one}) for one in (other, plan))
    still = lived(plan, *happenings[1:])
    moved = lived(plan, *_with(happenings[1:], there, back))
    assert told(moved) == told(still)


@settings(max_examples=200, deadline=None)
@given(playbooks, playbooks, lives, st.integers(1, 40 * 1440), st.integers(0, 2**16), st.booleans())
def test_two_independent_drivers_tell_the_same_of_a_move(
    authored: dict[str, Any], other: dict[str, Any], happenings: list[Happening], minutes: int, seed: int, lazy: bool
) -> None:
    """To a version of which nothing is known: wherever a journey stands, its step is gone or may be anything."""
    if lazy:
        happenings = [one for one in happenings if one.what != "skip"]
    plan, new = compiled(authored), compiled(other)
    targets = {step: sorted(new.steps)[index % len(new.steps)] for index, step in enumerate(sorted(plan.steps))}
    asked = Happening(START.add(minutes=minutes), "move", "random", {"plan": new, "targets": targets})
    life = Life(world(plan), Person("cus_1", {"first_name": "Ada"}))
    life.run(_with(happenings, asked), END)
    lines = [line for journey in life.journeys for line in journey.lines]
    rig = Rig(world(plan), Person("cus_1", {"first_name": "Ada"}), seed, lazy)
    found = rig.live(_with(happenings, asked), END)
    if not lazy:
        assert found == lines
    assert _deeds(found) == _deeds(lines)
    assert len(set(rig.sent)) == len(rig.sent)
    assert not any(journey.open for journey in life.journeys)


def _deeds(lines: list[Line]) -> list[tuple[Any, ...]]:
    kinds = ("sent", "task", "goal", "exited", "finished", "milestone", "moved")
    return [line[1:] for line in lines if line.what in kinds]


def _with(happenings: Sequence[Happening], *more: Happening) -> list[Happening]:
    return sorted([*happenings, *more], key=lambda one: one.at)


# --- shares and differences ----------------------------------------------------------------------------------------


def test_a_share_that_grows_lets_nobody_go_and_has_its_size() -> None:
    found = [drawn(f"cus_{number}", "v2") for number in range(10_000)]
    assert 900 < sum(one < 10 for one in found) < 1100
    assert {n for n, one in enumerate(found) if one < 10} <= {n for n, one in enumerate(found) if one < 50}
    other = [drawn(f"cus_{number}", "v3") for number in range(10_000)]
    assert sum(a < 10 and b < 10 for a, b in zip(found, other, strict=True)) < 200


def test_what_differs_between_versions_is_told_by_step() -> None:
    old = playbook(ONE, {"wait": "3 days"}, TWO)
    new = playbook(ONE, {"wait": "2 days"}, TWO, RECEIPT)
    assert differences(old, new) == (["receipt"], [], [("wait-3-days", "wait-2-days")])
