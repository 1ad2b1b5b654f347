"""Consent through every door: its proof, double opt-in, and the milestones that follow (intake.consents)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

from intake import consents, doors
from intake.consents import Confirmed, NotRecorded, Proof, Recorded
from lifecycle.consent import answer_for
from lifecycle.language.map import Topic
from lifecycle.segment import read_call
from store import consents as stored
from store import journeys
from store.tables import Consent, ConsentRequest, Message
from tests.intake.conftest import Build
from tests.intake.house import START, House, day

CONFIRMS = {
    "confirm": "entry: {milestone: consent.requested, per: topic, reentry: after_exit}\n"
    "steps: [{send: mail/receipt, id: ask}, {wait_for: consent.given, timeout: 7 days}]\n",
    "gone": "entry: {milestone: consent.withdrawn, if: event.topic == 'news'}\nsteps: [{wait: 1 day}]\n",
}


@pytest.fixture
def house(build: Build) -> House:
    """Where `letters` wants a confirmation, and `news` a yes."""
    built = build(CONFIRMS)
    built.applier.map.topics["letters"] = Topic(consent="double_opt_in", channels=["email"])
    return built


def say(
    house: House, topic: str, granted: bool, at: Instant = START, *, user: str = "ada", now: Instant | None = None,
    channel: str | None = None, source: str = "form", **more: Any,
) -> Recorded:  # fmt: skip
    """What a door does with one answer that is said at `at` and comes in at `now`, and what follows of it."""
    proof, when = Proof(source, at, **more), now or at

    def record(session: Session) -> Recorded:
        return consents.record(session, house.applier.map, user, topic, granted, proof, when, channel)

    done = house.write(record)
    house.apply(when)
    return done


def answer(house: House, topic: str, channel: str = "email", user: str = "ada") -> bool | None:
    customer = house.customer(user).id
    return house.read(lambda session: answer_for(stored.latest(session, customer), topic, channel))


def send_confirmation(house: House, at: Instant) -> str:
    """What the step of the confirmation does, as far as confirming goes: the message's row exists."""
    journey = house.journeys()[-1]
    identity = f"message-of-{journey.id}"
    row = Message(
        id=identity, journey_id=journey.id, step="ask", occurrence="1", customer_id=journey.customer_id,
        channel="email", template="mail/receipt", state="accepted", due_at=at,
    )  # fmt: skip
    house.write(lambda session: session.add(row))
    return identity


def confirm(house: House, message: str, at: Instant, ip: str | None = "192.0.2.7") -> Confirmed:
    done = house.write(lambda session: consents.confirm(session, house.applier.map, message, ip, at))
    house.apply(at)
    return done


# --- a yes and a no --------------------------------------------------------------------------------------------------


def test_an_answer_is_stored_with_its_proof_and_counts_at_once(house: House) -> None:
    done = say(house, "news", True, ip="192.0.2.7", text_version="v3")
    assert (done.state, done.says) == ("given", "the customer's answer to `news` is yes")
    (row,) = house.rows(Consent)
    assert (row.source, row.ip, row.text_version, row.at) == ("form", "192.0.2.7", "v3", START)
    assert answer(house, "news") is True


def test_the_milestone_is_an_event_of_milepost_s_own_in_the_same_transaction(house: House) -> None:
    with pytest.raises(ZeroDivisionError):
        house.write(lambda session: (_record(session, house), 1 // 0))
    house.apply(START)
    assert house.rows(Consent) == []
    say(house, "news", True)
    say(house, "news", False, day(1))
    assert house.history() == ["consent.given", "consent.withdrawn"]
    assert [one.playbook for one in house.journeys()] == ["gone"]


def _record(session: Session, house: House) -> Recorded:
    return consents.record(session, house.applier.map, "ada", "news", True, Proof("form", START), START)


def test_the_same_answer_again_changes_nothing_and_makes_no_milestone(house: House) -> None:
    say(house, "news", True)
    assert say(house, "news", True, day(1)).state == "same"
    assert len(house.rows(Consent)) == 1
    # A new proof of the same answer is kept; it is no news to playbooks.
    assert say(house, "news", True, day(2), text_version="v4").state == "given"
    assert len(house.rows(Consent)) == 2
    assert house.history() == ["consent.given"]


def test_an_answer_for_one_channel_leaves_the_other_alone(house: House) -> None:
    say(house, "news", True)
    say(house, "news", False, day(1), channel="sms")
    assert (answer(house, "news"), answer(house, "news", "sms")) == (True, False)
    say(house, "news", False, day(2))
    assert (answer(house, "news"), answer(house, "news", "sms")) == (False, False)
    assert house.history() == ["consent.given", "consent.withdrawn", "consent.withdrawn"]


def test_a_yes_that_was_said_before_the_last_no_does_not_undo_it(house: House) -> None:
    say(house, "news", False, day(5), source="unsubscribe")
    late = say(house, "news", True, day(1), now=day(6), source="import")
    assert late.state == "outdated"
    assert "the no stands" in late.says
    assert answer(house, "news") is False
    assert say(house, "news", True, day(6)).state == "given"


def test_a_no_counts_whatever_its_own_date_and_a_clock_that_is_ahead_outranks_nothing(house: House) -> None:
    say(house, "news", True, day(9), now=day(1))
    say(house, "news", False, day(0), now=day(2))
    assert answer(house, "news") is False
    assert say(house, "news", True, day(3)).state == "given"


@pytest.mark.parametrize(
    ("topic", "channel", "why"),
    [
        ("newz", None, "there is no topic `newz` in the map; did you mean `news`?"),
        ("letters", "sms", "`letters` is sent by email, not by `sms`"),
    ],
)
def test_what_the_map_does_not_know_is_refused_in_a_sentence(
    house: House, topic: str, channel: str | None, why: str
) -> None:
    with pytest.raises(NotRecorded) as refused:
        say(house, topic, False, channel=channel)
    assert str(refused.value) == why
    assert house.rows(Consent) == []


# --- double opt-in ---------------------------------------------------------------------------------------------------


def test_a_yes_to_a_topic_with_double_opt_in_is_a_request_and_no_consent(house: House) -> None:
    done = say(house, "letters", True, ip="192.0.2.1", text_version="v3")
    assert done.state == "requested"
    assert answer(house, "letters") is None
    assert house.rows(Consent) == []
    (asked,) = house.rows(ConsentRequest)
    assert (asked.source, asked.ip, asked.text_version, asked.confirmed_at) == ("form", "192.0.2.1", "v3", None)
    assert house.history() == ["consent.requested"]
    assert [(one.playbook, one.per_value) for one in house.journeys()] == [("confirm", "letters")]


def test_the_link_of_the_confirmation_mail_makes_it_a_consent_with_the_proof_of_both(house: House) -> None:
    say(house, "letters", True, ip="192.0.2.1", text_version="v3")
    message = send_confirmation(house, START)
    assert confirm(house, message, day(1)).state == "confirmed"
    assert answer(house, "letters") is True
    ((asked,), (row,)) = house.rows(ConsentRequest), house.rows(Consent)
    assert asked.confirmed_at == day(1)
    assert (row.source, row.ip, row.text_version, row.at) == ("double opt-in", "192.0.2.7", "v3", day(1))
    assert row.request_id == asked.id
    assert house.history() == ["consent.requested", "consent.given"]
    journey = house.journeys()[0]
    assert house.heard(journey.id) == [(1, "milestone", "consent.given")]


def test_a_link_that_is_used_twice_confirms_once_and_undoes_no_unsubscribing(house: House) -> None:
    say(house, "letters", True)
    message = send_confirmation(house, START)
    confirm(house, message, day(1))
    assert confirm(house, message, day(1)).state == "again"
    assert len(house.rows(Consent)) == 1
    say(house, "letters", False, day(2), source="preferences")
    assert confirm(house, message, day(3)).state == "again"
    assert answer(house, "letters") is False


def test_a_link_works_for_thirty_days_and_then_says_so(house: House) -> None:
    say(house, "letters", True)
    message = send_confirmation(house, START)
    late = confirm(house, message, day(30).add(seconds=1))
    assert late.state == "expired"
    assert late.says == (
        "This link is too old: you asked for it on 2026-03-02, and it could be used for 30 days. Please ask again."
    )
    assert answer(house, "letters") is None
    assert confirm(house, message, day(30)).state == "confirmed"


def test_a_link_that_is_no_confirmation_s_confirms_nothing(house: House) -> None:
    say(house, "news", True)
    say(house, "news", False, day(1))
    other = send_confirmation(house, day(1))
    assert confirm(house, other, day(1)).state == "unknown"
    assert confirm(house, "no message", day(1)).state == "unknown"
    assert answer(house, "news") is False


def test_asking_again_while_the_mail_is_under_way_is_kept_and_sends_no_second_one(house: House) -> None:
    say(house, "letters", True)
    assert say(house, "letters", True).state == "same"  # a call that was repeated
    assert say(house, "letters", True, day(1)).state == "requested"
    assert len(house.rows(ConsentRequest)) == 2
    assert len(house.journeys()) == 1
    house.write(lambda session: journeys.stamp_exit(session, house.journeys()[0].id, day(7), "exited", None))
    say(house, "letters", True, day(8))
    assert len(house.journeys()) == 2


def test_whoever_has_confirmed_is_not_asked_again(house: House) -> None:
    say(house, "letters", True)
    confirm(house, send_confirmation(house, START), day(1))
    assert say(house, "letters", True, day(2), source="another form").state == "same"
    assert len(house.rows(ConsentRequest)) == 1
    say(house, "letters", False, day(3))
    assert say(house, "letters", True, day(4)).state == "requested"
    assert answer(house, "letters") is False


# --- calls and files -------------------------------------------------------------------------------------------------


def test_traits_bring_answers_by_topic_and_channel_and_say_what_became_of_each(house: House) -> None:
    outcome = house.identify(consent={"news": True, "news:sms": False, "letters": True, "newz": True})
    assert outcome["consents"] == [
        {"topic": "letters", "state": "requested"},
        {"topic": "news", "state": "given"},
        {"topic": "news:sms", "state": "withdrawn"},
        {"topic": "newz", "state": "refused", "because": "there is no topic `newz` in the map; did you mean `news`?"},
    ]
    assert (answer(house, "news"), answer(house, "news", "sms"), answer(house, "letters")) == (True, False, None)


@pytest.mark.parametrize("order", [["news", "news:sms"], ["news:sms", "news"]])
def test_an_answer_for_one_channel_outranks_the_one_for_all_in_whichever_order_they_are_written(
    house: House, order: list[str]
) -> None:
    said = {"news": True, "news:sms": False}
    house.identify(consent={name: said[name] for name in order})
    assert (answer(house, "news"), answer(house, "news", "sms")) == (True, False)


def test_traits_that_come_with_every_call_ask_for_one_confirmation(house: House) -> None:
    for hours in range(5):
        house.identify(day(hours / 24), consent=["letters", "news"])
    assert len(house.rows(ConsentRequest)) == 1
    assert len(house.rows(Consent)) == 1
    house.identify(day(31), consent=["letters"])
    assert len(house.rows(ConsentRequest)) == 2


@pytest.mark.parametrize("value", ["news", {"news": "no"}, {"news": 1}, [["news"]], 7, None, {"news": None}])
def test_what_cannot_be_read_surely_is_never_taken_for_a_yes(house: House, value: Any) -> None:
    outcome = house.identify(consent=value, plan="pro")
    (told,) = outcome["consents"]
    assert told["state"] == "refused"
    assert house.rows(Consent) == []
    assert house.customer().attributes == {"plan": "pro"}
    call = read_call({"type": "identify", "userId": "ada", "traits": {"consent": value}})
    assert not isinstance(call, str)
    with pytest.raises(doors.NotAccepted):
        doors.agreeable(house.applier.map, call)


def test_products_do_not_send_milestones_of_consent() -> None:
    with pytest.raises(doors.NotAccepted, match="when a customer's consent changes"):
        doors.sendable("consent.given")
