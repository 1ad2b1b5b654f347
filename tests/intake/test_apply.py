"""Applying an event: what it changes, which journeys it concerns, which it begins (rules.md 1, 2, 18)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.orm import Session
from whenever import Instant

from intake import reader
from lifecycle.state import STATE
from store import consents, events, journeys, pauses
from store.tables import Journey, Pause, Trace
from tests.intake.conftest import Build
from tests.intake.house import START, House, day

WAITS = "steps: [{wait_for: {milestone: beta}, timeout: 9 days}]\n"
WELCOME = {"welcome": "entry: {milestone: purchase}\nexit: [omega]\n" + WAITS}


def names(outcome: dict[str, Any]) -> list[str]:
    return [one["playbook"] for one in outcome["entered"]]


def why(outcome: dict[str, Any]) -> dict[str, str]:
    return {one["playbook"]: one["because"] for one in outcome["not_entered"]}


# --- the customer ----------------------------------------------------------------------------------------------------


def test_a_milestone_of_somebody_new_makes_the_customer_under_an_id_of_ours(build: Build) -> None:
    house = build(WELCOME)
    house.track("purchase", revenue=49, user="ada@example.com")
    customer = house.customer("ada@example.com")
    assert customer.id.startswith("cus_")
    assert "ada" not in customer.id
    assert customer.stage == "customer"
    assert house.history("ada@example.com") == ["purchase"]


def test_a_milestone_counts_under_our_name_whatever_the_product_calls_it(build: Build) -> None:
    house = build(WELCOME)
    assert names(house.track("Order Completed", revenue=49)) == ["welcome"]
    assert house.history() == ["purchase"]


def test_attributes_are_kept_and_those_that_a_send_needs_stand_by_themselves(build: Build) -> None:
    house = build(WELCOME)
    house.identify(email="ada@example.com", time_zone="Europe/Paris", plan="pro")
    house.identify(day(1), plan="free", score=3)
    customer = house.customer()
    assert (customer.email, customer.time_zone) == ("ada@example.com", "Europe/Paris")
    assert customer.attributes == {"plan": "free", "score": 3}
    assert customer.updated_at == day(1)


def test_consent_comes_with_attributes_and_is_none(build: Build) -> None:
    house = build(WELCOME)
    house.identify(consent={"news": True})
    house.identify(day(1), consent={"news": False})
    house.identify(day(2), consent=["news"])
    customer = house.customer()
    assert customer.attributes == {}
    given = house.read(lambda session: consents.history(session, customer.id))
    assert [(one.topic, one.granted, one.at) for one in given] == [
        ("news", True, day(0)),
        ("news", False, day(1)),
        ("news", True, day(2)),
    ]


def test_an_event_that_changes_nothing_leaves_the_customer_alone(build: Build) -> None:
    house = build(WELCOME)
    house.identify(plan="pro")
    house.track("delta", day(1))
    assert house.customer().updated_at == START


def test_a_time_zone_that_does_not_exist_is_no_reason_to_lose_an_event(build: Build) -> None:
    house = build(WELCOME)
    house.identify(time_zone="Mars/Phobos")
    assert names(house.track("purchase")) == ["welcome"]
    assert STATE.validate_python(house.journey().state).zone == "Europe/Paris"


# --- entering --------------------------------------------------------------------------------------------------------


def test_a_journey_begins_as_a_row_with_its_state_its_first_line_and_nothing_in_its_inbox(build: Build) -> None:
    house = build(WELCOME)
    outcome = house.track("purchase")
    journey = house.journey()
    assert outcome["entered"] == [{"playbook": "welcome", "journey": journey.id}]
    assert (journey.status, journey.entered_at, journey.due) == ("starting", START, day(9))
    assert journey.step == STATE.validate_python(journey.state).step
    assert [line.what for line in house.rows(Trace)] == ["entered", "waiting"]
    assert house.heard(journey.id) == []


def test_an_event_applied_again_begins_no_second_journey(build: Build) -> None:
    house = build(WELCOME)
    given = house.accept("purchase", START)
    event = house.event(given)
    first = house.write(lambda session: house.applier.apply(session, event, START))
    again = house.write(lambda session: house.applier.apply(session, event, START))
    assert first is not None
    assert again is None
    assert len(house.journeys()) == 1
    assert house.history() == ["purchase"]


def test_never_means_once_in_a_life(build: Build) -> None:
    house = build(WELCOME)
    house.track("purchase")
    house.end(house.journey().id, day(1))
    assert why(house.track("purchase", day(2))) == {"welcome": "the customer has been in it before"}


def test_after_exit_means_not_while_inside(build: Build) -> None:
    house = build({"again": "entry: {milestone: purchase, reentry: after_exit}\nexit: [omega]\n" + WAITS})
    house.track("purchase")
    assert why(house.track("purchase", day(1))) == {"again": "the customer is in it now"}
    house.end(house.journey().id, day(2))
    assert names(house.track("purchase", day(3))) == ["again"]
    # Stamped is closed, although its workflow has not heard of it.
    house.track("omega", day(4))
    assert names(house.track("purchase", day(5))) == ["again"]


def test_restart_ends_the_journey_under_way_and_begins_anew(build: Build) -> None:
    house = build({"anew": "entry: {milestone: purchase, reentry: restart}\n" + WAITS})
    house.track("purchase")
    house.track("purchase", day(1))
    old, new = house.journeys()
    assert (old.exit_outcome, old.exit_reason) == ("exited", "restarted")
    assert house.heard(old.id) == [(1, "exit", "restarted")]
    assert new.exit_at is None


def test_per_begins_one_journey_a_value_and_each_counts_only_its_own(build: Build) -> None:
    house = build({"quote": "entry: {milestone: alpha, per: amount}\nexit: [omega]\n" + WAITS})
    house.track("alpha", amount=7)
    house.track("alpha", amount=8)
    assert why(house.track("alpha", day(1), amount=7)) == {"quote": "the customer has been in it before"}
    assert why(house.track("alpha", day(1))) == {"quote": "the milestone came without amount"}
    seven, eight = sorted(house.journeys(), key=lambda journey: journey.key)
    house.track("beta", day(2), amount=7)
    house.track("omega", day(3), amount=8)
    assert house.heard(seven.id) == [(1, "milestone", "beta")]
    assert house.heard(eight.id) == [(1, "exit", "omega")]


def test_a_condition_of_entry_sees_the_event_and_the_customer_as_this_event_leaves_them(build: Build) -> None:
    entry = "entry: {milestone: purchase, if: event.revenue > 0 and milestones.purchase.count == 2}\n"
    house = build({"second": entry + WAITS})
    assert why(house.track("purchase", revenue=1)) == {
        "second": "the entry asks for: event.revenue > 0 and milestones.purchase.count == 2"
    }
    assert why(house.track("purchase")) == {"second": "not known: event.revenue"}


def test_a_late_event_is_history_and_enters_nothing_unless_backfill_is_asked_for(build: Build) -> None:
    house = build(WELCOME)
    late = house.accept("purchase", day(-2), received_at=START)
    house.apply(START)
    assert "more than a day" in why(house.outcome(late))["welcome"]
    asked = house.accept("purchase", day(-2), received_at=START, backfill=True)
    house.apply(START)
    assert names(house.outcome(asked)) == ["welcome"]
    assert house.history() == ["purchase", "purchase"]
    assert house.journey().entered_at == START


def test_an_event_that_waited_for_a_worker_is_not_late(build: Build) -> None:
    house = build(WELCOME)
    given = house.accept("purchase", START)
    house.apply(day(3))
    assert names(house.outcome(given)) == ["welcome"]
    assert house.journey().entered_at == day(3)


def test_a_held_out_customer_has_a_row_and_no_workflow(build: Build) -> None:
    house = build({"measured": "entry: {milestone: purchase}\nholdout: 50%\n" + WAITS})
    users = [f"user-{number}" for number in range(40)]  # of whom some are held out, but for once in a million million
    for user in users:
        house.track("purchase", user=user)
    held = next(one for one in house.rows(Journey) if one.arm == "holdout")
    assert (held.status, held.due) == ("holdout", None)
    assert held.id not in {line.journey_id for line in house.rows(Trace)}
    for user in users:
        house.track("beta", day(1), user=user)
    assert house.heard(held.id) == []


def test_a_pause_of_the_playbook_holds_a_journey_from_its_start(build: Build) -> None:
    house = build(WELCOME)
    row = Pause(scope="playbook", target="welcome", policy="freeze", reason="r", started_at=day(-1), made_by="test")
    house.write(lambda session: pauses.start(session, row))
    house.track("purchase")
    journey = house.journey()
    house.write(lambda session: journeys.mark_started(session, journey.id, START))
    held = house.read(lambda session: reader.position(session, house.journey(), day(1)))
    assert (held.word, held.next.at) == ("held", None)


def test_an_enrolment_by_another_journey_needs_no_milestone(build: Build) -> None:
    house = build(WELCOME)
    given = house.accept("welcome", START, kind="enrol")
    house.apply(START)
    assert names(house.outcome(given)) == ["welcome"]
    assert house.history() == []


def test_a_derived_milestone_happens_in_the_moment_its_condition_turns_true(build: Build) -> None:
    house = build({"fan": "entry: {milestone: twice}\n" + WAITS})
    house.track("alpha")
    assert names(house.track("alpha", day(1))) == ["fan"]
    house.track("alpha", day(2))
    assert house.history() == ["alpha", "alpha", "twice", "alpha"]


def test_the_mark_of_a_journey_is_its_entry_so_that_only_later_milestones_count(build: Build) -> None:
    house = build(WELCOME)
    house.track("alpha")
    house.track("purchase", day(1))
    house.track("beta", day(2))
    before, entry, after = house.rows_of_history()
    assert before < entry == house.journey().history_mark < after


# --- journeys under way ----------------------------------------------------------------------------------------------


def test_a_journey_hears_the_first_of_a_milestone_that_counts_from_entry(build: Build) -> None:
    house = build(WELCOME)
    house.track("beta", day(-1))
    house.track("purchase")
    (journey,) = house.journeys()
    first = house.track("beta", day(1))
    assert first["signalled"] == [journey.id]
    assert house.track("beta", day(2))["signalled"] == []
    assert house.heard(journey.id) == [(1, "milestone", "beta")]


def test_every_one_is_delivered_where_a_step_asks_for_a_new_one(build: Build) -> None:
    steps = "steps: [{wait_for: {milestone: beta, since: step}, timeout: 9 days}]\n"
    house = build({"welcome": "entry: {milestone: purchase}\n" + steps})
    house.track("purchase")
    house.track("beta", day(1))
    house.track("beta", day(2))
    assert [number for number, _, _ in house.heard(house.journey().id)] == [1, 2]


def test_an_event_that_names_two_keys_of_interest_leaves_both_heard(build: Build) -> None:
    steps = """steps:
  - {send: mail/one, id: one}
  - wait_for: {milestone: message.opened, of: one}
    timeout: 9 days
  - wait_for: {milestone: message.opened}
    timeout: 9 days
"""
    house = build({"welcome": "entry: {milestone: purchase}\n" + steps})
    house.track("purchase")
    journey = house.journey().id
    house.message("message.opened", journey, "one", day(1))
    (row,) = house.inbox(journey)
    assert row.data is not None
    assert set(row.data["keys"]) == {"message.opened:one", "message.opened"}
    assert house.message("message.opened", journey, "one", day(2))["signalled"] == []


def test_an_exit_stamps_the_journey_and_is_the_last_thing_it_hears(build: Build) -> None:
    house = build(WELCOME)
    house.track("purchase")
    house.track("omega", day(1))
    journey = house.journey()
    assert (journey.exit_at, journey.exit_outcome, journey.exit_reason) == (day(1), "exited", "omega")
    assert journey.status == "starting"
    assert house.track("beta", day(2))["signalled"] == []
    assert house.heard(journey.id) == [(1, "exit", "omega")]


def test_an_exit_by_condition_happens_when_an_attribute_makes_it_true(build: Build) -> None:
    house = build({"welcome": "entry: {milestone: purchase}\nexit: [{if: customer.closed}]\n" + WAITS})
    house.track("purchase")
    assert house.identify(day(1), plan="pro")["signalled"] == []
    house.identify(day(2), closed=True)
    assert house.heard(house.journey().id) == [(1, "exit", "customer.closed")]


@pytest.mark.parametrize(("reached", "counts"), [(day(4.9), True), (day(5.1), False)], ids=["within", "after"])
def test_a_goal_counts_within_its_window(build: Build, reached: Instant, counts: bool) -> None:
    house = build({"sell": "entry: {milestone: purchase}\ngoal: {milestone: alpha, within: 5 days}\n" + WAITS})
    house.track("purchase")
    house.track("alpha", reached)
    assert house.heard(house.journey().id) == ([(1, "exit", "alpha")] if counts else [])
    assert house.journey().exit_outcome == ("goal" if counts else None)


def test_frozen_time_lengthens_the_window_of_a_goal(build: Build) -> None:
    house = build({"sell": "entry: {milestone: purchase}\ngoal: {milestone: alpha, within: 5 days}\n" + WAITS})
    house.track("purchase")
    target = house.journey().id
    row = Pause(scope="journey", target=target, policy="freeze", reason="r", started_at=day(1), made_by="test")
    number = house.write(lambda session: pauses.start(session, row))
    house.write(lambda session: pauses.end(session, number, day(3), None))
    house.track("alpha", day(6.5))
    assert house.journey().exit_outcome == "goal"


def test_a_goal_after_which_a_playbook_goes_on_is_told_once(build: Build) -> None:
    house = build({"sell": "entry: {milestone: purchase}\ngoal: {milestone: alpha, then: continue}\n" + WAITS})
    house.track("purchase")
    house.track("alpha", day(1))
    house.track("alpha", day(2))
    assert house.heard(house.journey().id) == [(1, "goal", "alpha")]
    assert house.journey().exit_at is None


def test_one_event_ends_one_journey_and_begins_the_next(build: Build) -> None:
    house = build({
        "first": "entry: {milestone: purchase}\nexit: [alpha]\n" + WAITS,
        "then": "entry: {milestone: alpha}\n" + WAITS,
    })  # fmt: skip
    house.track("purchase")
    outcome = house.track("alpha", day(1))
    assert (names(outcome), len(outcome["signalled"])) == (["then"], 1)


# --- order, failure, cost --------------------------------------------------------------------------------------------


def test_events_are_applied_in_the_order_of_their_acknowledgement_whatever_their_timestamps(build: Build) -> None:
    house = build(WELCOME)
    for name, at in (("delta", day(0)), ("alpha", day(-3)), ("gamma", day(2))):
        house.accept(name, at, received_at=START)
    house.apply(START)
    assert house.history() == ["delta", "alpha", "gamma"]


def test_a_bad_event_holds_back_its_customer_only_and_is_set_aside_in_the_end(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(WELCOME)
    bad = house.accept("alpha", START)
    behind = house.accept("beta", START)
    other = house.accept("beta", START, user="grace")
    apply = type(house.applier).apply

    def fails(self: Any, session: Session, event: Any, now: Instant) -> Any:
        if event.id == bad:
            apply(self, session, event, now)
            raise RuntimeError("half way")
        return apply(self, session, event, now)

    monkeypatch.setattr(type(house.applier), "apply", fails)
    house.apply(START)
    assert [house.event(one).state for one in (bad, behind, other)] == ["pending", "pending", "applied"]
    for _ in range(4):
        house.apply(day(1))
    states = [house.event(one).state for one in (bad, behind, other)]
    assert states == ["pending", "pending", "applied"]
    for days in (2, 3, 4, 5):
        house.apply(day(days))
    assert [house.event(one).state for one in (bad, behind, other)] == ["failed", "applied", "applied"]
    assert house.history() == ["beta"]


def test_an_event_that_concerns_nothing_takes_few_queries_however_many_journeys_there_are(build: Build) -> None:
    playbooks = {
        f"p{number}": "entry: {milestone: purchase}\ngoal: {milestone: omega, within: 5 days}\n"
        "exit: [{if: customer.closed}]\n" + WAITS
        for number in range(5)
    }
    house = build(playbooks)
    alone = _statements(house, "delta", "grace")
    house.track("purchase")
    assert len(house.journeys()) == 5
    many = _statements(house, "delta", "ada")
    assert alone <= 8
    assert many <= 9


def _statements(house: House, name: str, user: str) -> int:
    house.track("delta", user=user)
    given = house.accept(name, START, user=user)
    event = house.event(given)
    counted = []

    def count(*arguments: Any) -> None:
        counted.append(arguments[2])

    engine = house.database._write_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", count)
    try:
        house.write(lambda session: house.applier.apply(session, event, START))
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", count)
    assert house.read(lambda session: events.get(session, given)) is not None
    return len([statement for statement in counted if not statement.startswith("BEGIN")])
