"""`milepost user`: who may sign in to the console, and with which role."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.common import (
    CONFLICT,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    data_folder,
    database,
    out,
    out_json,
    project_root,
    running,
    secret_key,
    settings,
    who,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.orm import Session

    from store.tables import User

app = typer.Typer(help="Users of the console: make, list and change them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What they sign in with, best their e-mail address.")]
Role = Literal["viewer", "support", "marketing", "admin"]


@app.command("add", epilog="Example: milepost user add ada@example.com --role support")
def add(
    name: Name,
    role: Annotated[
        Role,
        typer.Option(
            help="viewer sees everything; support acts on customers; marketing steers playbooks; admin does all, and "
            "makes users."
        ),
    ],
    no_password: Annotated[
        bool, typer.Option("--no-password", help="They sign in elsewhere (OpenID Connect), or by a link.")
    ] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Make a user. Their password is asked for, or read from standard input: one line."""
    from intake import users

    password = None if no_password else _password()
    _change(project, lambda session, now: users.make(session, name, role, password, who(), now))
    _told(name, f"{name} may sign in as {role}.", format, project)


@app.command("list", epilog="Example: milepost user list")
def list_(project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """List the users."""
    from store import users

    with contextlib.closing(database(project_root(project))) as opened:
        found = opened.read_now(users.every)
    if format is Format.json:
        out_json({"users": [_data(one) for one in found]})
        return
    for one in found:
        kept_out = "  kept out" if one.disabled_at else ""
        out(f"{one.role:<9}  {one.name}  made {one.created_at.format_iso()[:10]}{kept_out}")
    if not found:
        out("There are no users; make one with `milepost user add`.")


@app.command("role", epilog="Example: milepost user role ada@example.com marketing")
def role_(name: Name, role: Role, project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Give a user another role."""
    from intake import users

    _change(project, lambda session, now: users.set_role(session, users.find(session, name), role, who(), now))
    _told(name, f"{name} is {role} now.", format, project)


@app.command("password", epilog="Example: milepost user password ada@example.com")
def password(name: Name, project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Give a user another password, and sign them out everywhere."""
    from intake import users

    given = _password()
    _change(project, lambda session, now: users.set_password(session, users.find(session, name), given, who(), now))
    _told(name, f"{name} has another password.", format, project)


@app.command("disable", epilog="Example: milepost user disable ada@example.com")
def disable(name: Name, project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Keep a user out, from their next click on."""
    from intake import users

    _change(project, lambda session, now: users.disable(session, users.find(session, name), who(), now))
    _told(name, f"{name} is kept out.", format, project)


@app.command("enable", epilog="Example: milepost user enable ada@example.com")
def enable(name: Name, project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Let a user in again."""
    from intake import users

    _change(project, lambda session, now: users.enable(session, users.find(session, name), who(), now))
    _told(name, f"{name} may sign in again.", format, project)


@app.command("link", epilog="Example: milepost user link ada@example.com")
def link(name: Name, project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Make a link that signs a user in, once, within a quarter of an hour: for a first visit, or a lost password."""
    from console.sign_in import link_for
    from intake import users

    root = project_root(project)
    found = _change(project, lambda session, now: users.find(session, name))
    made = link_for(secret_key(data_folder(root)), _public(root), found)
    if format is Format.json:
        out_json({**_data(found), "link": made})
    else:
        out(made)


def _public(root: Path) -> str:
    """Where browsers find the console: as set, else where a running `milepost dev` of this project said."""
    configured = settings()
    if "public_url" in configured.model_fields_set:
        return configured.public_url
    return running(root).get("api", configured.public_url)


def _password() -> str:
    """The hash of a password that somebody types twice, or that a script gives as one line."""
    from intake.signing_in import NotAllowed, hashed

    if sys.stdin.isatty():
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    try:
        return hashed(given)
    except NotAllowed as error:
        raise Refused(str(error)) from None


def _change(project: Path | None, change: Callable[[Session, Any], Any]) -> Any:
    from whenever import Instant

    from intake.signing_in import NotAllowed

    now = Instant.now()
    with contextlib.closing(database(project_root(project))) as opened:
        try:
            return opened.write_now(lambda session: change(session, now))
        except NotAllowed as error:
            taken = "already" in str(error) or "not kept out" in str(error)
            raise Refused(str(error), CONFLICT if taken else 2) from None


def _told(name: str, says: str, format: Format, project: Path | None) -> None:
    from intake import users

    if format is Format.json:
        out_json(_data(_change(project, lambda session, _: users.find(session, name))))
    else:
        out(says)


def _data(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "password": user.password is not None,
        "created_at": user.created_at.format_iso(),
        "disabled_at": user.disabled_at.format_iso() if user.disabled_at else None,
    }
