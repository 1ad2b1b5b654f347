"""Waking those whom a pause held, once it is over (rules.md 12).

A journey that is held has a row in `hold`. After the end its row is taken away and a `resumed` row put into its inbox,
in one transaction, so that a crash anywhere is harmless; the dispatcher delivers that like any other. A woken journey
decides again: another pause may hold it still.

An activity can read that a pause holds while somebody ends it, and add its row after we looked. So a pause counts as
drained only once a pass that began a minute after its end found nobody, and every five minutes we look for rows that
came even later.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from store import holds, inbox, pauses
from store.database import Database

BATCH = 500
"""How many journeys are told in one transaction."""

GRACE = TimeDelta(minutes=1)
SWEEP = TimeDelta(minutes=5)

MADE_UP = TimeDelta(seconds=10)
"""How much of a pace that was not kept (a worker was away) is made up for at once."""


class Resuming:
    """The part of the dispatcher that ends pauses whose time has come and wakes whom they held. Several may run."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._swept = Instant.MIN

    async def step(self, now: Instant) -> int:
        """One pass at `now`; how many journeys were told."""
        over, waiting = await self.database.read(
            lambda session: (pauses.over_by(session, now), pauses.to_drain(session))
        )
        if over:
            waiting += await self.database.write(lambda session: end_those_over(session, now))
        if now - self._swept >= SWEEP:
            waiting += await self.database.read(holds.forgotten)
            self._swept = now
        told = 0
        for pause in waiting:
            told += await self.database.write(partial(drain, pause_id=pause, now=now))
        return told


def end_those_over(session: Session, now: Instant) -> list[int]:
    """End the pauses whose given end has come, each at that instant; their ids."""
    ended = []
    for pause in pauses.over_by(session, now):
        assert pause.id is not None
        if pauses.end(session, pause.id, pause.ends_at or now, "send"):
            # Until now journeys met it as one that holds, however long ago its end was.
            pauses.pace(session, pause.id, now)
            ended.append(pause.id)
    return ended


def drain(session: Session, pause_id: int, now: Instant) -> int:
    """Tell the next journeys that an ended pause holds; to how many that were."""
    pause = pauses.take(session, pause_id)
    if pause is None or pause.ended_at is None:
        return 0
    since = max(pause.ended_at, pause.wake_at or pause.ended_at)
    spread = pause.spread if pause.drained_at is None else None
    begin, allowed = _paced(since, spread, now) if spread else (since, BATCH)
    held = holds.first(session, pause_id, allowed) if allowed else []
    if held:
        told = inbox.Entry("resumed", str(pause_id), pause.ended_at, None, {"handling": pause.handling or "send"})
        inbox.append_to_each(session, held, told)
        holds.remove(session, pause_id, held)
        if spread:
            pauses.pace(session, pause_id, begin.add(seconds=len(held) * 60 / spread))
    elif pause.drained_at is None and now - since >= GRACE and not holds.any_by(session, pause_id):
        pauses.mark_drained(session, pause_id, now)
    return len(held)


def _paced(since: Instant, spread: int, now: Instant) -> tuple[Instant, int]:
    """From when on the pace counts, and how many journeys may be told at `now`: `spread` a minute."""
    begin = max(since, now - MADE_UP)
    passed = (now - begin).total("seconds")
    return begin, min(BATCH, int(passed * spread / 60) + 1) if passed >= 0 else 0
