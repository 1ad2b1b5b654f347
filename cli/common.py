"""What commands share: options, output, and errors that people cause.

Standard output is the result alone; progress and diagnostics go to standard error. Exit status: 0 good, 1 what was
examined has faults, 2 wrong call or unknown name, 3 something needed is unreachable, 4 conflict, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy.orm import Session
    from whenever import Instant

    from lifecycle.language.map import Map
    from project import Project
    from settings import Settings
    from store.database import Database

T = TypeVar("T")

GOOD, FAULTS, WRONG_CALL, UNREACHABLE, CONFLICT, INTERRUPTED = 0, 1, 2, 3, 4, 130

RUNNING = "dev.json"
"""The file in the data folder that says where `milepost dev` listens, and its database where that is a server."""

POSTGRES_FOLDER = "postgres"
"""The folder in the data folder with the data of the PostgreSQL server of `milepost dev --postgres`."""

KEY_FILE = "secret.key"
"""The file in the data folder with the key that Milepost made for itself."""


class Format(StrEnum):
    """How a result is printed."""

    text = "text"
    json = "json"


ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="DIR", help="The project's folder; else the nearest parent with playbooks/map.yaml."
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="text for people, json for scripts.")]


class Refused(Exception):
    """A command that cannot be carried out; `str()` is one sentence for the person, `code` the exit status."""

    def __init__(self, message: str, code: int = WRONG_CALL) -> None:
        super().__init__(message)
        self.code = code


def _said(reason: str) -> str:
    if not reason.strip():
        raise Refused("say why: the reason is kept in the audit log")
    return reason


ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit log.", callback=_said)]


def out(text: str = "") -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


def out_json(data: Any) -> None:
    """Print one JSON object as the result."""
    out(json.dumps(data, ensure_ascii=False, default=str))


def out_json_with(data: dict[str, Any], key: str, rows: Iterable[Any]) -> None:
    """Print one JSON object as the result, with rows under a last key that need not fit into memory."""
    sys.stdout.write(f'{json.dumps(data, ensure_ascii=False)[:-1]}, "{key}": [')
    for number, row in enumerate(rows):
        sys.stdout.write((", " if number else "") + json.dumps(row, ensure_ascii=False))
    out("]}")


def out_lines(rows: Iterable[Any]) -> None:
    """Print JSON lines as the result."""
    for row in rows:
        out_json(row)


def note(text: str) -> None:
    """Tell the person something that is not part of the result, after what was printed of it so far."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")


def console() -> Console:
    """Rich output to standard output; colours and boxes only where a person looks."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def progress_console() -> Console:
    """Where progress bars go: standard error, so that results can be piped."""
    from rich.console import Console

    return Console(file=sys.stderr)


def settings() -> Settings:
    """The settings of this process."""
    from settings import load

    return load()


def project_root(option: Path | None) -> Path:
    """The project's folder: as named, as set, or the nearest parent that is one."""
    from project import MAP, find_root

    named = option or settings().project
    if named is None:
        return find_root(Path.cwd())
    if not (named / MAP).is_file():
        raise Refused(f"{named} is not a project: there is no {MAP} in it")
    return named.resolve()


def read_project(option: Path | None, *, sound: bool = True) -> Project:
    """The project with everything compiled. With `sound`, one that has errors is refused."""
    from project import load

    found = load(project_root(option))
    if sound and found.faults.errors:
        raise unsound(found)
    return found


def read_map(option: Path | None) -> tuple[Path, Map]:
    """The project's folder, and its map, which must be right, whatever playbook is being written just now."""
    from project import load, load_map

    root = project_root(option)
    found = load_map(root)
    if found is None:
        raise unsound(load(root))
    return root, found


def zone_of_project(root: Path) -> str:
    """The zone of the map, whose clocks tell every time that is not one customer's; UTC where the map has mistakes."""
    from project import load_map

    found = load_map(root)
    return found.time_zone if found else "UTC"


def unsound(project: Project) -> Refused:
    """The refusal of a project that has mistakes."""
    count, first = len(project.faults.errors), project.faults.errors[0]
    message = f"the project has {count} mistake{'s' * (count > 1)}, the first: {first}\nrun `milepost check`"
    return Refused(message, FAULTS)


def instant_of(text: str, zone: str, option: str, clock: str = "00:00") -> Instant:
    """`2026-03-02`, `2026-03-02T10:00` by the clocks of `zone`, or with an offset of its own, as given to `option`.

    `clock` is the time of a day without one.
    """
    from lifecycle.segment import FIRST, LAST
    from lifecycle.values import instant

    try:
        found = instant(text, zone, clock)
    except ValueError:
        raise Refused(f"`{option} {text}` is not a time; write for example `{option} 2026-03-02T10:00`") from None
    if not FIRST <= found < LAST:
        raise Refused(f"`{option} {text}`: the year must lie between 1970 and 2199")
    return found


def unknown(what: str, name: str, known: Iterable[str]) -> Refused:
    """The refusal of a name that does not exist, with the nearest that does."""
    from lifecycle.language.faults import did_you_mean

    hint = did_you_mean(name, known)
    return Refused(f"there is no {what} `{name}`" + (f"; {hint}" if hint else ""))


def data_folder(root: Path) -> Path:
    """Where a laptop's database lies, unless the settings name another."""
    return root / ".milepost"


def running(root: Path) -> Mapping[str, str]:
    """What a running `milepost dev` of this project said of itself; empty where none runs."""
    try:
        found: dict[str, str] = json.loads((data_folder(root) / RUNNING).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def log_to_stderr() -> None:
    """Send the log where diagnostics go, so that it never gets into a result."""
    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def database(root: Path) -> Database:
    """The database of the settings, else that of `milepost dev` for this project; migrated."""
    log_to_stderr()
    from store.database import Database
    from store.migrate import upgrade

    url = settings().database_url or running(root).get("database")
    if url is None:
        folder = data_folder(root)
        if (folder / POSTGRES_FOLDER).exists() and not (folder / "milepost.db").exists():
            raise Refused(
                "this project's database is the PostgreSQL server of `milepost dev --postgres`, which does not run; "
                "start it in another terminal",
                UNREACHABLE,
            )
        folder.mkdir(exist_ok=True)
        url = f"sqlite:///{folder / 'milepost.db'}"
    upgrade(url)
    return Database(url)


def stored(root: Path, fn: Callable[[Session], T]) -> T:
    """What `fn` did in the database of a project; Refused for what it does not know, cannot do, or conflicts with."""
    from intake.asking import Conflict
    from intake.pauses import Impossible
    from intake.reader import Unknown

    with contextlib.closing(database(root)) as opened:
        try:
            return opened.write_now(fn)
        except (Unknown, Impossible) as error:
            raise Refused(str(error)) from None
        except Conflict as error:
            raise Refused(str(error), CONFLICT) from None


def who() -> str:
    """Who gives commands here, for the audit log: the name of the account on this machine."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def secret_key(folder: Path) -> str:
    """The key that signs links: as set; else one of our own beside the data in `folder`, made at its first use.

    A database that was set is shared with processes that do not see this folder, so there it has to be set.
    """
    given = settings().secret_key
    if given is not None:
        return given.get_secret_value()
    if settings().database_url is not None:
        raise Refused(
            "MILEPOST_SECRET_KEY is not set, and links in messages are signed with it; make one with "
            '`python -c "import secrets; print(secrets.token_urlsafe(48))"` and set the same one for every process'
        )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / KEY_FILE
    if not file.exists():
        # Written elsewhere first (0600), and linked: another process that starts now finds a whole key or none.
        number, made = tempfile.mkstemp(dir=folder, prefix=KEY_FILE)
        with open(number, "w", encoding="utf-8") as key:  # noqa: PTH123 - a descriptor
            key.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(made, file)
        Path(made).unlink()
    return file.read_text("utf-8")
