"""Segments as they are lived: events move people in and out, a sweep finds whom time has moved."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

from intake import explain, segmenting
from intake.segmenting import sweep_segments
from lifecycle.language.segments import Segment
from store import pauses, segments
from store.segments import Change
from store.tables import Event, SegmentMember
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.pausing import end, start
from tests.intake.test_explain import explainer

PLAYBOOKS = {
    "fan-club": "entry: {segment: fans}\nexit: [segment.fans.left]\nsteps: [{wait: 3 days}, {send: mail/one}]\n",
    "welcome": "entry: {milestone: purchase, per: order}\nexit: [segment.fans.entered]\n"
    "steps: [{wait_for: segment.fans.left, timeout: 9 days}, {send: mail/one}]\n",
}


def fan(house: House, user: str = "ada") -> None:
    """Three alphas and the plan pro make a fan (tests/project/playbooks/segments.yaml)."""
    house.identify(user=user, plan="pro")
    for _ in range(3):
        house.track("alpha", user=user)


def members(house: House) -> list[tuple[str, str]]:
    return [(row.segment, row.customer_id) for row in house.rows(SegmentMember)]


def sweep(house: House, now: Instant) -> int:
    return sweep_segments(house.database, house.applier.map, house.applier.conditions, now)


def swept(house: House, now: Instant) -> int:
    """Sweep, and apply what came of it."""
    found = sweep(house, now)
    house.apply(now)
    return found


def test_the_event_that_makes_the_condition_true_brings_the_customer_in(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.identify(plan="pro")
    house.track("alpha")
    house.track("alpha")
    assert members(house) == []
    done = house.track("alpha", day(1))
    assert [one["playbook"] for one in done["entered"]] == ["fan-club"]
    (row,) = house.rows(SegmentMember)
    assert (row.segment, row.customer_id, row.since) == ("fans", house.customer().id, day(1))
    assert house.history() == ["alpha", "alpha", "twice", "alpha", "segment.fans.entered"]
    house.track("alpha", day(2))
    assert house.history().count("segment.fans.entered") == 1


def test_who_goes_out_leaves_the_journey_that_ends_by_it(build: Build) -> None:
    house = build(PLAYBOOKS)
    fan(house)
    journey = house.journey()
    house.identify(day(1), plan="free")
    assert members(house) == []
    assert house.history()[-1] == "segment.fans.left"
    assert house.heard(journey.id) == [(1, "exit", "segment.fans.left")]


def test_a_segment_is_about_the_customer_and_ends_journeys_of_every_occurrence(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", order="17")
    (journey,) = house.journeys()
    fan(house)
    assert house.heard(journey.id) == [(1, "exit", "segment.fans.entered")]


def test_what_a_journey_sets_counts_though_it_is_set_before_its_event_comes(build: Build) -> None:
    house = build({})
    for _ in range(3):
        house.track("alpha")
    customer = house.customer()
    house.write(lambda session: session.merge(customer).sqlmodel_update({"attributes": {"plan": "pro"}}))
    house.outcome(house._now(None, day(1), "set", "ada", {"properties": {"plan": "pro"}}))
    assert members(house) == [("fans", customer.id)]


def test_time_alone_brings_somebody_in_by_the_sweep(build: Build) -> None:
    house = build({"back": "entry: {segment: quiet, reentry: after_exit}\nsteps: [{send: mail/one}]\n"})
    house.track("beta")
    house.track("beta", user="ben")
    assert swept(house, day(29)) == 0
    house.track("beta", day(29), user="ben")
    assert swept(house, day(30)) == 1
    assert members(house) == [("quiet", house.customer().id)]
    assert house.history() == ["beta", "segment.quiet.entered"]
    assert house.journey().playbook == "back"
    assert swept(house, day(31)) == 0
    house.track("beta", day(32))
    assert (members(house), house.history()[-1]) == ([], "segment.quiet.left")


def test_who_is_in_a_segment_that_is_new_comes_into_it_by_the_sweep(build: Build) -> None:
    house = build({})
    house.track("gamma")
    house.applier.map = house.applier.map.with_segments({"known": Segment.model_validate({"if": "true"})})
    assert swept(house, day(1)) == 1
    assert house.history() == ["gamma", "segment.known.entered"]


def test_members_of_a_segment_that_is_gone_are_forgotten_without_a_word(build: Build) -> None:
    house = build({})
    fan(house)
    house.applier.map = house.applier.map.with_segments({})
    assert swept(house, day(1)) == 1
    assert (members(house), sweep(house, day(1))) == ([], 0)
    assert "segment.fans.left" not in house.history()


def test_a_sweep_asks_once_as_long_as_the_answer_is_not_applied(build: Build) -> None:
    house = build({})
    house.track("beta")
    assert [sweep(house, day(30)), sweep(house, day(30)), sweep(house, day(30.01))] == [1, 0, 0]
    house.apply(day(30.01))
    assert sweep(house, day(30.02)) == 0
    assert house.history() == ["beta", "segment.quiet.entered"]


def test_the_answer_that_counts_is_that_of_the_moment_in_which_it_is_applied(build: Build) -> None:
    """The customer came back between the sweep and its event; a later sweep can ask again."""
    house = build({})
    house.track("beta")
    house.accept("beta", day(30))
    assert sweep(house, day(30)) == 1
    house.apply(day(30))
    assert (members(house), house.history()) == ([], ["beta", "beta"])
    assert swept(house, day(60)) == 1
    assert house.history()[-1] == "segment.quiet.entered"


def test_a_sweep_asked_twice_by_a_crash_changes_nothing_twice(build: Build) -> None:
    house = build({})
    house.track("beta")
    change = Change(house.customer().id, "ada", inside=True)

    def ask(session: Session) -> int:
        return segmenting._ask("quiet", [change], day(30), session)

    assert [house.write(ask), house.write(ask)] == [1, 0]
    assert len([row for row in house.rows(Event) if row.kind == "segment"]) == 1


def test_a_large_sweep_goes_in_pages_up_to_its_bound(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenting, "PAGE", 2)
    monkeypatch.setattr(segmenting, "MOST", 4)
    house = build({})
    for number in range(7):
        house.track("beta", user=f"user-{number}")
    assert [sweep(house, day(30)) for _ in range(3)] == [4, 3, 0]
    house.apply(day(30))
    assert len(members(house)) == 7


def test_tombstones_and_the_erased_are_in_no_segment(build: Build) -> None:
    house = build({})
    house.track("beta")
    house.track("beta", user="ben")
    for user, change in (("ada", {"erased_at": START}), ("ben", {"merged_into": house.customer().id})):
        customer = house.customer(user)
        house.write(lambda session, c=customer, v=change: session.merge(c).sqlmodel_update(v))  # type: ignore[misc]
    assert sweep(house, day(30)) == 0


def test_events_that_touch_no_segment_ask_nothing(build: Build) -> None:
    house = build({})
    fan(house)
    customer = house.customer()
    house.write(lambda session: segments.change(session, customer.id, {"fans": False}, START))
    house.track("gamma")
    assert members(house) == []


# --- pauses


def lying(house: House, journey: str, now: Instant, since: Instant = START) -> list[str]:
    """The pauses that an activity of this journey finds."""
    customer = house.customer().id

    def look(session: Session) -> list[str]:
        found = pauses.concerning(
            session, journey_id=journey, customer_id=customer, playbook="welcome", channels=["email"], since=since
        )
        return [f"{one.scope} {one.target}" for one in found]

    return house.read(look)


def test_a_pause_of_a_segment_holds_whoever_is_in_it_when_something_comes_due(build: Build) -> None:
    house = build(PLAYBOOKS)
    pause = start(house, "segment", "fans")
    assert pause.policy == "continue"
    start(house, "segment", "quiet")
    house.track("purchase", order="17")
    journey = house.journey().id
    assert lying(house, journey, START) == []
    fan(house)
    assert lying(house, journey, START) == ["segment fans"]
    house.identify(day(1), plan="free")
    assert lying(house, journey, day(1)) == []


def test_the_window_of_a_goal_grows_by_a_frozen_pause_of_the_segment(build: Build) -> None:
    goal = "entry: {milestone: purchase}\ngoal: {milestone: delta, within: 2 days}\nsteps: [{wait: 30 days}]\n"
    house = build({"slow": goal})
    fan(house)
    house.track("purchase")
    pause = start(house, "segment", "fans", policy="freeze", now=day(1))
    end(house, pause, day(4))
    house.track("delta", day(4.5))
    assert house.heard(house.journey().id) == [(1, "exit", "delta")]


def test_who_asks_why_somebody_is_held_is_told_of_the_segment(build: Build) -> None:
    house = build(PLAYBOOKS)
    start(house, "segment", "fans", reason="a survey first")
    fan(house)
    told = house.read(
        lambda session: explain.of_playbook(session, explainer(house), house.customer(), "fan-club", START)
    )
    (check,) = [check for check in told.checks if check.check == "paused"]
    assert (check.passed, check.saw) == (False, "segment paused since 2026-03-02 10:00: a survey first")
