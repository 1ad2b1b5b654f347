"""What a send costs through each provider's SDK: the senders that ship, and the SDKs as they come, in one run.

The providers are those of `tests.provider`, behind TLS, in a process of their own. Certificates are checked against a
bundle of the usual size: to load it is what the stock SDK spends most of its time on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

import certifi
from sendgrid import SendGridAPIClient
from sendgrid.helpers import mail
from twilio.rest import Client

from bench.figures import Figure
from bench.shape import ROOT
from messaging.senders.sendgrid import SendGrid
from messaging.senders.twilio import Twilio
from messaging.sending import Outgoing, Sender
from tests.provider import ACCOUNT, API_KEY, AUTH_TOKEN

FEWEST = 10.0
"""Sends of ours a second and core, as a multiple of the stock SendGrid SDK's."""

_ROUNDS = 5
_FROM, _TO, _NUMBER = "Larkspur <hello@example.com>", "ada@example.com", "+33612345678"
_SERVICE, _TOLD = "MG" + "0" * 32, "https://milepost.example.com/webhooks/twilio/status"
_HTML = "<p>" + "Thank you, from all nine of us. " * 60 + "</p>"
_TEXT = "Larkspur: your plan is ready. Reply STOP to opt out."

_STOCK = "The stock SendGrid SDK opens a connection and loads all certificates for every send, and has no timeout."

Send = Callable[[], object]


class Cost(NamedTuple):
    """Of one send: seconds of CPU time of this process, and seconds that it took."""

    cpu: float
    wall: float


def sends() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder, _provider(Path(folder)) as url:
        sendgrid = SendGrid(API_KEY, url, _FROM)
        twilio = Twilio(ACCOUNT, AUTH_TOKEN, url, _SERVICE, _TOLD)
        with closing(sendgrid), closing(twilio):
            ours, stock = _in_turns((_sending(sendgrid, _email), 300), (_stock_sendgrid(url), 25))
            sms, stock_sms = _in_turns((_sending(twilio, _sms), 200), (_stock_twilio(url), 200))
    return [
        *_figures("SendGrid", ours),
        *_figures("SendGrid, stock SDK", stock),
        Figure("SendGrid: ratio", stock.cpu / ours.cpu, "× stock SDK", FEWEST, "least", note=_STOCK),
        *_figures("Twilio", sms),
        *_figures("Twilio, stock SDK", stock_sms),
    ]


@contextmanager
def _provider(folder: Path) -> Iterator[str]:
    """The address of the providers; their certificate is trusted while the block runs."""
    command = [sys.executable, "-m", "tests.provider", "--tls", "--log", str(folder / "provider.log")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            bundle = folder / "bundle.pem"
            bundle.write_text(Path(certifi.where()).read_text() + Path(said["certificate"]).read_text())
            with _environment(SSL_CERT_FILE=str(bundle), REQUESTS_CA_BUNDLE=str(bundle)):
                yield said["url"]
        finally:
            process.kill()


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# --- the contenders


def _email(number: int) -> Outgoing:
    return Outgoing(
        f"{number:024x}", "email", _TO, _HTML, "Thank you", _HTML, categories=("thank-you", "adopter/thanks")
    )


def _sms(number: int) -> Outgoing:
    return Outgoing(f"{number:024x}", "sms", _NUMBER, _TEXT, valid_for=3600)


def _sending(sender: Sender, message: Callable[[int], Outgoing]) -> Send:
    numbers = count()

    def send() -> None:
        outcome = sender.send(message(next(numbers)))
        assert outcome.what == "accepted", outcome

    return send


def _stock_sendgrid(url: str) -> Send:
    client = SendGridAPIClient(API_KEY, host=url)

    def send() -> None:
        message = mail.Mail("hello@example.com", _TO, "Thank you", _HTML, _HTML)
        assert client.send(message).status_code == 202

    return send


def _stock_twilio(url: str) -> Send:
    client = Client(ACCOUNT, AUTH_TOKEN)
    client.api.base_url = url

    def send() -> None:
        assert client.messages.create(to=_NUMBER, messaging_service_sid=_SERVICE, body=_TEXT).sid

    return send


# --- measuring


def _in_turns(*contenders: tuple[Send, int]) -> list[Cost]:
    """The median over rounds of each, so many sends a round; every other round in the other order."""
    taken: list[list[Cost]] = [[] for _ in contenders]
    for send, _ in contenders:
        send()  # the first one connects, and loads what was not loaded yet
    for number in range(_ROUNDS):
        order = list(enumerate(contenders))
        for place, (send, times) in order if number % 2 else reversed(order):
            taken[place].append(_cost(send, times))
    return [Cost(median(one.cpu for one in costs), median(one.wall for one in costs)) for costs in taken]


def _cost(send: Send, times: int) -> Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        send()
    return Cost((time.process_time() - cpu) / times, (time.perf_counter() - wall) / times)


def _figures(name: str, cost: Cost) -> Sequence[Figure]:
    return [
        Figure(name, 1 / cost.cpu, "a second and core"),
        Figure(f"{name}: one after the other", 1 / cost.wall, "a second"),
    ]
