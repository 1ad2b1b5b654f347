"""Where everyone stands, from the database alone (rules.md 7): the stored state, lived on, never written."""

from __future__ import annotations

import pytest
from whenever import Instant

from intake import reader
from intake.reader import Position, Unknown
from store import journeys, pauses
from store.tables import Pause
from tests.intake.conftest import Build
from tests.intake.house import START, House, day

PLAYBOOKS = {
    "welcome": """entry: {milestone: purchase}
exit: [omega]
steps:
  - wait_for: {milestone: beta}
    id: hear
    timeout: 5 days
  - wait: 3 days
    id: rest
  - send: mail/one
"""
}


@pytest.fixture
def house(build: Build) -> House:
    built = build(PLAYBOOKS)
    built.track("purchase")
    built.write(lambda session: journeys.mark_started(session, built.journey().id, START))
    return built


def look(house: House, at: Instant) -> Position:
    before = house.journey().model_dump()
    position = house.read(lambda session: reader.position(session, house.journey(), at))
    assert house.journey().model_dump() == before
    return position


def test_it_says_what_a_journey_waits_for_and_what_follows(house: House) -> None:
    position = look(house, day(1))
    assert (position.word, position.state.step) == ("listening", "hear")
    assert (position.next.at, position.next.what) == (day(5), "waits 3 days")
    assert position.next.why == "waits for beta, at most until 2026-03-07 10:00"


def test_timers_that_are_due_count_as_fired(house: House) -> None:
    position = look(house, day(6))
    assert (position.word, position.next.at, position.next.what) == ("waiting", day(8), "sends mail/one by e-mail")
    assert [(line.what, line.at) for line in position.lines] == [
        ("entered", START),
        ("waiting", START),
        ("branch", day(5)),
        ("waiting", day(5)),
    ]
    due = look(house, day(9))
    assert (due.word, due.next.why) == ("working", "is due, and the worker is at it")


def test_what_lies_in_the_inbox_has_been_heard(house: House) -> None:
    house.track("beta", day(2))
    position = look(house, day(3))
    assert (position.word, position.next.at) == ("waiting", day(5))
    assert position.lines[-2].what == "milestone"


def test_an_exit_counts_from_its_stamp(house: House) -> None:
    house.track("omega", day(2))
    position = look(house, day(2))
    assert (position.word, position.next.why) == ("ended", "ended: omega")


@pytest.mark.parametrize("scope", ["journey", "customer", "playbook", "everything"])
def test_a_pause_of_any_scope_holds_it(house: House, scope: str) -> None:
    journey = house.journey()
    target = {"journey": journey.id, "customer": journey.customer_id, "playbook": "welcome", "everything": ""}[scope]
    row = Pause(scope=scope, target=target, policy="freeze", reason="wait", started_at=day(1), made_by="test")
    number = house.write(lambda session: pauses.start(session, row))
    held = look(house, day(20))
    assert (held.word, held.next.at) == ("held", None)
    assert "paused since 2026-03-03 10:00 (the clock stands): wait" in held.next.why
    house.write(lambda session: pauses.end(session, number, day(3), "send"))
    assert look(house, day(4)).next.at == day(7)


def test_while_time_runs_on_a_pause_holds_it_before_the_next_message(house: House) -> None:
    row = Pause(scope="playbook", target="welcome", policy="continue", reason="wait", started_at=day(1), made_by="test")
    house.write(lambda session: pauses.start(session, row))
    held = look(house, day(20))
    assert (held.word, held.next.what) == ("held", "sends mail/one by e-mail")
    assert "time runs on" in held.next.why


def test_a_journey_that_temporal_has_not_been_told_of_is_starting(build: Build) -> None:
    house = build(PLAYBOOKS)
    house.track("purchase")
    position = look(house, day(1))
    assert (position.word, position.next.why) == ("starting", "the worker has not told Temporal of it yet")


def test_people_are_found_by_the_products_id_and_by_ours(house: House) -> None:
    ours = house.customer().id
    assert house.read(lambda session: reader.find_customer(session, "ada").id) == ours
    assert house.read(lambda session: reader.find_customer(session, ours).id) == ours
    with pytest.raises(Unknown, match="there is no customer `grace`"):
        house.read(lambda session: reader.find_customer(session, "grace"))


def test_a_journey_is_found_by_as_much_of_its_id_as_is_unique(house: House) -> None:
    whole = house.journey().id
    assert house.read(lambda session: reader.find_journey(session, whole[:12]).id) == whole
    house.track("purchase", user="grace")
    with pytest.raises(Unknown, match="several journeys begin with `welcome`"):
        house.read(lambda session: reader.find_journey(session, "welcome"))
    for name in ("welcme.1", "", "%"):
        with pytest.raises(Unknown, match="there is no journey"):
            house.read(lambda session, name=name: reader.find_journey(session, name))  # type: ignore[misc]
