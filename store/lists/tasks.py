"""The list of tasks: open ones by what is due first and then those without a date, done ones by the latest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session
from whenever import Instant

from store.lists.paging import Cursor, Page, Walk, at_most, page, picked
from store.tables import Customer, Journey, Task, table_of

_task, _journey, _customer = table_of(Task), table_of(Journey), table_of(Customer)

State = Literal["open", "done"]


@dataclass(frozen=True)
class TaskFilter:
    """What is asked of tasks. `assignee` is a text as the task has it, empty: nobody. `customer` is our id.

    `since` and `until` are about the due time; `until` the present is what is overdue.
    """

    state: State = "open"
    assignee: str | None = None
    customer: str | None = None
    since: Instant | None = None
    until: Instant | None = None


class TaskLine(NamedTuple):
    """One task in a list. `user_id` is the product's id of the customer whom it is about."""

    id: str
    title: str
    state: str
    assignee: str | None
    due_at: Instant | None
    created_at: Instant
    done_at: Instant | None
    journey_id: str
    customer_id: str
    playbook: str
    user_id: str
    email: str | None

    def overdue(self, now: Instant) -> bool:
        """Whether it should have been done by now."""
        return self.state == "open" and self.due_at is not None and self.due_at < now


def listed(session: Session, wanted: TaskFilter, cursor: Cursor | None = None, limit: int = 50) -> Page[TaskLine]:
    """A page of tasks."""
    source: Any = _task
    if wanted.customer:
        source = picked(select(*_task.c).where(_task.c.customer_id == wanted.customer), "theirs")
    one, short = source.c, wanted.customer is not None
    loose: list[ColumnElement[bool]] = []
    if wanted.assignee is not None:
        loose.append(func.coalesce(one.assignee, "") == wanted.assignee)
    span = []
    if wanted.since:
        span.append(one.due_at >= wanted.since)
    if wanted.until:
        span.append(one.due_at < wanted.until)
    state = one.state == wanted.state
    if wanted.state == "done":
        walks = [Walk(source, (one.done_at, one.id), (state, one.done_at.is_not(None)), short=short)]
        loose += span
    else:
        dated = Walk(source, (one.due_at, one.id), (state, one.due_at.is_not(None), *span), rising=True, short=short)
        dateless = Walk(source, (one.id,), (state, one.due_at.is_(None)), rising=True, short=short)
        walks = [dated] if span else [dated, dateless]
    columns = _columns(source)
    return page(session, [(walk, columns) for walk in walks], TaskLine, cursor, limit, [loose] * len(walks))


def overdue(session: Session, now: Instant, most: int = 999) -> int:
    """How many open tasks are overdue, counted up to `most` and one."""
    return at_most(session, select(_task.c.id).where(_task.c.state == "open", _task.c.due_at < now), most)


def get(session: Session, task_id: str) -> TaskLine | None:
    """One task."""
    row = session.execute(_columns(_task).where(_task.c.id == task_id)).first()
    return TaskLine(*row) if row else None


def _columns(source: Any) -> Select[Any]:
    one = source.c
    return (
        select(
            one.id, one.title, one.state, one.assignee, one.due_at, one.created_at, one.done_at, one.journey_id,
            one.customer_id, _journey.c.playbook, _customer.c.user_id, _customer.c.email,
        )
        .select_from(source)
        .outerjoin(_journey, _journey.c.id == one.journey_id)
        .outerjoin(_customer, _customer.c.id == one.customer_id)
    )  # fmt: skip
