"""Asking all customers at once who is in which segment: time alone moves people (`days_since`), and segments are new.

Whoever differs from what is stored gets an event of kind `segment`, which goes the way of every other: when it is
applied, under the customer's lock, the condition is asked once more, and that answer counts. So a sweep decides
nothing; one too many, two side by side, or one that worked on what is old by now, does no harm.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session
from whenever import Instant

from lifecycle.facts import Conditions
from lifecycle.language.map import Map
from lifecycle.language.segments import milestone_of
from store import events, segments
from store.database import Database
from store.events import Arrival
from store.segments import Change

PAGE = 500
"""How many customers are asked about in one insert (rules.md 13)."""

MOST = 20 * PAGE
"""How many changes one call finds at most."""

SOURCE = "segments"


def sweep_segments(database: Database, map: Map, conditions: Conditions, now: Instant) -> int:
    """Compare what is stored with what is so at `now`, and have every difference looked at; how many those are.

    Where it is not 0 there may be more: at most MOST are found in one call, and those that wait to be applied are not
    found again. Called again with the same `now` it inserts nothing twice. It blocks: not for an event loop's thread.
    """
    found = database.write_now(lambda session: segments.forget(session, list(map.segments), PAGE))
    for segment in map.segments:
        after = ""
        while found < MOST:
            page = database.read_now(partial(_differing, segment, map, conditions, now, after))
            if page:
                found += database.write_now(partial(_ask, segment, page, now))
                after = page[-1].customer
            if len(page) < PAGE:
                break
    return found


def _differing(
    segment: str, map: Map, conditions: Conditions, now: Instant, after: str, session: Session
) -> list[Change]:
    return segments.differing(
        session,
        segment,
        conditions.criterion(map.segments[segment].if_),
        {"customer": map.defaults(), "account": map.defaults("account")},
        now,
        milestones=[milestone_of(segment, inside=inside) for inside in (True, False)],
        after=after,
        limit=PAGE,
    )


def _ask(segment: str, page: list[Change], now: Instant, session: Session) -> int:
    arrivals = []
    for one in page:
        name = milestone_of(segment, inside=one.inside)
        identity = f"{name}/{one.customer}/{now.format_iso()}"
        arrivals.append(Arrival(SOURCE, identity, one.user_id, "segment", now, now, name))
    return sum(given is not None for given in events.accept(session, arrivals))
