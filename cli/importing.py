"""`milepost import`: customers, consents and history from a file, each row once, however often and after any crash."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import (
    CONFLICT,
    FAULTS,
    GOOD,
    INTERRUPTED,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    database,
    note,
    out,
    out_json_with,
    progress_console,
    read_map,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.chunks import Import
    from cli.lines import Record

TABLES = (".csv", ".tsv")
"""How the names of files end that are tables; all others are JSON lines."""

FileArgument = Annotated[
    Path, typer.Argument(help="JSON lines of Segment calls; or a table, where its name ends in .csv or .tsv.")
]
BackfillOption = Annotated[bool, typer.Option("--backfill", help="Let events of long ago enter playbooks as well.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("import", epilog="Example: milepost import events.jsonl --backfill")(import_)


def import_(
    file: FileArgument,
    backfill: BackfillOption = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> int:
    """Import a file of events or customers, each once however often it is imported; interrupted, it is taken up again.

    Bad rows are reported with their line, the others are kept.
    """
    from whenever import Instant

    from cli import lines, tables
    from cli.chunks import Import

    root, map_ = read_map(project)
    text = lines.text_file(file)
    read, kind = lines.records, "lines"
    if file.suffix.lower() in TABLES:
        columns = tables.columns_of(file, map_)
        for remark in columns.remarks:
            note(remark)
        read, kind = partial(tables.records, columns=columns, map=map_), "table"
    key = f"{kind}{'+backfill' if backfill else ''}:{text.digest}"
    with contextlib.closing(database(root)) as store:
        work = Import(store, map_, key, Instant.now(), backfill)
        if work.line:
            note(f"An earlier import of this file was interrupted; it goes on behind line {work.line:,}.")
        _read(work, read(file, work.offset, work.line), text.size)
        _report(work, file, format)
    return FAULTS if work.rejected else GOOD


def _read(work: Import, rows: Iterator[Record], size: int) -> None:
    """Take every row, and show how far the file is."""
    from rich.progress import BarColumn, Progress, TextColumn

    from cli.chunks import TakenOver

    console = progress_console()
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Importing", total=size, completed=work.offset)
            for row in rows:
                if work.take(row):
                    progress.update(task, completed=row.offset)
            work.finish()
    except KeyboardInterrupt:
        done = f"the file is dealt with up to line {work.line:,}" if work.line else "nothing is stored yet"
        raise Refused(f"interrupted; {done}, and the same command goes on from there", INTERRUPTED) from None
    except TakenOver as taken:
        raise Refused(str(taken), CONFLICT) from None


def _report(work: Import, file: Path, format: Format) -> None:
    for name, count in work.undeclared.most_common():
        note(f"`{name}` is not declared in the map: {count:,} row{'s' * (count != 1)}, recorded all the same")
    if work.others:
        note(f"further milestones are not declared either: {work.others:,} rows, recorded all the same")
    for name, count in work.no_zones.most_common():
        rows = f"{count:,} row{'s' * (count != 1)}"
        note(
            f"`{name}` is no time zone, as `Europe/Paris` is: {rows}; who has it lives by the phone's zone or the map's"
        )
    if waiting := work.waiting():
        wait, them = ("events wait", "them") if waiting > 1 else ("event waits", "it")
        note(f"{waiting:,} {wait} for the worker (`milepost dev`) to apply {them}.")
    counts = {"read": work.read, "accepted": work.accepted, "duplicates": work.duplicates}
    if format is Format.json:
        out_json_with(counts, "rejected", ({"line": line, "reason": reason} for line, reason in work.reasons()))
    else:
        for line, reason in work.reasons():
            out(f"{file}:{line}: {reason}")
        known, bad_ones = f"{work.duplicates:,} duplicates", f"{work.rejected:,} rejected"
        out(f"{work.read:,} read, {work.accepted:,} accepted, {known}, {bad_ones}")
    work.reported()
