"""An activity that fails tells Temporal a code and a place, and nothing of what it was about (rules.md 22)."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from temporalio.exceptions import ApplicationError
from whenever import Instant

from activities.codes import CodesOnly
from store.database import Database
from store.types import InstantType

AT = bindparam("at", Instant.from_utc(2026, 3, 2), InstantType())
TWICE = text("INSERT INTO rate (channel, next_at) VALUES (:channel, :at), (:channel, :at)").bindparams(AT)


def _refused(session: Session) -> None:
    session.execute(TWICE, {"channel": "ada@example.com"})


@pytest.fixture
def database(url: str) -> Any:
    opened = Database(url)
    yield opened
    opened.close()


def test_a_database_error_does_not_quote_what_was_to_be_stored(database: Database) -> None:
    with pytest.raises(IntegrityError) as raised:
        database.write_now(_refused)
    assert "ada@example.com" not in str(raised.value)


async def test_what_reaches_temporal_is_a_code(database: Database) -> None:
    class Next:
        async def execute_activity(self, input: Any) -> Any:
            raise ValueError("ada@example.com is no number")

    class Given:
        @staticmethod
        def fn() -> None: ...

    next_: Any = Next()
    given: Any = Given()
    with pytest.raises(ApplicationError) as raised:
        await CodesOnly().intercept_activity(next_).execute_activity(given)
    assert raised.value.type == "ValueError"
    told = "".join(traceback.format_exception(raised.value, chain=True))
    assert "ada@example.com" not in told
    assert raised.value.__context__ is None
