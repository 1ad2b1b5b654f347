"""What takes long to count is counted beside the pages, and kept for a while; each page says when that was.

The more a count costs, the longer it is kept, so that counting takes a small part of a database's time however many
look at the page. Whoever comes after a long time waits for a new one; whoever keeps looking does not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session
from whenever import Instant

from store.database import Database

T = TypeVar("T")

SHARE = 20
"""A count is kept for so many times the time that it took."""

LEAST, MOST = 0.9, 30.0
"""The fewest and the most seconds for which a count is as good as new."""

PATIENCE = 1.0
"""Seconds for which a page waits for what it can show later."""

OLD = 60.0
"""Seconds after which a count is too old to be shown while the next one is made."""


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A count, when it was made, and for how many seconds it is as good as new."""

    value: T
    at: Instant
    good_for: float


@dataclass(slots=True)
class Counted:
    """The counts of a console, by what they are of."""

    kept: dict[Hashable, Kept[Any]] = field(default_factory=dict)
    under_way: dict[Hashable, asyncio.Task[Kept[Any]]] = field(default_factory=dict)

    async def get(
        self, name: Hashable, database: Database, count: Callable[[Session], T], clock: Callable[[], Instant]
    ) -> Kept[T]:
        """A count that is at most so old (see above). What raises is raised to whoever waits, and not kept."""
        found = self._found(name, database, count, clock)
        return found if isinstance(found, Kept) else await asyncio.shield(found)

    async def soon(
        self, name: Hashable, database: Database, count: Callable[[Session], T], clock: Callable[[], Instant]
    ) -> Kept[T] | None:
        """`get` for what can be shown later: None where it takes longer than `PATIENCE`, or is being made for somebody
        else already; it is made all the same.
        """
        patience = 0.0 if name in self.under_way else PATIENCE
        found = self._found(name, database, count, clock)
        if isinstance(found, Kept):
            return found
        done, _ = await asyncio.wait({found}, timeout=patience)
        return found.result() if done else None

    def _found(
        self, name: Hashable, database: Database, count: Callable[[Session], T], clock: Callable[[], Instant]
    ) -> Kept[T] | asyncio.Task[Kept[T]]:
        found = self.kept.get(name)
        age = (clock() - found.at).total("seconds") if found is not None else OLD
        if found is not None and 0 <= age <= found.good_for:
            return found
        task = self.under_way.get(name)
        if task is None:
            task = asyncio.create_task(self._made(name, database, count, clock()))
            self.under_way[name] = task
            task.add_done_callback(lambda done: self._over(name, done))
        if found is not None and 0 <= age < OLD:
            return found
        return task

    async def _made(self, name: Hashable, database: Database, count: Callable[[Session], T], at: Instant) -> Kept[T]:
        began = time.perf_counter()
        value = await database.read(count)
        took = time.perf_counter() - began
        made = self.kept[name] = Kept(value, at, min(max(LEAST, SHARE * took), MOST))
        return made

    def _over(self, name: Hashable, task: asyncio.Task[Kept[Any]]) -> None:
        self.under_way.pop(name, None)
        if not task.cancelled():
            task.exception()  # whoever waited was told; nobody else need be
