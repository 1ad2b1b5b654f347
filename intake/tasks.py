"""What people do to tasks: done, open again, somebody else's (design.md, section 11).

Each function is one transaction's worth and is handed its session: the task and the audit log are stored together. The
act's target is the customer whom the task is about; its data names the task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session
from whenever import Instant

from intake import asking
from intake.asking import Conflict
from intake.pauses import Impossible
from intake.reader import Unknown
from store import audit, customers, tasks
from store.tables import Audit, Task

LONGEST = 200
"""Characters of the name of whoever a task is assigned to."""

ACTS = ("task done", "task reopened", "task assigned")
"""What the audit log calls them."""


def done(session: Session, task_id: str, *, reason: str, who: str, now: Instant, key: str | None = None) -> Task:
    """Close an open task, and return it; `reason` is what came of it.

    `key` as in `intake.asking`. Raises Unknown, Impossible where there is no reason, and Conflict where it is done.
    """

    def change(task: Task) -> None:
        if not tasks.mark_done(session, task.id, now):
            raise Conflict("the task is done already")

    return _act(session, task_id, "task done", {}, reason, who, now, key, change)


def reopen(session: Session, task_id: str, *, reason: str, who: str, now: Instant, key: str | None = None) -> Task:
    """Open a task again that was done by mistake. As `done`; Conflict where it is open."""

    def change(task: Task) -> None:
        if not tasks.reopen(session, task.id):
            raise Conflict("the task is open already")

    return _act(session, task_id, "task reopened", {}, reason, who, now, key, change)


def assign(
    session: Session,
    task_id: str,
    assignee: str | None,
    *,
    reason: str,
    who: str,
    now: Instant,
    key: str | None = None,
) -> Task:
    """Give an open task to somebody (a name or address, up to `LONGEST` characters), with None to nobody. As `done`."""
    name = (assignee or "").strip() or None
    if name and (len(name) > LONGEST or not name.isprintable()):
        raise Impossible(f"a task is assigned to a name or an address of at most {LONGEST} characters")

    def change(task: Task) -> None:
        if not tasks.assign(session, task.id, name):
            raise Conflict("the task is done already; open it again before somebody else gets it")

    return _act(session, task_id, "task assigned", {"assignee": name}, reason, who, now, key, change)


def _act(
    session: Session,
    task_id: str,
    what: str,
    asked: dict[str, Any],
    reason: str,
    who: str,
    now: Instant,
    key: str | None,
    change: Callable[[Task], None],
) -> Task:
    task = tasks.get(session, task_id)
    if task is None:
        raise Unknown("there is no such task")
    customer = customers.lock(session, task.customer_id)
    if customer is None or customer.erased_at is not None:
        raise Conflict("the customer was erased, and nothing is left of the task")
    data = {"task": task_id, **asked}
    if asking.before(session, what, customer.id, key, data) is not None:
        return _read(session, task_id)
    if not reason.strip():
        raise Impossible("say why, or what came of it: it is kept in the audit log")
    change(task)
    act = Audit(at=now, who=who, what=what, target=customer.id, reason=reason, data=asking.keyed(data, key))
    audit.record(session, act)
    return _read(session, task_id)


def _read(session: Session, task_id: str) -> Task:
    task = tasks.get(session, task_id)
    assert task is not None
    return task
