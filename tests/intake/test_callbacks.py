"""Callbacks become states, milestones and suppressions: in any order, repeated, and never back."""

from __future__ import annotations

import random
from functools import partial
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake import callbacks
from store import deliveries, messages
from store.errors import DatabaseBusy
from store.tables import Consent, Delivery, Event
from tests.intake.conftest import Build
from tests.intake.house import START, House, day
from tests.intake.post import Post, event

STEPS = "[{id: welcome, send: mail/one}, {wait_for: {milestone: message.bounced, of: welcome}, timeout: 9 days}]"
WAITS = {"welcome": f"entry: {{milestone: purchase}}\nsteps: {STEPS}\n"}


@pytest.fixture
def house(build: Build) -> House:
    house = build(WAITS)
    house.identify(email="ada@example.com", phone="+33612345678", consent={"news": True})
    house.track("purchase", revenue=49)
    return house


@pytest.fixture
def post(house: House) -> Post:
    return Post.build(house)


# --- the ledger ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["pending", "sending", "unknown", "lost"])
@pytest.mark.parametrize("what", ["processed", "deferred", "something of next year"])
def test_whatever_is_told_of_a_message_proves_that_the_provider_has_it(post: Post, state: str, what: str) -> None:
    post.message("m1", state=state)
    post.sendgrid(event("m1", what, day(1), sg_message_id="x14.filter1"))
    post.process()
    assert (post.state("m1"), post.row("m1").provider_id, post.row("m1").accepted_at) == ("accepted", "x14", day(1))


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ({"what": "delivered"}, "delivered"),
        ({"what": "bounce", "type": "bounce"}, "bounced"),
        ({"what": "bounce", "type": "blocked"}, "bounced"),
        ({"what": "dropped", "reason": "Invalid"}, "dropped"),
        ({"what": "open"}, "delivered"),
        ({"what": "click"}, "delivered"),
        ({"what": "spamreport"}, "delivered"),
    ],
    ids=str,
)
def test_a_message_goes_where_its_news_lead(post: Post, what: dict[str, Any], state: str) -> None:
    post.message("m1", state="unknown")
    post.sendgrid(event("m1", **what))
    post.process()
    assert post.state("m1") == state


def test_the_status_of_an_sms_settles_it(post: Post) -> None:
    post.message("m1", "sms", state="sending")
    post.status("m1", "sent")
    post.process()
    assert (post.state("m1"), post.row("m1").provider_id) == ("accepted", "SMm1")
    post.status("m1", "undelivered", ErrorCode="30003")
    post.process()
    assert post.state("m1") == "undelivered"


@pytest.mark.parametrize("state", ["refused", "suppressed", "rejected", "cancelled", "expired", "lost"])
def test_a_message_that_we_gave_up_and_that_the_provider_has_is_with_the_provider(post: Post, state: str) -> None:
    """An attempt that seemed to have failed had arrived after all."""
    post.message("m1", state=state)
    post.sendgrid(event("m1", "delivered"))
    post.process()
    assert post.state("m1") == "delivered"


@pytest.mark.parametrize("state", ["bounced", "dropped", "undelivered"])
def test_nothing_goes_back(post: Post, state: str) -> None:
    post.message("m1", state=state)
    post.sendgrid(event("m1", "delivered"), event("m1", "processed"), event("m1", "open"))
    post.process()
    assert post.state("m1") == state


NEWS = [{"what": what} for what in ("processed", "deferred", "delivered", "open", "click", "spamreport", "unsubscribe")]
FAILURES: list[dict[str, Any]] = [
    {"what": "bounce", "type": "bounce"},
    {"what": "bounce", "type": "blocked"},
    {"what": "dropped", "reason": "Bounced Address"},
]
RANK = {"pending": 0, "sending": 0, "unknown": 0, "lost": 0, "accepted": 1, "delivered": 2, "bounced": 3, "dropped": 3}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NEWS), st.integers(0, 5)), min_size=1, max_size=7),
    st.lists(st.tuples(st.sampled_from(FAILURES), st.integers(0, 5)), max_size=1),
    st.sampled_from(["pending", "sending", "unknown", "lost", "accepted"]),
    st.randoms(),
)
def test_any_order_and_any_repetition_leads_to_the_same(
    post: Post, news: list[Any], failures: list[Any], state: str, chance: random.Random
) -> None:
    number = len(post.house.rows(Consent)) + len(post.house.rows(Event)) + len(post.house.rows(Delivery))
    straight, shuffled = f"s{number}", f"r{number}"
    for one in (straight, shuffled):
        post.message(one, state=state, recipient=f"{one}@example.com")
    told = sorted([*news, *failures], key=lambda one: (one[1], str(one)))
    for what, days in told:
        post.sendgrid(event(straight, at=float(days), **what))
    post.process()
    again = [*told, *chance.choices(told, k=3)]
    chance.shuffle(again)
    ranks = [RANK[state]]
    while again:
        some = [again.pop() for _ in range(chance.randint(1, len(again)))]
        post.sendgrid(
            *(event(shuffled, at=float(days), **what, sg_event_id=str(chance.random())) for what, days in some)
        )
        post.process()
        ranks.append(RANK[post.state(shuffled)])
    assert post.state(shuffled) == post.state(straight)
    assert ranks == sorted(ranks)
    assert sorted(post.told(shuffled)) == sorted(post.told(straight))
    found = [sorted(post.suppressed(address=f"{one}@example.com")) for one in (straight, shuffled)]
    assert found[0] == found[1]
    rows = [post.house.read(partial(deliveries.of_message, message_id=one)) for one in (straight, shuffled)]
    assert {(row.kind, row.at) for row in rows[0]} == {(row.kind, row.at) for row in rows[1]}
    assert len(rows[0]) == len(rows[1])


# --- milestones ------------------------------------------------------------------------------------------------------


def test_a_bounce_is_the_milestone_that_a_playbook_waits_for(post: Post) -> None:
    journey = post.house.journey().id
    post.message("m1")
    post.sendgrid(event("m1", "bounce", 1))
    post.process(day(1))
    post.house.apply(day(1))
    (row,) = post.house.inbox(journey)
    assert (row.kind, row.name, row.data) == (
        "milestone",
        "message.bounced",
        {"keys": ["message.bounced:welcome"], "of": "welcome"},
    )
    made = post.house.rows(Event)[-1]
    assert made.properties == {"journey": journey, "of": "welcome", "template": "mail/one", "channel": "email"}
    assert (made.at, made.user_id, made.source) == (day(1), "ada", "provider")


def test_what_is_told_of_another_step_wakes_nobody(post: Post) -> None:
    post.message("m1", step="another")
    post.sendgrid(event("m1", "bounce"))
    post.process()
    post.house.apply(START)
    assert post.told() == ["message.bounced"]
    assert post.house.inbox(post.house.journey().id) == []


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ({"what": "delivered"}, "message.delivered"),
        ({"what": "open"}, "message.opened"),
        ({"what": "click"}, "message.clicked"),
        ({"what": "bounce", "type": "blocked"}, "message.bounced"),
        ({"what": "dropped"}, "message.bounced"),
        ({"what": "spamreport"}, "message.complained"),
    ],
    ids=str,
)
def test_news_are_milestones(post: Post, what: dict[str, Any], name: str) -> None:
    post.message("m1")
    post.sendgrid(event("m1", **what))
    post.process()
    assert post.told() == [name]


@pytest.mark.parametrize("what", ["processed", "deferred", "unsubscribe", "something of next year"])
def test_other_news_are_none(post: Post, what: str) -> None:
    post.message("m1")
    post.sendgrid(event("m1", what))
    post.process()
    assert post.told() == []


def test_a_mail_program_that_opens_beforehand_is_no_open(post: Post) -> None:
    post.message("m1")
    post.sendgrid(event("m1", "open", sg_machine_open=True))
    post.process()
    assert (post.told(), post.state("m1")) == ([], "delivered")


def test_every_open_counts_once_and_a_delivery_once_at_all(post: Post) -> None:
    post.message("m1")
    for hour in (1, 2, 2, 3):
        post.sendgrid(event("m1", "open", hour / 24), event("m1", "delivered", hour / 24, sg_event_id=f"again {hour}"))
    post.process()
    assert sorted(post.told()) == ["message.delivered", "message.opened", "message.opened", "message.opened"]


# --- what is not ours, or cannot be read -----------------------------------------------------------------------------


def test_what_is_not_about_a_message_of_ours_changes_nothing_and_hinders_nothing(post: Post) -> None:
    post.message("m1")
    post.sendgrid({"event": "bounce"}, event("another", "bounce"), {}, event("m1", "delivered"))
    post.status("another", "failed")
    post.post("sendgrid", b"[{")
    assert post.process() == 3
    assert post.state("m1") == "delivered"
    assert [row.message_id for row in post.house.rows(Delivery)] == ["m1"]
    assert post.callbacks() == [("done", 0, None)] * 3


def test_a_callback_that_fails_is_tried_again_and_set_aside_and_the_others_do_not_wait(post: Post) -> None:
    post.message("m1")
    post.message("m2")
    learn = messages.learn

    def failing(session: Any, message: str, *more: Any) -> bool:
        if message == "m1":
            raise ValueError("ada@example.com")
        return learn(session, message, *more)

    post.sendgrid(event("m1", "delivered"))
    post.sendgrid(event("m2", "delivered"))
    with mock.patch.object(messages, "learn", failing):
        for attempt in range(1, callbacks.ATTEMPTS + 1):
            post.process_once()
            aside = attempt == callbacks.ATTEMPTS
            assert post.callbacks()[0] == ("failed" if aside else "pending", attempt, "ValueError")
    assert (post.state("m1"), post.state("m2")) == ("accepted", "delivered")
    assert post.process() == 0
    assert [row.message_id for row in post.house.rows(Delivery)] == ["m2"]


def test_while_the_database_is_away_no_callback_loses_an_attempt(post: Post) -> None:
    post.message("m1")
    post.sendgrid(event("m1", "delivered"))
    with mock.patch.object(messages, "learn", side_effect=DatabaseBusy("busy")), pytest.raises(DatabaseBusy):
        post.process()
    assert post.callbacks() == [("pending", 0, None)]
    assert post.process() == 1
