"""Tasks by call: what the success team is to do, and that it is done."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.fields import Handed, Identity, Shown, Text
from api.keys import Once, Operating, Reading, who
from api.problems import documented, sentence
from intake import reader, tasks
from intake.asking import Conflict
from intake.reader import Unknown
from store.lists import tasks as lists
from store.lists.paging import read_cursor
from store.lists.tasks import TaskFilter, TaskLine

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


class TaskShown(BaseModel):
    """A task. `customer` is our id."""

    id: str
    title: str
    state: str
    assignee: str | None
    due_at: Shown | None
    created_at: Shown
    done_at: Shown | None
    customer: str
    journey: str


class Tasks(BaseModel):
    """Tasks; `next` leads to those after them."""

    tasks: list[TaskShown]
    next: str | None


class Done(BaseModel):
    """What came of it."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Text, Field(description="What came of it; it is kept in the audit log.")]


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def listed(
    parts: Handed,
    _: Reading,
    state: Annotated[Literal["open", "done"], Query()] = "open",
    assignee: Annotated[Text | None, Query(description="Whose they are.")] = None,
    customer: Annotated[
        Identity | None, Query(description="The product's id of the customer, or ours (cus_...).")
    ] = None,
    overdue: Annotated[bool, Query(description="Only those that should have been done by now.")] = False,
    after: Annotated[str | None, Query(max_length=600, description="What `next` of the page before said.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Tasks:
    """Open tasks by what is due first, or done ones by the latest."""
    until = parts.clock() if overdue else None

    def read(session: Session) -> Tasks:
        whose = reader.find_customer(session, customer).id if customer else None
        wanted = TaskFilter(state, assignee, whose, None, until)
        found = lists.listed(session, wanted, read_cursor(after), limit)
        return Tasks(tasks=[_line(one) for one in found.rows], next=str(found.older) if found.older else None)

    try:
        return await parts.database.read(read)
    except Unknown:
        raise HTTPException(404, "There is no such customer.") from None


@router.post("/{id}/done", responses=documented(400, 401, 403, 404, 409, 413, 422, 503))
async def done(
    id: Annotated[Text, Path(description="The task's id.")],
    asked: Done,
    parts: Handed,
    token: Operating,
    key: Once = None,
) -> TaskShown:
    """Close a task."""
    now, by = parts.clock(), who(token)

    def close(session: Session) -> TaskLine:
        tasks.done(session, id, reason=asked.reason, who=by, now=now, key=key)
        found = lists.get(session, id)
        assert found is not None
        return found

    try:
        return _line(await parts.database.write(close))
    except Unknown:
        raise HTTPException(404, "There is no such task.") from None
    except Conflict as error:
        raise HTTPException(409, sentence(error)) from None


def _line(line: TaskLine) -> TaskShown:
    return TaskShown(
        id=line.id, title=line.title, state=line.state, assignee=line.assignee, due_at=line.due_at,
        created_at=line.created_at, done_at=line.done_at, customer=line.customer_id, journey=line.journey_id,
    )  # fmt: skip
