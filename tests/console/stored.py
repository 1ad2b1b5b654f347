"""Rows for pages, written straight into the database of a desk; and what a page asked of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from store import customers, messages, tasks
from store.tables import Journey, Message, Task
from tests.console.desk import Desk, fields_of
from tests.intake.house import START
from tests.store.rows import add_journey, message

MARKUP = '<script>alert("x")</script>'


def write_message(desk: Desk, number: int = 1, user: str = "ada", **values: Any) -> Message:
    """A message of a journey of its own, accepted by the outbox unless `values` say otherwise."""
    given: dict[str, Any] = {
        "state": "accepted", "sender": "outbox", "accepted_at": START.add(seconds=number),
        "subject": f"Subject {number}",
        "text": f"Text {number}", "html": f"<html><head></head><body><p>Hello {number}</p></body></html>",
        "recipient": f"{user}@example.com", "due_at": START.add(seconds=number), **values,
    }  # fmt: skip

    def write(session: Session) -> Message:
        row = message(_journey(session, user, number), **given)
        row.id = given.get("id", f"m{number}")
        assert messages.add(session, row)
        return row

    return desk.house.write(write)


def write_task(desk: Desk, number: int = 1, user: str = "ada", **values: Any) -> Task:
    """An open task of a journey of its own."""
    given: dict[str, Any] = {
        "id": f"t{number}", "title": f"Call {number}", "step": "call", "occurrence": "1", "created_at": START,
        "due_at": START.add(hours=number), "assignee": "sam", **values,
    }  # fmt: skip

    def write(session: Session) -> Task:
        journey = _journey(session, user, number)
        row = Task(journey_id=journey.id, customer_id=journey.customer_id, **given)
        assert tasks.add(session, row)
        return row

    return desk.house.write(write)


def _journey(session: Session, user: str, number: int) -> Journey:
    return add_journey(session, user, f"welcome.{user}{number}", key=str(number))


def customer_id(desk: Desk, user: str = "ada") -> str:
    found = desk.house.read(lambda session: customers.get(session, user))
    assert found
    return found.id


async def form_of(desk: Desk, role: str) -> dict[str, str]:
    """A form of their own for somebody of this role: so that what is refused is refused for the role alone."""
    return fields_of((await desk.get("/account", role)).text, "/console/sign-out")


@contextlib.contextmanager
def counted(desk: Desk) -> Iterator[list[str]]:
    """The statements that are run meanwhile by readers, without BEGIN and COMMIT."""
    asked: list[str] = []
    engine = desk.house.database._read_engine

    def seen(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", seen)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", seen)
