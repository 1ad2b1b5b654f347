"""`milepost demo`: a dozen customers live through ninety days on the real engine, in about a minute."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from cli.cast import CAST, Character
from cli.common import Format, FormatOption, ProjectOption, note, out, out_json, progress_console, read_project

if TYPE_CHECKING:
    import asyncio

    from whenever import Instant

    from lifecycle.simulated import Happening
    from lifecycle.timeline import Line
    from project import Project
    from rehearsal import Rehearsal

DAYS = 90
START = "2026-01-05"
AT_ONCE = 6

Told = list[tuple[str, "Line"]]
"""A customer's story: lines with the playbook that each belongs to, in the order of time."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("demo", epilog="Example: milepost demo")(demo)


def demo(project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Watch a dozen customers go through the shipped playbooks on real Temporal: ninety days in about a minute."""
    import asyncio

    note("Starting Temporal, a worker and a database of their own ...")
    found = read_project(project)
    began = time.monotonic()
    told, engine_ready = asyncio.run(_demo(found, began))
    if format is Format.json:
        out_json({"customers": {who.name: [_data(*line) for line in lines] for who, lines in told}})
        return
    for who, lines in told:
        _block(who, lines)
    _totals(told, time.monotonic() - began, engine_ready)


async def _demo(project: Project, began: float) -> tuple[list[tuple[Character, Told]], float]:
    import asyncio

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from rehearsal import rehearse

    with tempfile.TemporaryDirectory(prefix="milepost-demo-") as folder:
        async with rehearse(project, f"sqlite:///{folder}/milepost.db") as rehearsal:
            ready = time.monotonic() - began
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f} events"),
            )
            with Progress(*columns, TimeElapsedColumn(), console=progress_console(), transient=True) as progress:
                total = sum(len(who.happens) + 1 for who in CAST)
                task = progress.add_task(f"{len(CAST)} customers live through {DAYS} days", total=total)
                gate = asyncio.Semaphore(AT_ONCE)
                lives = [
                    _live(rehearsal, gate, number, who, lambda: progress.advance(task))
                    for number, who in enumerate(CAST, 1)
                ]
                told = await asyncio.gather(*lives)
    return list(zip(CAST, told, strict=True)), ready


async def _live(rehearsal: Rehearsal, gate: asyncio.Semaphore, number: int, who: Character, tick: object) -> Told:
    from whenever import Date, Time

    from lifecycle.calendar import resolve

    async with gate:
        customer = f"cus_demo{number:02d}"
        first, last = who.name.split(" ", 1)
        start = resolve(Date.parse_iso(START).at(Time(10)), who.zone)
        attributes = {
            "first_name": first, "last_name": last, "email": f"{first.lower()}@example.com",
            "phone": f"+336123456{number:02d}", "time_zone": who.zone, "language": who.language,
            "success_manager": "success@example.com", "account_manager": "sales@example.com", **who.attributes,
        }  # fmt: skip
        topics = [topic for topic in rehearsal.engine.applier.map.topics if topic not in who.refuses]
        await rehearsal.add_customer(customer, attributes, None, topics, start)
        until = start.add(hours=24 * (DAYS + 1))
        for happening in (*_happenings(who, start), None):
            await rehearsal.live(customer, [happening] if happening else [], happening.at if happening else until)
            tick()  # type: ignore[operator]
        return await rehearsal.story(customer)


def _happenings(who: Character, start: Instant) -> Iterable[Happening]:
    from lifecycle.calendar import resolve
    from lifecycle.simulated import Happening

    local = start.to_tz(who.zone)
    for day, what, properties in who.happens:
        at = resolve(local.date().add(days=int(day)).at(local.time()), who.zone).add(hours=24 * (day - int(day)))
        if what == "set":
            yield Happening(at, "set", properties=properties)
        else:
            yield Happening(
                at, "milestone", what, {k: v for k, v in properties.items() if k != "of"}, properties.get("of")
            )


# --- telling it ----------------------------------------------------------------------------------------------------

_HIDDEN = ("waiting", "branch", "split")


def _block(who: Character, lines: Told) -> None:
    out()
    out(f"{who.name}, who {who.story}")
    if not lines:
        out("    (entered no playbook: each of them asks for an order that costs something, a review or an upgrade)")
    day = None
    for playbook, line in lines:
        says = _says(line)
        if line.what in _HIDDEN or says is None:
            continue
        local = line.at.to_tz(who.zone)
        shown = "" if local.date() == day else _month(local.format_iso()[:10])
        day = local.date()
        out(f"    {shown:<7} {local.format_iso()[11:16]}  {says[:70]:<70}  {playbook}")


def _month(date: str) -> str:
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{int(date[8:10])} {months[int(date[5:7]) - 1]}"


def _says(line: Line) -> str | None:
    if line.what == "entered":
        return "enters"
    if line.what == "sent":
        return f"{'e-mail' if line.channel == 'email' else 'SMS'}  {line.template}"
    if line.what == "refused":
        return f"not sent: {line.template} ({(line.reason or '').replace('-', ' ')})"
    if line.what == "task":
        return f"task: {line.reason}"
    if line.what == "milestone":
        return f"did what was waited for: {(line.to or '').partition(':')[0]}"
    if line.what == "goal":
        return f"GOAL reached: {line.to}"
    if line.what == "exited":
        return f"leaves: {line.reason}"
    if line.what == "finished":
        return "has gone all the way"
    return {"set": f"now {line.to}", "recorded": f"recorded: {line.to}", "enrolled": f"enrolled in {line.to}"}.get(
        line.what
    )


def _totals(told: list[tuple[Character, Told]], seconds: float, ready: float) -> None:
    lines = [(playbook, line) for _, story in told for playbook, line in story]
    count = Counter(line.what for _, line in lines)
    channels = Counter(line.channel for _, line in lines if line.what == "sent")
    out()
    out("In all")
    out(f"    customers          {len(told)}")
    out(f"    journeys           {count['entered']}")
    out(
        f"    messages           {count['sent']} ({channels['email']} e-mails, {channels['sms']} SMS); "
        f"{count['refused']} not sent, with the reason"
    )
    out(f"    tasks for people   {count['task']}")
    out(f"    goals              {count['goal']}")
    for playbook in sorted({playbook for playbook, _ in lines}):
        mine = Counter(line.what for name, line in lines if name == playbook)
        out(f"      {playbook:<18}{mine['entered']:>3} entered  {mine['sent']:>3} messages  {mine['goal']:>2} goals")
    out()
    out(
        f"{DAYS} days of {len(told)} customers took {seconds:.0f} s on Temporal's real server (up after {ready:.1f} s)."
    )
    out()
    out("What to try next")
    out(
        "    .venv/bin/milepost check                                     "
        "every mistake in playbooks and templates, with its line"
    )
    out("    .venv/bin/milepost test                                      the scenarios beside each playbook")
    out("    .venv/bin/milepost simulate first-90-days --milestone purchase@0d:revenue=49 --milestone first_use@3d")
    out(
        "    .venv/bin/milepost dev                                       "
        "run it for real; then send milestones from another terminal"
    )


def _data(playbook: str, line: Line) -> dict[str, object]:
    shown = {key: value for key, value in line._asdict().items() if value is not None and key != "seq"}
    return {"playbook": playbook, **shown, "at": line.at.format_iso()}
