"""`milepost token`: make, list and revoke keys of the API."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import typer

from cli.common import (
    CONFLICT,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    database,
    note,
    out,
    out_json,
    project_root,
    who,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

app = typer.Typer(help="Keys of the API: make, list and revoke them.", no_args_is_help=True)


@app.command("create", epilog="Example: milepost token create --scope operate --name crm")
def create(
    scope: Annotated[
        Literal["read", "operate", "ingest", "browser"],
        typer.Option(
            help="operate may change things and read; read may look; ingest sends events and nothing else; browser "
            "sends some of them from web pages, and is public."
        ),
    ],
    name: Annotated[str, typer.Option(metavar="TEXT", help="Who will use it; the audit log says so.")],
    milestone: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A milestone that a browser's key may send. Repeatable.")
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A site that a browser's key is for: https://shop.example.com. Repeatable."),
    ] = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Make a key and show it, this once: only its hash is stored."""
    from whenever import Instant

    from api.keys import digest_of, new_key
    from store import audit, tokens
    from store.tables import Audit, Token

    if not name.strip():
        raise Refused("say who will use the key: --name crm")
    limits = _limits(scope, milestone or [], origin or [])
    key, now = new_key(), Instant.now()

    def store(session: Session) -> int:
        row = Token(name=name.strip(), digest=digest_of(key), scope=scope, created_at=now, **limits)
        number = tokens.add(session, row)
        act = Audit(at=now, who=who(), what="token created", target=f"token {number}", data={"scope": scope, **limits})
        audit.record(session, act)
        return number

    with contextlib.closing(database(project_root(project))) as opened:
        number = opened.write_now(store)
    if format is Format.json:
        out_json({"id": number, "name": name.strip(), "scope": scope, **limits, "key": key})
        return
    out(key)
    note(f"This is key {number} ({scope}), for {name.strip()}. It is not shown again.")


def _limits(scope: str, milestones: list[str], origins: list[str]) -> dict[str, Any]:
    """What a browser's key is limited to; a key that nobody else may see has no limits."""
    if scope != "browser":
        if milestones or origins:
            raise Refused("--milestone and --origin are for --scope browser; other keys send whatever there is")
        return {}
    if not origins:
        raise Refused("a browser's key is public: say which site it is for: --origin https://shop.example.com")
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}".lower():
            raise Refused(f"`--origin {origin}` is not a site; write it as https://shop.example.com, without a path")
    return {"milestones": milestones, "origins": origins}


@app.command("list", epilog="Example: milepost token list")
def list_(project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """List all keys that were ever made, without the keys themselves."""
    from store import tokens

    with contextlib.closing(database(project_root(project))) as opened:
        found = opened.read_now(tokens.every)
    if format is Format.json:
        shown = [
            {
                "id": one.id,
                "name": one.name,
                "scope": one.scope,
                **({"milestones": one.milestones, "origins": one.origins} if one.scope == "browser" else {}),
                "created_at": one.created_at.format_iso(),
                "revoked_at": one.revoked_at.format_iso() if one.revoked_at else None,
            }
            for one in found
        ]
        out_json({"tokens": shown})
        return
    for one in found:
        revoked = f"  revoked {one.revoked_at.format_iso()[:10]}" if one.revoked_at else ""
        out(f"{one.id:>4}  {one.scope:<7}  {one.name}  made {one.created_at.format_iso()[:10]}{revoked}")
    if not found:
        out("There are no keys; make one with `milepost token create`.")


@app.command("revoke", epilog="Example: milepost token revoke 1")
def revoke(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The key's number, as `token list` shows it.")],
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """End a key for good, from its next call on."""
    from whenever import Instant

    from store import audit, tokens
    from store.tables import Audit

    now = Instant.now()

    def store(session: Session) -> str:
        found = tokens.get(session, number)
        if found is None:
            raise Refused(f"there is no key {number}; `milepost token list` shows all")
        if not tokens.revoke(session, number, now):
            raise Refused(f"the key {number} was revoked before", CONFLICT)
        audit.record(session, Audit(at=now, who=who(), what="token revoked", target=f"token {number}"))
        return found.name

    with contextlib.closing(database(project_root(project))) as opened:
        name = opened.write_now(store)
    if format is Format.json:
        out_json({"id": number, "name": name})
    else:
        out(f"The key {number} ({name}) opens nothing any more.")
