"""`milepost check`: every mistake in the project, once or after every change."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.authoring import PathArgument, count, lies, read_with_mistakes, within_project
from cli.common import FAULTS, GOOD, ProjectOption, Refused, note, out, out_json

if TYPE_CHECKING:
    from lifecycle.language.faults import Fault
    from project import Project

PAUSE = 0.5
"""Seconds between two looks at the files. A look takes a millisecond or two, so nothing needs to be told of changes."""

SHOWN = 3

WATCHED = ("playbooks", "templates")


class Format(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"
    sarif = "sarif"
    github = "github"


FormatOption = Annotated[
    Format,
    typer.Option("--format", help="text for people, json for scripts, sarif for code scanning, github for its runner."),
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Check again after every change, until Ctrl-C.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("check", epilog="Example: milepost check playbooks/onboarding")(check)


def check(
    path: PathArgument = None,
    watch: WatchOption = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> int:
    """Find every mistake in the project. All of it is read, whatever is asked for."""
    if watch and format in (Format.sarif, Format.github):
        raise Refused(f"`--watch` prints again and again, and `--format {format}` is read once; use text or json")
    # A check lives for a second, and the collector would look through all that it reads, again and again.
    gc.disable()
    try:
        found = read_with_mistakes(path, project)
    finally:
        gc.enable()
    code = _tell(found, path, format)
    if watch:
        for changed in changes(found.root):
            note(f"changed: {changed}")
            try:
                _tell(read_with_mistakes(path, found.root), path, format)
            except Refused as gone:  # the map, or PATH itself: it may be there again in a moment
                note(str(gone))
    return code


def _tell(found: Project, path: Path | None, format: Format) -> int:
    within = within_project(found, path)
    faults = [fault for fault in found.faults if lies(fault.place.file, within)]
    errors = sum(fault.severity == "error" for fault in faults)
    if format is Format.text:
        _tell_people(found, faults, errors)
    else:
        from cli import findings

        if format is Format.json:
            out_json({"findings": [findings.as_json(fault) for fault in faults]})
        elif format is Format.sarif:
            out(json.dumps(findings.as_sarif(faults, found.root), ensure_ascii=False, indent=2))
        else:
            for fault in faults:
                out(findings.as_annotation(fault, found.root))
    return FAULTS if errors else GOOD


def _tell_people(found: Project, faults: list[Fault], errors: int) -> None:
    for fault in faults:
        out(f"{fault}{' (advice)' if fault.severity == 'warning' else ''}")
    if errors:
        note(f"{count(errors, 'mistake')} to mend")
        return
    counted = [count(len(found.files), "playbook"), count(found.texts, "template")]
    if found.map and found.map.segments:
        counted.insert(1, count(len(found.map.segments), "segment"))
    out(f"{', '.join(counted)}, nothing to mend")


def changes(root: Path) -> Iterator[str]:
    """Waits for files of the project to change; what did, in a few words. Ends with KeyboardInterrupt."""
    note(f"watching {' and '.join(f'{folder}/' for folder in WATCHED)}; Ctrl-C ends it")
    before = _stamps(root)
    while True:
        time.sleep(PAUSE)
        after = _stamps(root)
        changed = sorted(file for file in {*before, *after} if before.get(file) != after.get(file))
        before = after
        if changed:
            more = len(changed) - SHOWN
            yield ", ".join(changed[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _stamps(root: Path) -> dict[str, tuple[int, int]]:
    """When each file changed last, and its size."""
    stamps: dict[str, tuple[int, int]] = {}
    for folder in WATCHED:
        for path in (root / folder).rglob("*"):
            try:
                stat = path.stat()
            except OSError:  # an editor has just put another file in its place
                continue
            if path.is_file():
                stamps[path.relative_to(root).as_posix()] = (stat.st_mtime_ns, stat.st_size)
    return stamps
