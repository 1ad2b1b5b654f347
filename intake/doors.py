"""What every door shares: an event is checked, accepted by one insert, and only then acknowledged.

A door refuses what could never be applied (`NotAccepted`); what the map merely does not know is accepted and recorded,
because the product may be ahead of the map.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from whenever import Instant

from intake import consents, traits
from intake.apply import Applier
from lifecycle import values
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


class NotAccepted(Exception):
    """An event that no door takes; `str()` says why, in a sentence."""


class ConsentUnclear(NotAccepted):
    """One whose consent could not be recorded; the sentence names the topic that came."""


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


def types_of(map: Map, milestone: str) -> Mapping[str, str]:
    """The types of a milestone's properties, under whatever of its names it arrives."""
    return map.properties_of(map.canonical(milestone)) or {}


def typed(texts: Mapping[str, str], types: Mapping[str, str]) -> dict[str, Any]:
    """Properties or attributes as they were typed, in the types that the map declares; what it does not declare is a
    number where it looks like one. NotAccepted where a text is not of its type.
    """
    try:
        return values.read(texts, types)
    except values.NotOfItsType as error:
        raise NotAccepted(str(error)) from None


def agreeable(map: Map, call: Call) -> Call:
    """The call with its values in the types that the map declares.

    Raises NotAccepted where one is not of its type, and ConsentUnclear for consent that could not be recorded: it might
    be the proof of a no.
    """
    # The id is that of the content as it was sent: the map, and with it the types of values, changes.
    return replace(call, id=call.id or identity(call), properties=_agreed(map, call))


def _agreed(map: Map, call: Call) -> dict[str, Any]:
    declared = types_of(map, call.name) if call.kind == "track" else {}
    try:
        if call.kind == "identify":
            declared = map.customer_types()
            for answer in traits.answers_in(call.properties.get("consent", [])):
                consents.topic_of(map, answer.topic, answer.channel)
        return values.converted(call.properties, declared)
    except values.NotOfItsType as error:
        raise NotAccepted(str(error)) from None
    except consents.NotRecorded as error:
        raise ConsentUnclear(str(error)) from None


def arrival_of(call: Call, source: str, now: Instant, *, backfill: bool = False) -> Arrival:
    """A Segment call as an event. NotAccepted says why it is none.

    Without an id of its own it gets one from its content: then the same call is the same event however often it comes.
    """
    arrival = _arrival(call, source, call.id or identity(call), call.at or now, now, call.properties, backfill)
    if call.kind == "track" and call.at is None:
        raise NotAccepted("it has no `timestamp`")
    return arrival


def arrival_live(map: Map, call: Call, source: str, now: Instant) -> Arrival:
    """A call that was made just now, with its values in their types (`agreeable`) and its time put right by our clock.
    NotAccepted says why it is none.

    Without an id it gets one as in `arrival_of`, by the time that its sender said. One that says neither id nor time is
    another event each time that it comes: somebody may well look at a page twice.
    """
    message = call.id or (identity(call) if call.at else f"call-{uuid.uuid4().hex}")
    return _arrival(call, source, message, call.happened(now), now, _agreed(map, call), backfill=False)


def _arrival(
    call: Call, source: str, message: str, at: Instant, now: Instant, properties: Mapping[str, Any], backfill: bool
) -> Arrival:
    if call.kind == "track":
        sendable(call.name)
    return Arrival(
        source,
        message,
        call.user,
        call.kind,
        at,
        now,
        call.name or None,
        properties,
        backfill=backfill,
        previous_id=call.previous,
    )


def identity(call: Call) -> str:
    """The id of a call that has none of its own: the same for the same content."""
    at = call.at.format_iso() if call.at else None
    said = [call.user, call.kind, call.name, at, call.properties] + ([call.previous] if call.previous else [])
    content = json.dumps(said, sort_keys=True, ensure_ascii=True)
    return "content-" + hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def accept(
    database: Database, arrivals: Sequence[Arrival], also: Callable[[Session, Taken], object] = lambda *_: None
) -> Taken:
    """Insert a chunk of events. Where the database refuses it, each is inserted by itself: one loses no other.

    `also` does what is to be committed with the events; it may be called twice (see `store.database`). Raises what is
    no event's own fault: StoreError, and whatever else the database is in trouble with (a full disk).
    """
    if len(arrivals) > CHUNK:
        raise ValueError(f"at most {CHUNK} events are accepted at once")

    def stored(session: Session) -> Taken:
        taken = _insert(session, arrivals)
        if taken is None:
            alone = [_insert(session, [arrival]) for arrival in arrivals]
            taken = Taken(
                tuple(one.ids[0] if one else None for one in alone),
                tuple(place for place, one in enumerate(alone) if one is None),
            )
        also(session, taken)
        return taken

    return database.write_now(stored)


def _insert(session: Session, arrivals: Sequence[Arrival]) -> Taken | None:
    """Insert events, all or none; None where the database refuses one of them for what it holds."""
    try:
        with session.begin_nested():
            return Taken(tuple(events.accept(session, arrivals)))
    except StoreError:
        raise
    except REFUSED as error:
        if about_the_value(error):
            return None
        raise


# --- one event, and what it does -----------------------------------------------------------------------------------


def track(database: Database, applier: Applier, arrivals: Sequence[Arrival], now: Instant) -> dict[str, Any]:
    """Accept events of one customer, and apply what is pending of theirs in this process, as a worker would.

    Answers for the last of them: id, state (applied, pending, failed or duplicate), entered, signalled, not_entered.
    Once this has returned, or failed after the insert, the events are safe; telling Temporal is the worker's.
    """
    ids = database.write_now(lambda session: events.accept(session, arrivals))
    return database.write_now(lambda session: _apply(session, applier, arrivals[-1], ids[-1], now))


def rehearse(
    database: Database,
    applier: Applier,
    arrivals: Sequence[Arrival],
    now: Instant,
    prepare: Callable[[Session], object] = lambda session: None,
) -> dict[str, Any]:
    """What `track` would do, after `prepare`; nothing of either is kept. The state is `dry_run` for applied."""

    def tried(session: Session) -> dict[str, Any]:
        with session.begin_nested() as attempt:
            prepare(session)
            ids = events.accept(session, arrivals)
            answer = _apply(session, applier, arrivals[-1], ids[-1], now)
            attempt.rollback()
        return {**answer, "state": "dry_run"} if answer["state"] == "applied" else answer

    return database.write_now(tried)


def _apply(session: Session, applier: Applier, arrival: Arrival, event_id: int | None, now: Instant) -> dict[str, Any]:
    if event_id is None:
        return _answer(arrival, "duplicate", None)
    # Who was merged into another customer is applied with that one, and by nobody who has not that one's shard.
    home = customers.homes(session, [arrival.user_id]).get(arrival.user_id, arrival.user_id)
    shard = shards.shard_of(home)
    shards.lock(session, shard)
    if home != arrival.user_id:
        events.move(session, arrival.user_id, shard)
    while pending := events.next_pending(session, now, CHUNK, shards=[shard], user_id=arrival.user_id):
        applier.apply_each(session, pending, now)
    event = events.get(session, event_id)
    assert event is not None
    return _answer(arrival, event.state, event.outcome)


def _answer(arrival: Arrival, state: str, outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    nothing: dict[str, Any] = {"entered": [], "signalled": [], "not_entered": []}
    return {"id": arrival.message_id, "state": state, **(outcome or nothing)}
