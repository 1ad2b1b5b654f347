"""`milepost dev` and `milepost worker`: run the engine, embedded or against servers that exist."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    data_folder,
    database,
    log_to_stderr,
    note,
    out,
    out_json,
    read_project,
    settings,
)

if TYPE_CHECKING:
    from project import Project
    from store.database import Database

RUNNING = "dev.json"
"""The file in the data folder that says where `milepost dev` listens."""

DEFAULT_PORT = 7233


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("dev", epilog="Example: milepost dev --port 7300")(dev)
    app.command("worker", epilog="Example: MILEPOST_TEMPORAL_ADDRESS=temporal:7233 milepost worker")(worker)


def dev(
    port: Annotated[
        int, typer.Option(help="Port of Temporal's server; the next free one where it is taken.")
    ] = DEFAULT_PORT,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where data is kept; else .milepost in the project.")
    ] = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Run everything on this machine: Temporal's own server, the database, a worker. Ctrl-C ends it; data stays."""
    found = read_project(project)
    folder = (data or data_folder(found.root)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_dev(found, folder, port, format))


async def _dev(project: Project, folder: Path, port: int, format: Format) -> None:
    from embedded import TemporalServer, free_port, is_free
    from store.database import Database
    from store.migrate import upgrade

    log_to_stderr()
    url = settings().database_url or f"sqlite:///{folder / 'milepost.db'}"
    upgrade(url)
    stop = _stopped()
    async with TemporalServer(folder / "temporal.db", port if is_free(port) else free_port()) as server:
        with contextlib.closing(Database(url)) as store:
            running = folder / RUNNING
            running.write_text(json.dumps({"temporal": server.address}), "utf-8")
            try:
                if format is Format.json:
                    out_json({"api": None, "console": None, "temporal": server.address})
                else:
                    out(
                        f"Milepost runs {len(project.plans)} playbooks of {project.root}; "
                        f"Temporal is at {server.address}."
                    )
                    note(
                        "From another terminal:  milepost import FILE  "
                        "tells of customers (identify calls, with an email);"
                    )
                    note(
                        "                        milepost track ada purchase --set revenue=49  "
                        "tells what one of them did."
                    )
                await _run(project, store, server.address, stop)
            finally:
                running.unlink(missing_ok=True)


def worker(project: ProjectOption = None) -> None:
    """Run journeys and apply events, against the Temporal server and the database of the settings."""
    found = read_project(project)
    address = temporal_address(found.root)
    with contextlib.closing(database(found.root)) as store:
        asyncio.run(_run(found, store, address, None))


async def _run(project: Project, store: Database, address: str, stop: asyncio.Event | None) -> None:
    """Publish the project's playbooks and work until told to stop."""
    from whenever import Instant

    import wiring
    import worker as worker_

    stop = stop or _stopped()
    configured = settings()
    client = await wiring.connect(address, configured.temporal_namespace)
    engine = wiring.engine(project, store, client, configured.public_url)
    await store.write(lambda session: wiring.publish(session, project, Instant.now()))
    async with worker_.running(engine):
        note("The worker runs.")
        await stop.wait()
        note("Finishing what is in hand ...")


def _stopped() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def temporal_address(root: Path) -> str:
    """Where Temporal is: as set, else where a running `milepost dev` of this project said."""
    address = settings().temporal_address
    if address:
        return address
    try:
        found: str = json.loads((data_folder(root) / RUNNING).read_text("utf-8"))["temporal"]
    except (OSError, ValueError, KeyError):
        raise Refused("no Temporal server is known; run `milepost dev`, or set MILEPOST_TEMPORAL_ADDRESS", 3) from None
    return found
