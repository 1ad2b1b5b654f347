"""The `consent` trait: answers of a customer as calls and files bring them along with other attributes.

`["offers"]` agrees to topics; `{"offers": true, "tips:sms": false}` answers by topic, or by one channel of it. In place
of true or false an answer may stand with its proof, in the words of `PUT /v1/customers/{id}/consents/{topic}`:
`{"granted": true, "source": "sign-up form", "at": "2026-01-05T10:00:00Z", "ip": "192.0.2.7", "text_version": "3"}`.
What cannot be read surely is no yes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from intake.consents import NotRecorded, Proof, record
from lifecycle.consent import CONFIRM_WITHIN, written
from lifecycle.language.map import Map
from lifecycle.segment import FIRST, LAST
from store import consents
from store.tables import Customer

PROOF = ("source", "at", "ip", "text_version")
"""What an answer may say of how it was given."""

MAX_TEXT = 255


@dataclass(frozen=True, slots=True)
class Told:
    """One answer of a trait. `how` is as much of the proof as it brings."""

    topic: str
    channel: str | None
    granted: bool
    how: Mapping[str, Any]


def answers_in(value: Any) -> list[Told]:
    """The answers in a `consent` trait. Raises NotRecorded where it is anything else.

    That about a channel comes after that about its topic, which it outranks: a mapping has no order of its own, and
    PostgreSQL keeps none.
    """
    if isinstance(value, list):
        value = dict.fromkeys(value, True) if all(isinstance(name, str) for name in value) else None
    if not isinstance(value, Mapping):
        raise NotRecorded("its `consent` is neither a list of topics nor a mapping of topics to true or false")
    granted = {name: _granted(answer) for name, answer in value.items()}
    told = [
        Told(*one, _how(answer) if isinstance(answer, Mapping) else {})
        for one, answer in zip(written(granted), value.values(), strict=True)
    ]
    return sorted(told, key=lambda one: (one.topic, one.channel or ""))


def record_traits(session: Session, map: Map, customer: Customer, value: Any, proof: Proof, now: Instant) -> list[Any]:
    """Store the answers of a trait; by answer `topic`, `state`, and `because` where it was refused.

    `proof` holds where an answer brings none of its own. A trait tells how things are, call after call: while a request
    for a topic is open, it asks for no second one.
    """
    try:
        answers = answers_in(value)
    except NotRecorded as error:
        return [{"topic": None, "state": "refused", "because": str(error)}]
    return [_recorded(session, map, customer, one, replace(proof, **one.how), now) for one in answers]


def _recorded(session: Session, map: Map, customer: Customer, one: Told, proof: Proof, now: Instant) -> dict[str, str]:
    name = f"{one.topic}:{one.channel}" if one.channel else one.topic
    try:
        state: str = "same"
        if not (one.granted and _asked_already(session, customer.id, one, now)):
            state = record(session, map, customer, one.topic, one.granted, proof, now, one.channel).state
        return {"topic": name, "state": state}
    except NotRecorded as error:
        return {"topic": name, "state": "refused", "because": str(error)}


def _granted(answer: Any) -> bool:
    granted = answer.get("granted") if isinstance(answer, Mapping) else answer
    if not isinstance(granted, bool):
        raise NotRecorded("its `consent` is neither a list of topics nor a mapping of topics to true or false")
    return granted


def _how(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The proof that an answer brings, checked. What is None says nothing."""
    if unknown := [name for name in answer if name not in ("granted", *PROOF)]:
        raise NotRecorded(f"an answer of its `consent` has `granted`, {', '.join(PROOF)}, and no `{unknown[0]}`")
    return dict(_checked({name: answer[name] for name in PROOF if answer.get(name) is not None}))


def _checked(how: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, given in how.items():
        if not isinstance(given, str) or not 0 < len(given.strip()) <= MAX_TEXT or not given.isprintable():
            raise NotRecorded(f"the `{name}` of its `consent` is not a text of 1 to {MAX_TEXT} characters")
        try:
            if name == "at":
                at = Instant.parse_iso(given.strip())
                if not FIRST <= at < LAST:
                    raise NotRecorded("the `at` of its `consent` lies outside of the years from 1970 to 2199")
                yield name, at
            else:
                yield name, str(ipaddress.ip_address(given.strip())) if name == "ip" else given.strip()
        except ValueError:
            what = "a date and time with an offset" if name == "at" else "an address of the net"
            raise NotRecorded(f"the `{name}` of its `consent` is not {what}") from None


def _asked_already(session: Session, customer_id: str, one: Told, now: Instant) -> bool:
    return any(
        (asked.topic, asked.channel) == (one.topic, one.channel)
        and asked.confirmed_at is None
        and now <= asked.at + CONFIRM_WITHIN
        for asked in consents.requests(session, customer_id)
    )
