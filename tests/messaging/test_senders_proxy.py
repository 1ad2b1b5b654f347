"""Behind a proxy: what breaks after a message was written is not the proxy's own trouble, whatever its name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from messaging.sending import Outgoing, Sender
from tests.messaging.wire import (
    EMAIL,
    SHORT,
    SMS,
    Behaviour,
    Reply,
    hangs_up,
    is_silent,
    resets,
    sendgrid,
    twilio,
    wire,
)

Make = Callable[..., AbstractContextManager[Sender]]
live = pytest.mark.parametrize(("make", "message"), [(sendgrid, EMAIL), (twilio, SMS)], ids=["sendgrid", "twilio"])
PROVIDER = "provider.example.com"
TAKEN = {
    "sendgrid": Reply(202, {"X-Message-Id": "x-1"}),
    "twilio": Reply(201, body={"sid": "SM" + "1" * 32, "status": "accepted"}),
}


@live
@pytest.mark.parametrize("breaks", [hangs_up, resets, is_silent], ids=lambda one: one.__name__)
def test_a_connection_that_breaks_once_the_message_is_out_leaves_it_unknown(
    make: Make, message: Outgoing, breaks: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire(breaks) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with make(f"http://{PROVIDER}", SHORT) as sender:
            assert sender.send(message).what == "unknown"
        assert len(proxy.got) == 1


@live
def test_the_second_message_on_a_kept_connection_is_unknown_too(
    make: Make, message: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with make(f"http://{PROVIDER}", SHORT) as sender:
            proxy.next(TAKEN[sender.name], hangs_up)
            assert sender.send(message).what == "accepted"
            assert sender.send(message).what == "unknown"
        assert len(proxy.got) == 2


@live
def test_a_proxy_that_is_not_there_or_lets_nobody_through_has_passed_nothing_on(
    make: Make, message: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire() as proxy:  # it knows no CONNECT
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with make(f"https://{PROVIDER}", SHORT) as sender:
            outcome = sender.send(message)
        assert (outcome.what, outcome.reason) == ("later", "provider-unreachable")
        assert proxy.got == []
    with make(f"https://{PROVIDER}", SHORT) as sender:
        outcome = sender.send(message)
    assert (outcome.what, outcome.reason) == ("later", "provider-unreachable")
