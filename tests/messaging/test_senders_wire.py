"""Connections that stay open, and what must not leave a sender: a second connection, an address, another key."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from messaging.senders import connection
from messaging.sending import Outgoing, Sender
from tests.messaging.wire import EMAIL, NOW, SMS, Behaviour, Reply, accepts, hangs_up, sendgrid, twilio, wire

Make = Callable[..., AbstractContextManager[Sender]]
live = pytest.mark.parametrize(("make", "message"), [(sendgrid, EMAIL), (twilio, SMS)], ids=["sendgrid", "twilio"])


@live
def test_a_hundred_messages_take_one_connection(make: Make, message: Outgoing) -> None:
    with wire() as far, make(far.url) as sender:
        assert {sender.send(message).what for _ in range(100)} == {"accepted"}
        assert (len(far.got), far.connections) == (100, 1)


@live
def test_threads_share_the_connections(make: Make, message: Outgoing) -> None:
    with wire() as far, make(far.url) as sender, ThreadPoolExecutor(8) as pool:
        assert {one.what for one in pool.map(sender.send, [message] * 80)} == {"accepted"}
        assert far.connections <= 8


@live
def test_a_connection_that_was_closed_in_the_meantime_is_replaced(make: Make, message: Outgoing) -> None:
    def closes(handler: Any) -> None:
        handler._answer(replace(accepts(handler), then_close=True))

    with wire(closes) as far, make(far.url) as sender:
        assert sender.send(message).what == "accepted"
        time.sleep(0.1)  # until we are told
        assert sender.send(message).what == "accepted"
        assert far.connections == 2


@live
def test_a_connection_that_rested_for_long_is_opened_anew_before_a_message_is_risked_on_it(
    make: Make, message: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire() as far, make(far.url) as sender:
        sender.send(message)
        later = time.monotonic() + connection.REST + 1
        monkeypatch.setattr(connection, "monotonic", lambda: later)
        assert sender.send(message).what == "accepted"
        assert sender.send(message).what == "accepted"
        assert far.connections == 2


@live
def test_nothing_that_a_provider_says_leaves_the_sender(make: Make, message: Outgoing) -> None:
    words = f"{message.to} is not one of ours"
    body = {"message": words, "code": 21211, "status": 400, "type": words, "title": words, "errors": [words]}
    with wire(*(Reply(status, body=body) for status in (400, 401, 429, 500))) as far, make(far.url) as sender:
        assert message.to not in "".join(repr(sender.send(message)) for _ in range(4))


@live
@pytest.mark.parametrize("told", [[], [Reply(500)] * 2, [hangs_up] * 2], ids=["good", "500", "none"])
def test_no_log_of_whatever_library_tells_the_address_or_the_key(
    make: Make,
    message: Outgoing,
    told: list[Reply | Behaviour],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    with wire(*told) as far, make(far.url) as sender:
        sender.send(message)
        sender.look_up(message, NOW)
    printed = capsys.readouterr()
    said = caplog.text + printed.out + printed.err
    for secret in (message.to, message.to.replace("+", "%2B"), "Hello", "not-a-key", "not-a-token"):
        assert secret not in said


@live
def test_a_netrc_file_does_not_replace_our_key(
    make: Make, message: Outgoing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with wire() as far, make(far.url) as sender:
        sender.send(message)
        assert far.got[0].headers["Authorization"].startswith(("Bearer SG.", "Basic QUMw"))
