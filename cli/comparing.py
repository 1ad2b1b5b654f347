"""`milepost backtest --against`: the project's files and an older version of them over the same log of events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cli.common import note, out, out_json_with, progress_console, unknown
from cli.compared import Head, ReportFormat, examples, print_text, versions

if TYPE_CHECKING:
    from lifecycle.backtest import Comparison
    from lifecycle.comparing import Difference
    from lifecycle.differences import Sums
    from lifecycle.simulated import World
    from project import Project


def compare(
    found: Project,
    against: str,
    playbook: str | None,
    customer: str | None,
    format: ReportFormat,
    read: Callable[[Comparison], int],
) -> int:
    """Compare over the log that `read` reads; how many of its lines could not be used."""
    from cli.against import old_side
    from lifecycle.backtest import Comparison

    old = old_side(found, against, playbook)
    names = [playbook] if playbook else []
    before, after = old.project.world(*names), found.world(*names)
    timed = {plan.playbook for world in (before, after) for plan in world.plans if plan.entry and plan.entry.timed}
    for name in sorted(timed):
        note(f"{name} is passed over: time enters it, and of that a log of events tells nothing")
    work = Comparison(_without(before, timed), _without(after, timed))
    bad = read(work)
    if customer is not None and customer not in work.users:
        raise unknown("customer", customer, work.users)
    changed = versions(*({plan.playbook: plan.version for plan in world.plans} for world in (before, after)))
    if not changed:
        note(f"no playbook is another one than {old.says} has: what differs comes from the map or the templates")
    looked = f"{work.customers:,} customers, {work.events:,} events"
    head = Head(old.says, f"the files in {found.root.name}", looked)

    found_ = gather(work.run, work.customers, customer, format)
    against_ = {"kind": old.kind, "name": against, "says": old.says, "versions": changed}
    tell(head, work.sums, found_, customer, format, work.report.data() | {"against": against_})
    return bad


def _without(world: World, names: Iterable[str]) -> World:
    return replace(world, plans=[plan for plan in world.plans if plan.playbook not in names])


def gather(
    run: Callable[[Callable[[int], object]], Iterable[Difference]],
    total: int,
    customer: str | None,
    format: ReportFormat,
) -> list[Difference]:
    """Let all of `total` customers live under a progress bar, and keep of what `run` gives what is to be printed."""
    from rich.progress import Progress

    console = progress_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Customers", total=total)
        differences = run(lambda done: progress.update(task, completed=done))
        wanted = (one for one in differences if customer in (None, one.customer))
        return [one.bare() for one in wanted] if format is ReportFormat.json else examples(wanted)


def tell(
    head: Head,
    sums: Sums,
    found: Sequence[Difference],
    customer: str | None,
    format: ReportFormat,
    data: Mapping[str, Any],
) -> None:
    """Print what differs, of one customer or of those that were gathered. `data` is what JSON says besides."""
    if format is ReportFormat.json:
        sums_ = {"differing": sums.differing, "differences": sums.data()}
        out_json_with({**data, **sums_}, "by_customer", (one.data() for one in found))
    elif format is ReportFormat.markdown:
        from cli.compared_markdown import markdown

        out(markdown(head, sums, found))
    else:
        print_text(head, sums, found)
        if customer is not None and not found:
            out()
            out(f"{customer}: nothing differs")
