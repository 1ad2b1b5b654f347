"""What `milepost import` counts while it reads: lines become events in chunks, bad ones are kept with their reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

from whenever import Instant

from intake.doors import CHUNK, NotAccepted, accept, agreeable, arrival_of, declared
from lifecycle.language.map import Map
from lifecycle.segment import read_line
from store.database import Database
from store.events import Arrival

SOURCE = "import"


class Import:
    """`rejected` holds line and reason, in the order of lines; `undeclared` how often each unknown milestone came."""

    def __init__(self, database: Database, map: Map, now: Instant, backfill: bool) -> None:
        self.read = self.accepted = self.duplicates = 0
        self.rejected: list[dict[str, Any]] = []
        self.undeclared: Counter[str] = Counter()
        self._database, self._now, self._backfill = database, now, backfill
        self._map, self._declared = map, set(declared(map))
        self._chunk: list[tuple[int, Arrival]] = []

    def take(self, number: int, line: bytes) -> bool:
        """Take one line; True where a chunk was stored with it."""
        self.read += 1
        call = read_line(line)
        try:
            if isinstance(call, str):
                raise NotAccepted(call)
            agreeable(self._map, call)
            self._chunk.append((number, arrival_of(call, SOURCE, self._now, backfill=self._backfill)))
        except NotAccepted as error:
            self._reject(number, str(error))
            return False
        if call.name and call.name not in self._declared:
            self.undeclared[call.name] += 1
        if len(self._chunk) < CHUNK:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Store what is left."""
        if not self._chunk:
            return
        chunk, self._chunk = self._chunk, []
        taken = accept(self._database, [arrival for _, arrival in chunk])
        self.accepted += taken.accepted
        self.duplicates += taken.duplicates
        for place in taken.unstorable:
            self._reject(chunk[place][0], "it holds a value that cannot be stored")

    def data(self) -> dict[str, Any]:
        """The result as plain data, for `--format json`."""
        return {
            "read": self.read,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": sorted(self.rejected, key=lambda bad: bad["line"]),
        }

    def _reject(self, number: int, reason: str) -> None:
        self.rejected.append({"line": number, "reason": reason})
