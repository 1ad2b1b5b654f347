"""What an SMS looks like when Twilio gets it, and what its list of messages proves."""

from __future__ import annotations

from dataclasses import replace
from email.utils import format_datetime
from typing import Any

import pytest

from messaging.senders.twilio import PAGE, PAGES
from messaging.sending import Outgoing
from tests.messaging.wire import (
    ACCOUNT,
    NOW,
    NUMBER,
    SERVICE,
    SID,
    SMS,
    STATUS_URL,
    Behaviour,
    Got,
    Reply,
    hangs_up,
    listed,
    twilio,
    wire,
)

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


def sent(message: Outgoing) -> Got:
    with wire() as far, twilio(far.url) as sender:
        assert sender.send(message).provider_id == SID
        return far.got[0]


def test_an_sms_goes_through_the_service_and_its_callback_carries_our_id() -> None:
    got = sent(SMS)
    assert (got.method, got.path) == ("POST", MESSAGES)
    assert got.form == {
        "To": NUMBER,
        "Body": "Hello Ada",
        "MessagingServiceSid": SERVICE,
        "StatusCallback": f"{STATUS_URL}?id=m-1",
    }


def test_an_id_is_quoted_in_the_callbacks_address() -> None:
    assert sent(replace(SMS, id="a b&c=d")).form["StatusCallback"] == f"{STATUS_URL}?id=a+b%26c%3Dd"


def test_a_number_of_the_messages_own_takes_the_place_of_the_service() -> None:
    form = sent(replace(SMS, from_="+14155550199")).form
    assert form["From"] == "+14155550199"
    assert "MessagingServiceSid" not in form


@pytest.mark.parametrize(("asked", "told"), [(600, "600"), (0, "1"), (-5, "1"), (90_000, "36000")])
def test_a_queued_sms_ends_before_quiet_hours_begin(asked: int, told: str) -> None:
    assert sent(replace(SMS, valid_for=asked)).form["ValidityPeriod"] == told


def test_text_of_whatever_script_arrives_whole() -> None:
    text = "Grüße 你好 👍 & = + %\nsecond line"
    assert sent(replace(SMS, text=text)).form["Body"] == text


@pytest.mark.parametrize("name", ["TWILIO_REGION", "TWILIO_EDGE", "TWILIO_ACCOUNT_SID"])
def test_the_environment_does_not_choose_another_host_or_account(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "au1")
    assert sent(SMS).path == MESSAGES


@pytest.mark.parametrize("message", [replace(SMS, text=""), replace(SMS, to="+1\r\n2"), replace(SMS, from_="+1\n2")])
def test_what_twilio_could_not_take_is_rejected_unsent(message: Outgoing) -> None:
    with wire() as far, twilio(far.url) as sender:
        assert sender.send(message).what == "rejected"
        assert far.got == []


def test_a_person_who_opted_out_at_twilio_is_stopped() -> None:
    with wire(Reply(400, body={"code": 21610, "status": 400})) as far, twilio(far.url) as sender:
        outcome = sender.send(SMS)
        assert (outcome.what, outcome.reason, outcome.sender) == ("stopped", "opted-out", "twilio")


@pytest.mark.parametrize("body", [None, {}, {"sid": None}, [], "SM1"])
def test_created_without_a_number_is_unknown_until_it_is_looked_up(body: Any) -> None:
    with wire(Reply(201, body=body)) as far, twilio(far.url) as sender:
        assert sender.send(SMS).what == "unknown"


# --- looking up -------------------------------------------------------------------------------------------------------


def stored(**values: Any) -> dict[str, Any]:
    """A message as the list has it: like SMS, made a minute after NOW, still in the queue."""
    made = format_datetime(NOW.add(seconds=60).to_stdlib())
    return {
        "sid": SID, "to": NUMBER, "body": SMS.text, "messaging_service_sid": SERVICE, "from": None,
        "date_created": made, "date_sent": None, "status": "accepted", "direction": "outbound-api", **values,
    }  # fmt: skip


def looked_up(*replies: Reply | Behaviour, message: Outgoing = SMS) -> str:
    with wire(*replies) as far, twilio(far.url) as sender:
        outcome = sender.look_up(message, NOW)
        assert outcome.sender == "twilio"
        assert outcome.reason is None
        assert outcome.provider_id == (SID if outcome.what == "accepted" else None)
        assert far.got[0].method == "GET"
        assert dict(far.got[0].query) == {"To": NUMBER, "PageSize": str(PAGE)}
        assert not far.told, "not every page was asked for"
        return outcome.what


def ago(seconds: int) -> str:
    return format_datetime(NOW.subtract(seconds=seconds).to_stdlib())


def test_a_message_in_the_list_is_accepted_even_while_it_waits_in_the_queue() -> None:
    assert looked_up(Reply(200, body=listed(stored()))) == "accepted"


def test_no_message_in_the_list_is_absent() -> None:
    assert looked_up(Reply(200, body=listed())) == "absent"


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"body": "Goodbye"}, "absent"),
        ({"messaging_service_sid": "MG" + "9" * 32}, "absent"),
        ({"date_created": ago(3600)}, "absent"),
        ({"date_created": ago(121)}, "absent"),
        ({"date_created": ago(60)}, "accepted"),  # their clock may be behind
        ({"date_created": None}, "accepted"),
        ({"status": "failed"}, "accepted"),  # they had it; what became of it is told by callbacks
        ({"body": ""}, "unknown"),  # the account keeps no texts
        ({"body": None}, "unknown"),
        ({"body": "", "date_created": ago(3600)}, "absent"),
    ],
)
def test_only_a_message_like_it_counts(values: dict[str, Any], what: str) -> None:
    assert looked_up(Reply(200, body=listed(stored(**values)))) == what


def test_smart_encoding_does_not_hide_a_message() -> None:
    message = replace(SMS, text="It’s “here” — come…")
    assert looked_up(Reply(200, body=listed(stored(body='It\'s "here" - come...'))), message=message) == "accepted"


def test_a_message_from_a_number_is_known_by_its_text() -> None:
    found = stored(messaging_service_sid=None, **{"from": "+14155550199"})
    for message in (replace(SMS, from_="+14155550199"), SMS):
        assert looked_up(Reply(200, body=listed(found)), message=message) == "accepted"


def page(number: int) -> str:
    return f"{MESSAGES}?To=%2B14155550100&PageSize=1000&Page={number}&PageToken=PA{number}"


def test_all_pages_are_read() -> None:
    other = stored(body="Goodbye")
    pages = [Reply(200, body=listed(other, following=page(1))), Reply(200, body=listed(other, following=page(2)))]
    assert looked_up(*pages, Reply(200, body=listed(stored()))) == "accepted"
    assert looked_up(*pages, Reply(200, body=listed(other))) == "absent"


def test_a_list_without_an_end_proves_nothing() -> None:
    endless = [Reply(200, body=listed(stored(body="Goodbye"), following=page(n + 1))) for n in range(PAGES + 1)]
    assert looked_up(*endless) == "unknown"


@pytest.mark.parametrize(
    "trouble",
    [*(Reply(n) for n in (200, 302, 401, 404, 429, 500)), Reply(200, body={}), Reply(200, body=[]), hangs_up],
)
def test_a_question_that_fails_proves_nothing(trouble: Reply | Behaviour) -> None:
    assert looked_up(trouble) == "unknown"
    assert looked_up(Reply(200, body=listed(following=page(1))), trouble) == "unknown"
