"""Tasks are done, opened again and given to somebody else: with a reason, in the audit log, once for each key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy.orm import Session
from whenever import Instant

from intake import tasks
from intake.asking import Conflict
from intake.pauses import Impossible
from intake.reader import Unknown
from store import audit, erasing
from store import tasks as stored
from store.database import Database
from store.personal import Person
from store.tables import Audit, Task
from tests.store.rows import START, add_journey, at

NOW = at(1)
ADA = {"who": "sam", "now": NOW}


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    opened.write_now(_task)
    yield opened
    opened.close()


def _task(session: Session) -> None:
    journey = add_journey(session)
    task = Task(id="t1", journey_id=journey.id, step="call", occurrence="1", customer_id=journey.customer_id,
                title="Call Ada", assignee="sam", created_at=START)  # fmt: skip
    assert stored.add(session, task)


def _state(task: Task) -> tuple[str, Instant | None, str | None]:
    return task.state, task.done_at, task.assignee


def acts(database: Database) -> list[Audit]:
    def read(session: Session) -> list[Audit]:
        task = stored.get(session, "t1")
        assert task
        return audit.about(session, task.customer_id)

    return database.read_now(read)


def test_a_task_is_done_and_opened_again_and_given_to_somebody_else(database: Database) -> None:
    done = database.write_now(lambda s: tasks.done(s, "t1", reason="she will renew", **ADA))  # type: ignore[arg-type]
    assert _state(done) == ("done", NOW, "sam")
    open_ = database.write_now(lambda s: tasks.reopen(s, "t1", reason="she rang again", **ADA))  # type: ignore[arg-type]
    assert _state(open_) == ("open", None, "sam")
    given = database.write_now(lambda s: tasks.assign(s, "t1", " kim ", reason="sam is away", **ADA))  # type: ignore[arg-type]
    assert _state(given) == ("open", None, "kim")
    nobody = database.write_now(lambda s: tasks.assign(s, "t1", " ", reason="kim is away", **ADA))  # type: ignore[arg-type]
    assert _state(nobody) == ("open", None, None)
    assert [(one.what, one.who, one.reason, one.data) for one in acts(database)] == [
        ("task done", "sam", "she will renew", {"task": "t1"}),
        ("task reopened", "sam", "she rang again", {"task": "t1"}),
        ("task assigned", "sam", "sam is away", {"task": "t1", "assignee": "kim"}),
        ("task assigned", "sam", "kim is away", {"task": "t1", "assignee": None}),
    ]


def test_what_is_so_already_is_a_conflict_and_leaves_no_trace(database: Database) -> None:
    calls: list[Callable[[Session], Task]] = [
        lambda s: tasks.reopen(s, "t1", reason="x", **ADA),  # type: ignore[arg-type]
        lambda s: tasks.done(s, "t1", reason="x", **ADA),  # type: ignore[arg-type]
        lambda s: tasks.done(s, "t1", reason="x", **ADA),  # type: ignore[arg-type]
        lambda s: tasks.assign(s, "t1", "kim", reason="x", **ADA),  # type: ignore[arg-type]
    ]
    for call, refused in zip(calls, ["open already", None, "done already", "done already"], strict=True):
        if refused is None:
            database.write_now(call)
            continue
        with pytest.raises(Conflict, match=refused):
            database.write_now(call)
    assert [one.what for one in acts(database)] == ["task done"]


def test_a_call_that_is_repeated_with_its_key_does_nothing_a_second_time(database: Database) -> None:
    for _ in range(2):
        done = database.write_now(lambda s: tasks.done(s, "t1", reason="called", key="k", **ADA))  # type: ignore[arg-type]
        assert done.state == "done"
    assert len(acts(database)) == 1
    with pytest.raises(Conflict, match="done already"):
        database.write_now(lambda s: tasks.done(s, "t1", reason="called", key="other", **ADA))  # type: ignore[arg-type]


def test_a_reason_a_task_and_a_name_that_can_be_one_are_needed(database: Database) -> None:
    with pytest.raises(Unknown):
        database.write_now(lambda s: tasks.done(s, "t2", reason="x", **ADA))  # type: ignore[arg-type]
    with pytest.raises(Impossible, match="say why"):
        database.write_now(lambda s: tasks.done(s, "t1", reason=" ", **ADA))  # type: ignore[arg-type]
    for name in ("x" * 201, "a\0b", "a\nb"):
        with pytest.raises(Impossible, match="a name or an address"):
            database.write_now(partial(tasks.assign, task_id="t1", assignee=name, reason="x", **ADA))  # type: ignore[arg-type]
    assert acts(database) == []


def test_a_task_of_somebody_who_was_erased_is_not_opened_again(database: Database) -> None:
    def erase(session: Session) -> None:
        task = stored.get(session, "t1")
        assert task
        (customer,) = erasing.rows(session, [task.customer_id])
        erasing.mark(session, customer, "erased:1", NOW)
        erasing.scrub(session, Person([customer.id], NOW, NOW))

    database.write_now(lambda s: tasks.done(s, "t1", reason="rang ada@example.com", **ADA))  # type: ignore[arg-type]
    database.write_now(erase)
    with pytest.raises(Conflict, match="erased"):
        database.write_now(lambda s: tasks.reopen(s, "t1", reason="x", **ADA))  # type: ignore[arg-type]
    assert [(one.reason, one.data) for one in acts(database)] == [(None, None)]
