"""SMS through Twilio's Messages resource, with its SDK over connections that stay open.

Our id travels in the address of the status callback, and comes back with every one. There is no key that makes a
second request harmless, but the list of messages can be asked what became of the first (`look_up`).
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from whenever import Instant

from messaging.senders.connection import THREADS, TIMEOUTS, Answered, Connection, meaning, unfit
from messaging.sending import Outcome, Outgoing

OPTED_OUT = 21610
"""Twilio's number for a person who has sent STOP."""

GONE, UNDER_WAY = 404, 409
"""Its answers to a deletion: there is no such message; it cannot be deleted before it has come to an end."""

LONGEST_VALIDITY = 36_000
"""Seconds that Twilio keeps an SMS in its queue at most, and where it is not told."""

SKEW = 120
"""Seconds by which Twilio's clock may be behind ours."""

PAGE, PAGES = 1000, 10
"""Messages on a page of the list, and pages that are read before we give up."""


_FINAL: Mapping[str, Literal["delivered", "undelivered", "dropped"]] = {
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "canceled": "dropped",
}


class Twilio:
    """Sends SMS through one messaging service. `status_url` is where Twilio tells what became of a message.

    `name` tells two accounts apart. `threads` is how many send at once, `timeouts` seconds to connect and to wait for
    an answer, `clock` real time. ValueError where `base_url` cannot be used.
    """

    stores = False

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        base_url: str,
        messaging_service_sid: str,
        status_url: str,
        *,
        name: str = "twilio",
        threads: int = THREADS,
        timeouts: tuple[float, float] = TIMEOUTS,
        clock: Callable[[], Instant] = Instant.now,
    ) -> None:
        self.name, self._service, self._status_url = name, messaging_service_sid, status_url
        self._connection = Connection(base_url, threads=threads, timeouts=timeouts, clock=clock)
        # The SDK looks for a region in the environment where it is given none, and then sends to another host.
        client = Client(
            account_sid, auth_token, http_client=_Http(self._connection), environment={"TWILIO_REGION": ""}
        )  # fmt: skip
        client.api.base_url = self._connection.base_url
        self._messages = client.api.v2010.account.messages

    def send(self, message: Outgoing) -> Outcome:
        if unfit(message.to, message.from_ or "", text=message.text) or not message.text:
            return Outcome("rejected", "rejected", sender=self.name)
        asked: dict[str, Any] = {"from_": message.from_} if message.from_ else {"messaging_service_sid": self._service}
        if message.valid_for is not None:
            asked["validity_period"] = min(max(message.valid_for, 1), LONGEST_VALIDITY)
        try:
            taken = self._messages.create(
                to=message.to,
                body=message.text,
                status_callback=f"{self._status_url}?{urlencode({'id': message.id})}",
                **asked,
            )
        except Answered as answer:
            if answer.code == OPTED_OUT:
                return Outcome("stopped", "opted-out", sender=self.name)
            return meaning(answer, self.name)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the message may be out
            return meaning(error, self.name)
        if not taken.sid:
            return Outcome("unknown", "provider-failed", sender=self.name)
        return Outcome("accepted", provider_id=taken.sid, sender=self.name)

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        """Whether the list of messages to this number has one like it, made at `since` or later (real time).

        The list is not narrowed by date: Twilio's filter is by the date of sending, which a message that still waits in
        its queue does not have; and what is overlooked here is sent twice.
        """
        try:
            return self._found(message, since.timestamp() - SKEW)
        except Exception:  # noqa: BLE001 -- a question that fails answers nothing
            return Outcome("unknown", sender=self.name)

    def forget(self, subject: str) -> Outcome:
        """Delete a message by its SID. One that is still on its way is not deleted yet: ask again later."""
        try:
            self._messages(subject).delete()
        except Answered as answer:
            if answer.status == GONE:
                return Outcome("accepted", sender=self.name)
            if answer.status == UNDER_WAY:
                return Outcome("later", sender=self.name)
            return meaning(answer, self.name)
        except Exception as error:  # noqa: BLE001 -- whatever it was, it is asked again
            return meaning(error, self.name)
        return Outcome("accepted", sender=self.name)

    def close(self) -> None:
        self._connection.close()

    def _found(self, message: Outgoing, since: float) -> Outcome:
        page, hidden = self._messages.page(to=message.to, page_size=PAGE), False
        for _ in range(PAGES):
            for one in page:
                if one.date_created is not None and one.date_created.timestamp() < since:
                    continue
                # Where the message named a number of its own, it went through no service.
                if one.messaging_service_sid not in {None, self._service}:
                    continue
                if one.body and _letters(one.body) == _letters(message.text):
                    final = _FINAL.get(one.status or "")
                    return Outcome("accepted", provider_id=one.sid, sender=self.name, final=final)
                hidden |= not one.body  # an account may keep no texts: then it could be any
            following = page.next_page()
            if following is None:
                return Outcome("unknown" if hidden else "absent", sender=self.name)
            page = following
        return Outcome("unknown", sender=self.name)


def _letters(text: str) -> str:
    """What stays of a text when a service's smart encoding has put plain signs in the place of others."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text).casefold() if sign.isalnum())


class _Http(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's own client writes numbers to its log and drops the headers of an error, with the time to wait."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.getLogger("twilio.http_client"), is_async=False)
        self._connection = connection

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        expected = {"POST": 201, "DELETE": 204}.get(method, 200)
        answer = self._connection.request(
            method, uri, expected, params=params, data=data, headers=headers, auth=auth
        )  # fmt: skip
        return Response(answer.status_code, answer.text, answer.headers)
