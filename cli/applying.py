"""What `milepost plan` and `apply` do around the core: what would change, what is refused, what was asked for.

The commands themselves stand in `versions.py`, what is printed in `plans.py`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from cli.common import CONFLICT, Format, Refused, database, out, out_json, unknown, who

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from whenever import TimeDelta

    from intake.planning import Change
    from intake.rollouts import InFlight
    from project import Project
    from store.database import Database
    from store.tables import Rollout


# --- what would change ---------------------------------------------------------------------------------------------


def changes_of(
    store: Database, project: Project, playbook: str | None, version: str | None, targets: dict[str, str]
) -> list[Change]:
    """What each playbook's file would change; with a name that one alone, whether it would or not."""
    from whenever import Instant

    from cli.watching import counting
    from intake import planning, rollouts
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
        for one in found:
            rollouts.check_targets(session, one.playbook, one.plan, targets)
        with counting() as tick:
            for one in found:
                planning.count(session, one, targets, Instant.now(), tick)
        return found

    with explained():
        return store.read_now(read)


def check(change: Change, in_flight: InFlight | None) -> None:
    """Refuse an apply that leaves it open what becomes of those inside."""
    from cli.plans import customers, flag
    from intake.rollouts import Impossible, check_gone

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
    if change.plan is None:
        return
    try:
        check_gone(change.playbook, in_flight, [(one.step, one.customers) for one in change.ambiguities])
    except Impossible as error:
        flags = " ".join(dict.fromkeys(flag(one) for one in change.ambiguities))
        raise Refused(f"{error}: {flags}", CONFLICT) from None


def agree(count: int, *, yes: bool) -> None:
    """Ask whether to apply so many; where nobody can be asked, refuse."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nothing was applied, for nobody can be asked here; look at it, and add --yes")
    what = "this" if count == 1 else f"these {count}"
    typer.confirm(f"Apply {what}?", abort=True, err=True)


def begin(
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

    with explained():
        return store.write_now(write)


def told(root: Path, playbook: str, reason: str | None, *, go_on: bool) -> list[tuple[Rollout, dict[str, int]]]:
    """Continue or stop an apply; how it stands then."""
    from whenever import Instant

    from cli.watching import watch
    from intake import rollouts

    act = rollouts.go_on if go_on else rollouts.stop

    def write(session: Session) -> int:
        return act(session, playbook, reason, who(), Instant.now()).id or 0

    with store_of(root) as store, explained():
        number = store.write_now(write)
        if go_on:
            watch(store, [number], None)
        return state_of(store, [number])


def state_of(store: Database, numbers: Sequence[int]) -> list[tuple[Rollout, dict[str, int]]]:
    """How applies stand: each with how many journeys are in which state."""
    from store import rollouts

    def read(session: Session) -> list[tuple[Rollout, dict[str, int]]]:
        found = [(rollouts.get(session, number), rollouts.counts(session, number)) for number in numbers]
        return [(row, counts) for row, counts in found if row is not None]

    return store.read_now(read)


def report(found: Sequence[tuple[Rollout, dict[str, int]]], zone: str, format: Format) -> None:
    """Print how applies stand."""
    from cli.plans import apply_data, apply_words

    if format is Format.json:
        out_json({"applies": [apply_data(row, counts) for row, counts in found]})
        return
    for row, counts in found:
        out(apply_words(row, counts, zone))
    if not found:
        out("Nothing to apply: nothing would change.")


# --- what is typed -------------------------------------------------------------------------------------------------


def targets_of(move: list[str] | None, playbook: str | None) -> dict[str, str]:
    """What `--move` says: by step where those go on who stand there."""
    targets = {}
    for text in move or []:
        step, equals, to = text.partition("=")
        if not equals or not step.strip() or not to.strip():
            raise Refused(f"`--move {text}` cannot be read; write `--move OLD_STEP=NEW_STEP`")
        targets[step.strip()] = to.strip()
    if targets and playbook is None:
        raise Refused("`--move` names steps of one playbook: write its name first")
    return targets


def length(text: str | None) -> TimeDelta | None:
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
def store_of(root: Path) -> Iterator[Database]:
    """The database of a project, while it is used."""
    with contextlib.closing(database(root)) as store:
        yield store


@contextlib.contextmanager
def explained() -> Iterator[None]:
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
