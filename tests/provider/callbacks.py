"""Callbacks as the providers make them: SendGrid's signed with a key of its own, Twilio's with the account's token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.provider.faults import Dice
from tests.provider.truth import Accepted, Truth

LONGEST_DELAY = 0.3
PATIENCE = 30.0
EVENTS = {"email": ("processed", "delivered"), "sms": ("sent", "delivered")}


class Keys:
    """What callbacks are signed with: `event_key` is SendGrid's public key as its console shows it."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._private = ec.generate_private_key(ec.SECP256R1())
        written = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.event_key = base64.b64encode(written).decode()

    def sendgrid(self, body: bytes, timestamp: str) -> dict[str, str]:
        """The headers of an event webhook with this body."""
        signed = self._private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signed).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }

    def twilio(self, url: str, form: dict[str, str]) -> dict[str, str]:
        """The headers of a callback to `url`, as the public knows it."""
        text = url + "".join(name + form[name] for name in sorted(form))
        digest = hmac.new(self.token.encode(), text.encode(), hashlib.sha1).digest()
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": base64.b64encode(digest).decode(),
        }


@dataclass
class Callbacks:
    """Tells `to` (scheme and host of the receiver) what became of messages; None: nobody is told.

    What is lost, and what nobody took, is kept for `replay`.
    """

    truth: Truth
    dice: Dice
    keys: Keys
    account: str
    to: str | None = None
    _lost: list[tuple[Accepted, str, str]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))
    _ended: Event = field(default_factory=Event)

    def begin(self, message: Accepted) -> None:
        """Tell what became of a message, soon and from another thread."""
        if self.to is not None:
            self._pool.submit(self._tell, message)

    def replay(self) -> int:
        """Send again all that was lost; how many arrived this time."""
        with self._lock:
            lost, self._lost = self._lost, []
        waiting: list[Future[bool]] = [self._pool.submit(self._call, *one, "replayed") for one in lost]
        return sum(one.result() for one in waiting)

    def lost(self) -> int:
        """How many callbacks wait for a replay."""
        with self._lock:
            return len(self._lost)

    def close(self) -> None:
        self._ended.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _tell(self, message: Accepted) -> None:
        for name in EVENTS[message.channel]:
            stamp = str(int(time.time()))
            lost, repeated, delay = self.dice.of_callback(f"{message.provider_id}/{name}")
            if lost:
                self._keep(message, name, stamp, "lost")
                continue
            self._ended.wait(delay * LONGEST_DELAY)
            if self._ended.is_set():
                return
            for how in ("sent", "repeated")[: 1 + repeated]:
                self._call(message, name, stamp, how)

    def _keep(self, message: Accepted, name: str, stamp: str, how: str) -> None:
        with self._lock:
            self._lost.append((message, name, stamp))
        self.truth.note("called", id=message.id, event=name, how=how)

    def _call(self, message: Accepted, name: str, stamp: str, how: str) -> bool:
        url, body, headers = (self._email if message.channel == "email" else self._sms)(message, name, stamp)
        status = self._post(url, body, headers) if url else 0
        if not status:
            self._keep(message, name, stamp, "missed")
            return False
        self.truth.note("called", id=message.id, event=name, how=how, status=status)
        return True

    def _email(self, message: Accepted, name: str, stamp: str) -> tuple[str | None, bytes, dict[str, str]]:
        event = {
            "email": message.to,
            "timestamp": int(stamp),
            "event": name,
            "sg_event_id": hashlib.sha256(f"{message.provider_id}/{name}".encode()).hexdigest()[:22],
            "sg_message_id": f"{message.provider_id}.recvd-5f8c-1.0",
            "smtp-id": f"<{message.provider_id}@example.com>",
            "milepost_id": message.id,
        }
        body = json.dumps([event]).encode()
        url = f"{self.to}/webhooks/sendgrid" if self.to else None
        return url, body, self.keys.sendgrid(body, stamp)

    def _sms(self, message: Accepted, name: str, stamp: str) -> tuple[str | None, bytes, dict[str, str]]:
        form = {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "From": message.sender,
            "MessageSid": message.provider_id,
            "MessageStatus": name,
            "SmsSid": message.provider_id,
            "SmsStatus": name,
            "To": message.to,
        }
        public = urlsplit(message.callback)
        url = f"{self.to}{public.path}?{public.query}" if self.to and message.callback else None
        return url, urlencode(form).encode(), self.keys.twilio(message.callback, form)

    @staticmethod
    def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer, 0: none. Once, and once more where it failed; a refusal is an answer too."""
        for _ in range(2):
            try:
                with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500:
                    return error.code
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)
        return 0
