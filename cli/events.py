"""`milepost track` and `milepost import`: milestones and attributes come in from the command line, or from a file."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    FAULTS,
    GOOD,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    database,
    instant_of,
    note,
    out,
    out_json,
    progress_console,
    read_project,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from whenever import Instant

    from project import Project
    from store.database import Database

FileArgument = Annotated[Path, typer.Argument(help="JSON lines of Segment `track` and `identify` calls.")]
IdOption = Annotated[str | None, typer.Option("--id", help="The event's own id: one that was sent before is ignored.")]
BackfillOption = Annotated[bool, typer.Option("--backfill", help="Let events of long ago enter playbooks as well.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("track", epilog="Example: milepost track ada purchase --set revenue=49")(track)
    app.command("import", epilog="Example: milepost import events.jsonl --backfill")(import_)


def track(
    customer: Annotated[str, typer.Argument(help="The product's id of the customer; a new one is made.")],
    milestone: Annotated[str, typer.Argument(help="What the customer reached, such as purchase.")],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help="A property of the milestone.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When it happened; else now.")] = None,
    id: IdOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Send one milestone of a customer, and say which playbooks it enters and which journeys it concerns."""
    from whenever import Instant

    from intake import doors
    from intake.apply import Applier
    from lifecycle.segment import read_call
    from store.events import Arrival

    found = _with_map(project)
    assert found.map is not None
    now = Instant.now()
    call = read_call({"type": "track", "userId": customer.strip(), "event": milestone.strip(), "messageId": id})
    if isinstance(call, str):
        raise Refused(_in_words(call))
    try:
        doors.sendable(call.name)
        properties = doors.typed(found.map, call.name, _pairs(set_ or []))
    except doors.NotAccepted as error:
        raise Refused(str(error)) from None
    _hints(found, call.name, properties)
    happened = now if at is None else instant_of(at, found.map.time_zone, "--at")
    identity = call.id or f"cli-{uuid.uuid4().hex}"
    arrival = Arrival("cli", identity, call.user, "track", happened, now, call.name, properties)
    with contextlib.closing(database(found.root)) as store:
        publish = _publishing(found, store, now)
        applier = Applier(found.map, found.conditions)
        if dry_run:
            answer = doors.rehearse(store, applier, arrival, now, publish)
        else:
            store.write_now(publish)
            answer = doors.track(store, applier, arrival, now)
    if format is Format.json:
        out_json(answer)
    else:
        _print(customer, milestone, answer)


def import_(
    file: FileArgument,
    backfill: BackfillOption = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> int:
    """Import a file of events, each once however often it is imported. Bad lines are reported, the others are kept."""
    from rich.progress import BarColumn, Progress, TextColumn
    from whenever import Instant

    from cli.importing import Import
    from cli.lines import lines, text_file
    from store import events

    found = _with_map(project)
    assert found.map is not None
    size = text_file(file)
    console = progress_console()
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    with contextlib.closing(database(found.root)) as store:
        work = Import(store, found.map, Instant.now(), backfill)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Importing", total=size)
            for number, line, read in lines(file):
                if work.take(number, line):
                    progress.update(task, completed=read)
            work.flush()
        waiting = store.read_now(events.waiting)
    for name, count in work.undeclared.items():
        note(f"`{name}` is not declared in the map: {count:,} line{'s' * (count != 1)}, recorded all the same")
    if waiting:
        note(f"{waiting:,} event{'s wait' if waiting > 1 else ' waits'} for the worker (`milepost dev`) to apply them.")
    if format is Format.json:
        out_json(work.data())
    else:
        for bad in work.rejected:
            out(f"{file}:{bad['line']}: {bad['reason']}")
        known, bad_ones = f"{work.duplicates:,} duplicates", f"{len(work.rejected):,} rejected"
        out(f"{work.read:,} read, {work.accepted:,} accepted, {known}, {bad_ones}")
    return FAULTS if work.rejected else GOOD


def _with_map(option: Path | None) -> Project:
    """The project; its map must be right, whatever playbook is being written just now."""
    found = read_project(option, sound=False)
    return found if found.map is not None else read_project(option)


def _publishing(project: Project, store: Database, now: Instant) -> Callable[[Session], None]:
    """What is to be done before the first event: on a new database, publish the playbooks as `milepost dev` does."""
    import wiring
    from store import playbooks

    if store.read_now(playbooks.active):
        return lambda session: None
    if project.faults.errors:
        project = read_project(project.root)  # refuses it, and says why
    return lambda session: wiring.publish(session, project, now)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise Refused(f"`--set {text}` cannot be read; write for example `--set revenue=49`")
        pairs[key.strip()] = value
    return pairs


def _hints(project: Project, name: str, properties: dict[str, Any]) -> None:
    """What is not declared is accepted, and said: it may be a slip."""
    from intake.doors import undeclared
    from lifecycle.language.faults import did_you_mean

    assert project.map is not None
    if hint := undeclared(project.map, name):
        note(f"{hint}{'' if hint.endswith('?') else '.'} It is recorded all the same.")
        return
    declared = project.map.milestones[project.map.canonical(name)].properties
    for key in properties:
        if key not in declared:
            near = did_you_mean(key, declared)
            note(f"`{key}` is not a declared property of {name}" + (f"; {near}" if near else ""))


def _in_words(reason: str) -> str:
    """A reason that speaks of Segment's fields, for somebody who typed arguments."""
    reason = reason.removesuffix(", and no `anonymousId` in its place")
    for field, ours in (("`userId`", "customer's id"), ("`event`", "milestone"), ("`messageId`", "--id")):
        reason = reason.replace(f"it has no {field}", f"there is no {ours}").replace(f"its {field}", f"the {ours}")
    return reason


def _print(customer: str, milestone: str, answer: dict[str, Any]) -> None:
    out("\n".join(_sentences(customer, milestone, answer)))


def _sentences(customer: str, milestone: str, answer: dict[str, Any]) -> Iterator[str]:
    if answer["state"] == "duplicate":
        yield f"An event with the id {answer['id']} was accepted before; nothing was done."
        return
    if answer["state"] in ("pending", "failed"):
        yield f"{milestone} of {customer} is stored (id {answer['id']}) and not applied yet:"
        yield "  applying it, or an event before it, failed; the worker tries again."
        return
    would = answer["state"] == "dry_run"
    yield f"{milestone} of {customer} {'would be' if would else 'is'} recorded (id {answer['id']})."
    for one in answer["entered"]:
        yield f"  {'would enter' if would else 'entered'} {one['playbook']}: journey {one['journey']}"
    for journey in answer["signalled"]:
        yield f"  {'would concern' if would else 'concerns'} journey {journey}"
    for one in answer["not_entered"]:
        yield f"  {'would not enter' if would else 'did not enter'} {one['playbook']}: {one['because']}"
    if not (answer["entered"] or answer["signalled"] or answer["not_entered"]):
        yield "  No playbook and no journey is concerned."
