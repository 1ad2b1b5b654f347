"""`milepost simulate --customers`: a cohort that is lived on all cores, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whenever import Date

from cli.charts import Chart, by_day, in_svg, in_text
from cli.common import FAULTS, Format, Refused, console, instant_of, out, out_json, progress_console
from cli.pen import AMBER, BLUE, GREEN, PURPLE, RED
from cli.processes import spread
from cli.simulated import CLOCK, START
from lifecycle.behaviour import Conduct
from lifecycle.behaviour_checks import check
from lifecycle.cohort import Cohort, Tally, data_of
from lifecycle.language.behaviour import Behaviour
from lifecycle.language.faults import Faults
from lifecycle.language.source import MAX_BYTES, read
from lifecycle.language.validate import validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lifecycle.language.map import Map
    from project import Project

CHUNK = 500
"""So many customers live in one piece: half a second's work."""

CHANNELS = {"email": ("e-mail", BLUE), "sms": ("SMS", PURPLE)}


def simulate_cohort(
    project: Project,
    playbook: str,
    customers: int,
    days: int,
    behaviour: Path,
    start: str | None,
    strict_consent: bool,
    svg: Path | None,
    format: Format,
) -> int:
    """Live the cohort and print what came of it. Raises Refused where the file or a number makes no sense."""
    assert project.map is not None
    assumed = read_behaviour(behaviour, project.map)
    plan = project.plans[playbook]
    begins = instant_of(start or START, project.map.time_zone, "--start", CLOCK)
    # The holdout counts: it is not messaged, and that is seen in the volumes.
    world = replace(project.world(playbook, strict_consent=strict_consent), plans=[plan])
    cohort = Cohort(world, plan, Conduct(assumed, project.map, world.plans), begins, days)
    tally = lived(cohort, customers)
    if not tally.entered:
        why = tally.not_entered.most_common(1)[0][0]
        entry = plan.entry.milestone if plan.entry else None
        says = f"`{entry}` never happens by {behaviour}" if why == "never" and entry else why
        raise Refused(f"none of {customers:,} customers entered {playbook}: {says}", FAULTS)
    data = data_of(tally, cohort, assumed.seed)
    if svg is not None:
        write_picture(svg, in_svg(f"{customers:,} customers in {playbook}", list(_charts(data))))
    if format is Format.json:
        out_json(data)
    else:
        _print(data, svg)
    return 0


def read_behaviour(file: Path, map_: Map) -> Behaviour:
    """The behaviour in a file. Raises Refused with everything that is wrong with it."""
    faults = Faults()
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    source = read(str(file), content, faults)
    found = validate(Behaviour, source, faults) if source else None
    if found is not None:
        check(found, map_, faults)
    if found is None or faults.errors:
        raise Refused("\n".join(str(fault) for fault in faults.errors))
    return found


def lived(cohort: Cohort, customers: int) -> Tally:
    """Let so many customers live, on all cores."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    chunks = [range(first, min(first + CHUNK, customers)) for first in range(0, customers, CHUNK)]
    tally, shown = Tally(), progress_console()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        task = progress.add_task("Customers", total=customers)
        for part in spread(cohort.live, chunks, len(chunks)):
            tally.add(part)
            progress.update(task, completed=tally.customers)
    return tally


def write_picture(file: Path, picture: str) -> None:
    """Write a picture where the person wants it."""
    try:
        file.write_text(picture, "utf-8")
    except OSError as error:
        raise Refused(f"{file} cannot be written: {(error.strerror or 'unknown error').lower()}") from None


def _charts(data: dict[str, Any]) -> Iterator[Chart]:
    yield from day_charts(data["by_day"], data["messages"])
    goal = data["goal"]
    if goal and goal["reached"]:
        days = [goal["by_day"].get(str(day), 0) for day in range(max(map(int, goal["by_day"])) + 1)]
        ends = "day 0", f"day {len(days) - 1}"
        yield Chart(f"Customers who reach {goal['milestone']}, by day since entry", days, ends, GREEN, _goal(data))
    weeks = data["week"]["customers"]
    counts = [weeks.get(str(most), 0) for most in range(data["week"]["most"] + 1)]
    ends = "0 messages", f"{len(counts) - 1} messages"
    yield Chart("Customers by the most messages that they get in any seven days", counts, ends, AMBER)


def day_charts(by_day_: Iterable[dict[str, Any]], channels: Iterable[str]) -> Iterator[Chart]:
    """Messages by day, a chart for each channel."""
    rows = list(by_day_)
    dates = [Date.parse_iso(row["date"]) for row in rows]
    for channel in channels:
        says, color = CHANNELS.get(channel, (channel, RED))
        yield by_day(f"{says[:1].upper()}{says[1:]} by day", dates, [row[channel] for row in rows], color)


def print_chart(chart: Chart) -> None:
    """A chart on the terminal, in its colour where there are colours."""
    shown = console()
    first, *rows, last = in_text(chart)
    out()
    out(first)
    for row in rows:
        shown.print(row, style=chart.color if shown.is_terminal else None, markup=False)
    out(last)


def _print(data: dict[str, Any], svg: Path | None) -> None:
    for line in _lines(data):
        out(line)
    for chart in day_charts(data["by_day"], data["messages"]):
        print_chart(chart)
    if svg is not None:
        out()
        out(f"  drawn in {svg}")


def _lines(data: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{data['customers']:,} customers in {data['playbook']}, {data['days']} days from {data['start']}, "
        f"seed {data['seed']}"
    )
    yield ""
    others = data["customers"] - data["entered"]
    reasons = ("nothing let them in within these days" if one == "never" else one for one in data["not_entered"])
    why = f"; {others:,} did not: {', '.join(reasons)}" if others else ""
    yield f"  entered      {data['entered']:,}{why}"
    if data["holdout"]:
        yield f"  holdout      {data['holdout']:,} of them are measured and not messaged"
    yield f"  messages     {told_by_channel(data['messages'])}"
    for row in data["refused"]:
        yield f"  refused      {row['messages']:,} at {row['step']}: {row['reason']}"
    if data["goal"]:
        yield f"  goal         {data['goal']['milestone']}: {_goal(data)}"
    quiet = data["quiet_hours"]
    pile = (
        f", most of them to {quiet['busiest']['at'][:16]}: {quiet['busiest']['messages']:,}" if quiet["busiest"] else ""
    )
    yield f"  quiet hours  put off {quiet['deferred']:,} messages{pile}"
    most = data["week"]["most"]
    having = data["week"]["customers"].get(str(most), 0)
    yield f"  in a week    nobody gets more than {most} messages in seven days; {having:,} customers get as many"
    tasks = sum(data["tasks"].values())
    if tasks:
        yield f"  tasks        {tasks:,}"
    ends = ", ".join(f"{count:,} {reason}" for reason, count in data["ends"].items())
    yield f"  at the end   {ends}"


def told_by_channel(messages: dict[str, int]) -> str:
    """`17,185: e-mail 16,410, SMS 775`"""
    parts = ", ".join(f"{CHANNELS.get(name, (name, ''))[0]} {count:,}" for name, count in messages.items())
    return f"{sum(messages.values()):,}" + (f": {parts}" if parts else "")


def _goal(data: dict[str, Any]) -> str:
    goal = data["goal"]
    half = f", half of them by day {goal['median_days']}" if goal["reached"] else ""
    return f"{goal['reached']:,} reach it ({100 * goal['share']:.1f} %){half}"
