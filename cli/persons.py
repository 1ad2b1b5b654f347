"""`milepost export` and `milepost erase`: everything that is held of a person, and to have it no more."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    ReasonOption,
    Refused,
    data_folder,
    database,
    note,
    out,
    out_json,
    project_root,
    read_project,
    secret_key,
    settings,
    who,
)

if TYPE_CHECKING:
    from temporalio.client import Client

    from intake.erasing import Erased
    from project import Project
    from store.database import Database

CustomerArgument = Annotated[
    str, typer.Argument(metavar="CUSTOMER", help="The product's id of the customer, or ours (cus_...).")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("export", epilog="Example: milepost export ada --out -")(export)
    app.command("erase", epilog='Example: milepost erase ada --reason "asked for it" --yes')(erase)


def export(
    customer: CustomerArgument,
    to: Annotated[str, typer.Option("--out", metavar="DIR", help="Where the file goes; - prints it instead.")],
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Write everything that is held of a person to a file of JSON."""
    from whenever import Instant

    from intake import exporting, reader

    root = project_root(project)
    key = secret_key(data_folder(root)).encode()
    with contextlib.closing(database(root)) as store:
        try:
            found = store.read_now(partial(exporting.export, name=customer, now=Instant.now(), key=key))
        except reader.Unknown as error:
            raise Refused(str(error)) from None
    written = json.dumps(found, ensure_ascii=False, indent=2)
    if to == "-":
        out(written)
        return
    file = Path(to) / f"{found['customer']['id']}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # For its owner alone: nothing else here holds so much about one person.
        with open(file, "w", encoding="utf-8", opener=partial(os.open, mode=0o600)) as opened:
            opened.write(written + "\n")
    except OSError as error:
        raise Refused(f"{file} cannot be written: {(error.strerror or 'unknown error').lower()}") from None
    if format is Format.json:
        out_json({"file": str(file)})
    else:
        out(f"{file}: everything that is held of {customer}")


def erase(
    customer: CustomerArgument,
    reason: ReasonOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Erase a person for good: what is held of them here, in Temporal and at the providers. It cannot be undone."""
    import asyncio

    from intake import reader

    found = read_project(project, sound=False)
    if found.map is None:
        found = read_project(project)  # refuses it, and says why
    with contextlib.closing(database(found.root)) as store:
        if not yes:
            _ask(customer)
        try:
            done, ours = asyncio.run(_erase(found, store, customer, reason))
        except reader.Unknown as error:
            raise Refused(str(error)) from None
    if format is Format.json:
        at = done.at.format_iso()
        out_json({"id": done.customer_id, "erased_at": at, "new": done.new, "complete": ours})
    elif done.new:
        out(f"{done.customer_id} is erased, and nothing is sent to them any more.")
    else:
        out(f"{done.customer_id} was erased before, at {done.at.format_iso(unit='minute')}.")
    if not ours:
        note("Temporal was not reached: a worker deletes their journeys there as soon as it runs.")
    note("A worker asks the providers to forget them, and looks once more in a quarter of an hour. Backups are yours.")


def _ask(customer: str) -> None:
    if not sys.stdin.isatty():
        raise Refused("an erasure cannot be undone: say --yes where nobody can be asked")
    typer.confirm(f"Erase everything that is held of {customer}? This cannot be undone", abort=True, err=True)


async def _erase(project: Project, store: Database, customer: str, reason: str) -> tuple[Erased, bool]:
    """Erase, and do our part of it; whether all of that was done."""
    from whenever import Instant

    from intake import erasing
    from store import erasures

    assert project.map is not None
    key, now = secret_key(data_folder(project.root)).encode(), Instant.now()
    if not reason.strip():
        raise Refused("say why: the audit log keeps it")
    done = await store.write(partial(erasing.erase, name=customer, reason=reason, who=who(), now=now, key=key))
    forgetter = erasing.Forgetter(store, await _client(project.root), project.map, key)
    take = partial(erasures.take, now=now, limit=1, customer_id=done.customer_id)
    ours = [await forgetter.forget(one, Instant.now()) for one in await store.write(take)]
    return done, all(ours)


async def _client(root: Path) -> Client | None:
    """A client of Temporal, where it is known and answers."""
    import wiring
    from cli.running import temporal_address

    try:
        return await wiring.connect(temporal_address(root), settings().temporal_namespace)
    except (wiring.Unreachable, Refused):
        return None
