"""Accepting events under load: whatever comes in while a commit is under way shares the next one (rules.md 11, 13).

- Nobody hears of an event before its transaction has committed.
- A call with nothing under way is inserted at once; calls that arrive meanwhile wait, and go together, in their order,
  by one insert of at most CHUNK rows. So a commit costs little however many wait for it.
- The events of one call stay together, and in their order.
- A group that the database refuses is tried call by call and then row by row: one bad row fails alone.
- Where more than a declared number of events wait, the next call is refused: a queue without an end would answer
  everybody too late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from intake import doors
from store import events
from store.database import Database
from store.errors import StoreError
from store.events import Arrival

WAITING = 10_000
"""The most events that wait for a commit: some seconds' worth."""


AT_ONCE = {"sqlite": 1, "postgresql": 2}
"""Transactions side by side. SQLite has one writer."""


class Overloaded(Exception):
    """More events wait to be stored than this process takes; nothing of the call was stored. Try again in a moment."""


class Unstorable(Exception):
    """Some events of a call cannot be stored, at `places`; all others are. `ids` is what `accept` returns else."""

    def __init__(self, ids: Sequence[int | None], places: Sequence[int]) -> None:
        super().__init__(f"{len(places)} of {len(ids)} events hold a value that cannot be stored")
        self.ids, self.places = tuple(ids), tuple(places)


@dataclass(slots=True)
class Counts:
    """What became of events in this process since it started."""

    accepted: int = 0
    duplicates: int = 0
    unstorable: int = 0
    overloaded: int = 0


@dataclass(slots=True, eq=False)
class _Call:
    arrivals: Sequence[Arrival]
    answer: asyncio.Future[list[int | None]]


class Acceptor:
    """Takes events in for one process. `stored` is called after each commit: whoever applies events may look at once.

    `waiting` is how many events wait for a commit now, `most` how many may.
    """

    def __init__(self, database: Database, stored: Callable[[], None] = lambda: None, most: int = WAITING) -> None:
        self.database, self.stored, self.most = database, stored, most
        self.counts = Counts()
        self.waiting = 0
        self._calls: deque[_Call] = deque()
        self._committing: set[asyncio.Task[None]] = set()

    async def accept(self, arrivals: Sequence[Arrival]) -> list[int | None]:
        """Store events; for each its new id, or None where its source sent that message id before.

        At most CHUNK in a call. Raises Overloaded, Unstorable and StoreError. Where the awaiting task is cancelled, the
        events may be stored all the same.
        """
        if len(arrivals) > doors.CHUNK:
            raise ValueError(f"at most {doors.CHUNK} events are accepted at once")
        if not arrivals:
            return []
        if self.waiting + len(arrivals) > self.most:
            self.counts.overloaded += len(arrivals)
            raise Overloaded("more events come in than can be stored; try again in a moment")
        call = _Call(arrivals, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        self.waiting += len(arrivals)
        if len(self._committing) < AT_ONCE[self.database.url.get_backend_name()]:
            # A task of its own: one whose caller goes away is stored all the same, and those after it are.
            task = asyncio.create_task(self._commit_all())
            self._committing.add(task)
        return await call.answer

    async def _commit_all(self) -> None:
        try:
            while self._calls:
                group = self._next()
                try:
                    await self._commit(group)
                except Exception as error:  # noqa: BLE001 - every caller gets an answer, and the next group its turn
                    for call in group:
                        _fail(call, error)
                finally:
                    self.waiting -= sum(len(call.arrivals) for call in group)
        finally:
            # At once, and not when the loop gets to it: a call that comes in between would wait for nobody.
            self._committing.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _next(self) -> list[_Call]:
        """The calls that are first in the queue, as many as one insert takes."""
        group, rows = [self._calls.popleft()], 0
        rows = len(group[0].arrivals)
        while self._calls and rows + len(self._calls[0].arrivals) <= doors.CHUNK:
            group.append(self._calls.popleft())
            rows += len(group[-1].arrivals)
        return group

    async def _commit(self, group: Sequence[_Call]) -> None:
        together = [arrival for call in group for arrival in call.arrivals]
        try:
            ids = await self.database.write(lambda session: events.accept(session, together))
        except StoreError as error:
            # Whoever is queued has waited as long; to wait anew for each group would keep the last one for minutes.
            self._fail_all(error)
            raise
        except doors.REFUSED:
            for call in group:
                await self._apart(call)
        else:
            for call in group:
                self._answer(call, doors.Taken(tuple(ids[: len(call.arrivals)])))
                del ids[: len(call.arrivals)]
        self.stored()

    async def _apart(self, call: _Call) -> None:
        try:
            taken = await asyncio.to_thread(doors.accept, self.database, call.arrivals)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
            _fail(call, error)
        else:
            self._answer(call, taken)

    def _answer(self, call: _Call, taken: doors.Taken) -> None:
        self.counts.accepted += taken.accepted
        self.counts.duplicates += taken.duplicates
        self.counts.unstorable += len(taken.unstorable)
        if taken.unstorable:
            _fail(call, Unstorable(taken.ids, taken.unstorable))
        elif not call.answer.done():
            call.answer.set_result(list(taken.ids))

    def _fail_all(self, error: StoreError) -> None:
        while self._calls:
            call = self._calls.popleft()
            self.waiting -= len(call.arrivals)
            _fail(call, error)


def _fail(call: _Call, error: Exception) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)
