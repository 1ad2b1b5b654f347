"""The activity that runs one page of a sweep. The sweeps themselves are named and put together in wiring.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from temporalio import activity
from temporalio.exceptions import ApplicationError
from whenever import Instant

from activities.contract import SweepAnswer, SweepOrder

Run = Callable[[str, Instant], Awaitable[SweepAnswer]]
"""Runs one page from a cursor on, at an instant. It may be repeated, and may run beside another of its kind."""


class Sweep(NamedTuple):
    """A sweep and how often it is begun."""

    every: timedelta
    run: Run


class SweepActivities:
    """Registered with a worker as they are."""

    def __init__(self, sweeps: Mapping[str, Sweep]) -> None:
        self.sweeps = sweeps

    @activity.defn(name="sweep")
    async def sweep(self, order: SweepOrder) -> SweepAnswer:
        """Run one page of the sweep of this name."""
        chosen = self.sweeps.get(order.name)
        if chosen is None:  # one of a later version: a worker that knows it runs the next
            raise ApplicationError(f"no sweep {order.name}", type="UnknownSweep", non_retryable=True)
        return await chosen.run(order.cursor, Instant.now())


def until_nothing(name: str, run: Callable[[Instant], Awaitable[int]]) -> Run:
    """A sweep that is run again, for the instant at which it began, while it finds something: so many `name`."""

    async def page(cursor: str, now: Instant) -> SweepAnswer:
        began = Instant.parse_iso(cursor) if cursor else now
        count = await run(began)
        return SweepAnswer(counts={name: count}, cursor=began.format_iso()) if count else SweepAnswer()

    return page
