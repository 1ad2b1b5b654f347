"""What the providers answer: SendGrid's mail send, Twilio's messages, and what tests ask of this fake (`/control`)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from tests.provider.faults import ACCEPTS
from tests.provider.resources import ACCOUNT, MESSAGES, matches, resource
from tests.provider.truth import Accepted

if TYPE_CHECKING:
    from tests.provider.server import Provider

API_KEY = "SG.not-a-key"
AUTH_TOKEN = "not-a-token"
REFUSALS = {
    "400": "bad request", "401": "authorization required", "403": "access forbidden", "413": "too large",
    "429": "too many requests", "500": "internal error", "503": "unavailable",
}  # fmt: skip
TWILIO_CODES = {"400": 21211, "401": 20003, "403": 20403, "413": 21617, "429": 20429, "500": 20500, "503": 20503}


@dataclass(frozen=True)
class Request:
    """One request as it came; `body` is parsed: JSON or a form."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class Answering(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """The log of this fake is another one."""

    def do_POST(self) -> None:
        request = self._read()
        if request.path == "/v3/mail/send":
            self._sendgrid(request)
        elif request.path == "/v3/recipients/erasejob":
            self._erase(request)
        elif request.path == f"{MESSAGES}.json":
            self._twilio(request)
        elif request.path == "/control/replay":
            self._answer(200, {"replayed": self.provider.replay(), "lost": self.provider.calls.lost()})
        elif request.path == "/control/callbacks":
            self.provider.calls.to = request.body["url"]
            self._answer(200, {})
        else:
            self._answer(404, {})

    def do_DELETE(self) -> None:
        request = self._read()
        if request.path.startswith(f"{MESSAGES}/"):
            self._delete(request.path.removeprefix(f"{MESSAGES}/").removesuffix(".json"))
        else:
            self._answer(404, {})

    def do_GET(self) -> None:
        request = self._read()
        if request.path == f"{MESSAGES}.json":
            self._list(request)
        elif request.path.startswith(f"{MESSAGES}/"):
            self._one(request.path.removeprefix(f"{MESSAGES}/").removesuffix(".json"))
        elif request.path == "/control/log":
            self._answer(200, [asdict(one) for one in self.provider.accepted()])
        else:
            self._answer(404, {})

    def _read(self) -> Request:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        body: Any = None
        if raw:
            is_json = "json" in self.headers.get("Content-Type", "")
            body = json.loads(raw) if is_json else dict(parse_qsl(raw.decode(), keep_blank_values=True))
        request = Request(self.command, split.path, dict(parse_qsl(split.query)), dict(self.headers), body)
        self.provider.requests.append(request)
        return request

    # --- SendGrid --------------------------------------------------------------------------------------------------

    def _sendgrid(self, request: Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            self._refuse_sendgrid("401")
            return
        people = request.body.get("personalizations", [])
        ids = [person.get("custom_args", {}).get("milepost_id", "") for person in people]
        fault = self.provider.dice.draw(ids[0] if ids else "")
        number = b64encode(hashlib.sha256(f"{ids}/{time.time_ns()}".encode()).digest()[:16], b"-_").decode().rstrip("=")
        if fault in ACCEPTS:
            for one, person in zip(ids, people, strict=True):
                address, at = person["to"][0]["email"], datetime.now(UTC).isoformat()
                self._accept(Accepted(one, "email", number, address, at), fault)
        else:
            self.provider.truth.note("answered", id=",".join(ids), channel="email", fault=fault)
        if self._broken(fault):
            return
        if fault not in ("", "late"):
            self._refuse_sendgrid(fault)
        else:
            self._answer(202, None, {"X-Message-Id": number})

    def _erase(self, request: Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            self._refuse_sendgrid("401")
            return
        fault = self.provider.dice.draw("erase")
        if self._broken(fault):
            return
        if fault:
            self._refuse_sendgrid(fault)
            return
        self.provider.forgotten.extend(request.body["email_addresses"])
        self._answer(202, {"job_id": "job-1"})

    def _refuse_sendgrid(self, fault: str) -> None:
        status = "400" if fault == "21610" else fault.removesuffix("-accepted")
        error = {"message": REFUSALS[status], "field": None, "help": None}
        headers = {"X-RateLimit-Reset": str(int(time.time()) + self.provider.retry_after)} if status == "429" else {}
        if status == "429":
            headers["Retry-After"] = str(self.provider.retry_after)
        self._answer(int(status), {"errors": [error]}, headers)

    # --- Twilio ----------------------------------------------------------------------------------------------------

    def _twilio(self, request: Request) -> None:
        if not self._is_twilios():
            return
        form = request.body
        callback = form.get("StatusCallback", "")
        identity = parse_qs(urlsplit(callback).query).get("id", [""])[0]
        fault = self.provider.dice.draw(identity)
        number = "SM" + hashlib.sha256(f"{identity}/{time.time_ns()}".encode()).hexdigest()[:32]
        sender = form.get("From") or form.get("MessagingServiceSid", "")
        message = Accepted(
            identity, "sms", number, form["To"], datetime.now(UTC).isoformat(), form.get("Body", ""), sender, callback
        )
        if fault in ACCEPTS:
            self._accept(message, fault)
        else:
            self.provider.truth.note("answered", id=identity, channel="sms", fault=fault)
        if self._broken(fault):
            return
        if fault not in ("", "late"):
            self._refuse_twilio(fault)
        else:
            self._answer(201, resource(message, "queued"))

    def _list(self, request: Request) -> None:
        if not self._is_twilios() or self._fails("list"):
            return
        found = [one for one in self.provider.accepted("sms") if matches(one, request.query)]
        found.sort(key=lambda one: one.at, reverse=True)
        size, page = int(request.query.get("PageSize", 50)), int(request.query.get("Page", 0))
        first = page * size
        following = {**request.query, "PageSize": size, "Page": page + 1, "PageToken": f"PA{found[-1].provider_id}"} \
            if found[first + size :] else None  # fmt: skip
        self._answer(
            200,
            {
                "messages": [resource(one, self._status(one)) for one in found[first : first + size]],
                "next_page_uri": f"{MESSAGES}.json?{urlencode(following)}" if following else None,
                "previous_page_uri": None,
                "first_page_uri": f"{MESSAGES}.json?PageSize={size}&Page=0",
                "uri": self.path,
                "page": page,
                "page_size": size,
                "start": first,
                "end": first + len(found[first : first + size]) - 1,
            },
        )

    def _one(self, number: str) -> None:
        if not self._is_twilios() or self._fails("fetch"):
            return
        found = [one for one in self.provider.accepted("sms") if one.provider_id == number]
        if found:
            self._answer(200, resource(found[0], self._status(found[0])))
        else:
            self._answer(404, {"code": 20404, "message": "not found", "more_info": "", "status": 404})

    def _delete(self, number: str) -> None:
        if not self._is_twilios() or self._fails("delete"):
            return
        known = any(one.provider_id == number for one in self.provider.accepted("sms"))
        if known and number not in self.provider.forgotten:
            self.provider.forgotten.append(number)
            self._answer(204, None)
        else:
            self._answer(404, {"code": 20404, "message": "not found", "more_info": "", "status": 404})

    def _status(self, message: Accepted) -> str:
        """A message is delivered as soon as anybody asks, if its callbacks were lost or not."""
        return "delivered" if (datetime.now(UTC) - datetime.fromisoformat(message.at)).total_seconds() > 1 else "sent"

    def _is_twilios(self) -> bool:
        expected = b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {expected}":
            return True
        self._refuse_twilio("401")
        return False

    def _fails(self, name: str) -> bool:
        """A question can go wrong like a message; there is nothing to accept."""
        fault = self.provider.dice.draw(name)
        if self._broken(fault):
            return True
        if fault in ("", "late"):
            return False
        self._refuse_twilio(fault)
        return True

    def _refuse_twilio(self, fault: str) -> None:
        status = "400" if fault == "21610" else fault.removesuffix("-accepted")
        code = 21610 if fault == "21610" else TWILIO_CODES[status]
        headers = {"Retry-After": str(self.provider.retry_after)} if status == "429" else {}
        text = REFUSALS[status]
        self._answer(int(status), {"code": code, "message": text, "more_info": "", "status": int(status)}, headers)

    # --- both ------------------------------------------------------------------------------------------------------

    def _accept(self, message: Accepted, fault: str) -> None:
        self.provider.truth.accept(message)
        self.provider.truth.note("answered", id=message.id, channel=message.channel, fault=fault)
        self.provider.calls.begin(message)

    def _broken(self, fault: str) -> bool:
        """Whether the client gets no answer. A late one comes, to a client that may not wait for it any more."""
        if fault == "late":
            self.provider.ended.wait(self.provider.late)
        if not fault.startswith("drop"):
            return False
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        return True

    def _answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        written = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self._headers_buffer.append(b"\r\n" + written)  # type: ignore[attr-defined]
        self.flush_headers()
