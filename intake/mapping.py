"""Reads the customer journey map from the database, in a bounded number of queries and over a bounded sample."""

from __future__ import annotations

from sqlalchemy.orm import Session

from lifecycle.journey_map import JourneyMap, journey_map
from lifecycle.language.map import Map
from store import stages

SAMPLE = 10_000
"""So many customers are looked at for what is said of coming and going; all of them are counted."""


def read(session: Session, map: Map) -> JourneyMap:
    """The map as it is now, in three queries."""
    people = stages.people(session)
    looked_at, histories = stages.firsts(session, list(map.milestones), SAMPLE)
    return journey_map(map, people, histories, looked_at)
