"""What it takes to pause a playbook that very many are in, and to wake those whom the pause held."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from sqlalchemy import insert
from sqlalchemy.orm import Session
from whenever import Instant

from bench.figures import Figure
from intake import consequences, pauses
from intake.resuming import BATCH, drain
from lifecycle.plan import Plan
from store import playbooks
from store.database import Database
from store.migrate import upgrade
from store.tables import Customer, Hold, Journey, PlaybookVersion, table_of

JOURNEYS = 100_000
HELD = 10_000
LONGEST, SEEN = 100, 150
"""Milliseconds for one row, and for what a page shows."""

_START = Instant.from_utc(2026, 1, 5, 9)
_PLAYBOOK = "quiet"


def pausing() -> list[Figure]:
    """On SQLite, whose every write waits for the disk, as `milepost dev` runs it."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'pauses.db'}"
        upgrade(url)
        database = Database(url)
        try:
            return _measured(database)
        finally:
            database.close()


def _measured(database: Database) -> list[Figure]:
    database.write_now(_fill)
    asked = {"reason": "the benchmark", "who": "bench", "now": _START}
    begun = _milliseconds(
        lambda: database.write_now(lambda session: pauses.start(session, scope="playbook", target=_PLAYBOOK, **asked))  # type: ignore[arg-type]
    )
    (lying,) = database.read_now(pauses.listed)
    assert lying.pause.id is not None
    number = lying.pause.id
    database.write_now(partial(_hold, pause=number, journeys=HELD))
    foreseen = _foreseeing(database)
    ended = _milliseconds(
        lambda: database.write_now(lambda session: pauses.end(session, number, **asked))  # type: ignore[arg-type]
    )
    waking = _milliseconds(lambda: _drain(database, number))
    what = f"{JOURNEYS:,} journeys are in the playbook."
    return [
        Figure("pausing a playbook", begun, "ms", LONGEST, note=what),
        Figure("ending the pause", ended, "ms", LONGEST),
        Figure(
            "telling what its end would do", foreseen, "ms", SEEN, note=f"{JOURNEYS:,} journeys stand; median of five."
        ),
        Figure(
            "writing to those held", HELD / waking * 1000, "a second", note=f"{HELD:,} are held; {BATCH} at a time."
        ),
    ]


def _fill(session: Session) -> None:
    plan = Plan(_PLAYBOOK, "stranger", None, {}, "UTC")
    version = PlaybookVersion(
        id=plan.version, playbook=_PLAYBOOK, plan=plan.packed.encode(), source="", created_at=_START
    )
    playbooks.publish(session, version)
    playbooks.activate(session, _PLAYBOOK, plan.version, _START)
    names = [f"cus_{number}" for number in range(JOURNEYS)]
    session.execute(
        insert(table_of(Customer)),
        [{"id": name, "user_id": name, "attributes": {}, "created_at": _START, "updated_at": _START} for name in names],
    )
    journey = {
        "playbook": _PLAYBOOK, "version": plan.version, "arm": "journey", "key": "", "entry_event_id": 1,
        "history_mark": 0, "entered_at": _START, "status": "open", "inbox_last": 0, "seq": 0, "simulated": False,
    }  # fmt: skip
    session.execute(
        insert(table_of(Journey)), [{"id": f"{_PLAYBOOK}.{name}", "customer_id": name, **journey} for name in names]
    )


def _foreseeing(database: Database) -> float:
    """The same for a pause of everything, at which all stand, every other one with an e-mail due."""
    pause = database.write_now(
        lambda session: pauses.start(session, scope="everything", reason="the benchmark", who="bench", now=_START)
    )
    assert pause.id is not None
    database.write_now(partial(_hold, pause=pause.id, journeys=JOURNEYS))
    looks = [
        _milliseconds(lambda: database.read_now(lambda session: consequences.end_of(session, pause))) for _ in range(5)
    ]
    return median(looks)


def _hold(session: Session, pause: int, journeys: int) -> None:
    rows = [
        {"journey_id": f"{_PLAYBOOK}.cus_{n}", "pause_id": pause, "since": _START, "wants": "email" if n % 2 else None}
        for n in range(journeys)
    ]
    session.execute(insert(table_of(Hold)), rows)


def _drain(database: Database, pause: int) -> None:
    while database.write_now(partial(drain, pause_id=pause, now=_START)):
        pass


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
