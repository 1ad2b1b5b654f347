"""Callbacks for tests of intake: messages that went out, and what the providers post of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from whenever import Instant

from intake import callbacks
from lifecycle.language.map import Map
from messaging.addresses import fingerprint
from store import callbacks as stored
from store import suppressions
from store.tables import Callback, Event, Message, Suppression
from tests.intake.house import START, House, day

KEY = b"the key of the tests, thirty-two bytes"

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to its end in a loop of its own, as a test that is no coroutine does."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@dataclass
class Post:
    """A house whose messages went out; `sendgrid`, `status` and `sms` are posts that come in, `process` processes."""

    house: House
    map: Map

    @classmethod
    def build(cls, house: House, **changes: Any) -> Post:
        """With the map of the house, `changes` made to it."""
        assert house.project.map is not None
        return cls(house, house.project.map.model_copy(update=changes))

    def message(self, id: str, channel: str = "email", state: str = "accepted", **more: Any) -> str:
        """A marketing message of ada's journey, claimed at START."""
        journey = self.house.journeys()[0]
        values: dict[str, Any] = {
            "id": id,
            "journey_id": journey.id,
            "step": "welcome",
            "occurrence": id,
            "customer_id": journey.customer_id,
            "channel": channel,
            "template": "mail/one" if channel == "email" else "text/one",
            "state": state,
            "due_at": START,
            "claimed_at": START,
            "accepted_at": START if state == "accepted" else None,
            "recipient": "ada@example.com" if channel == "email" else "+33612345678",
            "purpose": "marketing",
            "topic": "news",
        } | more
        row = Message(**values)
        self.house.write(lambda session: session.add(row))
        return id

    def messages(self, count: int, **more: Any) -> list[str]:
        return [self.message(f"many-{number}", **more) for number in range(count)]

    # --- posts -----------------------------------------------------------------------------------------------------

    def sendgrid(self, *events: dict[str, Any]) -> None:
        self.post("sendgrid", json.dumps(events).encode())

    def status(self, message: str, status: str, at: Instant = START, **more: str) -> None:
        form = {"MessageSid": f"SM{message}", "MessageStatus": status, "To": "+33612345678", **more}
        self.post("twilio-status", f"id={message}&".encode() + urlencode(form).encode(), at)

    def sms(self, text: str, at: Instant = START, number: str = "+33612345678") -> None:
        self.post("twilio-inbound", urlencode({"From": number, "To": "+33644600000", "Body": text}).encode(), at)

    def post(self, provider: str, body: bytes, at: Instant = START) -> None:
        digest = hashlib.sha256(provider.encode() + body + at.format_iso().encode()).hexdigest()
        row = Callback(provider=provider, digest=digest, body=body, received_at=at)
        self.house.write(lambda session: stored.insert_new(session, row))

    def process(self, now: Instant = START) -> int:
        """Process all that waits; how many callbacks that were."""
        done = 0
        while found := self.process_once(now):
            done += found
        return done

    def process_once(self, now: Instant = START) -> int:
        return run(callbacks.process(self.house.database, self.map, KEY, now))

    # --- what became of it -----------------------------------------------------------------------------------------

    def state(self, message: str) -> str:
        return self.row(message).state

    def row(self, message: str) -> Message:
        (found,) = [row for row in self.house.rows(Message) if row.id == message]
        return found

    def told(self, message: str | None = None) -> list[str]:
        """The milestones that were made of messages, in their order."""
        return [
            event.name or ""
            for event in self.house.rows(Event)
            if event.kind == "message" and message in (None, event.message_id.partition("/")[0])
        ]

    def suppressed(self, channel: str = "email", address: str = "ada@example.com") -> list[tuple[str, str]]:
        """Reason and scope of what holds for an address."""
        mark = fingerprint(KEY, channel, address)
        rows = self.house.read(lambda session: suppressions.active(session, channel, mark))
        return [(row.reason, row.scope) for row in rows]

    def lift(self, reason: str, at: Instant, channel: str = "email", address: str = "ada@example.com") -> None:
        mark = fingerprint(KEY, channel, address)
        assert self.house.write(lambda session: suppressions.lift(session, channel, mark, reason, at))

    def all_suppressions(self) -> list[Suppression]:
        return self.house.rows(Suppression)

    def callbacks(self) -> list[tuple[str, int, str | None]]:
        """State, attempts and error of every callback."""
        return [(row.state, row.attempts, row.error) for row in self.house.rows(Callback)]


def event(message: str, what: str, at: Instant | float = 0, **more: Any) -> dict[str, Any]:
    """An event of SendGrid; `at` in days after START."""
    when = at if isinstance(at, Instant) else day(at)
    return {"event": what, "milepost_id": message, "timestamp": int(when.timestamp()), **more}
