"""`milepost task`: the success team's work, listed, closed, opened again, given to somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from whenever import Instant

from cli.common import database as database_of
from store import audit, tasks
from store.database import Database
from store.tables import Task
from tests.cli.conftest import Milepost
from tests.store.rows import START, add_journey


@pytest.fixture
def database(milepost: Milepost, project: Path) -> Iterator[Database]:
    opened = database_of(project)
    yield opened
    opened.close()


def add(database: Database, number: int, **values: object) -> str:
    def write(session: object) -> str:
        journey = add_journey(session, f"user{number}", f"welcome.{number}")  # type: ignore[arg-type]
        row = Task(
            id=f"t{number}",
            journey_id=journey.id,
            step="call",
            occurrence="1",
            customer_id=journey.customer_id,
            title=f"Call {number}",
            created_at=START,
        )
        for name, value in values.items():
            setattr(row, name, value)
        assert tasks.add(session, row)  # type: ignore[arg-type]
        return journey.customer_id

    return database.write_now(write)


def test_tasks_are_listed_by_what_is_due_first_and_of_one_person(milepost: Milepost, database: Database) -> None:
    far = Instant.from_utc(2190, 1, 1)
    add(database, 1, due_at=far, assignee="sam")
    customer = add(database, 2, due_at=START, assignee="kim")
    add(database, 3)
    found = milepost("task", "list", "--format", "json").data
    assert [one["id"] for one in found["tasks"]] == ["t2", "t1", "t3"]
    assert found["tasks"][0]["customer"] == customer
    assert found["more"] is False
    for options, ids in [
        (["--assignee", "sam"], ["t1"]), (["--overdue"], ["t2"]), (["--customer", "user3"], ["t3"]),
        (["--limit", "1"], ["t2"]), (["--state", "done"], []),
    ]:  # fmt: skip
        assert [one["id"] for one in milepost("task", "list", *options, "--format", "json").data["tasks"]] == ids
    text = milepost("task", "list", "--limit", "1")
    assert f"t2  2026-03-02 10:00 (Europe/Paris) (overdue)  kim  Call 2  {customer}" in text.out
    assert "There are more" in text.err
    assert milepost("task", "list", "--state", "done").err == "No task is like this.\n"
    assert milepost("task", "list", "--customer", "nobody").code == 2


def test_a_task_is_closed_opened_again_and_given_to_somebody_else(milepost: Milepost, database: Database) -> None:
    customer = add(database, 1)
    assert milepost("task", "done", "t1", "--reason", "she will renew").out == "Call 1: done, nobody's\n"
    assert milepost("task", "done", "t1", "--reason", "again").code == 4
    assert milepost("task", "assign", "t1", "kim", "--reason", "away").code == 4
    reopened = milepost("task", "reopen", "t1", "--reason", "a slip", "--format", "json").data
    assert reopened == {"id": "t1", "state": "open", "assignee": None}
    assert milepost("task", "assign", "t1", "kim", "--reason", "away").out == "Call 1: open, kim's\n"
    assert milepost("task", "assign", "t1", "--reason", "away").out == "Call 1: open, nobody's\n"
    assert milepost("task", "done", "t9", "--reason", "x").err == "milepost: there is no such task\n"
    assert milepost("task", "done", "t1").code == 2
    acts = database.read_now(lambda session: audit.about(session, customer))
    assert [one.what for one in acts] == ["task done", "task reopened", "task assigned", "task assigned"]
