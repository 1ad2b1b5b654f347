"""STOP and START by SMS. They are about a number, whoever has it, and about SMS alone.

STOP suppresses the number for everything, and withdraws what its customers had agreed to. START ends that suppression,
and gives back those topics that STOP took and that nobody has answered since; it agrees to nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from sqlalchemy.orm import Session
from whenever import Instant

from intake import consents
from lifecycle.consent import answer_for
from lifecycle.language.map import Map
from lifecycle.suppression import STOPPED
from messaging.addresses import fingerprint
from store import consents as stored
from store import customers, suppressions
from store.tables import Customer, Suppression

log = structlog.get_logger()

BY_STOP, BY_START = "sms-stop", "sms-start"
"""The sources of the answers that are recorded here."""


def stop(session: Session, map: Map, key: bytes, number: str, at: Instant, now: Instant) -> None:
    """Carry out a STOP from `number` (E.164), sent at `at`. `key` makes the hash under which the number is kept."""
    row = Suppression(
        channel="sms",
        address=fingerprint(key, "sms", number),
        reason=STOPPED,
        scope="all",
        at=at,
        made_by="the customer",
    )
    new = suppressions.add(session, row)
    for customer in _customers(session, number):
        had = stored.latest(session, customer.id)
        for topic in _topics(map):
            answer = answer_for(had, topic, "sms")
            agrees = answer is None and map.topics[topic].consent == "opt_out"
            if answer or agrees:
                consents.record(session, map, customer, topic, False, consents.Proof(BY_STOP, at), now, "sms")
    log.info("sms.stopped", new=new)


def start(session: Session, map: Map, key: bytes, number: str, at: Instant, now: Instant) -> None:
    """Carry out a START from `number` (E.164), sent at `at`."""
    lifted = suppressions.lift(session, "sms", fingerprint(key, "sms", number), STOPPED, at)
    for customer in _customers(session, number):
        had = stored.latest(session, customer.id)
        for topic in _topics(map):
            last = next((row for row in reversed(had) if row.topic == topic and row.channel in (None, "sms")), None)
            if last is not None and last.source == BY_STOP:
                consents.record(session, map, customer, topic, True, consents.Proof(BY_START, at), now, "sms")
    log.info("sms.started", lifted=lifted)


def _customers(session: Session, number: str) -> Iterator[Customer]:
    for found in customers.with_number(session, number):
        customer = customers.lock(session, found)
        if customer is not None:
            yield customer


def _topics(map: Map) -> list[str]:
    return [name for name, topic in map.topics.items() if "sms" in topic.channels]
