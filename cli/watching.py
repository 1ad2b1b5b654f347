"""Progress of what takes longer than a second: counting who is inside, and an apply that a worker carries out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from cli.common import INTERRUPTED, Refused, note, progress_console

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from store.database import Database

POLL = 0.5
PATIENCE = 15.0
"""Seconds without any progress after which nobody is taken to carry it out."""


@contextlib.contextmanager
def counting() -> Iterator[Callable[[int], object]]:
    """Hears how many customers have been looked at, and shows it where a person looks."""
    from rich.progress import Progress, SpinnerColumn, TextColumn

    console = progress_console()
    columns = SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f} customers")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Looked at", total=None)
        yield lambda done: progress.update(task, advance=done)


def watch(store: Database, numbers: Sequence[int], total: int | None) -> None:
    """Show how far applies are until a worker has carried them out. Whoever interrupts leaves them under way.

    `total` is how many customers are inside; None where only a share of them takes part.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = progress_console()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    before, since = -1, time.monotonic()
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Moving", total=total)
            while True:
                done, over = store.read_now(lambda session: _progress(session, numbers))
                progress.update(task, completed=done)
                if over:
                    return
                if done != before:
                    before, since = done, time.monotonic()
                if time.monotonic() - since > PATIENCE:
                    break
                time.sleep(POLL)
    except KeyboardInterrupt:
        raise Refused(
            "interrupted; the apply is stored, and the worker goes on with it. `milepost playbook history PLAYBOOK`"
            " shows how far it is, `milepost apply PLAYBOOK --stop` stops it",
            INTERRUPTED,
        ) from None
    note("It is stored, and nobody seems to carry it out: it goes on when a worker runs (`milepost dev` or `worker`).")


def _progress(session: Session, numbers: Sequence[int]) -> tuple[int, bool]:
    """How many journeys have been dealt with, and whether nothing is left to be done now."""
    from store import rollouts

    dealt, over = 0, True
    for number in numbers:
        row, counts = rollouts.get(session, number), rollouts.counts(session, number)
        dealt += sum(count for state, count in counts.items() if state != "asked")
        tried = row is not None and row.state == "canary" and row.after is None and not counts.get("asked")
        over &= row is None or row.state in ("done", "stopped") or tried
    return dealt, over
