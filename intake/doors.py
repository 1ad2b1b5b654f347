"""What every door shares: an event is checked, accepted by one insert, and only then acknowledged.

A door refuses what could never be applied (`NotAccepted`); what the map merely does not know is accepted and recorded,
because the product may be ahead of the map.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from whenever import Date, Instant

from intake import consents
from intake.apply import Applier
from lifecycle.language.faults import did_you_mean
from lifecycle.language.map import Map
from lifecycle.segment import Call
from store import customers, events, shards
from store.database import Database
from store.errors import StoreError, about_the_value
from store.events import Arrival

CHUNK = 500
"""The most events in one insert: the database's one writer is not kept longer (rules.md 13)."""

REFUSED = (SQLAlchemyError, ValueError, OverflowError)
"""How a database, or its driver, refuses a group of rows; after which they are tried one by one (rules.md 11)."""

OURS = {
    "message.": "when a provider reports it",
    "consent.": "when a customer's consent changes",
    "segment.": "when a customer comes into a segment or leaves it",
}
"""How milestones of Milepost's own making begin, and when they are made."""

_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


class NotAccepted(Exception):
    """An event that no door takes; `str()` says why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of events: by place the new id, or None; and the places of those that cannot be stored.

    One that has no id and can be stored was there before.
    """

    ids: tuple[int | None, ...]
    unstorable: tuple[int, ...] = ()

    @property
    def accepted(self) -> int:
        """How many are new."""
        return sum(given is not None for given in self.ids)

    @property
    def duplicates(self) -> int:
        """How many were there before."""
        return len(self.ids) - self.accepted - len(self.unstorable)


def sendable(name: str) -> None:
    """Raises NotAccepted for a milestone that only Milepost itself makes."""
    for start, when in OURS.items():
        if name.startswith(start):
            raise NotAccepted(f"milestones whose names begin with `{start}` are made by Milepost itself {when}")


def declared(map: Map) -> list[str]:
    """Every name under which a declared milestone may arrive."""
    return [*map.milestones, *(also for rule in map.milestones.values() for also in rule.also or [])]


def undeclared(map: Map, name: str) -> str | None:
    """That a milestone is not declared in the map, with the nearest that is; None where it is."""
    known = declared(map)
    if name in known:
        return None
    near = did_you_mean(name, known)
    return f"`{name}` is not declared in the map" + (f"; {near}" if near else "")


def typed(map: Map, milestone: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Properties as they were typed, in the types that the map declares; what it does not declare is a number where it
    looks like one. NotAccepted where a text is not of its type.
    """
    rule = map.milestones.get(map.canonical(milestone))
    types = rule.properties if rule else {}
    return {name: _typed(name, text, types.get(name)) for name, text in texts.items()}


def _typed(name: str, text: str, type: str | None) -> Any:
    if type is None:
        return _WORDS[text] if text in ("true", "false") else _number(text) if _NUMBER.fullmatch(text) else text
    if type == "number":
        if not _NUMBER.fullmatch(text):
            raise NotAccepted(f"`{name}` is a number, and `{text}` is none")
        return _number(text)
    if type == "boolean":
        if text.lower() not in _WORDS:
            raise NotAccepted(f"`{name}` is true or false, and `{text}` is neither")
        return _WORDS[text.lower()]
    if type == "date":
        try:
            return Date.parse_iso(text).format_iso()
        except ValueError:
            raise NotAccepted(f"`{name}` is a date such as 2026-12-24, and `{text}` is none") from None
    return text


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def agreeable(map: Map, call: Call) -> None:
    """Raises NotAccepted for a call whose consent could not be recorded: it might be the proof of a no."""
    if call.kind != "identify" or "consent" not in call.properties:
        return
    try:
        for topic, channel, _ in consents.answers_in(call.properties["consent"]):
            consents.topic_of(map, topic, channel)
    except consents.NotRecorded as error:
        raise NotAccepted(str(error)) from None


def arrival_of(call: Call, source: str, now: Instant, *, backfill: bool = False) -> Arrival:
    """A Segment call as an event. NotAccepted says why it is none.

    Without an id of its own it gets one from its content: then the same call is the same event however often it comes.
    """
    if call.kind == "track":
        sendable(call.name)
        if call.at is None:
            raise NotAccepted("it has no `timestamp`")
    return Arrival(
        source,
        call.id or _identity(call),
        call.user,
        call.kind,
        call.at or now,
        now,
        call.name or None,
        call.properties,
        backfill=backfill,
        previous_id=call.previous,
    )


def arrival_live(call: Call, source: str, now: Instant) -> Arrival:
    """A call that was made just now, with its time put right by our clock. NotAccepted says why it is none.

    Without an id it gets one as in `arrival_of`, by the time that its sender said. One that says neither id nor time is
    another event each time that it comes: somebody may well look at a page twice.
    """
    if call.at is None:
        call = replace(call, at=now, id=call.id or f"call-{uuid.uuid4().hex}")
    return replace(arrival_of(call, source, now), at=call.happened(now))


def _identity(call: Call) -> str:
    at = call.at.format_iso() if call.at else None
    said = [call.user, call.kind, call.name, at, call.properties] + ([call.previous] if call.previous else [])
    content = json.dumps(said, sort_keys=True, ensure_ascii=True)
    return "content-" + hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def accept(database: Database, arrivals: Sequence[Arrival]) -> Taken:
    """Insert a chunk of events. Where the database refuses it, each is inserted by itself: one loses no other.

    Raises what is no event's own fault: StoreError, and whatever else the database is in trouble with (a full disk).
    """
    if len(arrivals) > CHUNK:
        raise ValueError(f"at most {CHUNK} events are accepted at once")
    try:
        return Taken(tuple(database.write_now(lambda session: events.accept(session, arrivals))))
    except StoreError:
        raise
    except REFUSED as error:
        if len(arrivals) == 1:
            if about_the_value(error):
                return Taken((None,), (0,))
            raise
    alone = [accept(database, [arrival]) for arrival in arrivals]
    unstorable = tuple(place for place, one in enumerate(alone) if one.unstorable)
    return Taken(tuple(one.ids[0] for one in alone), unstorable)


# --- one event, and what it does -----------------------------------------------------------------------------------


def track(database: Database, applier: Applier, arrival: Arrival, now: Instant) -> dict[str, Any]:
    """Accept one event, and apply what is pending of its customer in this process, as a worker would.

    Answers id, state (applied, pending, failed or duplicate), entered, signalled, not_entered. Once this has returned,
    or failed after the insert, the event is safe; telling Temporal is the worker's.
    """
    (event_id,) = database.write_now(lambda session: events.accept(session, [arrival]))
    if event_id is None:
        return _answer(arrival, "duplicate", None)
    return database.write_now(lambda session: _apply(session, applier, arrival, event_id, now))


def rehearse(
    database: Database,
    applier: Applier,
    arrival: Arrival,
    now: Instant,
    prepare: Callable[[Session], object] = lambda session: None,
) -> dict[str, Any]:
    """What `track` would do, after `prepare`; nothing of either is kept. The state is `dry_run` for applied."""

    def tried(session: Session) -> dict[str, Any]:
        with session.begin_nested() as attempt:
            prepare(session)
            (event_id,) = events.accept(session, [arrival])
            if event_id is None:
                answer = _answer(arrival, "duplicate", None)
            else:
                answer = _apply(session, applier, arrival, event_id, now)
            attempt.rollback()
        return {**answer, "state": "dry_run"} if answer["state"] == "applied" else answer

    return database.write_now(tried)


def _apply(session: Session, applier: Applier, arrival: Arrival, event_id: int, now: Instant) -> dict[str, Any]:
    # Who was merged into another customer is applied with that one, and by nobody who has not that one's shard.
    home = customers.homes(session, [arrival.user_id]).get(arrival.user_id, arrival.user_id)
    shard = shards.shard_of(home)
    shards.lock(session, shard)
    if home != arrival.user_id:
        events.move(session, arrival.user_id, shard)
    while pending := events.next_pending(session, now, CHUNK, shard=shard, user_id=arrival.user_id):
        applier.apply_each(session, pending, now)
    event = events.get(session, event_id)
    assert event is not None
    return _answer(arrival, event.state, event.outcome)


def _answer(arrival: Arrival, state: str, outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    nothing: dict[str, Any] = {"entered": [], "signalled": [], "not_entered": []}
    return {"id": arrival.message_id, "state": state, **(outcome or nothing)}
