"""What holds for every sender, the outbox too; and what each answer, or none, means for the two with a provider."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lifecycle.reasons import REASONS
from messaging.sending import Outbox, Outcome, Outgoing, Sender
from tests import provider
from tests.messaging.wire import (
    EMAIL,
    NOW,
    PATIENT,
    SHORT,
    SMS,
    Behaviour,
    Reply,
    hangs_up,
    is_silent,
    resets,
    sendgrid,
    stops_in_the_middle,
    twilio,
    wire,
)

Make = Callable[..., AbstractContextManager[Sender]]
LIVE: list[tuple[Make, Outgoing]] = [(sendgrid, EMAIL), (twilio, SMS)]
live = pytest.mark.parametrize(("make", "message"), LIVE, ids=["sendgrid", "twilio"])


@contextmanager
def outbox(_: str) -> Iterator[Sender]:
    yield Outbox()


every = pytest.mark.parametrize(
    ("make", "message"), [*LIVE, (outbox, EMAIL), (outbox, SMS)], ids=["sendgrid", "twilio", "outbox", "outbox-sms"]
)  # fmt: skip


# --- every sender -----------------------------------------------------------------------------------------------------


@every
def test_an_accepted_message_has_a_number_of_the_senders_and_names_the_sender(make: Make, message: Outgoing) -> None:
    with wire() as far, make(far.url) as sender:
        outcome = sender.send(message)
        assert (outcome.what, outcome.reason, outcome.sender) == ("accepted", None, sender.name)
        assert outcome.provider_id


@every
def test_a_second_message_has_another_id_and_nothing_of_the_first(make: Make, message: Outgoing) -> None:
    with wire() as far, make(far.url) as sender:
        sender.send(message)
        assert sender.send(replace(message, id="m-2")).what == "accepted"
        assert all("m-1" not in got.body for got in far.got[1:])


@every
def test_a_look_up_says_accepted_absent_or_unknown_and_nothing_else(make: Make, message: Outgoing) -> None:
    with wire(Reply(500), Reply(429), hangs_up) as far, make(far.url) as sender:
        for _ in range(4):
            assert sender.look_up(message, NOW).what in {"accepted", "absent", "unknown"}


@every
def test_a_sender_can_be_closed_twice(make: Make, message: Outgoing) -> None:
    with wire() as far, make(far.url) as sender:
        sender.send(message)
        sender.close()
        sender.close()


@every
def test_only_what_is_a_row_of_ours_says_that_it_stores(make: Make, message: Outgoing) -> None:
    with wire() as far, make(far.url) as sender:
        assert sender.stores == isinstance(sender, Outbox)


# --- the table of results ---------------------------------------------------------------------------------------------

IN_A_MINUTE = str(NOW.add(seconds=60).timestamp())
TABLE: dict[str, tuple[Reply | Behaviour, str, str | None, float]] = {
    "429 Retry-After": (Reply(429, {"Retry-After": "7"}), "later", "rate-limited", 7),
    "429 a date": (Reply(429, {"Retry-After": "Mon, 05 Jan 2026 09:00:20 GMT"}), "later", "rate-limited", 20),
    "429 reset": (Reply(429, {"X-RateLimit-Reset": IN_A_MINUTE}), "later", "rate-limited", 60),
    "429 both": (Reply(429, {"Retry-After": "7", "X-RateLimit-Reset": IN_A_MINUTE}), "later", "rate-limited", 7),
    "429 neither": (Reply(429), "later", "rate-limited", 30),
    "429 nonsense": (Reply(429, {"Retry-After": "soon", "X-RateLimit-Reset": "x"}), "later", "rate-limited", 30),
    "429 for days": (Reply(429, {"Retry-After": "900000"}), "later", "rate-limited", 3600),
    "429 in the past": (Reply(429, {"X-RateLimit-Reset": "1"}), "later", "rate-limited", 1),
    "400": (Reply(400), "rejected", "rejected", 0),
    "413": (Reply(413), "rejected", "rejected", 0),
    "401": (Reply(401), "later", "provider-refuses-us", 30),
    "403": (Reply(403), "later", "provider-refuses-us", 30),
    "404": (Reply(404), "later", "provider-refuses-us", 30),
    "408": (Reply(408), "unknown", "no-answer", 0),
    "500": (Reply(500), "unknown", "provider-failed", 0),
    "503": (Reply(503, {"Retry-After": "5"}), "unknown", "provider-failed", 0),
    "504": (Reply(504), "unknown", "provider-failed", 0),
    "200": (Reply(200, body={"sid": "SM"}), "unknown", "provider-failed", 0),
    "307": (Reply(307, {"Location": "/elsewhere"}), "unknown", "provider-failed", 0),
    "302": (Reply(302, {"Location": "/elsewhere"}), "unknown", "provider-failed", 0),
    "reset": (resets, "unknown", "no-answer", 0),
    "disconnected": (hangs_up, "unknown", "no-answer", 0),
    "half an answer": (stops_in_the_middle, "unknown", "no-answer", 0),
    "silence": (is_silent, "unknown", "no-answer", 0),
}


@live
@pytest.mark.parametrize("row", TABLE)
def test_an_answer_means_what_the_table_says_and_is_asked_for_once(make: Make, message: Outgoing, row: str) -> None:
    told, what, reason, wait = TABLE[row]
    with wire(told) as far, make(far.url, SHORT if told is is_silent else PATIENT) as sender:
        outcome = sender.send(message)
        assert (outcome.what, outcome.reason) == (what, reason)
        assert outcome.wait == pytest.approx(wait)
        assert outcome.sender == sender.name
        assert outcome.provider_id is None
        assert len(far.got) == 1, "neither a redirect nor a failure may send a second request"


def test_every_reason_of_the_table_is_one_of_ours() -> None:
    assert {reason for _, _, reason, _ in TABLE.values()} <= set(REASONS)


@live
def test_a_refused_connection_is_tried_later(make: Make, message: Outgoing) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        with make(f"http://127.0.0.1:{taken.getsockname()[1]}") as sender:
            _is_unreachable(sender.send(message))
            assert sender.look_up(message, NOW).what == "unknown"


@live
def test_a_name_that_nobody_knows_is_tried_later(make: Make, message: Outgoing) -> None:
    with make("http://nothing.invalid") as sender:
        _is_unreachable(sender.send(message))


@live
def test_a_server_that_takes_no_connection_is_tried_later(make: Make, message: Outgoing) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        with make(f"http://127.0.0.1:{full.getsockname()[1]}", SHORT) as sender:
            _is_unreachable(sender.send(message))
        for one in waiting:
            one.close()


@live
def test_a_certificate_that_nobody_vouches_for_is_tried_later(make: Make, message: Outgoing, tmp_path: Path) -> None:
    with provider.Provider(tmp_path, tls=True) as far, make(far.url) as sender:
        _is_unreachable(sender.send(message))
        assert far.accepted() == []


@live
def test_trouble_with_tls_in_the_middle_of_an_exchange_is_unknown(
    make: Make, message: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ssl.SSLError(1, "decryption failed or bad record mac")

    monkeypatch.setattr("urllib3.connection.HTTPConnection.getresponse", broken)
    with wire() as far, make(far.url) as sender:
        assert sender.send(message).what == "unknown"


def _is_unreachable(outcome: Outcome) -> None:
    assert (outcome.what, outcome.reason) == ("later", "provider-unreachable")
    assert outcome.wait > 0


@live
def test_a_message_with_signs_that_no_encoding_has_is_rejected_unsent(make: Make, message: Outgoing) -> None:
    with wire() as far, make(far.url) as sender:
        assert sender.send(replace(message, text="Hello \ud800")).what == "rejected"
        assert far.got == []


@pytest.mark.parametrize("url", ["", "api.example.com", "ftp://example.com", "https://", "https://example.com?a=1"])
@pytest.mark.parametrize("make", [sendgrid, twilio])
def test_an_address_that_is_none_of_a_server_stops_the_start(make: Make, url: str) -> None:
    with pytest.raises(ValueError, match="https://HOST"), make(url):
        pass
