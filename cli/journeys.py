"""`milepost journey`: what one journey is going through, and holding, resuming, skipping or ending it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.common import (
    CONFLICT,
    UNREACHABLE,
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
    settings,
    who,
)
from cli.pauses import UntilOption, end_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from temporalio.client import Client
    from whenever import Instant

    from intake.commands import Commands
    from intake.reader import Position
    from store.database import Database
    from store.tables import Customer, Journey

app = typer.Typer(help="Look at one customer's journey through a playbook, and act on it.", no_args_is_help=True)

JourneyArgument = Annotated[str, typer.Argument(help="The journey's id, or as much of its beginning as is unique.")]


PolicyOption = Annotated[
    Literal["freeze", "continue"], typer.Option("--policy", help="freeze stops the clock; with continue time runs on.")
]
HandlingOption = Annotated[
    Literal["send", "skip"], typer.Option("--handling", help="Send or skip what came due while time ran on.")
]
MessageOption = Annotated[bool, typer.Option("--message", help="Drop the next message instead of ending the wait.")]


@app.command("show", epilog="Example: milepost journey show first-90-days.4f1c")
def show(journey: JourneyArgument, project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Show what happened in a journey, where it stands, and what comes next and why."""
    from whenever import Instant

    from cli.timeline import in_words
    from intake import reader
    from store import customers

    root = project_root(project)

    def read(session: Session) -> tuple[Position, Customer | None]:
        found = reader.find_journey(session, journey)
        return _position(session, root, found, Instant.now()), customers.by_id(session, found.customer_id)

    with _store(root) as store, _explained():
        position, customer = store.read_now(read)
    if format is Format.json:
        out_json(_full(position))
        return
    name = (customer.attributes.get("first_name") or customer.user_id) if customer else "A customer"
    out(f"{name}'s journey through {position.journey.playbook} ({position.state.zone})")
    out(f"{position.journey.id}, version {position.journey.version}")
    out()
    for line in in_words(position.lines, position.state.zone):
        out(line)
    out()
    print_position(position)


@app.command("pause", epilog='Example: milepost journey pause first-90-days.4f1c --reason "asked us to wait"')
def pause(
    journey: JourneyArgument,
    reason: ReasonOption,
    policy: PolicyOption = "freeze",
    until: UntilOption = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Hold a journey: nothing is sent until it is resumed. Its goal and exits still end it."""
    ends_at = end_of(until, project)
    _act(project, journey, format, lambda commands, client, one: commands.pause(client, one, policy, reason, ends_at))


@app.command("resume", epilog='Example: milepost journey resume first-90-days.4f1c --reason "is back"')
def resume(
    journey: JourneyArgument,
    reason: ReasonOption,
    handling: HandlingOption = "send",
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Let a paused journey go on."""
    _act(project, journey, format, lambda commands, client, one: commands.resume(client, one, handling, reason))


@app.command("skip", epilog='Example: milepost journey skip first-90-days.4f1c --reason "has had this by post"')
def skip(
    journey: JourneyArgument,
    reason: ReasonOption,
    message: MessageOption = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """End the present wait at once, or drop the next message."""
    what: Literal["wait", "message"] = "message" if message else "wait"
    _act(project, journey, format, lambda commands, client, one: commands.skip(client, one, what, reason))


@app.command("exit", epilog='Example: milepost journey exit first-90-days.4f1c --reason "moved to another plan"')
def exit_(
    journey: JourneyArgument,
    reason: ReasonOption,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """End a journey for good. Nothing more is sent in it."""
    import asyncio

    async def leave(commands: Commands, client: Client | None, one: str) -> Position:
        position, told = await commands.exit(client, one, reason)
        if not told:
            note("It is stored, and nothing more is sent; its workflow is told as soon as the worker reaches Temporal.")
        return position

    root = project_root(project)
    with _store(root) as store, _explained():
        found = _id(store, journey)
        asyncio.run(_with_client(root, lambda client: leave(_commands(store), client, found), needed=False))
        _say(root, store, found, format)


Act = Callable[["Commands", "Client", str], Awaitable["Position"]]


def _act(option: Path | None, journey: str, format: Format, act: Act) -> None:
    import asyncio

    root = project_root(option)
    with _store(root) as store, _explained():
        found = _id(store, journey)

        async def perform(client: Client | None) -> Position:
            assert client is not None
            return await act(_commands(store), client, found)

        asyncio.run(_with_client(root, perform, needed=True))
        _say(root, store, found, format)


async def _with_client(
    root: Path, perform: Callable[[Client | None], Awaitable[Position]], *, needed: bool
) -> Position:
    """Perform with a client of Temporal; where it is not `needed` and Temporal is away, without."""
    import wiring
    from cli.running import temporal_address

    try:
        client = await wiring.connect(temporal_address(root), settings().temporal_namespace)
    except (wiring.Unreachable, Refused) as away:
        if needed:
            raise Refused(f"{away}\nnothing was changed", UNREACHABLE) from None
        return await perform(None)
    return await perform(client)


def _commands(store: Database) -> Commands:
    from whenever import Instant

    from intake.commands import Commands

    return Commands(store, who(), Instant.now())


def _id(store: Database, journey: str) -> str:
    from intake import reader

    return store.read_now(lambda session: reader.find_journey(session, journey).id)


@contextlib.contextmanager
def _store(root: Path) -> Iterator[Database]:
    with contextlib.closing(database(root)) as store:
        yield store


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What commands raise, with its exit status."""
    from intake import reader
    from intake.asking import Conflict
    from intake.commands import NoAnswer
    from intake.pauses import Impossible

    try:
        yield
    except (reader.Unknown, Impossible) as error:
        raise Refused(str(error)) from None
    except Conflict as error:
        raise Refused(str(error), CONFLICT) from None
    except NoAnswer as error:
        raise Refused(str(error), UNREACHABLE) from None


def _position(session: Session, root: Path, journey: Journey, now: Instant) -> Position:
    from cli.explaining import explainer_where_sound
    from intake import ahead, reader

    explainer = explainer_where_sound(root)
    if explainer is None:
        return reader.position(session, journey, now)
    return ahead.position(session, explainer, journey, now)


def _say(root: Path, store: Database, journey: str, format: Format) -> None:
    """Where the journey stands now, after what was done to it."""
    from whenever import Instant

    from intake import reader

    position = store.read_now(
        lambda session: _position(session, root, reader.find_journey(session, journey), Instant.now())
    )
    if format is Format.json:
        from intake.reader import as_data

        out_json(as_data(position))
    else:
        print_position(position)


def _full(position: Position) -> dict[str, Any]:
    from intake.reader import as_data
    from lifecycle.lines import as_data as line_data

    timeline = [line_data(line, position.state.zone) for line in position.lines]
    return {**as_data(position), "customer": position.journey.customer_id, "timeline": timeline}


def print_position(position: Position, indent: str = "") -> None:
    """Where a journey stands, for people."""
    from cli.timeline import local

    step = f" at {position.state.step}" if position.state.step else ""
    word = "" if position.word == "ended" else f"{position.word}{step}: "
    out(f"{indent}{word}{position.next.why}")
    if position.next.what:
        when = f"{local(position.next.at, position.state.zone)}: " if position.next.at else ""
        unless = f", unless {position.next.unless} comes before" if position.next.unless else ""
        out(f"{indent}next: {when}{position.next.what}{unless}")
