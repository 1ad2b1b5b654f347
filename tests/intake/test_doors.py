"""What every door shares: what is taken, in which types, and once (design.md, section 7)."""

from __future__ import annotations

from typing import Any

import pytest
from whenever import Instant

from intake import doors
from intake.doors import NotAccepted, accept, arrival_of, sendable, typed, types_of, undeclared
from lifecycle.segment import Call
from store import events
from store.events import Arrival
from store.tables import Customer, Event, Journey
from tests.intake.conftest import Build
from tests.intake.house import START, House

PLAYBOOKS = {
    "welcome": "entry: {milestone: purchase, if: event.revenue > 0}\n"
    "steps: [{wait_for: {milestone: beta}, timeout: 9 days}]\n"
}


@pytest.fixture
def house(build: Build) -> House:
    return build(PLAYBOOKS)


def arrival(message_id: str = "m1", name: str = "purchase", user: str = "ada", **properties: Any) -> Arrival:
    return Arrival("cli", message_id, user, "track", START, START, name, properties)


def call(**more: Any) -> Call:
    given: dict[str, Any] = {
        "user": "ada",
        "kind": "track",
        "name": "purchase",
        "properties": {"revenue": 1},
        "at": START,
    }
    return Call(**{**given, **more})


def test_what_was_typed_gets_the_type_that_the_map_declares(house: House) -> None:
    map_ = house.applier.map
    types = types_of(map_, "Order Completed")
    assert typed({"revenue": "49", "order": "007"}, types) == {"revenue": 49, "order": "007"}
    assert typed({"revenue": "4.5"}, types_of(map_, "purchase")) == {"revenue": 4.5}
    texts = {"n": "3", "yes": "true", "code": "007"}
    assert typed(texts, types_of(map_, "unheard_of")) == {"n": 3, "yes": True, "code": "007"}
    with pytest.raises(NotAccepted, match="`revenue` is a number") as refused:
        typed({"revenue": "much"}, types)
    assert "much" not in str(refused.value)


def test_a_milestone_of_our_own_making_is_not_for_products_to_send() -> None:
    with pytest.raises(NotAccepted, match=r"`message\.` are made by Milepost"):
        sendable("message.opened")
    with pytest.raises(NotAccepted, match=r"`message\.` are made by Milepost"):
        arrival_of(call(name="message.opened"), "test", START)


def test_what_the_map_does_not_know_is_said_with_the_nearest_name(house: House) -> None:
    map_ = house.applier.map
    assert undeclared(map_, "Order Completed") is None
    assert undeclared(map_, "purchse") == "`purchse` is not declared in the map; did you mean `purchase`?"


def test_a_call_without_an_id_is_the_same_event_however_often_it_comes() -> None:
    first = arrival_of(call(properties={"a": 1, "b": 2}), "import", START)
    again = arrival_of(call(properties={"b": 2, "a": 1}), "import", START.add(hours=1))
    other = arrival_of(call(properties={"a": 1, "b": 3}), "import", START)
    assert first.message_id == again.message_id != other.message_id
    assert arrival_of(call(id="m7"), "import", START).message_id == "m7"


def test_a_milestone_needs_a_time_and_attributes_may_be_of_now() -> None:
    with pytest.raises(NotAccepted, match="timestamp"):
        arrival_of(call(at=None), "import", START)
    assert arrival_of(call(kind="identify", name="", at=None), "import", START).at == START


def test_a_chunk_tells_what_is_new_and_what_was_there(house: House) -> None:
    first = accept(house.database, [arrival("a"), arrival("b")])
    assert (first.accepted, first.duplicates, first.unstorable) == (2, 0, ())
    second = accept(house.database, [arrival("b"), arrival("c")])
    assert (second.accepted, second.duplicates) == (1, 1)
    assert second.ids[0] is None


def test_an_event_that_cannot_be_stored_loses_none_of_its_chunk(house: House) -> None:
    bad = arrival("bad", revenue=float("inf"))
    taken = accept(house.database, [arrival("a"), bad, arrival("b")])
    assert (taken.accepted, taken.duplicates, taken.unstorable) == (2, 0, (1,))


def test_track_says_what_it_did_without_any_worker(house: House) -> None:
    answer = doors.track(house.database, house.applier, [arrival("m1", revenue=49)], START)
    assert answer == {
        "id": "m1",
        "state": "applied",
        "entered": [{"playbook": "welcome", "journey": house.journey().id}],
        "signalled": [],
        "not_entered": [],
    }
    assert house.journey().status == "starting"
    again = doors.track(house.database, house.applier, [arrival("m1", revenue=49)], START)
    assert again == {"id": "m1", "state": "duplicate", "entered": [], "signalled": [], "not_entered": []}


def test_track_applies_what_its_customer_has_waiting_first_and_nobody_elses(house: House) -> None:
    first = house.accept("alpha", START)
    others = house.accept("alpha", START, user="grace")
    doors.track(house.database, house.applier, [arrival("m1", name="beta")], START)
    assert house.history() == ["alpha", "beta"]
    assert [house.event(one).state for one in (first, others)] == ["applied", "pending"]


def test_track_keeps_an_event_that_cannot_be_applied_now(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(type(house.applier), "apply", fails)
    answer = doors.track(house.database, house.applier, [arrival("m1")], START)
    assert (answer["state"], answer["entered"]) == ("pending", [])
    event = house.read(lambda session: events.find(session, "cli", "m1"))
    assert event is not None
    assert (event.state, event.error) == ("pending", "RuntimeError")


def test_a_rehearsal_says_the_same_and_keeps_nothing(house: House) -> None:
    answer = doors.rehearse(house.database, house.applier, [arrival("m1", revenue=49)], START)
    assert (answer["state"], [one["playbook"] for one in answer["entered"]]) == ("dry_run", ["welcome"])
    for table in (Event, Customer, Journey):
        assert house.rows(table) == []
    doors.track(house.database, house.applier, [arrival("m1", revenue=49)], START)
    assert doors.rehearse(house.database, house.applier, [arrival("m1")], Instant.now())["state"] == "duplicate"
