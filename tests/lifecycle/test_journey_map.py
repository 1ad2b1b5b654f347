"""The map counts who is where, who goes on and how long that takes, and marks where customers get stuck."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.journey_map import JourneyMap, StageOnMap, journey_map
from lifecycle.language.map import Map

DAY = 86_400
MAP = Map.model_validate(
    {
        "time_zone": "Europe/Paris",
        "stages": {
            "aware": {"side": "before", "for": "Learn that we exist"},
            "convert": {"side": "before", "for": "Try it"},
            "adopter": {"side": "core", "for": "Feel good"},
            "adoption": {"side": "after", "for": "Make it a habit"},
            "win-back": {"side": "after", "lapsed": True, "for": "Come back"},
        },
        "milestones": {
            "visited": {"side": "before", "stage": "aware"},
            "signed_up": {"side": "before", "stage": "convert"},
            "purchase": {"side": "core", "stage": "adopter"},
            "activated": {"side": "after", "stage": "adoption"},
            "cancelled": {"side": "after", "stage": "win-back"},
            "reviewed": {"side": "after"},
        },
    }
)
DOORS = ("visited", "signed_up", "purchase", "activated", "cancelled", "reviewed")


def drawn(*histories: dict[str, int], people: dict[str | None, int] | None = None) -> JourneyMap:
    in_seconds = [{name: day * DAY for name, day in one.items()} for one in histories]
    return journey_map(MAP, people or {}, in_seconds, len(histories))


def stage(found: JourneyMap, name: str) -> StageOnMap:
    return next(one for one in found.stages if one.name == name)


def test_going_on_is_reaching_any_later_stage_afterwards() -> None:
    found = drawn(
        {"visited": 0, "signed_up": 3},
        {"visited": 0, "purchase": 10},  # skipped a stage
        {"visited": 0},
        {"signed_up": 1, "visited": 5},  # came back to look: not on the way on
        {"visited": 0, "cancelled": 2},  # left
    )

    aware = stage(found, "aware")

    assert (aware.came, aware.went_on, aware.median, aware.share) == (5, 2, 3 * DAY, 0.4)
    assert (stage(found, "convert").came, stage(found, "convert").went_on) == (2, 0)
    assert [(door.name, door.reached) for door in aware.doors] == [("visited", 5)]


def test_the_last_stage_and_that_of_those_who_left_lead_nowhere() -> None:
    found = drawn({"activated": 1}, {"cancelled": 1, "purchase": 2})

    assert stage(found, "adoption").share is None
    assert stage(found, "win-back").share is None
    assert stage(found, "adopter").share == 0.0


def test_people_are_counted_and_those_of_no_stage_apart() -> None:
    found = drawn(people={"aware": 3, None: 2, "gone": 1, "adopter": 4})

    assert [(one.name, one.people) for one in found.of("before")] == [("aware", 3), ("convert", 0)]
    assert (found.customers, found.nowhere) == (10, 3)
    assert [door.name for door in found.others["after"]] == ["reviewed"]


def test_where_customers_get_stuck_is_marked_once_enough_came() -> None:
    few = [{"visited": 0, "signed_up": 1, "purchase": 40}] * 10
    many = few * 3 + [{"visited": 0}] * 30

    assert not any(one.stuck for one in drawn(*few).stages)
    found = drawn(*many)
    assert {one.name: one.stuck for one in found.stages if one.stuck} == {
        "convert": ["longest"], "adopter": ["fewest"],
    }  # fmt: skip


def test_the_slowest_and_the_leakiest_stage_are_both_marked() -> None:
    found = drawn(*[{"visited": 0, "signed_up": 1, "purchase": 40, "activated": 41}] * 25, *[{"visited": 0}] * 5)

    assert {one.name: one.stuck for one in found.stages if one.stuck} == {
        "aware": ["fewest"], "convert": ["longest"],
    }  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(DOORS), st.integers(0, 400)), max_size=40))
def test_nobody_goes_on_who_did_not_come(histories: list[dict[str, Any]]) -> None:
    found = drawn(*histories)

    for one in found.stages:
        assert 0 <= one.went_on <= one.came <= len(histories)
        assert (one.median is None) == (one.went_on == 0)
        assert one.median is None or one.median >= 0
