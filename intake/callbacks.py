"""What providers told becomes what we know: the ledger, milestones, suppressions, consent, a playbook that is halted.

Callbacks are read from their stored rows, each in a transaction of its own, in the order in which they came; and that
order means nothing, because providers repeat themselves and do not keep to it. So:
- A piece of news is stored once, by message, kind and time; only what is new has effects.
- A message moves by `lifecycle.ledger` alone, which never goes back. Any news proves that the provider has it.
- Of a customer who was erased nothing is remembered but what became of the message, and what says no.
- A callback that cannot be processed is tried again, and set aside after `ATTEMPTS`; the others do not wait for it.

Customers are locked before messages are written, as a claim does it, and both in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from whenever import Instant

from intake import consents, halting, opting
from lifecycle import ledger, suppression
from lifecycle.language.map import Map
from lifecycle.suppression import Told
from messaging import addresses
from messaging.callbacks import sendgrid, twilio
from messaging.callbacks.news import Kind, News
from store import callbacks, customers, deliveries, erasures, events, messages, suppressions
from store.database import Database
from store.deliveries import About
from store.errors import StoreError
from store.tables import Callback, Customer, Delivery, Suppression

log = structlog.get_logger()

ATTEMPTS = 5
"""After so many failed attempts a callback is set aside."""

BATCH = 100

SOURCE = "provider"
"""The source of the events that are made here."""

LEDGER: Mapping[Kind, ledger.News] = {
    "accepted": "accepted",
    "processed": "accepted",
    "sent": "accepted",
    "deferred": "accepted",
    "mentioned": "accepted",
    "delivered": "delivered",
    "bounced": "bounced",
    "dropped": "dropped",
    "undelivered": "undelivered",
    # Whoever does something with a message has got it, whether or not that was told.
    "opened": "delivered",
    "clicked": "delivered",
    "complained": "delivered",
    "unsubscribed": "delivered",
}
"""What a piece of news is to the ledger."""

MILESTONES: Mapping[Kind, str] = {
    "delivered": "message.delivered",
    "bounced": "message.bounced",
    "dropped": "message.bounced",
    "undelivered": "message.bounced",
    "opened": "message.opened",
    "clicked": "message.clicked",
    "complained": "message.complained",
}
"""What a playbook may wait for. `message.bounced` is about the message: it did not reach the customer."""

OFTEN = frozenset({"message.opened", "message.clicked"})
"""Milestones that one message brings about more than once."""

_SAYS_NO = frozenset({"complained", "unsubscribed"})
_RATED = frozenset({"complained", "bounced"})


async def process(database: Database, map: Map, key: bytes, now: Instant, limit: int = BATCH) -> int:
    """Process callbacks that wait, at most `limit`; how many were processed now, 0: nothing is left that can be.

    `key` makes the hashes of suppressed addresses. Raises StoreError where the database is away.
    """
    done, rated = 0, set[str]()
    for number in await database.read(lambda session: callbacks.pending(session, limit)):
        try:
            told = await database.write(partial(_process, number=number, map=map, key=key, now=now))
            if told is not None:
                rated |= told
                done += 1
        except (StoreError, OperationalError):  # the database's trouble, which is not this callback's
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others must not wait for it
            await database.write(partial(_failed, number=number, because=type(error).__name__))
    for playbook in sorted(rated):
        await halting.halt_if_over(database, map, playbook, now)
    return done


def _process(session: Session, *, number: int, map: Map, key: bytes, now: Instant) -> set[str] | None:
    """Process one callback; the playbooks whose e-mails bounced or were complained about. None: it is taken."""
    callback = callbacks.take(session, number)
    if callback is None:
        return None
    rated = _Reading(session, map, key, callback, now).run()
    callbacks.mark_done(session, number)
    return rated


def _failed(session: Session, *, number: int, because: str) -> None:
    aside = callbacks.put_off(session, number, because, ATTEMPTS)
    # The traceback would show what was posted, which may be an address.
    log.error("callback.set_aside" if aside else "callback.failed", number=number, because=because)


@dataclass(slots=True)
class _Reading:
    session: Session
    map: Map
    key: bytes
    callback: Callback
    now: Instant
    arrivals: list[events.Arrival] = field(default_factory=list)

    def run(self) -> set[str]:
        body = self.callback.body
        if self.callback.provider == "sendgrid":
            return self._told(sendgrid.read(body))
        form = twilio.form_of(body)
        if self.callback.provider == "twilio-status":
            news = twilio.read_status(form, self.callback.received_at)
            return self._told([news] if news else [])
        self._inbound(twilio.read_inbound(form))
        return set()

    def _inbound(self, sms: twilio.Inbound) -> None:
        number = addresses.normal("sms", sms.number)
        if number is None or sms.intent not in ("stop", "start"):
            return
        act = opting.stop if sms.intent == "stop" else opting.start
        act(self.session, self.map, self.key, number, self.callback.received_at, self.now)

    def _told(self, found: Iterable[News]) -> set[str]:
        news = sorted(found, key=lambda one: (one.message, one.at, one.kind))
        about = deliveries.about(self.session, {one.message for one in news})
        news = [one for one in news if one.message in about]
        refusing = {about[one.message].customer_id for one in news if one.kind in _SAYS_NO}
        locked = {customer: customers.lock(self.session, customer) for customer in sorted(refusing)}
        rated = set()
        for one in news:
            message = about[one.message]
            messages.learn(self.session, one.message, LEDGER[one.kind], one.at, one.provider_id)
            if message.erased:
                self._forget(one, message)
            if not self._store(one):
                continue
            if not message.erased:
                self._milestone(one, message)
            self._suppress(one, message)
            if one.kind in _SAYS_NO:
                self._withdraw(one, message, locked[message.customer_id])
            if one.kind in _RATED and message.channel == "email":
                rated.add(message.playbook)
        self.arrivals.sort(key=lambda arrival: arrival.at)
        for start in range(0, len(self.arrivals), 500):
            events.accept(self.session, self.arrivals[start : start + 500])
        return rated

    def _store(self, news: News) -> bool:
        return deliveries.add(
            self.session,
            Delivery(
                message_id=news.message,
                kind=news.kind,
                at=news.at,
                received_at=self.callback.received_at,
                provider_id=news.provider_id,
                detail=news.detail,
            ),
        )

    def _milestone(self, news: News, message: About) -> None:
        name = MILESTONES.get(news.kind)
        if name is None or news.machine:
            return
        # Derived, so that what is told again, however much later, is the same event.
        identity = f"{message.id}/{name}" + (f"/{news.at.format_iso()}" if name in OFTEN else "")
        properties = {
            "journey": message.journey_id,
            "of": message.step,
            "template": message.template,
            "channel": message.channel,
        }
        received = self.callback.received_at
        self.arrivals.append(
            events.Arrival(SOURCE, identity, message.user_id, "message", news.at, received, name, properties)
        )

    def _forget(self, news: News, message: About) -> None:
        """An SMS of which nobody knew when its customer was erased that Twilio has it, and under which id."""
        if message.channel == "sms" and news.provider_id is not None and message.provider_id is None:
            erasures.ask(self.session, message.customer_id, message.sender or "sms", news.provider_id, self.now)

    def _suppress(self, news: News, message: About) -> None:
        cause = suppression.cause_of(news.kind, news.detail)
        address = addresses.normal(message.channel, message.address or "")
        if cause is None or address is None:
            return
        mark = addresses.fingerprint(self.key, message.channel, address)
        forgiven = suppressions.last_lifted(self.session, message.channel, mark)
        if forgiven is not None and news.at <= forgiven:
            return
        rules = suppression.rules_for(self.map, cause)
        others: list[Told] = []
        if suppression.looks_back(rules):
            others = deliveries.told_of(
                self.session, message.customer_id, message.channel, address, suppression.KINDS, forgiven
            )
        scope = suppression.suppresses(rules, Told(message.id, news.kind, news.detail, news.at), others)
        if scope is None:
            return
        row = Suppression(
            channel=message.channel,
            address=mark,
            reason=cause,
            scope=scope,
            at=news.at,
            message_id=message.id,
            made_by="milepost",
        )
        if suppressions.add(self.session, row):
            log.info("address.suppressed", channel=message.channel, message=message.id, because=cause, scope=scope)

    def _withdraw(self, news: News, message: About, customer: Customer | None) -> None:
        topic = self.map.topics.get(message.topic or "")
        if customer is None or message.topic is None or topic is None or message.channel not in topic.channels:
            return  # transactional, or of a topic that the map has no more: nothing is sent under it
        proof = consents.Proof(self.callback.provider, news.at)
        consents.record(self.session, self.map, customer, message.topic, False, proof, self.now, message.channel)
