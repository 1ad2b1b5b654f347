"""What providers tell against an address suppresses it by declared rules, and a no at the provider is a no here."""

from __future__ import annotations

import pytest

from lifecycle.language.outcomes import Suppress
from store import consents
from store.tables import Consent
from tests.intake.conftest import Build
from tests.intake.house import House, day
from tests.intake.post import Post, event

WAITS = {"welcome": "entry: {milestone: purchase}\nsteps: [{wait: 9 days}]\n"}


@pytest.fixture
def house(build: Build) -> House:
    house = build(WAITS)
    house.identify(email="ada@example.com", phone="+33612345678", consent={"news": True})
    house.track("purchase", revenue=49)
    return house


@pytest.fixture
def post(house: House) -> Post:
    return Post.build(house)


def test_a_bounce_ends_all_mail_to_the_address_and_a_complaint_all_marketing(post: Post) -> None:
    post.message("m1")
    post.message("m2", recipient="Bea@example.com")
    post.sendgrid(event("m1", "bounce"), event("m2", "spamreport"))
    post.process()
    assert post.suppressed() == [("bounced", "all")]
    assert post.suppressed(address="bea@example.com") == [("complained", "marketing")]
    assert post.suppressed("sms", "+33612345678") == []
    assert "example.com" not in repr(post.all_suppressions())


def test_five_blocked_messages_to_an_address_end_marketing(post: Post) -> None:
    for number in range(5):
        assert post.suppressed() == []
        post.message(f"m{number}")
        post.sendgrid(event(f"m{number}", "bounce", float(number), type="blocked"))
        post.process()
    assert post.suppressed() == [("blocked", "marketing")]


def test_what_was_told_of_an_earlier_address_does_not_count_against_the_new_one(post: Post) -> None:
    for number in range(5):
        post.message(f"m{number}", recipient="old@example.com" if number < 4 else "ada@example.com")
        post.sendgrid(event(f"m{number}", "bounce", type="blocked"))
    post.process()
    assert post.all_suppressions() == []


def test_an_sms_that_no_number_gets_ends_sms_at_once(post: Post) -> None:
    post.message("m1", "sms")
    post.status("m1", "undelivered", ErrorCode="30006")
    post.process()
    assert post.suppressed("sms", "+33612345678") == [("invalid", "all")]


def test_a_map_has_its_own_rules(house: House) -> None:
    post = Post.build(house, suppress=[Suppress(on="bounced", after=2)])
    for number in (1, 2):
        post.message(f"m{number}")
        post.sendgrid(event(f"m{number}", "bounce"))
        post.process()
        assert post.suppressed() == ([("bounced", "all")] if number == 2 else [])


def test_what_a_person_has_forgiven_counts_no_more(post: Post) -> None:
    post.message("m1")
    post.message("m2")
    post.sendgrid(event("m1", "bounce", 1))
    post.process()
    post.lift("bounced", day(2))
    post.sendgrid(event("m1", "bounce", 1.5), event("m2", "bounce", 1.9))
    post.process()
    assert post.suppressed() == []
    post.sendgrid(event("m2", "bounce", 3))
    post.process()
    assert post.suppressed() == [("bounced", "all")]


@pytest.mark.parametrize("what", ["spamreport", "unsubscribe", "group_unsubscribe"])
def test_who_complains_or_unsubscribes_at_the_provider_withdraws_consent(post: Post, what: str) -> None:
    post.message("m1")
    post.sendgrid(event("m1", what, 1))
    post.sendgrid(event("m1", what, 1, sg_event_id="again"))
    post.process(day(2))
    customer = post.house.customer().id
    last = post.house.read(lambda session: consents.history(session, customer))[1:]
    assert [(one.topic, one.channel, one.granted, one.source, one.at) for one in last] == [
        ("news", "email", False, "sendgrid", day(1))
    ]


@pytest.mark.parametrize("topic", [None, "a topic of last year"])
def test_a_complaint_about_a_message_without_a_topic_withdraws_none(post: Post, topic: str | None) -> None:
    post.message("m1", topic=topic)
    post.sendgrid(event("m1", "spamreport"))
    post.process()
    assert len(post.house.rows(Consent)) == 1
    assert post.suppressed() == [("complained", "marketing")]


def test_a_no_that_is_told_again_undoes_no_later_yes(post: Post) -> None:
    post.message("m1")
    post.sendgrid(event("m1", "unsubscribe", 1))
    post.process(day(1))
    post.house.identify(day(2), consent={"news": True})
    post.sendgrid(event("m1", "unsubscribe", 1, sg_event_id="again"))
    post.process(day(3))
    customer = post.house.customer().id
    last = post.house.read(lambda session: consents.latest(session, customer))[-1]
    assert (last.granted, last.at) == (True, day(2))
