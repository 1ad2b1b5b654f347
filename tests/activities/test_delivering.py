"""A message goes once: what every answer of a provider, and every death of a worker, leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session
from temporalio.exceptions import ApplicationError
from whenever import TimeDelta

from lifecycle.inputs import Skipped
from messaging.senders.failover import Failover
from messaging.sending import Outcome, Outgoing
from store import journeys
from store.errors import DatabaseUnreachable
from store.tables import Message, Suppression
from tests.activities.conftest import Open
from tests.activities.desk import Killed, Scripted
from tests.intake.house import START

MAIL = "  - send: mail/one\n"
RECEIPT = "  - send: mail/receipt\n"
TEXT = "  - {send: text/one, expires: 3 days}\n"


def test_the_claim_is_committed_before_the_provider_is_called(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    assert desk.what() == ("sent", None)
    assert desk.sender.seen == ["sending"]
    row = desk.message()
    assert (row.state, row.provider_id, row.sender, row.attempt) == ("accepted", "P1", "scripted", 1)
    assert (row.recipient, row.purpose, row.topic) == ("ada@example.com", "marketing", "news")


def test_what_leaves_says_who_it_is_for_and_how_to_stop_it(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    desk.deliver()
    (sent,) = desk.sender.sent
    assert (sent.to, sent.categories) == ("ada@example.com", ("first", "mail/one"))
    assert sent.unsubscribe_url is not None
    assert sent.unsubscribe_url.startswith("https://example.com/u/")
    assert desk.engine.tools.links.read("unsubscribe", sent.unsubscribe_url.rpartition("/")[2]) == sent.id


def test_a_receipt_has_no_link_to_unsubscribe_and_needs_no_consent(open_desk: Open) -> None:
    desk = open_desk(RECEIPT, traits={"consent": []})
    assert desk.what() == ("sent", None)
    assert desk.sender.sent[0].unsubscribe_url is None


def test_a_worker_that_dies_while_it_sends_leaves_a_message_that_nobody_sends_again(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    desk.sender.answers = [Killed()]
    with pytest.raises(Killed):
        desk.deliver()
    assert desk.message().state == "sending"
    assert desk.what() == ("unknown", "interrupted")
    assert (desk.message().state, desk.message().reason) == ("unknown", "interrupted")
    for minutes in (1, 5, 15):
        before = desk.now
        assert desk.wait() - before == TimeDelta(minutes=minutes)
        assert desk.what() == ("unknown", "interrupted")
    assert len(desk.sender.sent) == 1
    assert desk.course.state.phase == "ended"  # it goes on without
    assert desk.message().state == "unknown"


def test_a_repetition_after_the_message_was_settled_answers_the_same_and_sends_nothing(open_desk: Open) -> None:
    desk = open_desk(MAIL + "  - {wait: 1 day}\n")
    before = desk.course.state.copy()
    first = desk.deliver()
    desk.course.state = before
    assert desk.deliver() == first
    assert len(desk.sender.sent) == 1


def test_a_short_refusal_by_rate_is_tried_again_by_the_activity_and_a_long_one_by_the_journey(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    desk.sender.answers = [Outcome("later", "rate-limited", wait=7), Outcome("later", "rate-limited", wait=600)]
    with pytest.raises(ApplicationError) as raised:
        desk.deliver()
    assert raised.value.next_retry_delay is not None
    assert raised.value.next_retry_delay.total_seconds() == 7
    assert (desk.message().state, desk.message().reason) == ("pending", "rate-limited")
    assert desk.what() == ("deferred", "rate-limited")
    before = desk.now
    assert TimeDelta(seconds=590) < desk.wait() - before < TimeDelta(seconds=610)
    assert desk.what() == ("sent", None)
    assert desk.message().attempt == 3


def test_a_message_whose_provider_stays_away_is_not_sent_after_it_expired(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    desk.sender.answers = [Outcome("later", "provider-down", wait=86400 * 10)]
    assert desk.what() == ("deferred", "provider-down")
    assert desk.wait() == START + TimeDelta(hours=72)
    assert desk.what() == ("refused", "expired")
    assert desk.message().state == "expired"
    assert len(desk.sender.sent) == 1


def test_a_message_that_the_provider_refuses_is_rejected(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    desk.sender.answers = [Outcome("rejected", "rejected")]
    assert desk.what() == ("refused", "rejected")
    assert desk.message().state == "rejected"


def test_who_opted_out_at_the_provider_is_suppressed_and_gets_nothing_more(open_desk: Open) -> None:
    desk = open_desk(TEXT + "  - {send: text/one, id: again, expires: 3 days}\n")
    desk.sender.answers = [Outcome("stopped", "opted-out")]
    assert desk.what() == ("refused", "opted-out")
    (row,) = desk.house.rows(Suppression)
    assert (row.channel, row.reason, row.scope) == ("sms", "stopped", "all")
    assert "612345678" not in row.address
    assert desk.what() == ("refused", "suppressed")
    assert len(desk.sender.sent) == 1


def test_an_sms_that_the_provider_has_after_all_is_not_sent_again(open_desk: Open) -> None:
    desk = open_desk(TEXT)
    desk.sender.answers = [Outcome("unknown", "no-answer")]
    assert desk.what() == ("unknown", "no-answer")
    desk.sender.found = Outcome("accepted", provider_id="SM1")
    desk.wait()
    assert desk.what() == ("sent", None)
    assert (desk.message().state, desk.message().provider_id) == ("accepted", "SM1")
    assert len(desk.sender.sent) == 1


def test_an_sms_that_the_provider_does_not_have_goes_again_once_absence_proves_it(open_desk: Open) -> None:
    desk = open_desk(TEXT)
    desk.sender.answers = [Outcome("unknown", "no-answer")]
    desk.sender.found = Outcome("absent")
    desk.deliver()
    desk.wait()  # a minute: it might still appear
    assert desk.what() == ("unknown", "no-answer")
    assert len(desk.sender.sent) == 1
    desk.wait()
    assert desk.what() == ("sent", None)
    assert len(desk.sender.sent) == 2
    assert desk.sender.sent[0].id == desk.sender.sent[1].id
    assert desk.message().attempt == 2


def test_an_unknown_receipt_goes_once_more_where_its_template_wants_that_and_never_a_third_time(
    open_desk: Open,
) -> None:
    desk = open_desk(RECEIPT)
    infos: Any = desk.engine.tools.renderer.templates.infos
    infos["mail/receipt", "email"] = replace(infos["mail/receipt", "email"], resend=True)
    desk.sender.answers = [Outcome("unknown", "no-answer"), Outcome("unknown", "no-answer")]
    for _ in range(3):
        assert desk.what() == ("unknown", "no-answer")
        assert len(desk.sender.sent) == 1
        desk.wait()
    assert desk.what() == ("unknown", "no-answer")
    assert [sent.id for sent in desk.sender.sent] == [desk.message().id] * 2
    assert desk.course.state.phase == "ended"


def test_an_unknown_receipt_whose_template_says_nothing_goes_once(open_desk: Open) -> None:
    desk = open_desk(RECEIPT)
    desk.sender.answers = [Outcome("unknown", "no-answer")]
    for _ in range(3):
        desk.deliver()
        desk.wait()
    assert desk.what() == ("unknown", "no-answer")
    assert len(desk.sender.sent) == 1


def test_an_exit_that_comes_while_the_message_is_sent_does_not_lose_what_became_of_it(open_desk: Open) -> None:
    desk = open_desk(MAIL + MAIL.replace("one", "two"))
    send = desk.sender.send

    def ended_meanwhile(message: Outgoing) -> Outcome:
        outcome = send(message)
        desk.house.write(lambda session: journeys.stamp_exit(session, desk.journey, START, "exited", "by hand"))
        return outcome

    desk.sender.send = ended_meanwhile  # type: ignore[method-assign]
    assert desk.what() == ("sent", None)
    assert desk.message().state == "accepted"
    assert desk.what() == ("refused", "exited")
    states = {row.template: row.state for row in desk.house.rows(Message)}
    assert states == {"mail/one": "accepted", "mail/two": "cancelled"}


def test_an_address_that_is_none_is_rejected_before_any_call(open_desk: Open) -> None:
    desk = open_desk(MAIL, traits={"email": "ada@@example"})
    assert desk.what() == ("refused", "invalid-address")
    assert desk.message().state == "rejected"
    assert desk.sender.sent == []


def test_an_sms_carries_the_time_until_it_must_have_arrived(open_desk: Open) -> None:
    desk = open_desk("  - {send: text/one, expires: 90 minutes}\n")
    desk.deliver()
    assert desk.sender.sent[0].valid_for is not None
    assert 5390 <= desk.sender.sent[0].valid_for <= 5400


def test_withdrawn_consent_stops_a_message_that_is_waiting_already(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    desk.sender.answers = [Outcome("later", "rate-limited", wait=600)]
    desk.deliver()
    desk.wait()
    desk.house.identify(consent={"news": False})
    assert desk.what() == ("refused", "no-consent")
    assert len(desk.sender.sent) == 1


def test_a_message_that_was_put_off_does_not_wait_for_ever_in_the_ledger(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    desk.sender.answers = [Outcome("later", "rate-limited", wait=600)]
    desk.deliver()
    desk.course.feed(desk.plan, Skipped(desk.now, "wait"), desk.now)  # somebody drops it
    desk.finish()
    assert desk.ended()
    assert desk.message().state == "cancelled"


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "silent"])
def test_of_two_accounts_both_are_asked_where_nobody_knows_which_of_them_has_the_message(
    open_desk: Open, killed: bool
) -> None:
    desk = open_desk(TEXT)
    first, second = desk.sender, Scripted(desk.house, name="second")
    senders: Any = {"email": first, "sms": Failover(first, second)}
    desk.use(senders)
    down = Outcome("later", "provider-down", wait=60, sender="scripted")
    first.answers = [down]
    second.answers = [Killed() if killed else Outcome("unknown", "no-answer", sender="second")]
    if killed:
        with pytest.raises(Killed):
            desk.deliver()
    else:
        desk.deliver()
    first.found, second.found = Outcome("absent"), Outcome("accepted", provider_id="SM2", sender="second")
    if killed:
        assert desk.what() == ("unknown", "interrupted")
    desk.wait()
    assert desk.what() == ("sent", None)
    assert (len(first.sent), len(second.sent)) == (1, 1)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome("accepted", provider_id="P1"), "accepted"),
        (Outcome("unknown", "no-answer"), "unknown"),
        (Outcome("rejected", "rejected"), "rejected"),
        (Outcome("stopped", "opted-out"), "suppressed"),
        (Outcome("later", "provider-unreachable"), "pending"),
    ],
    ids=lambda one: one.what if isinstance(one, Outcome) else one,
)
def test_whatever_comes_of_a_message_is_stored_also_after_a_day_of_outage(
    open_desk: Open, outcome: Outcome, state: str
) -> None:
    desk = open_desk(MAIL)
    desk.sender.answers = [Outcome("later", "provider-down", wait=600), outcome]
    desk.deliver()
    desk.wait()
    desk.house.write(lambda session: session.execute(update(Message).values(attempt=500)))
    desk.attempt = 10
    desk.deliver()
    assert desk.message().state == state


def test_an_sms_of_the_same_words_to_the_same_number_is_not_taken_for_this_one(open_desk: Open) -> None:
    desk = open_desk(TEXT + "  - {send: text/one, id: again, expires: 3 days}\n")
    assert desk.what() == ("sent", None)
    desk.sender.answers = [Outcome("unknown", "no-answer")]
    desk.deliver()
    desk.sender.found = Outcome("accepted", provider_id="P1")  # which is the first one's
    desk.wait()
    assert desk.what() == ("unknown", "no-answer")


def test_a_template_that_is_gone_rejects_the_message_and_the_journey_goes_on(open_desk: Open) -> None:
    desk = open_desk(MAIL)
    templates: Any = desk.engine.tools.renderer.templates
    del templates.infos["mail/one", "email"], templates.variants["mail/one", "email"]
    desk.engine.tools.renderer.reread = lambda: None  # its file is gone too
    assert desk.what() == ("refused", "unknown-template")
    assert (desk.message().state, desk.course.state.phase) == ("rejected", "ended")


def test_a_worker_that_stood_still_after_its_claim_sends_nothing(
    open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(TEXT)
    monkeypatch.setattr("activities.delivering.STALE", TimeDelta.ZERO)
    with pytest.raises(ApplicationError, match="stood-still"):
        desk.deliver()
    assert desk.sender.sent == []
    assert (desk.message().state, desk.message().reason) == ("pending", "stood-still")
    monkeypatch.undo()
    assert desk.what() == ("sent", None)


def test_what_became_of_a_message_is_stored_though_the_database_was_away_for_a_moment(
    open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.delivering.SETTLE_AGAIN", (0.01, 0.01))
    desk = open_desk(MAIL)
    write, calls = desk.house.database.write, 0

    async def fails_once(fn: Callable[[Session], Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:  # the claim is the first
            raise DatabaseUnreachable("gone for a moment")
        return await write(fn)

    monkeypatch.setattr(desk.house.database, "write", fails_once)
    assert desk.what() == ("sent", None)
    assert desk.message().state == "accepted"
    assert len(desk.sender.sent) == 1


def test_a_receipt_that_had_to_wait_first_goes_once_more_all_the_same(open_desk: Open) -> None:
    desk = open_desk(RECEIPT)
    infos: Any = desk.engine.tools.renderer.templates.infos
    infos["mail/receipt", "email"] = replace(infos["mail/receipt", "email"], resend=True)
    desk.sender.answers = [Outcome("later", "rate-limited", wait=600), Outcome("unknown", "no-answer")]
    desk.deliver()
    for _ in range(4):
        desk.wait()
        desk.deliver()
    assert len(desk.sender.sent) == 3
    assert desk.message().state == "accepted"
