"""Does everything that was written down about messages agree? The ledger, the timelines of journeys, the callbacks.

Nothing is changed, and no provider is asked. What is found:
- duplicates: a provider knows one message under two ids, so somebody got it twice.
- lost: proved to be nowhere; or a timeline says that it was sent, and the ledger has no such message; or a provider
  told of it, and the ledger does not know that it has it.
- unknown: nobody can tell. That is no fault: it is what is known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy.orm import Session
from whenever import Instant

from intake.reconcile import LONGEST_ATTEMPT
from lifecycle.ledger import LOST, SENDING, TAKEN, UNKNOWN, MessageState, message_id
from store import reviews
from store.database import Database
from store.reviews import Entry, News

PAGE = 1000


class Finding(NamedTuple):
    """One message that is not as it should be. `why` is a sentence for people, and names nobody."""

    id: str
    journey: str
    step: str
    channel: str | None
    state: str | None
    why: str


@dataclass(slots=True)
class Review:
    """What was found, and in how many messages."""

    checked: int = 0
    duplicates: list[Finding] = field(default_factory=list)
    lost: list[Finding] = field(default_factory=list)
    unknown: list[Finding] = field(default_factory=list)


def verify(database: Database, now: Instant) -> Review:
    """Go over the whole ledger, a page at a time, each page as it was at one moment."""
    review, after = Review(), ""
    while page := database.read_now(partial(_page, after=after)):
        entries, news = page
        after = entries[-1].id
        review.checked += len(entries)
        _messages(review, entries, news, now)
    named, after = {one.id for one in review.lost}, ""
    while found := database.read_now(partial(_timelines, after=after)):
        after, lost = found
        review.lost.extend(one for one in lost if one.id not in named)
    return review


def _page(session: Session, after: str) -> tuple[list[Entry], Mapping[str, list[News]]] | None:
    entries = reviews.messages(session, after, PAGE)
    if not entries:
        return None
    told = sorted(reviews.news(session, entries[0].id, entries[-1].id), key=attrgetter("message"))
    return entries, {message: list(news) for message, news in groupby(told, attrgetter("message"))}


def _messages(review: Review, entries: Iterable[Entry], told: Mapping[str, list[News]], now: Instant) -> None:
    for entry in entries:
        news = told.get(entry.id, [])
        names = _distinct(entry.provider_id, *(one.provider_id for one in news))
        state = MessageState(entry.state)
        if len(names) > 1:
            review.duplicates.append(_found(entry, f"the provider has it under {len(names)} ids"))
        if state is LOST:
            review.lost.append(_found(entry, "the provider was asked, and does not have it"))
        elif news and state not in TAKEN:
            review.lost.append(_found(entry, f"the provider told of it ({_kinds(news)}), and here it is `{state}`"))
        elif state is UNKNOWN:
            review.unknown.append(_found(entry, f"nobody can tell whether the provider has it ({entry.reason})"))
        elif state is SENDING and entry.claimed_at is not None and entry.claimed_at < now - LONGEST_ATTEMPT:
            review.unknown.append(_found(entry, "the worker that was sending it has not been heard of since"))


def _found(entry: Entry, why: str) -> Finding:
    return Finding(entry.id, entry.journey, entry.step, entry.channel, entry.state, why)


def _distinct(*names: str | None) -> set[str]:
    """Ids of a provider's, without what follows the first point: there SendGrid names the machines it passed."""
    return {name.partition(".")[0] for name in names if name is not None}


def _kinds(news: Collection[News]) -> str:
    return ", ".join(sorted({one.kind for one in news}))


def _timelines(session: Session, after: str) -> tuple[str, list[Finding]] | None:
    """Messages that timelines call sent and the ledger does not, of a page of journeys; and the last of these."""
    page = reviews.journeys(session, after, PAGE)
    if not page:
        return None
    said, taken = reviews.said_sent(session, page[0], page[-1]), reviews.taken(session, page[0], page[-1])
    return page[-1], [
        Finding(identity, journey, step, None, None, "the timeline says that it was sent, and the ledger does not")
        for (journey, step), times in sorted(said.items())
        for identity in _missing(journey, step, times, taken.get((journey, step), set()))
    ]


def _missing(journey: str, step: str, times: int, taken: Collection[str]) -> Iterator[str]:
    """Ids of messages of a step that were said to be sent so many times, and of which the ledger has only these."""
    short = times - len(taken)
    for occurrence in range(1, times + 1):
        if short > 0 and str(occurrence) not in taken:
            short -= 1
            yield message_id(journey, step, occurrence)
