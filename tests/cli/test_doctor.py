"""`milepost doctor`: what is missing or lies is told, with what to do; what is good is told as well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from temporalio.client import Client
from whenever import Instant

import project as project_
import wiring
from cli.common import data_folder
from cli.common import database as database_of
from embedded import TemporalServer
from intake import checkup, scheduling
from intake.checkup import Finding
from store import pauses
from store.database import Database
from store.tables import Callback, Event, Pause
from tests.cli.conftest import Milepost
from worker import running

NOW = Instant.from_utc(2026, 3, 2, 9)


@pytest.fixture
def database(project: Path) -> Iterator[Database]:
    opened = database_of(project)
    yield opened
    opened.close()


def wrong(found: list[Finding]) -> list[str]:
    return [f"{one.check}: {one.says}" for one in found if not one.ok]


def test_where_nothing_runs_it_says_what_to_do(
    milepost: Milepost, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MILEPOST_DATABASE_URL", raising=False)
    (data_folder(project) / "milepost.db").unlink(missing_ok=True)
    said = milepost("doctor", "--format", "json")
    assert said.code == 3
    bad = {one["check"]: one["says"] for one in said.data["checks"] if not one["ok"]}
    assert bad.keys() == {"database", "temporal"}
    assert "milepost dev" in bad["database"]
    assert "MILEPOST_TEMPORAL_ADDRESS" in bad["temporal"]


def test_a_name_that_is_no_setting_is_told_wherever_it_stands(
    milepost: Milepost, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("MILEPOST_SEKRET", "x")
    (project / ".env").write_text("MILEPOST_PUBLIC_URI=https://milepost.example.com\nOTHER=1\n")
    said = milepost("doctor", "--format", "json")
    (settings,) = (one for one in said.data["checks"] if one["check"] == "settings")
    assert not settings["ok"]
    first, second = settings["says"].split("; MILEPOST_SEKRET")
    assert first == "MILEPOST_PUBLIC_URI is no setting, and changes nothing; did you mean `MILEPOST_PUBLIC_URL`?"
    assert second.startswith(" is no setting")


def test_settings_that_are_wrong_are_a_check_as_well(milepost: Milepost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_SENDER", "live")
    said = milepost("doctor")
    assert said.code == 1
    assert said.out.startswith("BAD   settings: settings are wrong: MILEPOST_SENDER is `live`, and this is not set:")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "nonsense", "a database address reads sqlite:///"),
        ("DATABASE_URL", "mysql://h/x", "a database address reads sqlite:///"),
        ("DATABASE_URL", "sqlite:///", "SQLite needs a file"),
        ("DATABASE_URL", "postgresql://u:secret@h:port/x", "a database address reads sqlite:///"),
        ("TEMPORAL_ADDRESS", "http://127.0.0.1:7233", "HOST:PORT"),
        ("PUBLIC_URL", "milepost.example.com", "https://milepost.example.com"),
        ("PUBLIC_URL", "https://a b", "https://milepost.example.com"),
    ],
)
def test_an_address_that_is_none_is_told_by_every_command(
    milepost: Milepost, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"MILEPOST_{name}", value)
    said, shown = milepost("doctor"), milepost("customer", "show", "ada")
    assert (said.code, said.err, shown.code, shown.out) == (1, "", 2, "")
    for answer in (said.out, shown.err):
        assert f"settings are wrong: MILEPOST_{name}: " in answer
        assert sentence in answer
        assert "secret" not in answer


def test_settings_that_are_no_text_are_told(
    milepost: Milepost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"MILEPOST_SENDER=out\xff\n")
    assert f"{tmp_path / '.env'} are not UTF-8 text" in milepost("doctor").out
    assert milepost("customer", "show", "ada").code == 2


def test_a_file_that_is_no_database_is_told(
    milepost: Milepost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "letters.db"
    file.write_text("Dear Ada, " * 1000, "utf-8")
    monkeypatch.setenv("MILEPOST_DATABASE_URL", f"sqlite:///{file}")
    assert f"BAD   database: the file {file} is no SQLite database" in milepost("doctor").out
    shown = milepost("customer", "show", "ada")
    assert (shown.code, "is no SQLite database" in shown.err) == (3, True)


def test_mistakes_in_the_project_are_told(milepost: Milepost, project: Path) -> None:
    (project / "playbooks" / "welcome.yaml").write_text("playbook: welcome\n", "utf-8")
    assert "BAD   project: it has" in milepost("doctor").out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda session: add_event(session, NOW.subtract(minutes=5)),
         "events: 1 event to be applied, the oldest for 300 seconds: is a worker running?"),
        (lambda session: add_event(session, NOW, "failed"),
         "failed events: 1 event set aside: `milepost events failed` shows them"),
        (lambda session: session.add(Callback(provider="twilio-status", digest="1", body=b"", received_at=NOW,
                                              state="failed")),
         ("callbacks: 1 callback set aside: Milepost could not read what a provider posted; "
          "the log of the worker says why")),
        (lambda session: pause(session, NOW.subtract(hours=24 * 8)),
         "pauses: pauses lie for longer than a week: 1 (everything); `milepost resume` ends one"),
        (lambda session: pause(session, NOW.subtract(hours=24)), None),
        (lambda session: add_event(session, NOW.subtract(seconds=5)), None),
    ],
)  # fmt: skip
def test_what_lies_in_the_database_is_told(
    database: Database, change: Callable[[Session], object], says: str | None
) -> None:
    with contextlib.closing(database):
        database.write_now(change)
        found = database.read_now(partial(checkup.of_rows, now=NOW))
    assert wrong(found) == ([says] if says else [])


def add_event(session: Session, at: Instant, state: str = "pending") -> None:
    event = Event(source="test", message_id="1", user_id="ada", kind="track", at=at, received_at=at, state=state)
    session.add(event)


def pause(session: Session, at: Instant) -> None:
    row = Pause(scope="everything", policy="continue", reason="a test", started_at=at, made_by="test")
    pauses.start(session, row)


def test_an_older_schema_is_told(database: Database) -> None:
    with contextlib.closing(database):
        database.write_now(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '0002'")))
        assert not database.read_now(checkup.of_schema).ok


async def test_while_a_worker_runs_all_is_good(
    milepost: Milepost, project: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with TemporalServer() as server:
        monkeypatch.setenv("MILEPOST_TEMPORAL_ADDRESS", server.address)
        with contextlib.closing(database):
            alone = await asyncio.to_thread(milepost, "doctor")
            assert alone.code == 1
            assert "BAD   queue milepost: no worker is on the queue; start one with `milepost worker`" in alone.out
            assert "BAD   sweep due: it has no schedule; a worker makes it when it starts" in alone.out
            engine = wiring.engine(project_.load(project), database, server.client)
            async with running(engine), asyncio.timeout(90):
                while (said := await asyncio.to_thread(milepost, "doctor")).code:  # noqa: ASYNC110 - started elsewhere
                    await asyncio.sleep(0.5)
        assert "BAD" not in said.out
        assert "good  sweep orphans: it " in said.out
        await paused(server.client, engine)


async def paused(client: Client, engine: wiring.Engine) -> None:
    await client.get_schedule_handle(scheduling.schedule_id("due")).pause()
    every = {name: sweep.every for name, sweep in wiring.sweeps(engine).items()}
    found = await checkup.of_temporal(client, every, Instant.now())
    assert "sweep due: its schedule milepost-sweep-due is paused; unpause it in Temporal" in wrong(found)
    later = await checkup.of_temporal(client, every, Instant.now().add(hours=1))
    assert any("sweep orphans: it has not run for" in says for says in wrong(later))
