"""One customer's life as one list, the newest first: the pages of each kind of thing are merged into pages of all.

Pure. What happened at one instant is told effects first, causes last: so a list that is read from below upwards tells
it in order. A place in the list is written in a word, so that the next page begins right after it whatever was added
above it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from typing import Generic, NamedTuple, TypeVar

from whenever import Instant

Row = TypeVar("Row")


class Place(NamedTuple):
    """Right behind what happened at `at`, is of the kind with this rank, and has this key among its like."""

    at: Instant
    rank: int
    key: str

    def written(self) -> str:
        """The place as a word, for the address of the next page."""
        return f"{self.at.timestamp(unit='microsecond')}.{self.rank}.{self.key}"

    @classmethod
    def read(cls, word: str) -> Place | None:
        """The place that a word names; None where it names none."""
        at, _, rest = word.partition(".")
        rank, _, key = rest.partition(".")
        try:
            return cls(Instant.from_timestamp(int(at), unit="microsecond"), int(rank), key)
        except (ValueError, OverflowError):
            return None


class Bound(NamedTuple):
    """Where the next page of one kind begins: before `at`, at which those with a smaller key are still to be told.

    `key` is None where all that happened at that very instant are (`including`), or none.
    """

    at: Instant
    including: bool = False
    key: str | None = None


class Told(NamedTuple, Generic[Row]):
    """One thing that happened, with its place."""

    place: Place
    row: Row


def bound(place: Place | None, rank: int) -> Bound | None:
    """Where the kind of this rank goes on after a place in the whole list; None: at its newest."""
    if place is None:
        return None
    if rank == place.rank:
        return Bound(place.at, key=place.key)
    return Bound(place.at, including=rank > place.rank)


def page(kinds: Iterable[Sequence[Told[Row]]], limit: int) -> tuple[list[Told[Row]], Place | None]:
    """The newest `limit` of all kinds, each given newest first; and the place behind them, None where that is the end.

    Each kind brings at least `limit` + 1 where it has so many.
    """
    found: list[Told[Row]] = []
    for one in merge(*kinds, key=lambda told: (-told.place.at.timestamp(unit="microsecond"), told.place.rank)):
        if len(found) == limit:
            return found, found[-1].place
        found.append(one)
    return found, None
