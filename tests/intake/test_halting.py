"""A playbook whose e-mails too many complain about, or too many of which bounce, waits for a person."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from lifecycle.language.outcomes import Halt
from store import audit, pauses
from store.tables import Pause
from tests.intake.conftest import Build
from tests.intake.house import House, day
from tests.intake.post import Post, event

WAITS = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait: 9 days}]\n"}


@pytest.fixture
def house(build: Build) -> House:
    house = build(WAITS)
    house.identify(email="ada@example.com")
    house.track("purchase", revenue=49)
    return house


@pytest.fixture
def post(house: House) -> Post:
    return Post.build(house, halt=Halt(complained=10, bounced=20, at_least=10, within="7 days"))


def lying(post: Post) -> list[Pause]:
    return [row for row in post.house.rows(Pause) if row.ended_at is None]


def complain(post: Post, *messages: str, days: float = 1, what: str = "spamreport", **more: str) -> None:
    post.sendgrid(*(event(message, what, days, **more) for message in messages))
    post.process(day(days))


def test_over_a_limit_the_playbook_is_paused_once_and_a_person_is_told(post: Post) -> None:
    many = post.messages(10)
    complain(post, many[0])
    assert lying(post) == []
    with capture_logs() as logs:
        complain(post, many[1])
        complain(post, many[2])
    (pause,) = lying(post)
    assert (pause.scope, pause.target, pause.policy, pause.made_by) == ("playbook", "welcome", "continue", "milepost")
    assert not pause.transactional
    assert pause.reason == "of 10 e-mails within 7 days, 2 (20 %) were complained about (the limit is 10 %)"
    assert pause.started_at == day(1)
    told = [(line["event"], line["playbook"], line["because"]) for line in logs if line["log_level"] == "error"]
    assert told == [("playbook.halted", "welcome", pause.reason)]
    (act,) = post.house.read(lambda session: audit.about(session, "welcome"))
    assert (act.who, act.what, act.reason) == ("milepost", "pause", pause.reason)


def test_bounces_are_counted_and_blocked_messages_are_not(post: Post) -> None:
    many = post.messages(10)
    complain(post, *many[:9], what="bounce", type="blocked")
    assert lying(post) == []
    complain(post, *many[7:], what="bounce", type="bounce", days=1.1)
    assert [row.reason for row in lying(post)] == ["of 10 e-mails within 7 days, 3 (30 %) bounced (the limit is 20 %)"]


def test_a_message_that_is_complained_about_twice_counts_once(post: Post) -> None:
    many = post.messages(10)
    complain(post, many[0])
    complain(post, many[0], days=1.5)
    assert lying(post) == []


def test_too_few_messages_are_nothing_to_judge_by(post: Post) -> None:
    complain(post, *post.messages(9))
    assert lying(post) == []


def test_sms_and_what_was_accepted_earlier_do_not_count(post: Post) -> None:
    many = post.messages(9)
    post.message("text", "sms")
    post.message("old", accepted_at=day(-6.5))
    complain(post, *many[:3], "old")
    assert lying(post) == []
    post.message("new")
    complain(post, many[3], days=1.2)
    assert len(lying(post)) == 1


def test_after_a_person_has_let_it_go_on_only_what_is_sent_from_then_on_counts(post: Post) -> None:
    many = post.messages(10)
    complain(post, *many[:5])
    (pause,) = lying(post)
    assert pause.id is not None
    number = pause.id
    post.house.write(lambda session: pauses.end(session, number, day(2), "send"))
    complain(post, *many[5:], days=2.5)
    assert lying(post) == []
    newer = [post.message(f"newer-{number}", accepted_at=day(3)) for number in range(10)]
    complain(post, *newer[:2], days=3.5)
    assert len(lying(post)) == 1


def test_a_pause_by_a_person_is_no_halt(post: Post) -> None:
    by_hand = Pause(
        scope="playbook", target="welcome", policy="continue", reason="a holiday", started_at=day(0), made_by="bea"
    )
    post.house.write(lambda session: pauses.start(session, by_hand))
    complain(post, *post.messages(10))
    assert [row.made_by for row in lying(post)] == ["bea", "milepost"]
