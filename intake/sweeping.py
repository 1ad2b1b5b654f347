"""Entries by time: a sweep finds whose time has come and puts an event of kind `due` for each of them into the queue.

- A sweep goes through the customers of one time zone at a time, in pages by id. The events of a page and how far it
  came are one transaction, and an event is named by playbook, slot and customer: whatever is repeated is ignored.
- Whether a customer enters is decided where the event is applied, like for any other.
- Customers of a schedule with a spread are taken in the order of their ids as time goes on (`lifecycle.schedule`), so
  that nothing has to be remembered of those whose turn is still to come.
- Dates are compared here and not in SQL: a page is read with the attribute, and those whom it is not are left out. So
  it is the core that reads a date, here as in a wait, and both databases answer alike. Each customer is looked at once
  a day for each such playbook.
- While a share tries a version that enters at other times, each customer is looked at by the version that they would
  take, and the two are swept apart: the share's sweep goes by the name of its version too.
- A slot counts from the roll-out of the version on. One that is under way goes on when the playbook changes, as long
  as the new version has it too. What nobody took within a day is passed over, and the log says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy.orm import Session
from whenever import Instant

from activities.contract import SweepAnswer
from lifecycle.language.map import Map, is_zone
from lifecycle.plan import Entry, Plan
from lifecycle.schedule import AT_MOST, Slot, attribute_of, concerns, last_in_turn, slots, spread_of, turn_of
from lifecycle.shares import drawn
from store import events, playbooks, rollouts, sweeps
from store.database import Database
from store.tables import PlaybookActive, Sweep

log = structlog.get_logger()

PAGE = 500
"""Customers in one transaction."""

PAGES = 20
"""Transactions in one call, so that it ends soon."""

SOURCE = "sweep"


class Timed(NamedTuple):
    """A version that time enters, since when, and for whom: `share` are the version that is tried and its percents,
    `tries` says whether this is for those in the share or for the others. None: for everybody.
    """

    playbook: str
    entry: Entry
    since: Instant
    share: tuple[str, int] | None = None
    tries: bool = False

    @property
    def sweep(self) -> str:
        """What its sweeps go by."""
        return f"{self.playbook}@{self.share[0]}" if self.share and self.tries else self.playbook

    def takes(self, customer: str) -> bool:
        """Whether a customer would take this version."""
        return self.share is None or (drawn(customer, self.share[0]) < self.share[1]) == self.tries


class Way(NamedTuple):
    """A version in a zone. `but`: the other zones, where this is the zone of everybody whose own is not known."""

    timed: Timed
    zone: str
    but: tuple[str, ...] | None

    @property
    def entry(self) -> Entry:
        return self.timed.entry


class DueSweep:
    """`plan_of` gives the plan of a playbook version."""

    def __init__(self, database: Database, map: Map, plan_of: Callable[[Session, str], Plan]) -> None:
        self.database, self.map, self.plan_of = database, map, plan_of

    async def run(self, cursor: str, now: Instant) -> SweepAnswer:
        """Take those whose time has come at `now`, up to PAGES pages of them. Where it ended is in the database."""
        looked_at = pages = 0
        for way in await self.database.read(partial(self._ways, now=now)):
            more = True
            while more:
                if pages == PAGES:
                    return SweepAnswer(counts={"looked_at": looked_at}, cursor="more")
                found, more = await self.database.write(partial(self._page, way=way, now=now))
                looked_at, pages = looked_at + found, pages + 1
        return SweepAnswer(counts={"looked_at": looked_at} if looked_at else {})

    def _ways(self, session: Session, now: Instant) -> list[Way]:
        """The playbooks and zones for which something is due."""
        timed = [found for row in playbooks.actives(session) for found in self._timed(session, row)]
        if not timed:
            return []
        own, rows = self.map.time_zone, sweeps.every(session)
        zones = [zone for zone in sweeps.zones(session) if zone != own and is_zone(zone)]
        ways = [Way(one, zone, tuple(zones) if zone == own else None) for one in timed for zone in (own, *zones)]
        return [way for way in ways if self._next(way, rows.get((way.timed.sweep, way.zone)), now)]

    def _timed(self, session: Session, row: PlaybookActive) -> Iterator[Timed]:
        """What time enters of a playbook: one version, or those of a share and of all others where they differ."""
        entry = self._entry(session, row.version)
        if row.canary is None:
            if entry:
                yield Timed(row.playbook, entry, row.since)
            return
        tried = self._entry(session, row.canary)
        if entry and tried and _times(entry) == _times(tried):
            yield Timed(row.playbook, entry, row.since)
            return
        share = (row.canary, row.percent or 0)
        if entry:
            yield Timed(row.playbook, entry, row.since, share)
        under_way = rollouts.under_way(session, row.playbook)
        if tried and under_way is not None:
            yield Timed(row.playbook, tried, under_way.started_at, share, tries=True)

    def _entry(self, session: Session, version: str) -> Entry | None:
        """The entry of a version, if it is one by time."""
        entry = self.plan_of(session, version).entry
        return entry if entry is not None and entry.timed else None

    def _page(self, session: Session, way: Way, now: Instant) -> tuple[int, bool]:
        """Take the next page of a slot; how many were looked at, and whether there is more to do in this zone."""
        sweep = sweeps.take(session, way.timed.sweep, way.zone, way.timed.since)
        slot = self._next(way, sweep, now)
        if slot is None:
            return 0, False
        spread = spread_of(way.entry)
        if slot.at + spread < now - AT_MOST:
            log.warning("sweep.passed_over", playbook=way.timed.playbook, zone=way.zone, since=slot.at.format_iso())
            sweeps.keep(session, sweep, (now - AT_MOST - spread).subtract(nanoseconds=1), None, None)
            return 0, True
        last = last_in_turn(slot.at, spread, now)
        found = sweeps.page(
            session,
            way.zone,
            slot.at,
            PAGE,
            but=way.but,
            after=(sweep.after if sweep.due == slot.at else None) or "",
            last=last,
            attribute=attribute_of(way.entry) if way.entry.date else "",
        )
        due = [one for one in found if way.timed.takes(one.id) and self._is_due(way, slot, one)]
        events.accept(session, [self._arrival(way, slot, one, now) for one in due])
        if len(found) == PAGE:
            sweeps.keep(session, sweep, sweep.until, slot.at, found[-1].id)
        elif last is not None:
            sweeps.keep(session, sweep, sweep.until, slot.at, last)
            return len(found), False
        else:
            sweeps.keep(session, sweep, slot.at, None, None)
        return len(found), True

    def _next(self, way: Way, sweep: Sweep | None, now: Instant) -> Slot | None:
        """The slot that is under way, or else the next one that has come."""
        if sweep is not None and sweep.due is not None:
            found = next(slots(way.entry, way.zone, sweep.due.subtract(nanoseconds=1), now), None)
            if found is not None and found.at == sweep.due:
                return found
        done = max(sweep.until, sweep.due or sweep.until) if sweep is not None else way.timed.since
        return next(slots(way.entry, way.zone, max(done, way.timed.since), now), None)

    def _is_due(self, way: Way, slot: Slot, customer: sweeps.Found) -> bool:
        if way.entry.date is None:
            return True
        value = customer.value
        if value is None:
            value = self.map.defaults().get(attribute_of(way.entry))
        return concerns(way.entry, slot, value, way.zone)

    def _arrival(self, way: Way, slot: Slot, customer: sweeps.Found, now: Instant) -> events.Arrival:
        turn = min(turn_of(customer.id, slot.at, spread_of(way.entry)), now)
        playbook = way.timed.playbook
        identity = f"{playbook}/{slot.name}/{customer.id}"
        return events.Arrival(SOURCE, identity, customer.user_id, "due", turn, now, playbook, {"slot": slot.name})


def _times(entry: Entry) -> tuple[object, ...]:
    """What says when an entry comes due."""
    return entry.schedule, entry.date, entry.yearly, entry.at, entry.spread
