"""How fast a channel may send, over all workers together (rules.md 23).

A worker leases a short stretch of the channel's time from the database and spends it message by message. A token is
spent only where a message is really claimed: a paused million uses up nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from functools import partial

from sqlalchemy.orm import Session
from whenever import Instant

from store import rates
from store.database import Database

STRETCH = 0.5
"""Seconds of a channel's rate that one lease takes, and how far ahead anybody may lease."""

PATIENCE = 10.0
"""Seconds for which an activity waits for a token, before it lets others run."""

STALE = 1.0
"""Seconds after which an unspent token is worth nothing: spent late, it would add to what others spend then."""


class Rates:
    """The tokens of one worker. `per_second` names the channels that have a limit; the others have none."""

    def __init__(self, per_second: Mapping[str, float]) -> None:
        self._per_second = dict(per_second)
        self._tokens: dict[str, deque[Instant]] = {channel: deque() for channel in per_second}
        self._lock = threading.Lock()

    def limited(self, channel: str) -> bool:
        return channel in self._per_second

    def take(self, channel: str, now: Instant) -> bool:
        """Spend a token that is valid now, if there is one."""
        with self._lock:
            tokens = self._tokens[channel]
            while tokens and tokens[0] < now.subtract(seconds=STALE):
                tokens.popleft()
            if tokens and tokens[0] <= now:
                tokens.popleft()
                return True
            return False

    def give_back(self, channel: str, now: Instant) -> None:
        """Return a token that was taken for a message that did not go."""
        with self._lock:
            self._tokens[channel].appendleft(now)

    def wait(self, channel: str, now: Instant) -> float:
        """Seconds until another attempt makes sense."""
        with self._lock:
            tokens = self._tokens[channel]
            ahead = (tokens[0] - now).total("seconds") if tokens else STRETCH
        return max(ahead, 0.0)

    async def token(self, database: Database, channel: str) -> bool:
        """Lease, and wait for a token of one's own; False where others have leased all of the next moments."""
        deadline = Instant.now().add(seconds=PATIENCE)
        while (now := Instant.now()) < deadline:
            if self.take(channel, now):
                return True
            if not self._tokens[channel]:
                tokens = await database.write(partial(self._lease, channel=channel, now=now))
                with self._lock:
                    self._tokens[channel].extend(tokens)
            await asyncio.sleep(min(self.wait(channel, Instant.now()), 1.0))
        return self.take(channel, Instant.now())

    def _lease(self, session: Session, channel: str, now: Instant) -> list[Instant]:
        rate = self._per_second[channel]
        number = max(1, round(rate * STRETCH))
        begins = rates.lease(session, channel, now, STRETCH, number / rate)
        return [] if begins is None else [begins.add(seconds=place / rate) for place in range(number)]
