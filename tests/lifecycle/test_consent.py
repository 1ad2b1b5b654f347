"""Which answer of a customer speaks for a message (lifecycle.consent)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.consent import Written, answer_for, changed, standing, written

TOPICS = st.sampled_from(["offers", "tips"])
CHANNELS = st.sampled_from(["email", "sms"])
ANSWERS = st.lists(st.builds(Written, TOPICS, st.none() | CHANNELS, st.booleans()), max_size=8)


def by_channel(*answers: Written) -> tuple[bool | None, bool | None]:
    return answer_for(answers, "offers", "email"), answer_for(answers, "offers", "sms")


def test_nobody_who_was_not_asked_has_answered() -> None:
    assert by_channel() == (None, None)
    assert by_channel(Written("tips", None, True)) == (None, None)


def test_an_answer_for_one_channel_says_nothing_about_another() -> None:
    assert by_channel(Written("offers", "sms", True)) == (None, True)
    assert by_channel(Written("offers", None, True), Written("offers", "sms", False)) == (True, False)


def test_an_answer_to_everything_ends_earlier_ones_for_a_channel_and_yields_to_later_ones() -> None:
    assert by_channel(Written("offers", "sms", True), Written("offers", None, False)) == (False, False)
    assert by_channel(Written("offers", None, False), Written("offers", "sms", True)) == (False, True)


@given(ANSWERS, TOPICS, CHANNELS)
def test_what_still_stands_answers_as_the_whole_story_does(answers: list[Written], topic: str, channel: str) -> None:
    left = standing(answers)
    assert answer_for(left, topic, channel) == answer_for(answers, topic, channel)
    assert len({(one.topic, one.channel) for one in left}) == len(left)


@given(ANSWERS, TOPICS, st.none() | CHANNELS, st.booleans(), CHANNELS)
def test_a_milestone_of_consent_counts_at_once_for_what_it_is_about(
    answers: list[Written], topic: str, about: str | None, granted: bool, channel: str
) -> None:
    before = {f"{one.topic}:{one.channel}" if one.channel else one.topic: one.granted for one in answers}
    name = "consent.given" if granted else "consent.withdrawn"
    after = changed(before, name, {"topic": topic, "channel": about})
    expected = granted if about in (None, channel) else answer_for(written(before), topic, channel)
    assert answer_for(written(after), topic, channel) is expected


def test_asking_for_a_topic_is_no_answer() -> None:
    assert changed({}, "consent.requested", {"topic": "offers"}) == {}
    assert changed({}, "consent.given", {}) == {}
