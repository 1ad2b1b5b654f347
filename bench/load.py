"""What clients do to the doors of events: the events, and clients that call one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

from whenever import Instant

from bench.shape import ENTRY
from store.events import Arrival

CLIENTS = {1: 32, 100: 4}
"""How many clients call at once, by how many events a call has."""

SECONDS = 0.5
"""How long each contender of a round is measured."""

NOW = Instant.from_utc(2026, 1, 5, 9)
_numbers = count()


def arrival() -> Arrival:
    """An event that was never seen before, of one of a thousand customers."""
    number = next(_numbers)
    return Arrival("bench", f"m{number}", f"user-{number % 1000}", "track", NOW, NOW, ENTRY, {"revenue": 49})


async def rate(calls: Sequence[Callable[[], Awaitable[object]]], size: int) -> float:
    """Events a second: each client calls for SECONDS, with `size` events in a call."""
    done, began = 0, time.perf_counter()

    async def client(call: Callable[[], Awaitable[object]]) -> None:
        nonlocal done
        while time.perf_counter() < began + SECONDS:
            await call()
            done += size

    await asyncio.gather(*(client(call) for call in calls))
    return done / (time.perf_counter() - began)
