"""From a milestone that was accepted to its message at the provider, embedded: all in one process, as `milepost dev`
runs it, with Temporal's server beside it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from whenever import Instant

import wiring
from bench import stack
from bench.figures import Figure
from bench.shape import ENTRY, project
from intake.acceptor import Acceptor
from messaging.sending import Outcome, Outgoing
from store.database import Database
from store.events import Arrival
from store.migrate import upgrade
from worker import running

PER_SECOND, SECONDS = 20, 15
WARM = 20
"""Milestones before those that count: what is imported and compiled at first use is no part of it."""

HALF, SLOWEST = 150, 1000
"""Milliseconds: the budgets of half of them, and of all but one in a hundred."""

_PATIENCE = 10.0
"""Seconds after the last milestone: whoever has not been handed over by then is far beyond the budget."""

_BUSY = (
    f"Where the CPU for one milestone, {PER_SECOND} times a second, is more than this process gets of a core, they "
    "queue up and each waits longer than the one before."
)

_BETWEEN_LOOKS = 0.02


@dataclass(slots=True)
class _Noting:
    """A provider that answers at once; notes when it was handed the message to each address."""

    name: str = "noting"
    stores: bool = False
    handed: dict[str, float] = field(default_factory=dict)

    def send(self, message: Outgoing) -> Outcome:
        self.handed.setdefault(message.to, time.perf_counter())
        return Outcome("accepted", provider_id=message.id, sender=self.name)

    def look_up(self, message: Outgoing, since: Instant) -> Outcome:
        return Outcome("absent", sender=self.name)

    def forget(self, subject: str) -> Outcome:
        return Outcome("accepted", sender=self.name)

    def close(self) -> None:
        pass


async def handing_over(address: str) -> list[Figure]:
    """With the Temporal server at `address`, on SQLite."""
    users = [f"user-{number}" for number in range(WARM + PER_SECOND * SECONDS)]
    provider = _Noting()
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        url = stack.database_url(Path(folder))
        upgrade(url)
        found = project("1 hour", "1 hour")
        with closing(Database(url)) as database:
            out = wiring.Outside(senders={"email": provider, "sms": wiring.OUTBOX["sms"]})
            engine = wiring.engine(found, database, await wiring.connect(address), out)
            await database.write(lambda session: wiring.publish(session, found, Instant.now(), holdouts=False))
            async with running(engine) as dispatcher:
                await stack.introduce(database, users)
                acceptor, before = Acceptor(database, dispatcher.wake), time.process_time()
                accepted = await _steadily(acceptor, users)
                await _all_handed(provider, len(users))
                cpu, ended = (time.process_time() - before) * 1000 / len(users), time.perf_counter()
    left = len(users) - len(provider.handed)
    note = f"{left} were not handed over when time was up; they count as if they had been then." if left else ""
    waited = [(provider.handed.get(f"{user}@example.com", ended) - accepted[user]) * 1000 for user in users[WARM:]]
    cut = quantiles(waited, n=100)
    return [
        Figure(f"embedded, p50 at {PER_SECOND} a second", cut[49], "ms", HALF, reason=_BUSY, note=note),
        Figure(f"embedded, p99 at {PER_SECOND} a second", cut[98], "ms", SLOWEST, reason=_BUSY),
        Figure("embedded, CPU of Milepost for one milestone, its message included", cpu, "ms"),
    ]


async def _steadily(acceptor: Acceptor, users: list[str]) -> dict[str, float]:
    """When the milestone of each was acknowledged."""
    accepted: dict[str, float] = {}

    async def call(user: str) -> None:
        now = Instant.now()
        await acceptor.accept([Arrival("bench", user, user, "track", now, now, ENTRY, {"revenue": 49})])
        accepted[user] = time.perf_counter()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, user in enumerate(users):
            await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
            group.create_task(call(user))
    return accepted


async def _all_handed(provider: _Noting, all_: int) -> None:
    until = time.monotonic() + _PATIENCE
    while len(provider.handed) < all_ and time.monotonic() < until:  # noqa: ASYNC110 - senders run in threads
        await asyncio.sleep(_BETWEEN_LOOKS)
