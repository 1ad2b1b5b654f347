"""STOP and START by SMS: about a number and about SMS, at once, and never more than was said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lifecycle.consent import answer_for
from lifecycle.language.map import Topic
from store import consents
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.post import Post

WAITS = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait: 9 days}]\n"}
TOPICS = {
    "news": Topic(consent="opt_in", channels=["email", "sms"]),
    "tips": Topic(consent="opt_out", channels=["sms"]),
    "offers": Topic(consent="opt_in", channels=["sms"]),
    "letters": Topic(consent="opt_in", channels=["email"]),
}
ADA = "+33612345678"


@pytest.fixture
def house(build: Build) -> House:
    house = build(WAITS)
    assert house.project.map is not None
    changed = house.project.map.model_copy(update={"topics": TOPICS})
    house.applier.map, house.project = changed, replace(house.project, map=changed)
    house.identify(email="ada@example.com", phone=ADA, consent={"news": True, "letters": True})
    house.track("purchase", revenue=49)
    return house


@pytest.fixture
def post(house: House) -> Post:
    return Post.build(house)


def answers(post: Post, user: str = "ada") -> dict[str, bool | None]:
    """What a customer's answers come to, by topic and channel."""
    customer = post.house.customer(user).id
    had = post.house.read(lambda session: consents.latest(session, customer))
    return {
        f"{name}:{channel}": answer_for(had, name, channel)
        for name, topic in TOPICS.items()
        for channel in topic.channels
    }


BEFORE = {"news:email": True, "news:sms": True, "tips:sms": None, "offers:sms": None, "letters:email": True}


def test_stop_ends_every_sms_to_the_number_and_leaves_mail_alone(post: Post) -> None:
    assert answers(post) == BEFORE
    post.sms("Stop please", day(1))
    post.process(day(1))
    assert post.suppressed("sms", ADA) == [("stopped", "all")]
    assert post.suppressed() == []
    assert answers(post) == {**BEFORE, "news:sms": False, "tips:sms": False}


def test_stop_is_told_as_what_it_is(post: Post) -> None:
    post.sms("STOP", day(1))
    post.process(day(1.1))
    customer = post.house.customer().id
    last = post.house.read(lambda session: consents.history(session, customer))[-1]
    assert (last.source, last.at, last.channel) == ("sms-stop", day(1), "sms")
    assert [row.made_by for row in post.all_suppressions()] == ["the customer"]
    assert ADA not in repr(post.all_suppressions())


def test_stop_twice_is_stop(post: Post) -> None:
    for days in (1, 2):
        post.sms("STOP", day(days))
    post.process(day(2))
    assert len(post.all_suppressions()) == 1
    post.sms("START", day(3))
    post.process(day(3))
    assert answers(post)["news:sms"] is True


def test_start_gives_back_what_stop_took_and_nothing_else(post: Post) -> None:
    post.sms("STOP", day(1))
    post.sms("START", day(2))
    post.process(day(2))
    assert post.suppressed("sms", ADA) == []
    assert answers(post) == {**BEFORE, "tips:sms": True}


def test_start_agrees_to_nothing_that_was_not_agreed_to(post: Post) -> None:
    post.house.identify(day(0.5), consent={"news": False, "tips": False})
    post.sms("STOP", day(1))
    post.sms("START", day(2))
    post.process(day(2))
    assert answers(post) == {**BEFORE, "news:email": False, "news:sms": False, "tips:sms": False}


def test_a_no_after_stop_outlives_start(post: Post) -> None:
    post.sms("STOP", day(1))
    post.process(day(1))
    post.house.identify(day(1.5), consent={"news": False})
    post.sms("START", day(2))
    post.process(day(2))
    assert answers(post)["news:sms"] is False


def test_start_alone_changes_nothing(post: Post) -> None:
    post.sms("START", day(1))
    post.process(day(1))
    assert answers(post) == BEFORE
    assert post.all_suppressions() == []


def test_start_ends_no_other_suppression(post: Post) -> None:
    post.message("m1", "sms")
    post.status("m1", "undelivered", ErrorCode="30006")
    post.sms("STOP", day(1))
    post.sms("START", day(2))
    post.process(day(2))
    assert post.suppressed("sms", ADA) == [("invalid", "all")]


@pytest.mark.parametrize("text", ["don't stop", "the bus stop is closed", "HELP", "👍"])
def test_other_words_change_nothing(post: Post, text: str) -> None:
    post.sms(text)
    assert post.process() == 1
    assert answers(post) == BEFORE
    assert post.all_suppressions() == []


def test_stop_holds_for_everybody_with_the_number_whatever_they_are_called(post: Post) -> None:
    post.house.identify(START, "bea", phone=ADA, consent={"offers": True})
    post.house.identify(START, "cleo", phone="+33698765432", consent={"offers": True})
    post.sms("STOP", day(1))
    post.process(day(1))
    assert answers(post, "bea")["offers:sms"] is False
    assert answers(post, "cleo")["offers:sms"] is True


def test_who_got_an_sms_at_the_number_is_found_however_the_number_is_stored(post: Post) -> None:
    post.house.identify(day(0.5), phone="06 12 34 56 78")
    post.message("m1", "sms", recipient=ADA)
    post.sms("STOP", day(1))
    post.process(day(1))
    assert answers(post)["news:sms"] is False


def test_stop_from_a_number_that_nobody_has_is_kept_for_whoever_gets_it(post: Post) -> None:
    post.sms("STOP", day(1), number="+33698765432")
    post.process(day(1))
    assert post.suppressed("sms", "+33698765432") == [("stopped", "all")]
    assert answers(post) == BEFORE


@pytest.mark.parametrize("number", ["", "12345", "Larkspur"])
def test_a_sender_that_is_no_number_is_passed_over(post: Post, number: str) -> None:
    post.sms("STOP", number=number)
    assert post.process() == 1
    assert post.all_suppressions() == []
