"""Forecasts for pages: made when somebody looks, one at a time, and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from whenever import Instant

from intake import foreseeing
from intake.foreseeing import Foreseen
from lifecycle.language.map import Map
from lifecycle.simulated import World
from store.database import Database

GOOD_FOR = 15 * 60.0
"""Seconds for which a forecast is kept."""

PATIENCE = 1.5
"""Seconds for which a page waits for a new one."""


@dataclass(slots=True)
class Foreseer:
    """The forecasts of a console, by playbook. One is made at a time: each takes a core for a second or two."""

    kept: dict[str, tuple[Foreseen, Instant]] = field(default_factory=dict)
    under_way: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(
        self, name: str, database: Database, map: Map, world: World | None, clock: Callable[[], Instant]
    ) -> tuple[Foreseen, Instant] | None:
        """The forecast of a playbook and when it was made; None where it is still being made."""
        found = self.kept.get(name)
        if world is None or (found is not None and (clock() - found[1]).total("seconds") <= GOOD_FOR):
            return found
        if name not in self.under_way:
            task = self.under_way[name] = asyncio.create_task(self._make(name, database, map, world, clock()))
            task.add_done_callback(lambda done: self.under_way.pop(name, None))
        done, _ = await asyncio.wait({self.under_way[name]}, timeout=PATIENCE)
        for task in done:
            task.result()
        return self.kept.get(name) if done else found

    async def _make(self, name: str, database: Database, map: Map, world: World, now: Instant) -> None:
        async with self.turn:
            make = partial(foreseeing.foresee, database, map, world, name, now)
            self.kept[name] = await asyncio.to_thread(make), now
