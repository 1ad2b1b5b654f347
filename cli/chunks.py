"""What `milepost import` makes of the rows of a file: events, stored in chunks.

What is rejected, and how far the file is dealt with, is stored in the transaction of the chunk. So an import that was
interrupted goes on behind its last chunk, its report tells of the whole file, and nothing of a file is kept in memory,
however large it is and whatever is wrong with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from sqlalchemy.orm import Session
from whenever import Instant

from cli.lines import Record
from intake import doors
from intake.doors import CHUNK, NotAccepted
from lifecycle.language.map import Map, is_zone
from lifecycle.segment import Call
from store import events, imports
from store.database import Database
from store.events import Arrival
from store.imports import Place
from store.tables import ImportRejected

SOURCE = "import"

NAMES = 100
"""So many different milestones that are not declared are counted by name, the others together; and so many zones."""

PAGE = 20
"""How many chunks' rejected rows are read at once for the report."""

UNSTORABLE = "it holds a value that cannot be stored"


class TakenOver(Exception):
    """Another process imports the same file just now, and has come further. Nothing of this chunk was stored."""

    def __str__(self) -> str:
        return "another process imports this file just now, so this one stops; what is stored so far is stored once"


class Import:
    """The import of one file, named by `key`. It begins where an earlier one was interrupted: `offset` bytes and `line`
    lines are dealt with. `undeclared` counts how often unknown milestones came, `others` those beyond `NAMES`;
    `no_zones` how often something came as a time zone and is none, by its name.
    """

    def __init__(self, database: Database, map: Map, key: str, now: Instant, backfill: bool) -> None:
        self._database, self._map, self._key, self._now, self._backfill = database, map, key, now, backfill
        self._declared = set(doors.declared(map))
        place = database.write_now(lambda session: imports.take_up(session, key, now)) or Place(0, 0, {})
        self.offset, self.line, counts = place.offset, place.line, place.counts
        self.read, self.others, self.rejected = (counts.get(name, 0) for name in ("read", "others", "rejected"))
        self.accepted, self.duplicates = counts.get("accepted", 0), counts.get("duplicates", 0)
        self.undeclared: Counter[str] = Counter(counts.get("undeclared", {}))
        self.no_zones: Counter[str] = Counter(counts.get("no_zones", {}))
        self._last = place.offset, place.line
        self._chunk: list[tuple[int, Arrival]] = []
        self._bad: list[tuple[int, str]] = []

    def take(self, row: Record) -> bool:
        """Take one row; True where a chunk was stored with it."""
        self.read += 1
        self._last = row.offset, row.line
        try:
            self._chunk.append((row.number, self._arrival(row.call)))
        except NotAccepted as error:
            self._bad.append((row.number, _printable(str(error))))
        if len(self._chunk) + len(self._bad) < CHUNK:
            return False
        self._store(None)
        return True

    def finish(self) -> None:
        """Store what is left, and that the file is dealt with: imported again, it is read from the beginning."""
        self._store(Instant.now())

    def waiting(self) -> int:
        """How many events wait to be applied, whoever sent them."""
        return self._database.read_now(events.waiting)

    def reasons(self) -> Iterator[tuple[int, str]]:
        """Line and reason of every row that was rejected, those before an interruption included, in their order."""
        after = 0
        while page := self._page(after):
            for chunk in page:
                yield from sorted((line, reason) for reason, lines in chunk.reasons.items() for line in lines)
            after = page[-1].line

    def reported(self) -> None:
        """The report was given."""
        self._database.write_now(lambda session: imports.forget_rejected(session, self._key))

    def _page(self, after: int) -> Sequence[ImportRejected]:
        return self._database.read_now(lambda session: imports.rejected(session, self._key, after, PAGE))

    def _arrival(self, call: Call | str) -> Arrival:
        if isinstance(call, str):
            raise NotAccepted(call)
        agreed = doors.agreeable(self._map, call)
        arrival = doors.arrival_of(agreed, SOURCE, self._now, backfill=self._backfill)
        undeclared = call.kind == "track" and call.name not in self._declared
        if undeclared and not _counted(self.undeclared, call.name):
            self.others += 1
        zone = arrival.properties.get("time_zone") if call.kind == "identify" else None
        if zone and not _is_zone(str(zone)):
            _counted(self.no_zones, _printable(str(zone)))
        return arrival

    def _store(self, finished: Instant | None) -> None:
        chunk, bad, (offset, line) = self._chunk, self._bad, self._last
        self._chunk, self._bad = [], []
        place = Place(offset, line, {})

        def record(session: Session, taken: doors.Taken) -> None:
            nonlocal place
            rows = [*bad, *((chunk[at][0], UNSTORABLE) for at in taken.unstorable)]
            by_reason: dict[str, list[int]] = {}
            for number, reason in rows:
                by_reason.setdefault(reason, []).append(number)
            counts = {
                "read": self.read,
                "accepted": self.accepted + taken.accepted,
                "duplicates": self.duplicates + taken.duplicates,
                "rejected": self.rejected + len(rows),
                "undeclared": dict(self.undeclared),
                "others": self.others,
                "no_zones": dict(self.no_zones),
            }
            place = Place(offset, line, counts)
            if not imports.advance(session, self._key, self.offset, place, by_reason, finished):
                raise TakenOver

        doors.accept(self._database, [arrival for _, arrival in chunk], record)
        self.offset, self.line = place.offset, place.line
        self.accepted, self.duplicates = place.counts["accepted"], place.counts["duplicates"]
        self.rejected = place.counts["rejected"]


_is_zone = lru_cache(maxsize=1000)(is_zone)


def _counted(counter: Counter[str], name: str) -> bool:
    """Count it under its name; False where there are too many names."""
    if name not in counter and len(counter) >= NAMES:
        return False
    counter[name] += 1
    return True


def _printable(reason: str) -> str:
    """A reason may name what a product calls a topic; that is not to reach anybody's terminal as it is."""
    return "".join(char if char.isprintable() else "?" for char in reason)
