"""E-mail through SendGrid's v3 mail send, with its SDK over connections that stay open.

One request is one message to one person: several recipients would see each other. Our id travels in the custom args of
the personalization, and comes back with every event; nothing personal goes there or into categories, where it could
never be deleted again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.request import Request

import python_http_client
import requests
import structlog
from sendgrid import SendGridAPIClient
from sendgrid.helpers import mail as parts
from whenever import Instant

from messaging.senders.connection import THREADS, TIMEOUTS, Connection, meaning, unfit
from messaging.sending import Outcome, Outgoing

ID_ARG = "milepost_id"
"""The custom arg that holds the message's id; events carry it as a key of their own."""

CATEGORIES = 10

log = structlog.get_logger()

_PARTY = re.compile(r'(?:"?([^"<>]*?)"?\s*<([^<>\s]+@[^<>\s]+)>|([^<>\s]+@[^<>\s]+))')
_LINK = re.compile(r"https?://[^\s<>,]+")


class SendGrid:
    """Sends e-mail. `from_` is `Name <address>` or an address, for messages that name none.

    `name` tells two accounts apart. `threads` is how many send at once, `timeouts` seconds to connect and to wait for
    an answer, `clock` real time. ValueError where `base_url` or `from_` cannot be used.
    """

    stores = False

    def __init__(
        self,
        api_key: str,
        base_url: str,
        from_: str,
        *,
        name: str = "sendgrid",
        threads: int = THREADS,
        timeouts: tuple[float, float] = TIMEOUTS,
        clock: Callable[[], Instant] = Instant.now,
    ) -> None:
        if unfit(from_) or not _PARTY.fullmatch(from_.strip()):
            raise ValueError("the sender of e-mail is an address, or Name <address>")
        self.name, self._from = name, from_
        self._connection = Connection(base_url, threads=threads, timeouts=timeouts, clock=clock)
        self._api = SendGridAPIClient(api_key, host=self._connection.base_url)
        headers = self._api.client.request_headers
        self._api.client = _Client(self._connection, host=self._api.host, request_headers=headers, version=3)

    def send(self, message: Outgoing) -> Outcome:
        try:
            mail = self._mail(message)
        except Exception as error:  # noqa: BLE001 -- nothing was sent yet, and no sender raises
            log.warning("message.unfit", message=message.id, error=type(error).__name__)
            return Outcome("rejected", "rejected", sender=self.name)
        try:
            answer = self._api.send(mail)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the message may be out
            return meaning(error, self.name)
        return Outcome("accepted", provider_id=answer.headers.get("X-Message-Id"), sender=self.name)

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        """Always unknown. An event proves that SendGrid has a message; that there is none proves nothing, as callbacks
        get lost, and there is nothing else to ask.
        """
        return Outcome("unknown", sender=self.name)

    def forget(self, subject: str) -> Outcome:
        """Ask for the erase job of an address, which takes SendGrid some days."""
        try:
            self._api.client.recipients.erasejob.post(request_body={"email_addresses": [subject]})
        except Exception as error:  # noqa: BLE001 -- whatever it was, it is asked again
            return meaning(error, self.name)
        return Outcome("accepted", sender=self.name)

    def close(self) -> None:
        self._connection.close()

    def _mail(self, message: Outgoing) -> dict[str, Any]:
        """The body of the request. ValueError where a part of the message would break it."""
        link = message.unsubscribe_url
        wrong = unfit(message.subject, message.to, link or "", *message.categories, text=message.text + message.html)
        if wrong or not message.subject or not (message.text or message.html) or (link and not _LINK.fullmatch(link)):
            raise ValueError(message.id)
        mail = parts.Mail()
        mail.from_email = _party(parts.From, message.from_ or self._from)
        if message.reply_to:
            mail.reply_to = _party(parts.ReplyTo, message.reply_to)
        mail.subject = parts.Subject(message.subject)
        person = parts.Personalization()
        to = parts.To()
        to.email = message.to
        person.add_to(to)
        person.add_custom_arg(parts.CustomArg(ID_ARG, message.id))
        if link:
            person.add_header(parts.Header("List-Unsubscribe", f"<{link}>"))
            person.add_header(parts.Header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        mail.add_personalization(person)
        # The plain text comes first: a mail program shows the last part that it can.
        for kind, content in ((parts.MimeType.text, message.text), (parts.MimeType.html, message.html)):
            if content:
                mail.add_content(parts.Content(kind, content))
        for category in list(dict.fromkeys(message.categories))[:CATEGORIES]:
            mail.add_category(parts.Category(category))
        mail.tracking_settings = _tracking(watched=message.tracking)
        body: dict[str, Any] = mail.get()
        return body


def _party(kind: Callable[[], Any], text: str) -> Any:
    """Taken apart here: the SDK makes a name of what it cannot read, and drops the address."""
    found = None if unfit(text) else _PARTY.fullmatch(text.strip())
    if found is None:
        raise ValueError(kind)
    name, address, alone = found.groups()
    party = kind()
    party.email = address or alone
    party.name = name or None
    return party


def _tracking(*, watched: bool) -> Any:
    """SendGrid's own unsubscribe links are always off, whatever the account says: an opt-out there bypasses us."""
    settings = parts.TrackingSettings()
    settings.click_tracking = parts.ClickTracking(enable=watched, enable_text=False)
    settings.open_tracking = parts.OpenTracking(enable=watched)
    settings.subscription_tracking = parts.SubscriptionTracking(enable=False)
    return settings


class _Client(python_http_client.Client):  # type: ignore[misc]  # the SDK has no types
    """The SDK's own client opens a connection for every request, without a limit of time."""

    def __init__(self, connection: Connection, **given: Any) -> None:
        super().__init__(**given)
        self._connection = connection

    def _build_client(self, name: str | None = None) -> _Client:
        return _Client(
            self._connection,
            host=self.host,
            version=self._version,
            request_headers=self.request_headers,
            url_path=[*self._url_path, name] if name else self._url_path,
        )

    def post(self, request_body: dict[str, Any]) -> _Answer:
        """In place of the SDK's: that writes the message and our key to the debug log, and from Python 3.12 on reads
        all certificates of the system before each request, which takes 40 ms.
        """
        headers = {**self.request_headers, "Content-Type": "application/json"}
        request = Request(self._build_url(None), json.dumps(request_body).encode(), headers, method="POST")  # noqa: S310
        return self._make_request(None, request)

    def _make_request(self, opener: object, request: Request, timeout: object = None) -> _Answer:
        headers = dict(request.header_items())
        return _Answer(
            self._connection.request(request.get_method(), request.full_url, 202, data=request.data, headers=headers)
        )


class _Answer(python_http_client.client.Response):  # type: ignore[misc]  # the SDK has no types
    """What the SDK makes of an answer, made of ours."""

    def __init__(self, answer: requests.Response) -> None:
        self._status_code, self._body, self._headers = answer.status_code, answer.content, answer.headers
