"""`milepost pause`, `resume` and `pauses`. What they store is tested in tests/intake."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Milepost


@pytest.fixture
def ran(milepost: Milepost) -> None:
    """Ada has entered `welcome`; nothing runs."""
    assert milepost("track", "ada", "purchase", "--set", "revenue=49").code == 0


@pytest.mark.usefixtures("ran")
def test_a_pause_is_stored_without_temporal_and_shown_to_whoever_asks(milepost: Milepost) -> None:
    made = milepost(
        "pause", "playbook", "welcome", "--reason", "wrong price", "--until", "2099-03-02", "--format", "json"
    )
    assert made.code == 0
    assert made.data["id"] == 1
    assert made.data | {"started_at": "", "made_by": ""} == {
        "id": 1, "scope": "playbook", "target": "welcome", "policy": "continue", "reason": "wrong price",
        "made_by": "", "started_at": "", "ends_at": "2099-03-01T23:00:00Z", "ended_at": None, "handling": None,
        "spread": None, "include_transactional": False,
    }  # fmt: skip
    (shown,) = milepost("pauses", "--format", "json").data["pauses"]
    assert shown == {**made.data, "held": 0}
    assert "1: playbook welcome is paused since" in milepost("pauses").out


@pytest.mark.usefixtures("ran")
def test_an_ended_pause_says_what_becomes_of_what_came_due(milepost: Milepost) -> None:
    milepost("pause", "everything", "--reason", "an incident", "--include-transactional")
    ended = milepost("resume", "1", "--reason", "it is over", "--spread", "500")
    assert ended.code == 0
    assert "what came due is sent, 500 journeys a minute" in ended.out
    assert "within seconds of a worker running" in ended.err
    again = milepost("resume", "1", "--reason", "it is over")
    assert (again.code, again.out, again.err) == (4, "", "milepost: the pause 1 has ended already\n")
    assert "everything was paused from" in milepost("pauses", "--ended").out


@pytest.mark.usefixtures("ran")
def test_what_its_end_would_do_is_told_before(milepost: Milepost) -> None:
    milepost("pause", "everything", "--reason", "an incident")
    told = milepost("resume", "1", "--reason", "r", "--dry-run")
    assert (told.code, told.out) == (0, "No journey stands because of it, so nothing goes out at its end.\n")
    data = milepost("resume", "1", "--reason", "r", "--dry-run", "--format", "json").data
    assert (data["held"], data["others"]) == (0, [])
    assert milepost("resume", "7", "--reason", "r", "--dry-run").code == 2
    assert "is paused since" in milepost("pauses").out


def test_nothing_is_paused(milepost: Milepost) -> None:
    assert milepost("pauses").out == "Nothing is paused.\n"
    assert milepost("pauses", "--format", "json").data == {"pauses": []}


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pause", "playbook", "welcom", "--reason", "r"), "did you mean `welcome`"),
        (("pause", "channel", "sms", "--policy", "freeze", "--reason", "r"), "lets time run"),
        (("pause", "customer", "bo", "--reason", "r"), "no customer `bo`"),
        (("pause", "everything", "--until", "soon", "--reason", "r"), "is not a time"),
        (("pause", "everything", "--until", "2001-01-01", "--reason", "r"), "still ahead"),
        (("resume", "7", "--reason", "r"), "no pause 7"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_stores_nothing(
    milepost: Milepost, arguments: tuple[str, ...], sentence: str
) -> None:
    answer = milepost(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err
    assert milepost("pauses", "--ended", "--format", "json").data == {"pauses": []}


def test_a_reason_is_needed(milepost: Milepost) -> None:
    assert milepost("pause", "everything").code == 2
