"""Two processes on one SQLite file, and one that is killed: what was acknowledged is there, nothing else is."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from store import events, migrate
from store.database import Database
from tests.store.rows import arrival

ROOT = Path(__file__).parents[2]

WRITER = """
import asyncio, sys
from sqlalchemy.orm import Session
from store import events
from store.database import Database
from tests.store.rows import arrival

address, name = sys.argv[1:3]
count, tasks, size = map(int, sys.argv[3:])
database = Database(address)
numbers = iter(range(count))

async def work():
    for number in numbers:
        # Rows that belong together: a kill must never leave some of them.
        rows = [arrival(f"{name}-{number}-{part}") for part in range(size)]
        await database.write(lambda session: events.accept(session, rows))
        print(number, flush=True)

async def main():
    await asyncio.gather(*(work() for _ in range(tasks)))

asyncio.run(main())
database.close()
"""


def start(address: str, name: str, count: int, tasks: int, size: int = 2) -> subprocess.Popen[str]:
    """A process that makes `count` writes of `size` rows each, `tasks` at a time, and prints what was acknowledged."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, address, name, str(count), str(tasks), str(size)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def stored(session: Session) -> list[str]:
    return list(session.scalars(text("SELECT message_id FROM event ORDER BY id")))


def test_two_processes_write_one_file(sqlite_url: str) -> None:
    writers = [start(sqlite_url, name, 300, 10) for name in ("one", "two")]
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    database = Database(sqlite_url)
    found = database.read_now(stored)
    database.close()
    assert sorted(found) == sorted(f"{p}-{n}-{h}" for p in ("one", "two") for n in range(300) for h in "01")


def test_a_writer_that_never_rests_lets_another_process_in(sqlite_url: str) -> None:
    busy = start(sqlite_url, "busy", 100_000, tasks=100, size=100)
    assert busy.stdout is not None
    database = Database(sqlite_url, patience=5)
    try:
        busy.stdout.readline()
        for number in range(12):
            accepted = database.write_now(_accept(f"calm-{number}"))
            assert accepted[0] is not None
        assert busy.poll() is None
    finally:
        busy.kill()
        busy.communicate()
        database.close()


def test_a_writer_that_is_killed_leaves_what_it_acknowledged_and_no_half(sqlite_url: str) -> None:
    for round_number in range(3):
        writer = start(sqlite_url, f"round{round_number}", 100_000, 20)
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(100 + 70 * round_number)]
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        acknowledged += rest.split("\n")[:-1]
        database = Database(sqlite_url)
        found = set(database.read_now(stored))
        check = database.read_now(lambda session: session.scalar(text("PRAGMA integrity_check")))
        database.close()
        mine = {name for name in found if name.startswith(f"round{round_number}-")}
        assert {f"round{round_number}-{number}-0" for number in acknowledged} <= mine
        assert {name[:-1] for name in mine if name.endswith("0")} == {name[:-1] for name in mine if name.endswith("1")}
        assert check == "ok"


def test_processes_that_start_together_on_a_new_file_make_one_schema(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'new.db'}"
    code = "import sys; from store import migrate; migrate.upgrade(sys.argv[1])"
    starting = [subprocess.Popen([sys.executable, "-c", code, address], cwd=ROOT) for _ in range(4)]
    assert [process.wait(timeout=60) for process in starting] == [0, 0, 0, 0]
    assert migrate.upgrade(address) is False


def _accept(message_id: str) -> Callable[[Session], list[int | None]]:
    return lambda session: events.accept(session, [arrival(message_id)])
