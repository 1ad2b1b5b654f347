"""Providers are asked to forget: what they answer, and what is left of callbacks that were set aside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from messaging.callbacks.forgetting import without
from messaging.senders.breaker import Breaker, Guarded
from messaging.senders.failover import Failover
from messaging.sending import Outbox
from tests.messaging.wire import SID, Reply, hangs_up, sendgrid, twilio, wire

ADA, BO = {"email": "Ada@example.com", "milepost_id": "m1"}, {"email": "bo@example.com", "milepost_id": "m2"}


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (Reply(204), "accepted"),
        (Reply(404, body={"code": 20404}), "accepted"),
        (Reply(409, body={"code": 20009}), "later"),
        (Reply(429, {"Retry-After": "7"}), "later"),
        (Reply(401), "later"),
        (Reply(500), "unknown"),
        (hangs_up, "unknown"),
        (Reply(400), "rejected"),
    ],
)
def test_twilio_forgets_a_message_or_is_asked_again(reply: Any, what: str) -> None:
    with wire(reply) as far, twilio(far.url) as sender:
        assert sender.forget(SID).what == what
        assert len(far.got) == 1


@pytest.mark.parametrize(
    ("reply", "what"),
    [(Reply(202), "accepted"), (Reply(429), "later"), (Reply(404), "later"), (Reply(500), "unknown"),
     (Reply(400), "rejected")],
)  # fmt: skip
def test_sendgrid_takes_an_erase_job_or_is_asked_again(reply: Any, what: str) -> None:
    with wire(reply) as far, sendgrid(far.url) as sender:
        assert sender.forget("ada@example.com").what == what
        assert far.got[0].json == {"email_addresses": ["ada@example.com"]}


def test_two_accounts_have_forgotten_only_where_both_have() -> None:
    with wire(Reply(202), Reply(500)) as far, sendgrid(far.url) as first, sendgrid(far.url) as second:
        second.name = "sendgrid-2"
        both = Failover(Guarded(first, Breaker("sendgrid")), second)
        assert (both.forget("ada@example.com").what, len(far.got)) == ("unknown", 2)
    assert Outbox().forget("ada@example.com").what == "accepted"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ([ADA, BO], [BO]),
        ([BO], [BO]),
        ([{"email": "ada@example.com"}, 7, BO], [7, BO]),
        ([{"milepost_id": "m1"}], None),
    ],
)
def test_others_stay_in_a_post_of_sendgrid(body: list[Any], left: list[Any] | None) -> None:
    cut = without("sendgrid", json.dumps(body).encode(), {"m1"}, ["ada@example.com"])
    assert (json.loads(cut) if cut else None) == left


def test_what_cannot_be_read_goes_whole_where_it_names_the_person() -> None:
    assert without("sendgrid", b"[ada@EXAMPLE.com", (), ["ada@example.com"]) == b""
    assert without("sendgrid", b"[bo@example.com", (), ["ada@example.com"]) == b"[bo@example.com"
    assert without("twilio-inbound", b"From=%2B33612345678&Body=hi", (), ["+33612345678"]) == b""
    assert without("twilio-status", b"id=m1&To=%2B336", {"m1"}, ()) == b""
    assert without("twilio-status", b"id=m2&To=%2B336", {"m1"}, ["+33612345678"]) == b"id=m2&To=%2B336"
