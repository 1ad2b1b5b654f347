"""A visitor becomes a customer: everything comes along, journeys go on, and the old id leads there (rules.md 21)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from intake import consents, doors, pauses, reader
from intake.consents import Proof
from store import consents as stored
from store import customers, events, history, messages, shards
from store.events import Arrival
from store.tables import Customer, Event, Message, Pause, SegmentMember
from tests.intake.conftest import Build
from tests.intake.house import START, House, day

PLAYBOOKS = {
    "welcome": "entry: {milestone: purchase}\nexit: [omega, {if: customer.closed}]\n"
    "steps: [{wait_for: {milestone: beta}, timeout: 9 days}, {send: mail/one}]\n",
    "quotes": "entry: {milestone: alpha, per: amount, reentry: after_exit}\ngoal: {milestone: delta}\n"
    "steps: [{wait: 9 days}]\n",
    "fan": "entry: {milestone: twice}\nsteps: [{wait: 9 days}]\n",
}


def tombstone(house: House, name: str) -> Customer:
    found = house.read(lambda session: customers.own_row(session, name))
    assert found is not None
    return found


def state(outcome: dict[str, Any]) -> str:
    found: str = outcome["merged"]["state"]
    return found


# --- what comes along ------------------------------------------------------------------------------------------------


def test_history_journeys_consent_and_attributes_of_the_visitor_are_the_customers(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.identify(user="anon", email="ada@example.com", plan="free", consent=["news"])
    house.track("purchase", user="anon")
    run = house.journey("anon")
    house.identify(day(1), plan="pro")
    assert state(house.alias("anon", day(2))) == "merged"
    ada = house.customer()
    assert (ada.email, ada.attributes["plan"], ada.stage) == ("ada@example.com", "pro", "customer")
    assert house.history() == ["consent.given", "purchase"]
    assert house.journey().id == run.id
    assert house.read(lambda session: stored.latest(session, ada.id))[0].granted is True
    left = tombstone(house, "anon")
    assert (left.merged_into, left.email, left.attributes, left.stage) == (ada.id, None, {}, None)


def test_messages_and_pauses_of_the_visitor_are_the_customers(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", user="anon")
    anon, run = house.customer("anon"), house.journey("anon")
    row = Message(
        id="m1", journey_id=run.id, step="s", occurrence="1", customer_id=anon.id, channel="email",
        template="mail/one", state="accepted", due_at=START,
    )  # fmt: skip
    house.write(lambda session: messages.add(session, row))
    pause = house.write(
        lambda session: pauses.start(session, scope="customer", target="anon", reason="asked", who="test", now=START)
    )
    house.alias("anon", day(1))
    assert house.rows(Message)[0].customer_id == house.customer().id
    assert house.rows(Pause)[0].target == house.customer().id != pause.target


def test_a_segment_that_both_are_in_is_kept_once(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.identify()
    house.identify(user="anon")
    ada, anon = house.customer().id, house.customer("anon").id

    def fill(session: Session) -> None:
        for segment, customer in (("big", ada), ("big", anon), ("new", anon)):
            session.add(SegmentMember(segment=segment, customer_id=customer, since=START))

    house.write(fill)
    house.alias("anon", day(1))
    assert {(one.segment, one.customer_id) for one in house.rows(SegmentMember)} == {("big", ada), ("new", ada)}


def test_a_no_counts_although_a_yes_from_before_it_came_in_with_the_visitor(build: Build) -> None:
    house = build(PLAYBOOKS)

    def says(user: str, granted: bool, at: float, now: float) -> None:
        proof = Proof("form", day(at))
        map_ = house.applier.map
        house.write(lambda session: consents.record(session, map_, user, "news", granted, proof, day(now)))

    says("ada", granted=False, at=5, now=5)
    says("anon", granted=True, at=1, now=6)  # said before, learnt later
    house.apply(day(6))
    house.alias("anon", day(7))
    answers = house.read(lambda session: stored.latest(session, house.customer().id))
    assert {(one.channel, one.granted) for one in answers} >= {("email", False), ("sms", False)}
    assert {one.source for one in answers if not one.granted} >= {"merge"}


# --- who is merged, and who is not -----------------------------------------------------------------------------------


def test_merging_twice_with_oneself_or_backwards_does_nothing(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", user="anon")
    assert state(house.alias("anon", day(1))) == "merged"
    assert state(house.alias("anon", day(2))) == "same"
    assert state(house.alias("ada", day(3))) == "same"
    assert state(house.alias("ada", day(4), user="anon")) == "same"
    assert house.customer("anon").id == house.customer("ada").id
    assert house.history() == ["purchase"]


def test_chains_lead_to_the_last_one(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("alpha", user="a", amount=1)
    house.alias("a", day(1), user="b")
    house.alias("b", day(2), user="c")
    assert house.customer("a").user_id == house.customer("b").user_id == "c"
    house.track("beta", day(3), user="a")
    assert house.history("c") == ["alpha", "beta"]
    names = house.read(lambda session: customers.merged_into(session, house.customer("c").id))
    assert [one.user_id for one in names] == ["b", "a"]


def test_an_id_that_belongs_to_another_customer_stays_there(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", user="anon")
    house.identify(day(1), user="ada", previous_id="anon")
    assert state(house.identify(day(2), user="bo", previous_id="anon")) == "refused"
    assert state(house.alias("anon", day(2), user="bo")) == "refused"
    assert house.customer("anon").user_id == "ada"
    assert house.history("bo") == []


def test_a_browser_does_not_merge_two_people_who_are_known(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.identify(user="ada", previous_id="anon")
    assert state(house.identify(day(1), user="bo", previous_id="ada")) == "refused"
    house.identify(day(2), user="anon-2", email="cy@example.com")
    assert state(house.identify(day(3), user="bo", previous_id="anon-2", email="bo@example.com")) == "refused"
    assert state(house.identify(day(4), user="cy", previous_id="anon-2", email="cy@example.com")) == "merged"


def test_nobody_is_merged_with_somebody_who_was_erased(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.identify()
    house.identify(user="anon")

    def erase(session: Session) -> None:
        found = customers.get(session, "ada")
        assert found is not None
        found.erased_at = START

    house.write(erase)
    assert state(house.alias("anon", day(1))) == "refused"
    assert tombstone(house, "anon").merged_into is None


# --- journeys --------------------------------------------------------------------------------------------------------


def test_of_two_open_journeys_of_a_playbook_the_older_stays_and_the_other_hears_that_it_ends(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", user="anon")
    older = house.journey("anon")
    house.track("purchase", day(1))
    younger = house.journey()
    house.alias("anon", day(2))
    first, second = house.journeys()
    assert (first.id, first.exit_at) == (older.id, None)
    assert (second.id, second.exit_at, second.exit_reason) == (younger.id, day(2), "merged")
    assert house.heard(younger.id) == [(1, "exit", "merged")]
    assert len({one.key for one in house.journeys()}) == 2


def test_both_journeys_go_on_where_they_are_about_different_things(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("alpha", user="anon", amount=1)
    house.track("alpha", user="ada", amount=2)
    house.alias("anon", day(1))
    quotes = [one for one in house.journeys() if one.playbook == "quotes"]
    assert {(one.per_value, one.exit_at) for one in quotes} == {("1", None), ("2", None)}


def test_an_entry_that_happens_once_counts_what_either_was_in(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", user="anon")
    house.end(house.journey("anon").id, day(1))
    house.alias("anon", day(2))
    outcome = house.track("purchase", day(3))
    assert [one for one in outcome["not_entered"] if one["playbook"] == "welcome"]
    assert len(house.journeys()) == 1


def test_a_wait_hears_what_the_other_reached_after_the_entry_and_not_what_came_before(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("omega", user="anon")  # an exit, before ada entered
    house.track("purchase", day(1))
    house.track("beta", day(2), user="anon")
    house.alias("anon", day(3))
    run = house.journey()
    assert house.heard(run.id) == [(1, "milestone", "beta")]
    assert house.inbox(run.id)[0].event_id is not None
    assert run.exit_at is None


def test_a_goal_that_the_other_reached_ends_the_journey_as_its_goal(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("alpha", amount=1)
    house.track("delta", day(1), user="anon", amount=1)
    house.alias("anon", day(2))
    assert [(one.exit_outcome, one.exit_reason) for one in house.journeys()] == [("goal", "delta")]


def test_an_exit_by_condition_is_looked_at_with_what_the_other_brings(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", user="anon")
    house.identify(closed=True)
    house.alias("anon", day(1))
    assert house.journey().exit_reason == "customer.closed"


def test_what_both_reached_together_happens_and_enters(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("alpha", user="anon", amount=1)
    house.track("alpha", amount=2)
    outcome = house.alias("anon", day(1))
    assert [one["playbook"] for one in outcome["entered"]] == ["fan"]
    assert house.history() == ["alpha", "alpha", "twice"]


def test_a_journey_that_temporal_has_not_begun_begins_as_it_was_stored(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase", user="anon")
    before = house.journey("anon")
    house.alias("anon", day(1))
    after = house.journey()
    assert after.customer_id != before.customer_id
    assert after.state == before.state


# --- order -----------------------------------------------------------------------------------------------------------


def test_what_came_before_the_alias_under_the_old_id_is_applied_before_it_and_the_rest_follows(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.accept("purchase", START, user="anon")
    alias = house.accept(None, START, "alias", previous_id="anon")
    house.accept("beta", START, user="anon")
    house.accept("delta", START, user="ada")
    assert shards.shard_of("anon") != shards.shard_of("ada")

    def only(session: Session, name: str) -> list[Event]:
        return events.next_pending(session, START, 10, shards=[shards.shard_of(name)])

    assert [one.name for one in house.read(lambda session: only(session, "anon"))] == ["purchase"]
    house.write(lambda session: house.applier.apply_each(session, only(session, "ada"), START))
    assert house.event(alias).state == "applied"
    assert house.history() == ["purchase"]
    assert [one.name for one in house.read(lambda session: only(session, "ada"))] == ["beta", "delta"]
    house.apply(START)
    assert house.history() == ["purchase", "beta", "delta"]
    assert len(house.rows(Customer)) == 2
    assert {one.shard for one in house.rows(Event)[2:]} == {shards.shard_of("ada")}


def test_the_alias_waits_while_an_earlier_event_of_the_old_id_is_tried_again(build: Build) -> None:
    house = build(PLAYBOOKS)
    first = house.accept("purchase", START, user="anon")
    alias = house.accept(None, START, "alias", previous_id="anon")
    later = house.accept("delta", START, user="ada")
    house.write(lambda session: events.put_off(session, first, START.add(seconds=2), "Trouble"))
    house.apply(START)
    assert [house.event(one).state for one in (first, alias, later)] == ["pending"] * 3
    house.apply(START.add(seconds=3))
    assert [house.event(one).state for one in (first, alias, later)] == ["applied"] * 3
    assert house.event(alias).attempts == 0
    assert house.history() == ["purchase", "delta"]


def test_an_event_of_the_old_id_that_was_set_aside_holds_up_nobody(build: Build) -> None:
    house = build(PLAYBOOKS)
    failed = house.accept("purchase", START, user="anon")
    house.write(lambda session: events.set_aside(session, failed, "Trouble"))
    assert state(house.alias("anon", day(1))) == "merged"
    house.track("beta", day(2), user="anon")
    assert house.history("anon") == house.history("ada") == ["beta"]


@pytest.mark.parametrize("user", ["anon", "ada"])
def test_track_applies_what_comes_under_either_id(build: Build, user: str) -> None:
    house = build(PLAYBOOKS)
    house.alias("anon")
    arrival = Arrival("cli", "t1", user, "track", day(1), day(1), "purchase")
    answer = doors.track(house.database, house.applier, [arrival], day(1))
    assert (answer["state"], [one["playbook"] for one in answer["entered"]]) == ("applied", ["welcome"])
    assert house.journey().customer_id == house.customer().id


# --- whoever looks ---------------------------------------------------------------------------------------------------


def test_every_look_up_follows_the_tombstone(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.identify(user="anon")
    old = house.customer("anon").id
    house.alias("anon", day(1))
    ada = house.customer().id

    def look(session: Session) -> set[str]:
        found = [customers.get(session, "anon"), customers.by_id(session, old), customers.lock(session, old)]
        found += [customers.lock_or_create(session, "anon", START)[0], reader.find_customer(session, "anon")]
        return {one.id for one in found if one}

    assert house.write(look) == {ada}
    assert len(house.rows(Customer)) == 2


def test_consent_that_comes_in_under_the_old_id_is_the_customers(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.alias("anon")
    house.identify(day(1), user="anon", consent=["news"])
    house.apply(day(1))
    assert [one.customer_id for one in house.read(lambda s: stored.latest(s, house.customer().id))]
    assert house.history() == ["consent.given"]


def test_the_mark_of_an_entry_is_above_what_a_visitor_reached_before_it(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("beta", user="anon")
    house.track("purchase", day(1))
    marks = house.read(lambda session: (history.mark(session), house.journey().history_mark))
    assert marks[0] == marks[1] > 1
