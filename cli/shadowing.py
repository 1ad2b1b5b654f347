"""`milepost playbook shadow` and `diff`: what a version would have done beside the one that runs, on real events."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    CONFLICT,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    data_folder,
    database,
    instant_of,
    out,
    out_json,
    read_project,
    secret_key,
    unknown,
    who,
)
from cli.compared import Head, ReportFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session
    from whenever import Instant

    from intake.shadowing import Diff
    from lifecycle.comparing import Difference
    from lifecycle.recorded import Agreement
    from project import Project
    from store.tables import Shadow

PlaybookArgument = Annotated[str, typer.Argument(help="The playbook.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the group `playbook`."""
    app.command("shadow", epilog="Example: milepost playbook shadow first-90-days --since 2026-03-01")(shadow)
    app.command("diff", epilog="Example: milepost playbook diff first-90-days")(diff)


def shadow(
    name: PlaybookArgument,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From when on it is shown, also in the past; else from now on.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Forget the shadow of this playbook.")] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Keep the file as it is now, to be shown beside the version that runs. It takes nobody, and sends nothing."""
    from whenever import Instant

    from intake import shadowing

    found, now = read_project(project), Instant.now()
    if name not in found.plans and not stop:
        raise unknown("playbook", name, found.plans)
    assert found.map is not None
    at = instant_of(since, found.map.time_zone, "--since") if since else None
    if at is not None and at > now:
        raise Refused(f"`--since {since}` is still ahead; without it the shadow counts from now on")

    def work(session: Session) -> tuple[Shadow, str, str | None]:
        if stop:
            return shadowing.stop(session, name, who=who(), now=now), "stopped", None
        running = shadowing.running_plan(session, name)
        row, state = shadowing.register(session, found.plans[name], found.sources[name], since=at, who=who(), now=now)
        return row, state, running.version if running else None

    with contextlib.closing(database(found.root)) as store, _sentences():
        row, state, running = store.write_now(work)
    if format is Format.json:
        since_ = row.since.format_iso()
        out_json({"playbook": name, "state": state, "version": row.version, "running": running, "since": since_})
        return
    if state == "stopped":
        out(f"{name} {row.version} is no shadow any more.")
        return
    beside = f"beside {running}, which runs" if running else "though no version of it runs"
    out(f"{name} {row.version} is a shadow {beside}, since {_clock(row.since, found)}. It sends nothing.")
    out(f"What it would have done: milepost playbook diff {name}")


def diff(
    name: PlaybookArgument,
    customer: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this customer: the product's id, or ours.")
    ] = None,
    project: ProjectOption = None,
    format: Annotated[
        ReportFormat, typer.Option("--format", help="text, json, or markdown for a pull request.")
    ] = ReportFormat.text,
) -> None:
    """Show what the shadow of a playbook would have done on the real events, beside the version that runs."""
    from whenever import Instant

    from cli.against import check_templates
    from cli.comparing import gather, tell
    from intake import reader, shadowing
    from lifecycle.plan import unpack

    found, now = read_project(project), Instant.now()
    secret = secret_key(data_folder(found.root)).encode()

    def look(session: Session) -> tuple[Diff, list[Difference]]:
        row = shadowing.find(session, name)
        check_templates(unpack(row.plan.decode()), found, f"the shadow {row.version}")
        only = reader.find_customer(session, customer).id if customer is not None else None
        work = shadowing.Diff(session, found.world(), row, secret, now)
        total = work.total()
        return work, gather(lambda tick: work.run(tick, only), total, only, format)

    with contextlib.closing(database(found.root)) as store, _sentences():
        work, differences = store.read_now(look)
    row = work.shadow
    head = Head(
        f"{name} {work.running.version}, which runs" if work.running else f"no version of {name} runs",
        f"{name} {row.version}, the shadow",
        f"{_many(work.sums.customers)} with events since {_clock(row.since, found)}",
        list(_remarks(work, found)),
    )
    tell(head, work.sums, differences, customer, format, _data(work))


def _remarks(work: Diff, found: Project) -> Iterator[str]:
    yield agreed(work.agreement)
    if (began := work.running_since) is not None and began > work.shadow.since:
        yield f"The version that runs has been taken since {_clock(began, found)} only: before that others sent."
    for why, count in work.left_out.items():
        if count:
            were, are = ("were", "are") if count > 1 else ("was", "is")
            yield f"{_many(count)} {were} {why}, and {are} left out."


def _data(work: Diff) -> dict[str, Any]:
    """What was looked at, and how the replay agrees with the ledger."""
    shadow, one = work.shadow, work.agreement
    return {
        "playbook": shadow.playbook,
        "running": work.running.version if work.running else None,
        "shadow": shadow.version,
        "since": shadow.since.format_iso(),
        "registered_at": shadow.registered_at.format_iso(),
        "customers": work.sums.customers,
        "left_out": work.left_out,
        "agreement": {
            "sent": one.sent,
            "same": one.same,
            "otherwise": one.otherwise,
            "missing": one.missing,
            "extra": one.extra,
        },
    }


def _many(customers: int) -> str:
    return f"{customers:,} customer{'s' * (customers != 1)}"


def agreed(one: Agreement) -> str:
    """How far the difference can be believed, in a sentence."""
    if not one.sent and not one.extra:
        return "Nothing was sent since then, so nothing tells how far this can be believed."
    told = f"Of {one.sent:,} messages that were really sent, the replay gives {one.same:,} at that time"
    more = [
        f"{one.otherwise:,} at another time" if one.otherwise else "",
        f"{one.missing:,} not" if one.missing else "",
    ]
    told = ", ".join([told, *filter(None, more)])
    return told + (f"; and {one.extra:,} that {'were' if one.extra > 1 else 'was'} not sent." if one.extra else ".")


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """What intake refuses, with its exit status."""
    from intake.asking import Conflict
    from intake.reader import Unknown

    try:
        yield
    except Unknown as error:
        raise Refused(str(error)) from None
    except Conflict as error:
        raise Refused(str(error), CONFLICT) from None


def _clock(at: Instant, found: Project) -> str:
    from cli.compared import clock

    assert found.map is not None
    return clock(at, found.map.time_zone)
