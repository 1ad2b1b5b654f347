"""Accepting events for many callers at once: answered only after they are committed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import StatementError

from store import events
from store.database import Database
from store.errors import StoreError
from store.events import Arrival


class Overloaded(Exception):
    """More events wait to be stored than may; nothing of the call was stored. Try again in a moment."""


class Unstorable(Exception):
    """Some events of a call cannot be stored, at `places`; all others are. `ids` is what `accept` returns else."""

    def __init__(self, ids: Sequence[int | None], places: Sequence[int]) -> None:
        super().__init__(f"{len(places)} of {len(ids)} events hold a value that cannot be stored")
        self.ids, self.places = tuple(ids), tuple(places)


class Acceptor:
    """One for a process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, arrivals: Sequence[Arrival]) -> list[int | None]:
        """Store events in their order, at most `doors.CHUNK`. For each its id, or None where it was there before.

        Raises Overloaded, Unstorable and StoreError.
        """
        try:
            return await self._database.write(lambda session: events.accept(session, arrivals))
        except StoreError:
            raise
        except (StatementError, ValueError, OverflowError):
            if len(arrivals) == 1:
                raise Unstorable([None], [0]) from None
        ids: list[int | None] = []
        places = []
        for place, arrival in enumerate(arrivals):
            try:
                ids += await self.accept([arrival])
            except Unstorable:
                ids.append(None)
                places.append(place)
        if places:
            raise Unstorable(ids, places)
        return ids
