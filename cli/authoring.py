"""What `check` (cli.checking) and `test` (cli.testing) share: the project with its mistakes, and a PATH in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import (
    Refused,
    project_root,
    read_project,
    settings,
)

if TYPE_CHECKING:
    from project import Project

PathArgument = Annotated[
    Path | None, typer.Argument(metavar="PATH", help="Only what is said of this file or folder.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    from cli.checking import register as register_check
    from cli.previewing import preview
    from cli.trying import send_test

    register_check(app)
    app.command("preview", epilog="Example: milepost preview onboarding/welcome --out /tmp/welcome")(preview)
    app.command("send-test", epilog="Example: milepost send-test onboarding/welcome --to ada@example.com")(send_test)


def read_with_mistakes(path: Path | None, option: Path | None) -> Project:
    """The project, its mistakes included: the one that is named, else that in which PATH lies."""
    from project import NoProject, find_root

    if option is None and path is not None and settings().project is None and path.exists():
        try:
            option = find_root(path if path.is_dir() else path.parent)
        except NoProject:
            option = None
    return read_project(project_root(option), sound=False)


def within_project(found: Project, path: Path | None) -> str | None:
    """PATH as findings name it: relative to the project; None for all of it."""
    if path is None:
        return None
    there = [place.resolve() for place in (path, found.root / path) if place.exists()]
    if not there:
        raise Refused(f"there is no file or folder {path}")
    inside = next((place for place in there if place.is_relative_to(found.root)), None)
    if inside is None:
        raise Refused(f"{path} does not lie in the project {found.root}")
    return None if inside == found.root else inside.relative_to(found.root).as_posix()


def lies(file: str, within: str | None) -> bool:
    return within is None or file == within or file.startswith(f"{within}/")


def count(number: int, what: str) -> str:
    """`1 playbook`, `4 playbooks`"""
    return f"{number} {what}{'' if number == 1 else 's'}"
