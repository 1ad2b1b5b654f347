"""Tasks for the success team: a list, and what one does to one of them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session
from whenever import Instant

from console import spreadsheets
from console.faults import Missing
from console.forms import Posted, Sent
from console.lists import Query, find_customer, shown
from console.pages import address, done, page, parts_of
from console.visitors import Acting, Seeing, Visitor
from intake import tasks as acts
from store.lists import tasks as lists
from store.lists.paging import Page
from store.lists.tasks import TaskFilter, TaskLine
from store.tables import Task

router = APIRouter()

DUE = {"overdue": "overdue", "week": "within 7 days"}
NOBODY = "nobody"
"""What the filter calls those that are assigned to nobody."""

_NONE = "There is no task of this id. Tasks are listed under Tasks."

_HEADER = ("id", "title", "state", "assignee", "due_at", "created_at", "done_at", "playbook", "journey", "customer",
           "customer_id")  # fmt: skip


@router.get("/tasks")
async def listing(request: Request, visitor: Seeing) -> Response:
    """Open tasks by what is due first, or done ones."""
    query, parts = Query(request, visitor.zone), parts_of(request)
    now = parts.api.clock()
    name = query.text("customer")
    assignee = query.text("assignee")
    due = query.choice("due", DUE)
    state = query.choice("state", ("open", "done"))
    since, until = query.day("from"), query.day("to", after=True)
    if due == "overdue":
        until = min(until or now, now)
    elif due == "week":
        since, until = since or now, min(until or now.add(hours=7 * 24), now.add(hours=7 * 24))

    def read(session: Session, cursor: Any = None, limit: int = 50) -> Page[TaskLine]:
        customer = find_customer(session, name, query)
        if name and customer is None:
            return Page()
        wanted = TaskFilter(
            "done" if state == "done" else "open",
            "" if assignee == NOBODY else assignee,
            customer.id if customer else None,
            since,
            until,
        )
        return lists.listed(session, wanted, cursor, limit)

    if query.csv:
        return await spreadsheets.answer(request, visitor, query, "tasks", _HEADER, read, _row)
    found, late = await parts.api.database.read(
        lambda session: (read(session, query.cursor), lists.overdue(session, now))
    )
    passed = [line.id for line in found.rows if line.overdue(now)]
    return shown(
        request, "tasks.html", visitor, query, found, title="Tasks", seen=(late, passed), late=late, due=DUE,
        nobody=NOBODY, me=visitor.user.name,
    )  # fmt: skip


@router.get("/tasks/{id}/done")
async def ask_done(request: Request, visitor: Acting, id: str) -> Response:
    """What came of it?"""
    return await _asked(request, visitor, id, "done", "Done")


@router.post("/tasks/{id}/done")
async def close(request: Request, visitor: Acting, form: Sent, id: str) -> Response:
    """Close a task."""
    task = await _act(request, visitor, form, lambda session, **given: acts.done(session, _plain(id), **given))
    undo = address(request, "tasks", id, "reopen")
    return done(request, address(request, "tasks"), f"Done: {task.title}.", undo=undo)


@router.get("/tasks/{id}/reopen")
async def ask_reopen(request: Request, visitor: Acting, id: str) -> Response:
    """Why is it open again?"""
    return await _asked(request, visitor, id, "reopen", "Open again")


@router.post("/tasks/{id}/reopen")
async def reopen(request: Request, visitor: Acting, form: Sent, id: str) -> Response:
    """Open a task again."""
    task = await _act(request, visitor, form, lambda session, **given: acts.reopen(session, _plain(id), **given))
    return done(request, address(request, "tasks"), f"Open again: {task.title}.")


@router.get("/tasks/{id}/assign")
async def ask_assign(request: Request, visitor: Acting, id: str) -> Response:
    """Whose is it?"""
    return await _asked(request, visitor, id, "assign", "Assign")


@router.post("/tasks/{id}/assign")
async def assign(request: Request, visitor: Acting, form: Sent, id: str) -> Response:
    """Give a task to somebody else, or to nobody."""
    whose = form.text("assignee")
    task = await _act(request, visitor, form, lambda session, **given: acts.assign(session, _plain(id), whose, **given))
    says = f"{task.title} is {task.assignee}'s now." if task.assignee else f"{task.title} is nobody's now."
    return done(request, address(request, "tasks"), says, undo=address(request, "tasks", id, "assign"))


async def _asked(request: Request, visitor: Visitor, id: str, act: str, title: str) -> Response:
    task = await parts_of(request).api.database.read(lambda session: lists.get(session, _plain(id)))
    if task is None:
        raise Missing(_NONE)
    return page(request, "task_act.html", visitor, title=f"{title}: {task.title}", task=task, act=act, label=title)


async def _act(request: Request, visitor: Visitor, form: Posted, act: Any) -> Task:
    parts = parts_of(request)
    now: Instant = parts.api.clock()
    given = {"reason": form.text("reason"), "who": visitor.who, "now": now, "key": form.key}
    made: Task = await parts.api.database.write(lambda session: act(session, **given))
    return made


def _plain(id: str) -> str:
    """An id that every database can be asked for."""
    if not id.isprintable():
        raise Missing(_NONE)
    return id


def _row(line: TaskLine) -> tuple[Any, ...]:
    return (line.id, line.title, line.state, line.assignee, line.due_at, line.created_at, line.done_at, line.playbook,
            line.journey_id, line.user_id, line.customer_id)  # fmt: skip
