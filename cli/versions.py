"""`milepost plan`, `apply` and `playbook history`: what another version of a playbook would change, and rolling it out.

A version is rolled back by applying the one before it. What new journeys take changes at once; those inside are moved
by the worker, and the command only watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.applying import agree, begin, changes_of, check, length, report, state_of, store_of, targets_of, told
from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    out,
    out_json,
    project_root,
    read_project,
    unknown,
    zone_of_project,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PlaybookArgument = Annotated[
    str | None, typer.Argument(metavar="[PLAYBOOK]", help="The playbook; else each whose file is not what runs.")
]
MoveOption = Annotated[
    list[str] | None,
    typer.Option("--move", metavar="STEP=STEP", help="Where those go on whose step is gone. May be given repeatedly."),
]
VersionOption = Annotated[
    str | None,
    typer.Option(
        "--version", metavar="V", help="A published version, by its number in `playbook history`: to roll back."
    ),
]
InFlightOption = Annotated[
    Literal["pin", "follow", "exit"] | None,
    typer.Option("--in-flight", help="Those inside keep their version, follow to the new one, or end."),
]
CanaryOption = Annotated[
    int | None, typer.Option("--canary", metavar="PERCENT", help="Try it on a share of the customers first.")
]
AfterOption = Annotated[
    str | None,
    typer.Option("--continue-after", metavar="TIME", help="With --canary: go on to everybody after so long."),
]
WhyOption = Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the audit log and the history.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
ContinueOption = Annotated[bool, typer.Option("--continue", help="Let everybody take what a share has tried.")]
StopOption = Annotated[bool, typer.Option("--stop", help="Stop an apply that is under way, where it is.")]


def register(app: typer.Typer, playbook: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("plan", epilog="Example: milepost plan first-90-days")(plan)
    app.command("apply", epilog="Example: milepost apply first-90-days --in-flight follow --canary 10")(apply)
    playbook.command("history", epilog="Example: milepost playbook history first-90-days")(history)


def plan(
    playbook: PlaybookArgument = None,
    move: MoveOption = None,
    version: VersionOption = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Show what an apply would change, how many customers are inside and what would become of them. Changes nothing."""
    from cli.plans import as_data, in_words

    found = read_project(project)
    with store_of(found.root) as store:
        changes = changes_of(store, found, playbook, version, targets_of(move, playbook))
    if format is Format.json:
        out_json({"playbooks": [as_data(one) for one in changes]})
        return
    for one in changes:
        for line in in_words(one, zone_of_project(found.root)):
            out(line)
    if not changes:
        out("Nothing to apply: every playbook runs as its file says.")


def apply(
    playbook: PlaybookArgument = None,
    in_flight: InFlightOption = None,
    move: MoveOption = None,
    canary: CanaryOption = None,
    continue_after: AfterOption = None,
    version: VersionOption = None,
    reason: WhyOption = None,
    yes: YesOption = False,
    go_on: ContinueOption = False,
    stop: StopOption = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Let new journeys take another version, and decide what becomes of those inside. The worker carries it out."""
    if go_on or stop:
        others = (in_flight, move, canary, continue_after, version)
        if playbook is None or (go_on and stop) or any(one is not None for one in others):
            raise Refused("`--continue` and `--stop` stand alone, after the playbook's name")
        root = project_root(project)
        report(told(root, playbook, reason, go_on=go_on), zone_of_project(root), format)
        return
    from cli.plans import in_words
    from cli.watching import watch

    found = read_project(project)
    zone = zone_of_project(found.root)
    targets = targets_of(move, playbook)
    after = length(continue_after)
    if after is not None and canary is None:
        raise Refused("`--continue-after` goes with `--canary PERCENT`: else everybody takes part at once")
    with store_of(found.root) as store:
        changes = [one for one in changes_of(store, found, playbook, version, targets) if one.changes]
        for one in changes:
            check(one, in_flight)
            if format is Format.text:
                for line in in_words(one, zone):
                    out(line)
        if not changes:
            report([], zone, format)
            return
        agree(len(changes), yes=yes)
        begun = begin(store, changes, in_flight or "pin", targets, 100 if canary is None else canary, after, reason)
        total = sum(one.inside for one in changes) if in_flight != "pin" else 0
        watch(store, begun, total if canary is None else None)
        report(state_of(store, begun), zone, format)


def history(
    playbook: Annotated[str, typer.Argument(help="The playbook's name.")],
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Show a playbook's versions and applies: who, when and why, and how many customers are on each."""
    from cli.plans import history_data, history_words
    from store import playbooks, rollouts

    def read(session: Session) -> dict[str, Any]:
        known = playbooks.versions(session, playbook)
        if not known:
            raise unknown("playbook", playbook, playbooks.active(session))
        applies = [(one, rollouts.counts(session, one.id or 0)) for one in rollouts.of_playbook(session, playbook)]
        taken = playbooks.taken(session, playbook)
        return history_data(playbook, known, applies, rollouts.customers(session, playbook), taken)

    root = project_root(project)
    with store_of(root) as store:
        data = store.read_now(read)
    if format is Format.json:
        out_json(data)
        return
    for line in history_words(data, zone_of_project(root)):
        out(line)
