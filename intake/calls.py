"""Calls that products make over HTTP: who may send what, and what became of each of many.

What one call holds loses no other: whatever is wrong with it is told by its place, and the rest is accepted.
A reason quotes nothing that came in; it goes back over the net and into logs.

A browser's key is public: whoever looks at the page has it. So it sends the milestones that were listed for it, pages,
and who the visitor is, and never a consent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from intake import consents
from intake.acceptor import Acceptor, Unstorable
from intake.doors import CHUNK, ConsentUnclear, NotAccepted, arrival_live
from lifecycle.language.map import Map
from lifecycle.segment import Call, read_call
from store import events, tokens
from store.events import Arrival
from store.tables import Event, Token

MOST = 500
"""The most events in one call of the plain form."""

OTHERS = ("cli", "import", "journey", "provider", "segments", "sweep", consents.SOURCE)
"""The sources of events that came by no key."""

UNSTORABLE = "it holds a value that cannot be stored"


class NotAllowed(NotAccepted):
    """What a browser's key may not send; `str()` says what it may."""


@dataclass(slots=True)
class Taken:
    """What became of the events of one call. `ids` are their message ids, by place; None where one was rejected."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)


def source_of(token: Token) -> str:
    """The source of what is sent with a key: a message id is unique for each."""
    return f"key:{token.id}"


def read(map: Map, data: Any, token: Token, now: Instant) -> Arrival:
    """The event that a Segment call is, sent with a key. Raises NotAccepted; NotAllowed where the key is too small."""
    call = read_call(data)
    if isinstance(call, str):
        raise NotAccepted(call)
    if token.scope == "browser":
        _public(map, call, token)
    try:
        return arrival_live(map, call, source_of(token), now)
    except ConsentUnclear:  # its sentence would repeat what came in
        raise NotAccepted(
            "its `consent` is neither a list of topics of the map nor a mapping of them to true or false"
        ) from None


async def take(acceptor: Acceptor, found: Sequence[Arrival | str]) -> Taken:
    """Accept events; where there is a reason in the place of one, that is told. Raises what the acceptor raises."""
    taken = Taken(ids=[None] * len(found))
    taken.rejected = [{"index": place, "reason": one} for place, one in enumerate(found) if isinstance(one, str)]
    good = [(place, one) for place, one in enumerate(found) if isinstance(one, Arrival)]
    for start in range(0, len(good), CHUNK):
        chunk = good[start : start + CHUNK]
        bad: Sequence[int] = ()
        try:
            given: Sequence[int | None] = await acceptor.accept([arrival for _, arrival in chunk])
        except Unstorable as error:
            given, bad = error.ids, error.places
        for number, (place, arrival) in enumerate(chunk):
            if number in bad:
                taken.rejected.append({"index": place, "reason": UNSTORABLE})
                continue
            taken.ids[place] = arrival.message_id
            taken.accepted += given[number] is not None
            taken.duplicates += given[number] is None
    taken.rejected.sort(key=lambda one: one["index"])
    return taken


def find(session: Session, message_id: str) -> Event | None:
    """The event with this message id; the latest where several keys sent one."""
    keys = [source_of(token) for token in tokens.every(session)]
    return events.latest(session, [*keys, *OTHERS], message_id)


def _public(map: Map, call: Call, token: Token) -> None:
    listed = token.milestones or []
    if call.kind == "group":
        raise NotAllowed("a browser's key does not say to which account somebody belongs")
    if call.kind == "track" and call.name != "page":
        names = {map.canonical(name) for name in listed}
        if map.canonical(call.name) not in names:
            raise NotAllowed("this browser's key was not made for this milestone")
    if call.kind == "identify" and "consent" in call.properties:
        raise NotAllowed("a browser's key records no consent, for anybody may have it; send that from your server")
