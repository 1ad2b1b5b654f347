"""Pauses as rows: what is stored, refused, listed and shown to whoever asks."""

from __future__ import annotations

from typing import Any

import pytest
from whenever import Instant

from intake import pauses, reader
from intake.asking import Conflict
from intake.pauses import Impossible
from intake.reader import Unknown
from store import pauses as stored
from store.tables import Audit, Hold, Pause
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.pausing import PLAYBOOKS, end, entered, hold, start

# --- starting and ending


def test_a_pause_is_one_row_and_one_line_of_the_audit_log(build: Build) -> None:
    house = build(PLAYBOOKS)
    entered(house, 3)
    made = start(house)
    assert (made.scope, made.target, made.policy, made.transactional) == ("playbook", "welcome", "continue", False)
    assert len(house.rows(Pause)) == 1
    assert house.rows(Hold) == []
    ended = end(house, made, day(1), spread=60)
    assert (ended.ended_at, ended.handling, ended.spread) == (day(1), "send", 60)
    acts = [(act.who, act.what, act.target, act.reason) for act in house.rows(Audit)]
    assert acts == [("test", "pause", "welcome", "too many"), ("test", "resume", "welcome", "mended")]


@pytest.mark.parametrize(
    ("scope", "target", "policy"),
    [
        ("customer", "user-0", "freeze"),
        ("segment", "fans", "continue"),
        ("channel", "sms", "continue"),
        ("everything", "", "continue"),
    ],
)
def test_each_scope_has_its_own_clock_policy_where_none_is_given(
    build: Build, scope: str, target: str, policy: str
) -> None:
    house = build(PLAYBOOKS)
    entered(house)
    assert start(house, scope, target).policy == policy


def test_a_customer_is_stored_under_our_own_id_whatever_it_was_called(build: Build) -> None:
    house = build(PLAYBOOKS)
    entered(house)
    assert start(house, "customer", "user-0").target == house.customer("user-0").id


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"scope": "playbok"}, Unknown, "did you mean `playbook`"),
        ({"target": "welcom"}, Unknown, "did you mean `welcome`"),
        ({"scope": "customer", "target": "nobody"}, Unknown, "no customer `nobody`"),
        ({"scope": "segment", "target": "fan"}, Unknown, "there is no segment `fan`; did you mean `fans`"),
        ({"scope": "journey", "target": "welcome.f"}, Unknown, "no journey"),
        ({"scope": "channel", "target": "fax"}, Unknown, "there are email, sms"),
        ({"scope": "channel", "target": ""}, Impossible, "which channel"),
        ({"scope": "everything", "target": "welcome"}, Impossible, "as a whole"),
        ({"scope": "channel", "target": "sms", "policy": "freeze"}, Impossible, "lets time run"),
        ({"policy": "stop"}, Impossible, "freeze or continue"),
        ({"ends_at": START}, Impossible, "still ahead"),
        ({"reason": " "}, Impossible, "say why"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence_and_stores_nothing(
    build: Build, given: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    house = build(PLAYBOOKS)
    with pytest.raises(error, match=sentence):
        start(house, **given)
    assert (house.rows(Pause), house.rows(Audit)) == ([], [])


def test_an_end_that_makes_no_sense_is_refused_and_changes_nothing(build: Build) -> None:
    house = build(PLAYBOOKS)
    made = start(house)
    for given, sentence in (
        ({"spread": 0}, "at least one"),
        ({"spread": 5, "handling": "skip"}, "nothing to spread"),
        ({"handling": "lose"}, "send or skip"),
        ({"reason": ""}, "say why"),
    ):
        with pytest.raises(Impossible, match=sentence):
            end(house, made, day(1), **given)
    with pytest.raises(Unknown, match="no pause 77"):
        end(house, Pause(id=77, scope="", policy="", reason="", started_at=START, made_by=""), day(1))
    (row,) = house.rows(Pause)
    assert row.ended_at is None
    end(house, made, day(1))
    with pytest.raises(Conflict, match="has ended already"):
        end(house, made, day(2))


def test_the_same_request_twice_is_one_pause_and_another_one_with_its_key_a_conflict(build: Build) -> None:
    house = build(PLAYBOOKS)
    made = start(house, key="k1", ends_at=day(2))
    again = start(house, key="k1", ends_at=day(2), now=day(3))
    assert again.id == made.id
    with pytest.raises(Conflict, match="another request"):
        start(house, key="k1")
    assert start(house, key="k2").id != made.id
    ended = end(house, made, day(1), key="k3")
    assert end(house, made, day(2), key="k3") == ended
    with pytest.raises(Conflict, match="another request"):
        end(house, made, day(2), key="k3", spread=5)
    assert [act.what for act in house.rows(Audit)] == ["pause", "pause", "resume"]


def test_a_journey_that_has_ended_is_not_paused(build: Build) -> None:
    house = build(PLAYBOOKS)
    (journey,) = entered(house)
    house.end(journey, day(1))
    with pytest.raises(Conflict, match="ended already"):
        start(house, "journey", journey)


# --- what is shown


def test_pauses_are_listed_with_how_many_stand_because_of_them(build: Build) -> None:
    house = build(PLAYBOOKS)
    first, second = start(house), start(house, "channel", "sms")
    hold(house, first, entered(house, 2))
    shown = house.read(pauses.listed)
    assert [(one.pause.id, one.held) for one in shown] == [(first.id, 2), (second.id, 0)]
    end(house, second, day(1))
    house.write(lambda session: stored.mark_drained(session, second.id or 0, day(1)))
    assert [one.pause.id for one in house.read(pauses.listed)] == [first.id]
    everything = house.read(lambda session: pauses.listed(session, ended=True))
    assert [one.pause.id for one in everything] == [first.id, second.id]


def look(house: House, journey: str, at: Instant) -> reader.Position:
    return house.read(lambda session: reader.position(session, reader.find_journey(session, journey), at))


def test_whoever_asks_is_told_who_holds_a_journey_and_until_when(build: Build) -> None:
    house = build(PLAYBOOKS)
    (journey,) = entered(house)
    made = start(house, ends_at=day(5))
    held = look(house, journey, day(4))
    assert (held.word, held.next.what) == ("held", "sends mail/one by e-mail")
    assert held.next.why == (
        "its playbook is paused since 2026-03-02 10:00 until 2026-03-07 10:00 (time runs on): too many"
    )
    end(house, made, day(4))
    assert look(house, journey, day(4)).word != "held"


def test_who_stands_in_the_queue_after_the_end_is_told_so_and_nobody_else(build: Build) -> None:
    house = build(PLAYBOOKS)
    queued, other = entered(house, 2)
    made = start(house)
    hold(house, made, [queued])
    end(house, made, day(4), spread=5)
    assert look(house, other, day(4)).word == "working"
    held = look(house, queued, day(4))
    assert (held.word, held.next.why) == (
        "held",
        "its playbook was paused until 2026-03-06 10:00; it goes on when its turn comes (5 journeys a minute)",
    )


def test_a_pause_of_a_channel_is_named_once_the_journey_stands_because_of_it(build: Build) -> None:
    house = build(PLAYBOOKS)
    (journey,) = entered(house)
    start(house, "channel", "sms")
    start(house, "channel", "email", now=day(1))
    assert look(house, journey, day(2)).word == "waiting"
    held = look(house, journey, day(4))
    assert (held.word, held.next.why) == ("held", "e-mail is paused since 2026-03-03 10:00 (time runs on): too many")
