"""A provider's end of the wire, to answer or to fail as a test says, and one of each sender to put on the other end.

`tests.provider` behaves as the providers do; this one does what they should not.
"""

from __future__ import annotations

import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from whenever import Instant

from messaging.senders.sendgrid import SendGrid
from messaging.senders.twilio import Twilio
from messaging.sending import Outgoing

ACCOUNT, SERVICE = "AC" + "0" * 32, "MG" + "0" * 32
STATUS_URL = "https://milepost.example.com/webhooks/twilio/status"
NOW = Instant.from_utc(2026, 1, 5, 9)
NUMBER = "+14155550100"
SID = "SM" + "1" * 32
PATIENT, SHORT = (5.0, 5.0), (0.3, 0.3)

EMAIL = Outgoing("m-1", "email", "ada@example.com", "Hello Ada", subject="Hello", html="<p>Hello Ada</p>")
SMS = Outgoing("m-1", "sms", NUMBER, "Hello Ada")


@dataclass(frozen=True)
class Got:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body, keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    then_close: bool = False


Behaviour = Callable[[BaseHTTPRequestHandler], None]


def resets(handler: BaseHTTPRequestHandler) -> None:
    """The connection is reset: no goodbye, no answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def stops_in_the_middle(handler: BaseHTTPRequestHandler) -> None:
    status = b"202 Accepted" if handler.path == "/v3/mail/send" else b"201 Created"
    handler.wfile.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1000\r\n\r\n{")
    handler.close_connection = True


def is_silent(handler: BaseHTTPRequestHandler) -> None:
    Event().wait(1.0)
    handler.close_connection = True


def accepts(handler: BaseHTTPRequestHandler) -> Reply:
    if handler.command == "GET":
        return Reply(200, body=listed())
    if handler.command == "DELETE":
        return Reply(204)
    if handler.path == "/v3/recipients/erasejob":
        return Reply(202, body={"job_id": "job-1"})
    if handler.path == "/v3/mail/send":
        return Reply(202, {"X-Message-Id": "x-1"})
    return Reply(201, body={"sid": SID, "status": "accepted"})


def listed(*messages: Mapping[str, Any], following: str | None = None) -> dict[str, Any]:
    """A page of Twilio's list of messages."""
    return {"messages": list(messages), "next_page_uri": following, "uri": "/", "page": 0, "page_size": 50}


class Wire:
    """What came stands in `got`; `connections` counts how often somebody connected; `told` is what happens next."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.told: deque[Reply | Behaviour] = deque()
        self.connections = 0
        self.url = ""

    def next(self, *replies: Reply | Behaviour) -> None:
        self.told.extend(replies)


@contextmanager
def wire(*told: Reply | Behaviour) -> Iterator[Wire]:
    kept = Wire()
    kept.next(*told)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            kept.connections += 1

        def _one(self) -> None:
            split = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            kept.got.append(Got(self.command, split.path, parse_qsl(split.query), dict(self.headers), body))
            reply = kept.told.popleft() if kept.told else accepts(self)
            if isinstance(reply, Reply):
                self._answer(reply)
            else:
                reply(self)

        do_GET = do_POST = do_DELETE = _one  # noqa: N815 -- names that http.server looks for

        def _answer(self, reply: Reply) -> None:
            body = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = reply.then_close

        def log_message(self, format: str, *args: object) -> None:
            """Tests say what they expect."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False  # a connection that is kept alive waits for a request that never comes

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def sendgrid(
    url: str, timeouts: tuple[float, float] = PATIENT, from_: str = "Acme <hi@example.com>"
) -> Iterator[SendGrid]:
    sender = SendGrid("SG.not-a-key", url, from_, timeouts=timeouts, clock=lambda: NOW)
    try:
        yield sender
    finally:
        sender.close()


@contextmanager
def twilio(url: str, timeouts: tuple[float, float] = PATIENT) -> Iterator[Twilio]:
    sender = Twilio(ACCOUNT, "not-a-token", url, SERVICE, STATUS_URL, timeouts=timeouts, clock=lambda: NOW)
    try:
        yield sender
    finally:
        sender.close()
