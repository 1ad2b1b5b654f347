"""An import that is killed goes on where it was: nothing missing, nothing twice, and its report tells of all of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from whenever import Instant

from store import imports
from store.database import Database
from store.imports import Place
from store.tables import Event, ImportRejected, ImportRun, table_of
from tests.intake.house import write_project

NOW = Instant.from_utc(2026, 3, 2, 9)
ROWS = 12_000
PATIENCE = 60.0


def test_an_import_goes_on_where_its_last_chunk_ended(database: Database) -> None:
    assert database.write_now(lambda session: imports.take_up(session, "a", NOW)) is None
    place = Place(700, 20, {"read": 20})
    assert database.write_now(lambda session: imports.advance(session, "a", 0, place, {"wrong": [3, 9]}, None))
    assert database.write_now(lambda session: imports.take_up(session, "a", NOW)) == place
    (chunk,) = database.read_now(lambda session: imports.rejected(session, "a", 0, 10))
    assert (chunk.line, chunk.reasons) == (20, {"wrong": [3, 9]})
    assert database.write_now(lambda session: imports.take_up(session, "b", NOW)) is None


def test_a_finished_import_begins_anew(database: Database) -> None:
    database.write_now(lambda session: imports.take_up(session, "a", NOW))
    place = Place(700, 20, {"read": 20})
    assert database.write_now(lambda session: imports.advance(session, "a", 0, place, {"wrong": [3]}, NOW))
    assert database.write_now(lambda session: imports.take_up(session, "a", NOW)) is None
    assert database.read_now(lambda session: imports.rejected(session, "a", 0, 10)) == []


def test_of_two_that_import_one_file_only_one_goes_on(database: Database) -> None:
    for _ in range(2):
        database.write_now(lambda session: imports.take_up(session, "a", NOW))
    ours, theirs = Place(700, 20, {}), Place(900, 25, {})
    assert database.write_now(lambda session: imports.advance(session, "a", 0, theirs, {}, None))
    assert not database.write_now(lambda session: imports.advance(session, "a", 0, ours, {"wrong": [3]}, None))
    assert database.read_now(lambda session: imports.rejected(session, "a", 0, 10)) == []


def test_a_killed_import_is_taken_up_with_nothing_missing_and_nothing_twice(
    database: Database, url: str, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "house", {})
    file = tmp_path / "events.jsonl"
    call = {"type": "track", "event": "alpha", "timestamp": "2026-01-05T10:00:00Z"}
    good = (json.dumps({**call, "userId": f"u{number % 500}", "messageId": f"m{number}"}) for number in range(ROWS))
    file.write_text("".join(row + ("\n" if number % 100 else "\nbad\n") for number, row in enumerate(good)), "utf-8")
    command = [
        sys.executable,
        "-P",
        "-m",
        "cli.main",
        "import",
        str(file),
        "--project",
        str(project),
        "--format",
        "json",
    ]
    environment = {**os.environ, "MILEPOST_DATABASE_URL": url, "PYTHONPATH": str(Path(__file__).parents[2])}
    kills = 0
    # As soon as the one or the other is seen: were they not stored together, it would die between the two.
    for seen, least in ((accepted, 500), (line, 5000)):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while seen(database) < least and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    before = accepted(database)
    assert (kills, 4900 <= before < ROWS) == (2, True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "An earlier import of this file was interrupted" in done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    bad = list(range(2, ROWS + ROWS // 100, 101))
    assert (done.returncode, report["read"]) == (1, ROWS + ROWS // 100)
    assert (report["accepted"], report["duplicates"], accepted(database)) == (ROWS, 0, ROWS)
    assert [one["line"] for one in report["rejected"]] == bad
    assert count(database, ImportRejected) == 0
    assert count(database, ImportRun) == 1


def accepted(database: Database) -> int:
    return count(database, Event)


def line(database: Database) -> int:
    return database.read_now(lambda session: session.scalar(select(func.max(table_of(ImportRun).c.line))) or 0)


def count(database: Database, table: type[Event | ImportRejected | ImportRun]) -> int:
    return database.read_now(lambda session: session.scalar(select(func.count()).select_from(table_of(table))) or 0)
