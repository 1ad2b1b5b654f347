"""Events that were set aside are applied again: those that are named, or all of them, once for each key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from intake import retrying
from intake.asking import Conflict
from store import audit, events
from store.database import Database
from tests.store.rows import START, arrival

SAM = {"who": "sam", "now": START}


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    opened.write_now(_failed)
    yield opened
    opened.close()


def _failed(session: Session) -> None:
    for number in events.accept(session, [arrival("e1"), arrival("e2"), arrival("e3")])[:2]:
        assert number
        events.set_aside(session, number, "broke")


def state(database: Database) -> tuple[int, int]:
    return database.read_now(lambda session: (events.count_failed(session), len(audit.about(session, "events"))))


def test_all_of_them_once_for_a_key(database: Database) -> None:
    for _ in range(2):
        assert database.write_now(lambda s: retrying.retry(s, [], reason="mended", key="k", **SAM)) == 2  # type: ignore[arg-type]
    assert state(database) == (0, 1)
    with pytest.raises(Conflict, match="another request"):
        database.write_now(lambda s: retrying.retry(s, [1, 2], key="k", **SAM))  # type: ignore[arg-type]


def test_of_those_that_are_named_all_or_none(database: Database) -> None:
    with pytest.raises(retrying.NotFailed):
        database.write_now(lambda s: retrying.retry(s, [1, 3], **SAM))  # type: ignore[arg-type]
    assert state(database) == (2, 0)
    assert database.write_now(lambda s: retrying.retry(s, [1, 1], **SAM)) == 1  # type: ignore[arg-type]
    (act,) = database.read_now(lambda session: audit.about(session, "event 1"))
    assert (act.what, act.who, act.data) == ("events retried", "sam", {"events": 1})
    assert state(database)[0] == 1
