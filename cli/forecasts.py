"""`milepost forecast`: what will be sent, by day and channel, and where a provider's rate will be in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    database,
    out_json,
    progress_console,
    read_project,
    settings,
)

if TYPE_CHECKING:
    from whenever import Instant

    from lifecycle.behaviour import Conduct
    from lifecycle.cohort import Days
    from lifecycle.forecast import Ahead, Chunk, Volumes
    from lifecycle.limits import Jam
    from lifecycle.plan import Plan
    from project import Project
    from store.database import Database

SAMPLE = 20_000
"""Of more customers than that a sample is looked at, and its messages are scaled."""

DaysOption = Annotated[
    int, typer.Option("--days", metavar="N", min=1, max=400, help="For so many days, today being the first.")
]
BehaviourOption = Annotated[
    Path | None,
    typer.Option("--behaviour", metavar="FILE", help="What customers do; else what they were seen to do."),
]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("forecast", epilog="Example: milepost forecast --days 14 --behaviour behaviour.yaml")(forecast)


def forecast(
    days: DaysOption = 30,
    behaviour: BehaviourOption = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Foresee messages by day and channel, from the journeys under way and from how many came lately."""
    from whenever import Instant

    found, configured = read_project(project), settings()
    rates = {"email": configured.email_per_second, "sms": configured.sms_per_second}
    data = foresee(found, database(found.root), Instant.now(), days, behaviour, rates)
    if format is Format.json:
        out_json(data)
    else:
        from cli.foreseen import show

        show(data)


def foresee(
    project: Project,
    store: Database,
    now: Instant,
    days: int,
    behaviour: Path | None,
    rates: Mapping[str, float | None],
) -> dict[str, Any]:
    """The forecast as plain data. `rates` are messages a second by channel. Raises Refused for a wrong file."""
    from whenever import TimeDelta

    from intake import forecasting
    from lifecycle.cohort import Days
    from lifecycle.forecast import Ahead, Chunk, again
    from lifecycle.simulated import World
    from store import pauses, playbooks, prospects

    map_ = project.map
    assert map_ is not None
    versions = store.read_now(playbooks.active).values()
    plans = [store.read_now(partial(forecasting.plan_of, version=version)) for version in versions]
    conduct, notes = _conduct(project, plans, store, behaviour, now)
    calendar = Days(now, days, map_.time_zone)
    world = World(map_, plans, project.templates.infos, project.conditions, True, None, forecasting.reach(map_))
    customers, journeys = store.read_now(prospects.under_way)
    lately = store.read_now(partial(forecasting.recent, covered=set(conduct.doings), now=now))
    coming = list(again(lately.arrivals, TimeDelta(hours=24 * lately.days), now, calendar.end))
    every = max(1, -(-len(coming) // SAMPLE))
    some, looked_at = coming[::every], min(customers, SAMPLE)

    def chunks() -> Iterator[Chunk]:
        for page in forecasting.pages(store, map_, now, SAMPLE):
            yield Chunk(page, customers / looked_at)
        for first in range(0, len(some), forecasting.PAGE):
            yield Chunk(some[first : first + forecasting.PAGE], len(coming) / len(some))

    volumes = _lived(Ahead(world, conduct, now, calendar.end), chunks(), looked_at + len(some))
    if looked_at < customers or every > 1:
        notes.append(
            f"this is scaled from a sample: {looked_at:,} of {customers:,} customers with journeys under way, and "
            f"{len(some):,} of {len(coming):,} who will come"
        )
    if lately.days < forecasting.WINDOW_DAYS:
        known = "one day" if lately.days == 1 else f"{lately.days} days"
        notes.append(f"how many come is known from no more than {known}; {forecasting.WINDOW_DAYS} are better")
    if paused := len(store.read_now(pauses.active)):
        notes.append(f"{paused} pause{'s lie' if paused > 1 else ' lies'} now, and what is held is taken to stay held")
    return {
        "from": now.to_tz(map_.time_zone).to_fixed_offset().format_iso(),
        "days": days,
        "behaviour": str(behaviour) if behaviour else "measured",
        "under_way": {"customers": customers, "journeys": journeys, "looked_at": looked_at},
        "entering": {
            "days": lately.days,
            "a_day": {name: round(count / lately.days, 2) for name, count in sorted(lately.entered.items())},
        },
        **_flow(volumes, calendar, rates, map_.time_zone),
        "notes": notes,
    }


def _conduct(
    project: Project, plans: Sequence[Plan], store: Database, behaviour: Path | None, now: Instant
) -> tuple[Conduct, list[str]]:
    """What customers will do, declared or measured, and what is to be said of it."""
    from cli.cohorts import read_behaviour
    from intake import forecasting
    from lifecycle.behaviour import DRAWN, Conduct
    from lifecycle.plan import Record

    map_ = project.map
    assert map_ is not None
    if behaviour is not None:
        return Conduct(read_behaviour(behaviour, map_), map_, plans), []
    made = {step.milestone for plan in plans for step in plan.steps.values() if isinstance(step, Record)}
    names = {name for name, rule in map_.milestones.items() if rule.when is None} - made | set(DRAWN)
    seen = store.read_now(partial(forecasting.measured, names=names, now=now))
    notes = []
    if not seen:
        notes.append(
            "too few customers came so far to tell what they do, so it is taken that they do nothing; declare it with "
            "--behaviour FILE"
        )
    else:
        watched = min(one.watched for _, one in seen.values()) / 86_400
        notes.append(
            f"what customers do is as it was seen, and not known for later than day {watched:.0f} after they came"
        )
    return Conduct.of(map_, plans, {name: doing for name, (doing, _) in seen.items()}), notes


def _lived(ahead: Ahead, chunks: Iterator[Chunk], total: int) -> Volumes:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from cli.processes import spread
    from intake.forecasting import PAGE
    from lifecycle.forecast import Volumes

    volumes, shown = Volumes(), progress_console()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as progress:
        task = progress.add_task("Customers", total=total)
        for part in spread(ahead.live, chunks, -(-total // PAGE)):
            volumes.add(part)
            progress.update(task, completed=volumes.lives)
    return volumes


def _flow(volumes: Volumes, calendar: Days, rates: Mapping[str, float | None], zone: str) -> dict[str, Any]:
    """Messages by day as they go, and where a rate makes them wait."""
    from lifecycle.limits import flow

    rows: list[dict[str, Any]] = [{"date": date.format_iso()} for date in calendar.dates]
    jams: list[Jam] = []
    sums: dict[str, int] = {}
    for channel in sorted(volumes.due):
        goes, found = flow(volumes.due[channel], channel, rates.get(channel))
        jams.extend(found)
        counts = [0.0] * len(rows)
        for minute, count in goes.items():
            if minute <= calendar.end.timestamp():
                counts[calendar.of(minute)] += count
        for row, count in zip(rows, counts, strict=True):
            row[channel] = round(count)
        sums[channel] = round(sum(counts))
    return {
        "messages": sums,
        "by_day": rows,
        "limits": {channel: rates.get(channel) for channel in sorted({*sums, *rates})},
        "hits": [_hit(jam, zone) for jam in sorted(jams, key=lambda jam: (jam.begins, jam.channel))],
    }


def _hit(jam: Jam, zone: str) -> dict[str, Any]:
    from whenever import Instant

    begins, ends = (
        Instant.from_timestamp(second).to_tz(zone).to_fixed_offset().format_iso() for second in (jam.begins, jam.ends)
    )
    return {
        "channel": jam.channel,
        "from": begins,
        "until": ends,
        "delayed": round(jam.delayed),
        "longest_minutes": round(jam.longest / 60, 1),
    }
