"""Pausing a playbook whose e-mails too many people complain about or too many of which bounce: lifecycle/halting.py."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session
from whenever import Instant

from intake import pauses
from lifecycle import halting
from lifecycle.language.map import Map
from lifecycle.suppression import length
from store import audit, deliveries
from store import pauses as stored
from store.database import Database

log = structlog.get_logger()

MADE_BY = "milepost"


async def halt_if_over(database: Database, map: Map, playbook: str, now: Instant) -> None:
    """Pause the playbook at `now` where its figures are over a limit of the map and it is not paused for that already.

    Once a person has ended such a pause, only what was accepted after that counts.
    """
    # Counting a playbook's messages takes a while, so it is done outside the transaction that writes.
    because = await database.read(lambda session: _because(session, map, playbook, now))
    if because is None:
        return

    def pause(session: Session) -> bool:
        audit.lock(session)
        if _halted(session, playbook):
            return False
        pauses.start(session, scope="playbook", target=playbook, reason=because, who=MADE_BY, now=now)
        return True

    if await database.write(pause):
        log.error("playbook.halted", playbook=playbook, because=because)


def _because(session: Session, map: Map, playbook: str, now: Instant) -> str | None:
    if _halted(session, playbook):
        return None
    since = now - length(map.halt.within)
    ended = stored.last_end(session, "playbook", playbook, MADE_BY)
    since = max(since, ended) if ended else since
    failing = deliveries.failing(session, playbook, since)
    if not halting.may_be_over(map.halt, failing.complained, failing.bounced):
        return None
    return halting.too_many(map.halt, failing._replace(accepted=deliveries.accepted(session, playbook, since)))


def _halted(session: Session, playbook: str) -> bool:
    return any(pause.made_by == MADE_BY for pause in stored.active_on(session, "playbook", playbook))
