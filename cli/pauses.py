"""`milepost pause`, `resume` and `pauses`: hold a person, a group of them, a playbook, a channel or everything, and let
it go on.

One journey is held by `milepost journey pause`, which tells it at once. What is stored here needs neither Temporal nor
a worker: journeys meet it when they come due.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    ReasonOption,
    Refused,
    database,
    instant_of,
    note,
    out,
    out_json,
    project_root,
    read_project,
    stored,
    who,
    zone_of_project,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from whenever import Instant

    from store.tables import Pause

ScopeArgument = Annotated[
    str, typer.Argument(help="customer, account, segment, playbook, channel, everything or journey.")
]
TargetArgument = Annotated[
    str,
    typer.Argument(
        help="The id of the customer or account, the segment's or playbook's name, email, sms. Not for everything."
    ),
]
PolicyOption = Annotated[
    Literal["freeze", "continue"] | None,
    typer.Option(
        "--policy",
        help="freeze stops the clock; with continue time runs on. Default: freeze for a customer or account.",
        show_default=False,
    ),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="When it ends by itself, such as 2026-03-02T10:00.")
]
TransactionalOption = Annotated[
    bool, typer.Option("--include-transactional", help="Hold receipts and other transactional messages too.")
]
HandlingOption = Annotated[
    Literal["send", "skip"], typer.Option("--handling", help="Send or skip what came due while time ran on.")
]
SpreadOption = Annotated[
    int | None, typer.Option("--spread", metavar="N", help="Let so many journeys a minute go on; else all at once.")
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Tell what its end would do, and end nothing.")]
EndedOption = Annotated[bool, typer.Option("--ended", help="Show those that have ended as well.")]

EVERYTHING = "everything"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("pause", epilog='Example: milepost pause playbook first-90-days --reason "wrong price in the mail"')(
        pause
    )
    app.command("resume", epilog='Example: milepost resume 3 --spread 500 --reason "the price is right again"')(resume)
    app.command("pauses", epilog="Example: milepost pauses")(listing)


def pause(
    scope: ScopeArgument,
    reason: ReasonOption,
    target: TargetArgument = "",
    policy: PolicyOption = None,
    until: UntilOption = None,
    include_transactional: TransactionalOption = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Hold messages of a customer, account, segment, playbook, channel, or all. Goals and exits still end journeys."""
    from whenever import Instant

    from intake import pauses

    now = Instant.now()
    ends_at = end_of(until, project)
    segments = _segments(project) if scope == "segment" else ()

    def store(session: Session) -> Pause:
        return pauses.start(
            session,
            scope=scope,
            target=target,
            policy=policy,
            reason=reason,
            ends_at=ends_at,
            include_transactional=include_transactional,
            who=who(),
            now=now,
            segments=segments,
        )

    _say(stored(project_root(project), store), project, format)
    if format is Format.text:
        note("Journeys meet it when they come due. What is with a provider already is not called back.")


def resume(
    number: Annotated[int, typer.Argument(metavar="PAUSE", help="The pause's number; `milepost pauses` shows it.")],
    reason: ReasonOption,
    handling: HandlingOption = "send",
    spread: SpreadOption = None,
    dry_run: DryOption = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """End a pause. Whoever it held goes on, unless another pause holds them too."""
    from whenever import Instant

    from intake import pauses

    if dry_run:
        _foresee(project_root(project), number, handling, spread, format)
        return

    now = Instant.now()

    def store(session: Session) -> Pause:
        return pauses.end(session, number, handling=handling, spread=spread, reason=reason, who=who(), now=now)

    _say(stored(project_root(project), store), project, format)
    if format is Format.text:
        note("Those who are held go on within seconds of a worker running.")


def _foresee(root: Path, number: int, handling: Literal["send", "skip"], spread: int | None, format: Format) -> None:
    """Tell what the end of a pause would do."""
    from intake import consequences
    from store import pauses

    def look(session: Session) -> consequences.Foreseen | None:
        found = pauses.get(session, number)
        return consequences.end_of(session, found) if found else None

    with contextlib.closing(database(root)) as store:
        found = store.read_now(look)
    if found is None:
        raise Refused(f"there is no pause {number}")
    says = consequences.ending(found, handling, spread)
    if format is Format.json:
        others = [one.id for one in found.others]
        out_json({"held": found.held, "email": found.email, "sms": found.sms, "others": others, "says": says})
    else:
        out(says)


def listing(ended: EndedOption = False, project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """List the pauses that hold, or still have somebody to wake."""
    from intake import pauses

    root = project_root(project)
    with contextlib.closing(database(root)) as store:
        found = store.read_now(lambda session: pauses.listed(session, ended=ended))
    if format is Format.json:
        out_json({"pauses": [{**as_data(one.pause), "held": one.held} for one in found]})
        return
    zone = zone_of_project(root)
    for one in found:
        out(f"{sentence(one.pause, zone)}; {one.held} {'journey stands' if one.held == 1 else 'journeys stand'}")
    if not found:
        out("Nothing is paused.")


def as_data(pause: Pause) -> dict[str, Any]:
    """A pause as scripts read it. Instants are in UTC."""
    return {
        "id": pause.id,
        "scope": pause.scope,
        "target": pause.target or None,
        "policy": pause.policy,
        "reason": pause.reason,
        "made_by": pause.made_by,
        "started_at": pause.started_at.format_iso(),
        "ends_at": pause.ends_at.format_iso() if pause.ends_at else None,
        "ended_at": pause.ended_at.format_iso() if pause.ended_at else None,
        "handling": pause.handling,
        "spread": pause.spread,
        "include_transactional": bool(pause.transactional),
    }


def sentence(pause: Pause, zone: str) -> str:
    """A pause in words, its times on the clocks of `zone`."""
    from cli.timeline import minute

    what = EVERYTHING if pause.scope == EVERYTHING else f"{pause.scope} {pause.target}"
    kinds = "all messages" if pause.transactional else "marketing"
    clock = "the clock stands" if pause.policy == "freeze" else "time runs on"
    if pause.ended_at is None:
        until = f" until {minute(pause.ends_at, zone)}" if pause.ends_at else ""
        since = f"since {minute(pause.started_at, zone)}{until} ({zone}; {kinds}, {clock})"
        return f"{pause.id}: {what} is paused {since}: {pause.reason}"
    pace = f", {pause.spread} journeys a minute" if pause.spread else ""
    came = "what came due is skipped" if pause.handling == "skip" else f"what came due is sent{pace}"
    lasted = f"from {minute(pause.started_at, zone)} to {minute(pause.ended_at, zone)}"
    return f"{pause.id}: {what} was paused {lasted} ({zone}; {came}): {pause.reason}"


def end_of(until: str | None, project: Path | None) -> Instant | None:
    """The end that was given with a pause, by the clocks of the map where it has no offset."""
    if until is None:
        return None
    return instant_of(until, zone_of_project(project_root(project)), "--until")


def _segments(project: Path | None) -> Collection[str]:
    known = read_project(project, sound=False).map
    return known.segments if known else ()


def _say(pause: Pause, project: Path | None, format: Format) -> None:
    if format is Format.json:
        out_json(as_data(pause))
    else:
        out(sentence(pause, zone_of_project(project_root(project))))
