"""`milepost plan`, `apply` and `playbook history`: what another version of a playbook would change, and rolling it out.

A version is rolled back by applying the one before it. What new journeys take changes at once; those inside are moved
by the worker, and the command only watches.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.common import (
    CONFLICT,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    database,
    out,
    out_json,
    project_root,
    read_project,
    unknown,
    who,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from whenever import TimeDelta

    from intake.planning import Change
    from project import Project
    from store.database import Database
    from store.tables import Rollout

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
    with _store(found.root) as store:
        changes = _changes(store, found, playbook, version, _targets(move, playbook))
    if format is Format.json:
        out_json({"playbooks": [as_data(one) for one in changes]})
        return
    for one in changes:
        for line in in_words(one):
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
        _report(_told(project, playbook, reason, go_on=go_on), format)
        return
    from cli.plans import in_words
    from cli.watching import watch

    found = read_project(project)
    targets = _targets(move, playbook)
    after = _length(continue_after)
    if after is not None and canary is None:
        raise Refused("`--continue-after` goes with `--canary PERCENT`: else everybody takes part at once")
    with _store(found.root) as store:
        changes = [one for one in _changes(store, found, playbook, version, targets) if one.changes]
        for one in changes:
            _check(one, in_flight)
            if format is Format.text:
                for line in in_words(one):
                    out(line)
        if not changes:
            _report([], format)
            return
        _agree(len(changes), yes=yes)
        begun = _begin(store, changes, in_flight or "pin", targets, 100 if canary is None else canary, after, reason)
        total = sum(one.inside for one in changes) if in_flight != "pin" else 0
        watch(store, begun, total if canary is None else None)
        _report(_state(store, begun), format)


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

    with _store(project_root(project)) as store:
        data = store.read_now(read)
    if format is Format.json:
        out_json(data)
        return
    for line in history_words(data):
        out(line)


# --- what would change ---------------------------------------------------------------------------------------------


def _changes(
    store: Database, project: Project, playbook: str | None, version: str | None, targets: dict[str, str]
) -> list[Change]:
    """What each playbook's file would change; with a name that one alone, whether it would or not."""
    from whenever import Instant

    from cli.watching import counting
    from intake import planning
    from store import playbooks

    if version is not None and playbook is None:
        raise Refused("`--version` names a version of one playbook: write its name first")

    def read(session: Session) -> list[Change]:
        active = playbooks.active(session)
        names = [playbook] if playbook else sorted({*project.plans, *active})
        if playbook and playbook not in project.plans and not playbooks.versions(session, playbook):
            raise unknown("playbook", playbook, {*project.plans, *active})
        found = [
            planning.change(session, name, project.plans.get(name), project.sources.get(name, ""), version)
            for name in names
        ]
        found = [one for one in found if playbook or one.before != one.after]
        _known_steps(session, found, targets)
        with counting() as tick:
            for one in found:
                planning.count(session, one, targets, Instant.now(), tick)
        return found

    with _explained():
        return store.read_now(read)


def _known_steps(session: Session, changes: Sequence[Change], targets: dict[str, str]) -> None:
    """Refuse a `--move` whose steps do not exist."""
    from intake import rollouts
    from store import playbooks

    for one in changes if targets else ():
        old = {
            step
            for version, _ in playbooks.versions(session, one.playbook)
            for step in rollouts.stored_plan(session, version).steps
        }
        for step, to in targets.items():
            if step not in old:
                raise unknown(f"step of any version of {one.playbook} called", step, old)
            if one.plan is None or to not in one.plan.steps:
                raise unknown(
                    f"step of the new version of {one.playbook} called", to, one.plan.steps if one.plan else ()
                )


def _check(change: Change, in_flight: str | None) -> None:
    """Refuse an apply that leaves it open what becomes of those inside."""
    from cli.plans import customers, flag

    if change.under_way is not None:
        raise Refused(
            f"apply {change.under_way.id} of {change.playbook} is under way, and nothing was changed; wait for it, or"
            f" stop it with `milepost apply {change.playbook} --stop`",
            CONFLICT,
        )
    if in_flight is None and change.inside:
        raise Refused(
            f"{customers(change.inside)} inside {change.playbook}, and nothing was changed; say what becomes of them:"
            " `--in-flight pin`, `follow` or `exit`"
        )
    if in_flight == "follow" and change.plan is not None and change.ambiguities:
        gone = ", ".join(f"`{one.step}`" for one in change.ambiguities)
        flags = " ".join(dict.fromkeys(flag(one) for one in change.ambiguities))
        count = sum(one.customers for one in change.ambiguities)
        raise Refused(
            f"{customers(count)} at {gone}, which the new version of {change.playbook} does not have, and nothing was"
            f" changed; say where they go on: {flags}",
            CONFLICT,
        )


def _agree(count: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nothing was applied, for nobody can be asked here; look at it, and add --yes")
    what = "this" if count == 1 else f"these {count}"
    typer.confirm(f"Apply {what}?", abort=True, err=True)


def _begin(
    store: Database,
    changes: Sequence[Change],
    in_flight: Literal["pin", "follow", "exit"],
    targets: dict[str, str],
    percent: int,
    after: TimeDelta | None,
    reason: str | None,
) -> list[int]:
    """Store the applies, all of them or none; their numbers."""
    from whenever import Instant

    from intake import rollouts
    from intake.rollouts import Wanted

    def write(session: Session) -> list[int]:
        numbers = []
        for one in changes:
            wanted = Wanted(
                one.playbook, in_flight, one.plan, one.source, one.after if not one.source else None, targets, percent,
                after, reason,
            )  # fmt: skip
            numbers.append(rollouts.begin(session, wanted, who(), Instant.now()).id or 0)
        return numbers

    with _explained():
        return store.write_now(write)


def _told(
    project: Path | None, playbook: str, reason: str | None, *, go_on: bool
) -> list[tuple[Rollout, dict[str, int]]]:
    from whenever import Instant

    from cli.watching import watch
    from intake import rollouts

    act = rollouts.go_on if go_on else rollouts.stop

    def write(session: Session) -> int:
        return act(session, playbook, reason, who(), Instant.now()).id or 0

    with _store(project_root(project)) as store, _explained():
        number = store.write_now(write)
        if go_on:
            watch(store, [number], None)
        return _state(store, [number])


def _state(store: Database, numbers: Sequence[int]) -> list[tuple[Rollout, dict[str, int]]]:
    from store import rollouts

    def read(session: Session) -> list[tuple[Rollout, dict[str, int]]]:
        found = [(rollouts.get(session, number), rollouts.counts(session, number)) for number in numbers]
        return [(row, counts) for row, counts in found if row is not None]

    return store.read_now(read)


def _report(found: Sequence[tuple[Rollout, dict[str, int]]], format: Format) -> None:
    from cli.plans import apply_data, apply_words

    if format is Format.json:
        out_json({"applies": [apply_data(row, counts) for row, counts in found]})
        return
    for row, counts in found:
        out(apply_words(row, counts))
    if not found:
        out("Nothing to apply: nothing would change.")


# --- what is typed -------------------------------------------------------------------------------------------------


def _targets(move: list[str] | None, playbook: str | None) -> dict[str, str]:
    targets = {}
    for text in move or []:
        step, equals, to = text.partition("=")
        if not equals or not step.strip() or not to.strip():
            raise Refused(f"`--move {text}` cannot be read; write `--move OLD_STEP=NEW_STEP`")
        targets[step.strip()] = to.strip()
    if targets and playbook is None:
        raise Refused("`--move` names steps of one playbook: write its name first")
    return targets


def _length(text: str | None) -> TimeDelta | None:
    """`24h`, `30m`, `2d`, or as playbooks write it: `36 hours`, `2 days` (of 24 hours)."""
    if text is None:
        return None
    from whenever import TimeDelta

    from lifecycle.language.times import parse_span

    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    short = text.strip()
    if short[:-1].isdigit() and short[-1:] in units:
        short = f"{short[:-1]} {units[short[-1]]}"
    try:
        span = parse_span(short)
    except ValueError:
        span = None
    if span is None or span.months or span.working:
        raise Refused(f"`--continue-after {text}` is not a length of time; write for example `--continue-after 24h`")
    return TimeDelta(seconds=span.seconds + span.days * 86400)


@contextlib.contextmanager
def _store(root: Path) -> Iterator[Database]:
    with contextlib.closing(database(root)) as store:
        yield store


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What is raised below, with its exit status."""
    from intake.asking import Conflict
    from intake.reader import Unknown
    from intake.rollouts import Impossible

    try:
        yield
    except (Unknown, Impossible) as error:
        raise Refused(str(error)) from None
    except Conflict as error:
        raise Refused(str(error), CONFLICT) from None
