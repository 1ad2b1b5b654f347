"""How long a chain of events made by journeys may get (rules.md 20).

What comes from outside has made no hop. What a journey records, sets or enrols is one hop further than the event by
which the journey was entered. An event of ten hops is made and applied like any other, one of eleven is not made: so
two playbooks that enrol each other for ever come to rest.
"""

from __future__ import annotations

HOP_LIMIT = 10


def within_limit(hops: int) -> bool:
    """Whether an event that is so many hops from outside is made."""
    return hops <= HOP_LIMIT
