"""Carrying out applies: those inside are asked to move, or are ended, a few hundred at a time (rules.md 16).

Whom an apply has asked stands in a row that is written with the journey's inbox row, in one transaction; the dispatcher
delivers that like any other, and what the journey answers is stored by its activity. So a worker that dies at any
point is followed by the next one, and nobody is asked twice.

The pace is that of the answers: never more than WINDOW have been asked and have not answered, so that ten thousand
moves do not stand before the messages of everybody else. Who does not answer in a while (a provider is down, and its
message is being tried) holds nobody up; the apply is done once all have answered, or ended.
"""

from __future__ import annotations

from functools import partial

import structlog
from sqlalchemy.orm import Session
from whenever import Instant, TimeDelta

from intake import rollouts
from lifecycle.shares import drawn
from store import inbox, journeys
from store import rollouts as stored
from store.database import Database
from store.tables import Rollout

log = structlog.get_logger()

WINDOW = 200
PAGE = 500
"""How many journeys are looked at in one transaction."""

SLOW = TimeDelta(minutes=5)
"""Who has not answered for so long is waited for no more before others are asked."""

GRACE = TimeDelta(seconds=30)
"""So long after its end an apply is looked over once more: an entry may have been under way while it began, into the
version before."""

REPLACED = "replaced by another version"
"""Why a journey ends where an apply says `exit`."""


class Mover:
    """The part of the worker that carries out applies. Several may run."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def step(self, now: Instant) -> bool:
        """One pass at `now`; True where there may be more to do at once."""
        found = await self.database.read(lambda session: stored.to_carry_out(session, now - GRACE))
        more = False
        for number in found:
            more |= await self.database.write(partial(carry_out, number=number, now=now))
        return more


def carry_out(session: Session, number: int, now: Instant) -> bool:
    """Ask the next journeys of an apply, and end it where everybody has answered; True where others may follow."""
    rollout = stored.take(session, number)
    if rollout is None or rollout.state == "stopped":
        return False
    due = rollout.state == "canary" and rollout.continue_at is not None and rollout.continue_at <= now
    if due and not rollouts.halted(session, rollout.playbook):
        rollout = rollouts.go_on(session, rollout.playbook, "its time has come", "milepost", now)
        log.info("apply.continued", playbook=rollout.playbook, apply=number)
    if rollout.in_flight == "pin":
        if rollout.after is not None:
            stored.change(session, number, after=None)
        return False
    after, more = rollout.after, False
    if after is not None:
        room = WINDOW - stored.waiting(session, number, since=now - SLOW)
        if room >= max(1, WINDOW // 4):  # a few at a time would cost a look at everybody for each of them
            after = _next(session, rollout, room, now)
            more = after is not None
    if after != rollout.after:
        stored.change(session, number, after=after)
    if after is None and rollout.state == "running":
        stored.settle_ended(session, number, now)
        if not stored.waiting(session, number):
            stored.change(session, number, state="done", finished_at=now, after="")
            log.info("apply.done", playbook=rollout.playbook, apply=number, **stored.counts(session, number))
    return more


def _next(session: Session, rollout: Rollout, room: int, now: Instant) -> str | None:
    """Deal with the next journeys, at most `room`; the last one that was looked at, None where nobody is left."""
    found = stored.next_inside(session, rollout, PAGE)
    last: str | None = None
    chosen: list[str] = []
    for journey, customer in found:
        if len(chosen) == room:
            break
        last = journey
        if drawn(customer, rollout.to_version or "") < rollout.percent:
            chosen.append(journey)
    if chosen:
        _deal(session, rollout, chosen, now)
    return last


def _deal(session: Session, rollout: Rollout, chosen: list[str], now: Instant) -> None:
    assert rollout.id is not None
    if rollout.in_flight == "follow":
        stored.ask(session, rollout.id, chosen, now)
        inbox.append_to_each(session, chosen, inbox.Entry("move", str(rollout.id), now))
        return
    journeys.lock_each(session, chosen)
    ended = [one for one in chosen if journeys.stamp_exit(session, one, now, "exited", REPLACED)]
    inbox.append_to_each(session, ended, inbox.Entry("exit", REPLACED, now, None, {"outcome": "exited"}))
    stored.ask(session, rollout.id, ended, now, "ended")
