"""Tasks for people: one per (journey, step, occurrence)."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from whenever import Instant

from store.statements import add_new, changed
from store.tables import Task, table_of

_task = table_of(Task)


def add(session: Session, task: Task) -> bool:
    """Store a task; False where its step's occurrence has one already."""
    return add_new(session, task)


def get(session: Session, task_id: str) -> Task | None:
    """The task with this id, read anew."""
    return session.scalar(select(Task).where(_task.c.id == task_id).execution_options(populate_existing=True))


def mark_done(session: Session, task_id: str, at: Instant) -> bool:
    """Close a task; False where there is no such open task."""
    return changed(
        session.execute(
            update(_task).where(_task.c.id == task_id, _task.c.state == "open").values(state="done", done_at=at)
        )
    )


def reopen(session: Session, task_id: str) -> bool:
    """Open a task again; False where there is no such task that is done."""
    again = update(_task).where(_task.c.id == task_id, _task.c.state == "done")
    return changed(session.execute(again.values(state="open", done_at=None)))


def assign(session: Session, task_id: str, assignee: str | None) -> bool:
    """Say whose an open task is; False where there is no such open task."""
    theirs = update(_task).where(_task.c.id == task_id, _task.c.state == "open")
    return changed(session.execute(theirs.values(assignee=assignee)))


def of_customer(session: Session, customer_id: str) -> list[Task]:
    """Every task about a customer, in the order in which they were made."""
    return list(
        session.scalars(select(Task).where(_task.c.customer_id == customer_id).order_by(_task.c.created_at, _task.c.id))
    )
