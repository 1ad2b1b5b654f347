"""`milepost simulate` and `milepost backtest`: what playbooks would do for a customer, for thousands, or for a log."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    FAULTS,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    note,
    out,
    out_json,
    out_lines,
    progress_console,
    read_project,
    unknown,
)
from cli.compared import ReportFormat

if TYPE_CHECKING:
    from cli.simulated import Simulated
    from lifecycle.backtest import Backtest, Comparison, Report
    from lifecycle.simulated import World
    from lifecycle.simulator import Life
    from lifecycle.timeline import Line
    from project import Project

HORIZON_DAYS = 1500
"""How long a life is lived on after its last event. Every wait ends, so every journey does within it."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        "simulate",
        epilog="Example: milepost simulate first-90-days --milestone purchase@0d:revenue=49 --milestone first_use@3d",
    )(simulate)
    app.command("backtest", epilog="Example: milepost backtest events.jsonl --playbook first-90-days")(backtest)


def simulate(
    playbook: Annotated[str, typer.Argument(help="The playbook to run.")],
    milestone: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME@3d[T14:00][:k=v]", help="What happens, and on which day; else the entry, at the start."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="K=V", help="An attribute of the customer, `stage` or `consent`."),
    ] = None,
    start: Annotated[str | None, typer.Option(metavar="TIME", help="When it begins; else 2026-01-05T10:00.")] = None,
    temporal: Annotated[
        bool, typer.Option("--temporal", help="Run it on a real Temporal server, with time skipped.")
    ] = False,
    strict_consent: Annotated[
        bool, typer.Option("--strict-consent", help="Assume no consent but that of `--set consent=TOPIC,TOPIC`.")
    ] = False,
    customers: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=10_000_000, help="So many customers at once, by --behaviour.")
    ] = None,
    days: Annotated[int | None, typer.Option(metavar="N", min=1, max=1100, help="For so many days; else 90.")] = None,
    behaviour: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What customers do, as shares and delays; see docs/language.md.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the charts of a cohort into this file.")
    ] = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> int:
    """Show what one customer goes through in a playbook, day by day; or, with --customers, what thousands do."""
    import asyncio

    from cli.simulated import Wishes, simulated
    from cli.timeline import in_words, merged
    from lifecycle.lines import as_data

    found = read_project(project)
    if playbook not in found.plans:
        raise unknown("playbook", playbook, found.plans)
    if customers is not None:
        from cli.cohorts import simulate_cohort

        if milestone or set_ or temporal:
            raise Refused("--milestone, --set and --temporal are for one customer; leave them out, or --customers")
        if behaviour is None:
            raise Refused("--customers goes with --behaviour FILE, which says what they do; docs/commands.md shows one")
        return simulate_cohort(found, playbook, customers, days or 90, behaviour, start, strict_consent, svg, format)
    if days is not None or behaviour is not None or svg is not None:
        raise Refused("--days, --behaviour and --svg go with --customers N; leave them out for one customer")
    wishes = Wishes(milestone or [], set_ or [], start, strict_consent)
    customer = simulated(found, found.plans[playbook], wishes)
    found = replace(found, plans={playbook: found.plans[playbook]})
    life = _life(found.world(playbook, strict_consent=strict_consent), found, customer)
    journeys: Sequence[Sequence[Line]] = [journey.lines for journey in life.journeys]
    if not journeys:
        raise Refused(f"the customer never entered {playbook}: {_why(life, customer, playbook)}", FAULTS)
    if temporal:
        with progress_console().status("Ninety days pass on Temporal ..."):
            journeys = asyncio.run(_on_temporal(found, customer))
    lines = merged(journeys)
    if format is Format.json:
        out_lines(as_data(line, customer.zone) for line in lines)
        return 0
    out(f"{customer.name}'s journey through {playbook} ({customer.zone})")
    out()
    for line in in_words(lines, customer.zone):
        out(line)
    return 0


def _life(world: World, project: Project, customer: Simulated) -> Life:
    """The customer's life in the core. Messages are rendered as they would be, so that a missing value shows."""
    from lifecycle.simulator import Life
    from messaging.render import Renderer, RenderError
    from messaging.samples import sample_given

    renderer = Renderer(project.templates, world.map.language)

    def cannot(template: str, channel: Any, facts: Any) -> str | None:
        given = sample_given(world.templates[template, channel].purpose, postal_address=world.map.postal_address or "")
        try:
            renderer.render(template, channel, facts.customer.get("language"), facts, given)
        except RenderError as error:
            return error.reason
        return None

    life = Life(replace(world, cannot=cannot), customer.person(), customer.consent)
    life.run(customer.happenings, customer.until(HORIZON_DAYS))
    return life


async def _on_temporal(project: Project, customer: Simulated) -> list[list[Line]]:
    from rehearsal import rehearse

    assert project.map is not None
    person = customer.person()
    topics = [topic for topic, granted in customer.consent.items() if granted]
    with tempfile.TemporaryDirectory(prefix="milepost-") as folder:
        async with rehearse(project, f"sqlite:///{folder}/milepost.db") as rehearsal:
            await rehearsal.add_customer(
                person.id,
                person.attributes,
                person.stage,
                topics if customer.strict else list(project.map.topics),
                customer.start,
            )
            await rehearsal.live(person.id, customer.happenings, customer.until(HORIZON_DAYS))
            return await rehearsal.timeline(person.id)


def _why(life: Life, customer: Simulated, playbook: str) -> str:
    because = next((why for name, why in life.not_entered if name == playbook), None)
    if because:
        return because
    entry = customer.entry
    return f"`{entry}` never happened; add for example `--milestone {entry}@0d`" if entry else "it has no entry"


def backtest(
    file: Annotated[
        Path, typer.Argument(help="JSON lines of Segment `track` and `identify` calls.", show_default=False)
    ],
    playbook: Annotated[str | None, typer.Option(metavar="P", help="Only this playbook; else all of them.")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION|FILE|GIT-REF", help="Show what differs from a file, a published version or a git ref."
        ),
    ] = None,
    customer: Annotated[str | None, typer.Option(metavar="ID", help="With --against: show only this customer.")] = None,
    project: ProjectOption = None,
    format: Annotated[
        ReportFormat, typer.Option("--format", help="text, json, or with --against markdown for a pull request.")
    ] = ReportFormat.text,
) -> int:
    """Run a log of real events through the playbooks, and count what they would have done. Everybody agrees to all."""
    from lifecycle.backtest import Backtest

    found = read_project(project)
    if playbook is not None and playbook not in found.plans:
        raise unknown("playbook", playbook, found.plans)
    if against is not None:
        from cli.comparing import compare

        bad = compare(found, against, playbook, customer, format, lambda work: _read(work, file))
        return FAULTS if bad else 0
    if customer is not None or format is ReportFormat.markdown:
        given = "--customer" if customer is not None else "--format markdown"
        raise Refused(f"`{given}` shows what differs between two versions; add for example `--against HEAD`")
    world = found.world(*([playbook] if playbook else []))
    timed = [plan.playbook for plan in world.plans if plan.entry and plan.entry.timed]
    for name in timed:
        note(f"{name} is passed over: time enters it, and of that a log of events tells nothing")
    work = Backtest(replace(world, plans=[plan for plan in world.plans if plan.playbook not in timed]))
    bad = _read(work, file)
    report = _run(work)
    if format is ReportFormat.json:
        out_json(report.data())
    else:
        _print(report)
    return FAULTS if bad else 0


def _read(work: Backtest | Comparison, file: Path) -> int:
    """Read the log; the number of lines that could not be used."""
    from cli.lines import lines

    bad = 0
    try:
        for number, line, _ in lines(file):
            wrong = work.take(line)
            if wrong:
                bad += 1
                note(f"{file}:{number}: {wrong}")
    except OSError as error:
        raise Refused(f"{file} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    if bad:
        note(f"{bad} line{'s' * (bad > 1)} could not be used; {work.events:,} were")
    return bad


def _run(work: Backtest) -> Report:
    from rich.progress import Progress

    console = progress_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Customers", total=work.customers)
        return work.run(lambda done: progress.update(task, completed=done))


def _print(report: Report) -> None:
    out(f"{report.customers:,} customers, {report.events:,} events")
    for name, one in report.playbooks.items():
        out()
        out(f"{name}: {one.entered:,} customers entered, {one.sent:,} messages")
        if one.busiest:
            out(f"  busiest day  {one.busiest[0]}: {one.busiest[1]:,} messages")
        for reason, count in sorted(one.exits.items(), key=lambda item: (-item[1], item[0])):
            out(f"  {count:>9,}  {'ended' if reason == 'finished' else 'left'}: {reason}")
        months = sorted({month for counts in one.messages.values() for month in counts})
        if months:
            _table(one.messages, months)


def _table(messages: dict[str, dict[str, int]], months: list[str]) -> None:
    """Messages by step and month; a year's months in a row, so that it fits on a screen."""
    width = max(len(step) for step in messages)
    for first in range(0, len(months), 12):
        shown = months[first : first + 12]
        out()
        out(f"  {'messages':<{width}} " + "".join(f" {month:>8}" for month in shown))
        for step, counts in messages.items():
            row = "".join(f" {counts.get(month) or '-':>8}" for month in shown)
            out(f"  {step:<{width}} {row}")
