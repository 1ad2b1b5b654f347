"""Erasing a person (rules.md 22). `erase` decides all of it in one transaction; what follows may be done at any time.

In that transaction the person's name is taken from their rows, so that whoever comes under it later is somebody new;
their journeys end; their noes are kept as suppressions of hashed addresses; and what is left to do is stored beside it
(`store.erasures`). Then `forget` does our part: executions in Temporal are terminated and deleted, callbacks that wait
are read while we still know whom they are about, and rows are scrubbed (`store.personal.TABLES`). Providers are asked
by the worker (`intake.forgetting`). A process that dies at any point is followed by the next one, or by a worker.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.service import RPCError
from whenever import Instant, TimeDelta

from intake import callbacks, executions, reader
from lifecycle import consent, suppression
from lifecycle.language.map import Map
from lifecycle.ledger import COUNTED
from messaging import addresses
from messaging.callbacks.forgetting import without
from messaging.sending import Outbox
from store import audit, consents, customers, erasing, erasures, journeys, messages, shards, suppressions
from store import callbacks as posts
from store.database import Database
from store.personal import ACT, ERASED, Person
from store.shards import shard_of
from store.tables import Audit, Customer, Erasure, Message, Suppression

log = structlog.get_logger()

AGAIN = TimeDelta(minutes=15)
"""After so long our part is done once more: what was under way at the erasure has come to its end by then."""

PAGE = 100
"""Callbacks that were set aside and are looked through at once."""

AWAY = TimeDelta(minutes=1)
"""How long to wait where Temporal does not answer, or the database's log could not be emptied."""


class Erased(NamedTuple):
    """An erasure. `new`: it is this call's; else the person had been erased before."""

    customer_id: str
    at: Instant
    new: bool


def erase(
    session: Session, name: str, *, reason: str, who: str, now: Instant, key: bytes, idempotency: str | None = None
) -> Erased:
    """Erase the customer whom the product, or we, call `name`, with all who were merged into them.

    `key` makes the hashes that stay, `who` and `reason` are for the audit log, which keeps them. With `idempotency`
    whoever asks again is answered as the first time, though somebody new has the name by now. Raises reader.Unknown.
    """
    hashed = name_hash(key, name)
    before = erasing.known_as(session, hashed)
    if before is not None and idempotency and _asked_before(session, before, idempotency):
        return _was(before)
    try:
        found = reader.find_customer(session, name)
    except reader.Unknown:
        if before is None:
            raise
        return _was(before)
    family = _locked(session, found.id)
    living = family[0]
    if living.erased_at is not None:
        return _was(living)
    ids, names = [one.id for one in family], [one.user_id for one in family]
    _ask_providers(session, living.id, ids, now)
    erasing.end_journeys(session, ids, now)
    for customer in family:
        for journey in journeys.of_customer(session, customer.id):
            messages.withdraw(session, journey.id, now, by_hand=True)
        _keep_noes(session, customer, key, now)
        erasing.take_waiting(session, living.id, customer.user_id, shard_of(customer.user_id), now)
        erasing.mark(session, customer, name_hash(key, customer.user_id), now)
    ours = Erasure(
        customer_id=living.id, provider=erasures.OURS, subject=json.dumps(names), retry_at=now, created_at=now
    )
    erasures.add(session, ours)
    data = {"key": idempotency} if idempotency else None
    audit.record(session, Audit(at=now, who=who, what=ACT, target=living.id, reason=reason, data=data))
    log.info("customer.erased", customer=living.id, rows=len(family))
    return Erased(living.id, now, new=True)


def name_hash(key: bytes, name: str) -> str:
    """What stands for a product's id of an erased customer: nobody can make it without `key`."""
    digest = hmac.new(key, f"user:{name}".encode(), hashlib.sha256).hexdigest()
    return f"{ERASED}:{digest[:40]}"


def _was(customer: Customer) -> Erased:
    assert customer.erased_at is not None
    return Erased(customer.id, customer.erased_at, new=False)


def _asked_before(session: Session, customer: Customer, idempotency: str) -> bool:
    return any(
        act.what == ACT and (act.data or {}).get("key") == idempotency for act in audit.about(session, customer.id)
    )


def _locked(session: Session, customer_id: str) -> list[Customer]:
    """The person's rows, the living one first. Shards go before customers, as in the dispatcher."""
    ids = erasing.family(session, customer_id)
    for shard in sorted({shard_of(one.user_id) for one in erasing.rows(session, ids)}):
        shards.lock(session, shard)
    customers.lock_each(session, customer_ids=ids)
    return erasing.rows(session, ids)


def _ask_providers(session: Session, living: str, ids: Sequence[str], now: Instant) -> None:
    """Store what providers are to forget: each address that a message went to, and each SMS that they have."""
    sent = [one for each in ids for one in messages.of_customer(session, each)]
    for provider, subject in dict.fromkeys(one for message in sent if (one := _forgettable(message)) is not None):
        erasures.ask(session, living, provider, subject, now)


def _forgettable(message: Message) -> tuple[str, str] | None:
    """Who is to forget a message (its sender, else its channel) and as what; None where no provider has it."""
    if message.sender == Outbox.name or message.state not in COUNTED:
        return None
    subject = message.recipient if message.channel == "email" else message.provider_id
    return (message.sender or message.channel, subject) if subject else None


def _keep_noes(session: Session, customer: Customer, key: bytes, now: Instant) -> None:
    """Suppress, for marketing, each address by which the customer wanted something no more."""
    noes = [one for one in consent.standing(consents.latest(session, customer.id)) if not one.granted]
    for channel, given in (("email", customer.email), ("sms", customer.phone)):
        normal = addresses.normal(channel, given) if given else None
        if normal is not None and any(one.channel in (None, channel) for one in noes):
            row = Suppression(
                channel=channel,
                address=addresses.fingerprint(key, channel, normal),
                reason=suppression.SAID_NO,
                scope="marketing",
                at=now,
                made_by="milepost",
            )
            suppressions.add(session, row)


# --- our part --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forgetter:
    """Does our part of erasures. `client` None: Temporal is not to be reached, and a worker does that part later.

    `key` makes hashes of addresses, for what callbacks tell until the last moment.
    """

    database: Database
    client: Client | None
    map: Map
    key: bytes

    async def forget(self, erasure: Erasure, now: Instant) -> bool:
        """Do all that is ours of an erasure that was taken; whether nothing was in the way. It may be done again."""
        assert erasure.id is not None
        number, named = erasure.id, json.loads(erasure.subject or "[]")
        person = await self.database.read(lambda session: _person(session, erasure, named, now))
        trouble = await self._executions(person)
        while await callbacks.process(self.database, self.map, self.key, now):
            pass
        await self._events(person)
        await self._set_aside(person)
        await self.database.write(lambda session: erasing.scrub(session, person))
        later = now + AWAY if trouble else max(now + AWAY, erasure.created_at + AGAIN)
        await self.database.write(partial(erasures.put_off, number=number, retry_at=later, error=trouble, emptied=True))
        # Last of all: what was emptied just now is in the file as well.
        if not await asyncio.to_thread(self.database.purge):
            trouble = "database-busy"
            await self.database.write(partial(erasures.put_off, number=number, retry_at=now + AWAY, error=trouble))
        elif trouble is None and now >= erasure.created_at + AGAIN:
            await self.database.write(partial(erasures.finish, number=number, at=now))
        return trouble is None

    async def _executions(self, person: Person) -> str | None:
        """Delete the person's journeys in Temporal; a code where it does not answer."""

        def ids(session: Session) -> list[str]:
            return [journey.id for one in person.ids for journey in journeys.of_customer(session, one)]

        found = await self.database.read(ids)
        if self.client is None:
            return "temporal-away" if found else None
        try:
            for journey in found:
                await executions.delete(self.client, journey)
        except RPCError as error:
            return f"temporal-{error.status.name.lower()}"
        return None

    async def _events(self, person: Person) -> None:
        after = 0
        while numbers := await self.database.read(partial(erasing.events_of, person=person, after=after)):
            await self.database.write(partial(erasing.scrub_events, person=person, numbers=numbers))
            after = numbers[-1]

    async def _set_aside(self, person: Person) -> None:
        """Take the person out of callbacks that could not be processed, and still lie there as they came."""
        theirs = await self.database.read(
            lambda session: {message.id for one in person.ids for message in messages.of_customer(session, one)}
        )
        after = 0
        while found := await self.database.read(partial(posts.aside, after=after, limit=PAGE)):
            for one in found:
                after = one.id or 0
                left = without(one.provider, one.body, theirs, person.addresses)
                if left != one.body:
                    await self.database.write(partial(posts.cut, number=after, body=left))


def _person(session: Session, erasure: Erasure, names: Sequence[str], now: Instant) -> Person:
    """Everybody who is erased with it, and what is still known of how to reach them."""
    ids = erasing.family(session, erasure.customer_id)
    known = [customers.by_id(session, one) for one in ids]
    reached = [text for one in known if one for text in (one.email, one.phone)]
    reached += [message.recipient for one in ids for message in messages.of_customer(session, one)]
    forms = {form for text in reached if text for form in (text, *_normal(text))}
    return Person(ids, erasure.created_at, now, names, sorted(forms))


def _normal(text: str) -> list[str]:
    return [form for channel in ("email", "sms") if (form := addresses.normal(channel, text)) is not None]
