"""`milepost task`: what the success team is to do, and that it is done."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.common import (
    CONFLICT,
    Format,
    FormatOption,
    ProjectOption,
    ReasonOption,
    Refused,
    database,
    note,
    out,
    out_json,
    project_root,
    who,
    zone_of_project,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from store.lists.tasks import TaskLine
    from store.tables import Task

MOST = 1000

app = typer.Typer(help="Look at tasks for the success team, and close them.", no_args_is_help=True)

TaskArgument = Annotated[str, typer.Argument(metavar="ID", help="The task's id; `milepost task list` shows it.")]


@app.command("list", epilog="Example: milepost task list --assignee sam@example.com --overdue")
def list_(
    state: Annotated[Literal["open", "done"], typer.Option("--state", help="Open ones, or those that are done.")] = (
        "open"
    ),
    assignee: Annotated[str | None, typer.Option("--assignee", metavar="NAME", help="Only this person's.")] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="C", help="Only about this customer: the product's id, or ours.")
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have been done by now.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=MOST, help="At most so many.")] = 50,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """List open tasks by what is due first, or done ones by the latest."""
    from whenever import Instant

    from cli.timeline import minute
    from intake import reader
    from store.lists import tasks
    from store.lists.paging import Page
    from store.lists.tasks import TaskFilter

    now = Instant.now()

    def read(session: Session) -> Page[TaskLine]:
        whose = reader.find_customer(session, customer).id if customer else None
        return tasks.listed(session, TaskFilter(state, assignee, whose, None, now if overdue else None), None, limit)

    root = project_root(project)
    with contextlib.closing(database(root)) as store:
        try:
            found = store.read_now(read)
        except reader.Unknown as error:
            raise Refused(str(error)) from None
    zone = zone_of_project(root)
    if format is Format.json:
        out_json({"tasks": [_data(one) for one in found.rows], "more": found.older is not None})
        return
    for one in found.rows:
        late = " (overdue)" if one.overdue(now) else ""
        due = f"{minute(one.due_at, zone)} ({zone})" if one.due_at else "no date"
        out(f"{one.id}  {due}{late}  {one.assignee or 'nobody'}  {one.title}  {one.customer_id}")
    if not found.rows:
        note("No task is like this.")
    if found.older:
        note("There are more; ask for less, or for more at once with --limit.")


@app.command("done", epilog='Example: milepost task done 3f0c... --reason "she will renew"')
def done(
    task: TaskArgument, reason: ReasonOption, project: ProjectOption = None, format: FormatOption = Format.text
) -> None:
    """Close a task, with what came of it."""
    from whenever import Instant

    from intake import tasks

    now = Instant.now()
    _change(lambda session: tasks.done(session, task, reason=reason, who=who(), now=now), project, format)


@app.command("reopen", epilog='Example: milepost task reopen 3f0c... --reason "closed by mistake"')
def reopen(
    task: TaskArgument, reason: ReasonOption, project: ProjectOption = None, format: FormatOption = Format.text
) -> None:
    """Open a task again."""
    from whenever import Instant

    from intake import tasks

    now = Instant.now()
    _change(lambda session: tasks.reopen(session, task, reason=reason, who=who(), now=now), project, format)


@app.command("assign", epilog='Example: milepost task assign 3f0c... kim@example.com --reason "sam is away"')
def assign(
    task: TaskArgument,
    reason: ReasonOption,
    assignee: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is from now on; nobody's without.")] = "",
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Give an open task to somebody else, or to nobody."""
    from whenever import Instant

    from intake import tasks

    now = Instant.now()
    _change(lambda session: tasks.assign(session, task, assignee, reason=reason, who=who(), now=now), project, format)


def _change(act: Callable[[Session], Task], project: Any, format: Format) -> None:
    from intake.asking import Conflict
    from intake.pauses import Impossible
    from intake.reader import Unknown

    with contextlib.closing(database(project_root(project))) as store:
        try:
            task = store.write_now(act)
        except (Unknown, Impossible) as error:
            raise Refused(str(error)) from None
        except Conflict as error:
            raise Refused(str(error), CONFLICT) from None
    if format is Format.json:
        out_json({"id": task.id, "state": task.state, "assignee": task.assignee})
    else:
        out(f"{task.title}: {task.state}, {task.assignee or 'nobody'}'s")


def _data(line: TaskLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "title": line.title,
        "state": line.state,
        "assignee": line.assignee,
        "due_at": line.due_at.format_iso() if line.due_at else None,
        "created_at": line.created_at.format_iso(),
        "done_at": line.done_at.format_iso() if line.done_at else None,
        "customer": line.customer_id,
        "journey": line.journey_id,
    }
