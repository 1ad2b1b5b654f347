"""`milepost explain`: why a customer was or was not sent a message, and why they are or are not in a playbook."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    data_folder,
    database,
    note,
    out,
    out_json,
    read_project,
    secret_key,
    unsound,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from intake.explain import Explained, Explainer
    from project import Project

CustomerArgument = Annotated[str, typer.Argument(help="The product's id of the customer, or ours (cus_...).")]
MessageArgument = Annotated[
    str | None, typer.Argument(help="A message's id (or its beginning), a step's id, or a template.")
]
PlaybookOption = Annotated[str | None, typer.Option("--playbook", metavar="P", help="Why they are in it, or not.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("explain", epilog="Example: milepost explain ada adopter/thank-you")(explain)


def explain(
    customer: CustomerArgument,
    message: MessageArgument = None,
    playbook: PlaybookOption = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Say why a customer was or was not sent a message, is or is not in a playbook, or what their journeys wait for."""
    from whenever import Instant

    from intake import explain, reader

    if message is not None and playbook is not None:
        raise Refused("ask about a message or about a playbook, not about both")
    found = read_project(project)
    now = Instant.now()

    def read(session: Session) -> tuple[Explained, str]:
        explainer = _explainer(found)
        known = reader.find_customer(session, customer)
        if playbook is not None:
            told = explain.of_playbook(session, explainer, known, playbook, now)
        elif message is not None:
            told = explain.of_message(session, explainer, known, message, now)
        else:
            told = explain.of_customer(session, explainer, known, now)
        return told, explainer.zone(known)

    with contextlib.closing(database(found.root)) as store:
        try:
            told, zone = store.read_now(read)
        except reader.Unknown as error:
            raise Refused(str(error)) from None
    if format is Format.json:
        out_json(_data(told, zone))
    else:
        for line in _lines(told, zone):
            out(line)


def _explainer(found: Project) -> Explainer:
    import wiring
    from intake.apply import Applier

    assert found.map is not None
    return wiring.explainer(found, Applier(found.map, found.conditions), secret_key(data_folder(found.root)))


def explainer_where_sound(root: Path) -> Explainer | None:
    """What says what is done next; None where the project has mistakes, or no key: then a note says what is missing."""
    from project import load

    found = load(root)
    try:
        if found.faults.errors:
            raise unsound(found)
        return _explainer(found)
    except Refused as refused:
        note(f"What comes next is told as far as the next step: {refused}")
        return None


def _data(told: Explained, zone: str) -> dict[str, Any]:
    from lifecycle.lines import local_iso

    return {
        "about": told.named,
        "outcome": told.outcome,
        "says": told.says,
        "checks": [check._asdict() for check in told.checks],
        "since": [{"at": local_iso(one.at, zone), "what": one.what} for one in told.since],
    }


def _lines(told: Explained, zone: str) -> Iterator[str]:
    from cli.timeline import local

    yield told.named
    yield f"{told.outcome}: {told.says}"
    width = max((len(check.check) for check in told.checks), default=0)
    for check in told.checks:
        yield f"  {'yes' if check.passed else 'NO '}  {check.check:<{width}}  {check.says} ({check.saw})"
    for one in told.since:
        yield f"  {local(one.at, zone)}  {one.what}"
