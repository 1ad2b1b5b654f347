"""`milepost events`: what came in, what could not be applied, and what the map does not know.

Customers are shown by our id, and what is in an event is not shown at all: its attributes and properties are people's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    database,
    note,
    out,
    out_json,
    project_root,
    read_map,
    who,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from store.database import Database
    from store.seen import Whose
    from store.tables import Event

LATEST = 20
FAILED = 100
"""So many events that were set aside are shown, the latest."""

LOOK = 0.5
"""Seconds between two looks of `--follow`."""

MOST = 1000
"""So many events are shown at one look, and so many that are not applied yet are watched."""

app = typer.Typer(help="Look at the events that came in, and retry those that failed.", no_args_is_help=True)


@app.command("tail", epilog="Example: milepost events tail --customer ada --follow")
def tail(
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until Ctrl-C, with what comes in and is done.")
    ] = False,
    customer: Annotated[
        str | None, typer.Option(metavar="C", help="Only this customer: the product's id, or ours.")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="How many of the latest.")] = LATEST,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Show the latest events: when each came, what it was, of whom, and what it entered."""
    from store import seen

    with contextlib.closing(database(project_root(project))) as store:
        whose = _whose(store, customer) if customer is not None else None
        shown = store.read_now(lambda session: seen.latest(session, limit, whose))
        _show(shown, format)
        if not shown and not follow:
            note("No event has come in yet.")
        if follow:
            _follow(store, shown, whose, format)


@app.command("failed", epilog="Example: milepost events failed")
def failed(project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Show the events that were set aside, because applying them failed again and again."""
    from store import events

    def read(session: Session) -> tuple[list[Event], int]:
        return events.failed(session, FAILED), events.count_failed(session)

    with contextlib.closing(database(project_root(project))) as store:
        found, count = store.read_now(read)
    if format is Format.json:
        more = [{**_data(one), "attempts": one.attempts, "error": one.error} for one in found]
        out_json({"count": count, "failed": more})
        return
    for one in found:
        out(f"{_line(one)}  {one.attempts} attempts: {one.error}")
    if count > len(found):
        note(f"... and {count - len(found):,} before these")
    if count:
        note("`milepost events retry ID` tries again, once the cause is mended; `--all` tries all of them.")
    else:
        note("No event has failed.")


@app.command("retry", epilog="Example: milepost events retry 4711")
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID...", help="Numbers, as `events failed` shows.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that were set aside.")] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Let events that were set aside be applied again, by the worker, each after what its customer did since."""
    from whenever import Instant

    from intake import retrying

    if bool(ids) == every:
        raise Refused("name the events, such as `milepost events retry 4711`, or all of them with --all")

    def store(session: Session) -> int:
        return retrying.retry(session, ids or [], who=who(), now=Instant.now())

    with contextlib.closing(database(project_root(project))) as opened:
        try:
            done = opened.write_now(store)
        except retrying.NotFailed as error:
            raise Refused(f"{error}; see `milepost events failed`") from None
    if format is Format.json:
        out_json({"retried": done})
    else:
        out(f"{done:,} event{'s wait' if done != 1 else ' waits'} for the worker, to be applied again.")


@app.command("undeclared", epilog="Example: milepost events undeclared")
def undeclared(project: ProjectOption = None, format: FormatOption = Format.text) -> None:
    """Show milestones that came in and that the map does not declare: marketing may want them, or they are slips."""
    from intake import doors
    from lifecycle.language.faults import did_you_mean
    from store import seen

    root, map_ = read_map(project)
    declared = doors.declared(map_)
    with contextlib.closing(database(root)) as store:
        came = store.read_now(seen.milestones)
    unknown = [(one, did_you_mean(one.name, declared)) for one in came if one.name not in declared]
    if format is Format.json:
        rows = [
            {
                "name": one.name,
                "count": one.times,
                "first": one.first.format_iso(),
                "last": one.last.format_iso(),
                "suggestion": near,
            }
            for one, near in unknown
        ]
        out_json({"undeclared": rows})
        return
    for one, near in unknown:
        days = f"{one.first.format_iso()[:10]} to {one.last.format_iso()[:10]}"
        out(f"{one.times:>9,}  {one.name}  ({days})" + (f"; {near}" if near else ""))
    if unknown:
        note("Declare what playbooks may use in playbooks/map.yaml: `milestones: {our_name: {also: [Their Name]}}`.")
    else:
        note("Every milestone that came in is declared in the map.")


def _whose(store: Database, customer: str) -> Whose:
    from intake import reader
    from store import seen

    try:
        found = store.read_now(lambda session: reader.find_customer(session, customer))
        return found.user_id, found.id
    except reader.Unknown as error:
        if store.read_now(lambda session: seen.latest(session, 1, (customer, None))):
            return customer, None  # nothing of theirs is applied yet
        raise Refused(str(error)) from None


def _follow(store: Database, shown: list[Event], whose: Whose | None, format: Format) -> None:
    """Show what comes in, and each event again once it is applied or set aside."""
    from store import seen

    last = (shown[-1].id or 0) if shown else 0
    pending = _pending(shown)

    def look(session: Session) -> tuple[list[Event], list[Event]]:
        return seen.done(session, pending), seen.since(session, last, MOST, whose)

    while True:
        time.sleep(LOOK)
        done, new = store.read_now(look)
        _show([*done, *new], format)
        finished = {one.id for one in done}
        pending = [*(one for one in pending if one not in finished), *_pending(new)][-MOST:]
        last = (new[-1].id or last) if new else last


def _pending(found: list[Event]) -> list[int]:
    return [one.id for one in found if one.state == "pending" and one.id is not None]


def _show(found: list[Event], format: Format) -> None:
    for one in found:
        if format is Format.json:
            out_json(_data(one))
        else:
            out(_line(one))


def _data(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "received_at": event.received_at.format_iso(),
        "at": event.at.format_iso(),
        "kind": event.kind,
        "name": _name(event),
        "customer": event.customer_id,
        "state": event.state,
        "entered": list(_entered(event)),
        "not_entered": _not_entered(event),
    }


def _line(event: Event) -> str:
    when, whose = event.received_at.format_iso()[:19], event.customer_id or "-"
    what = f"{event.kind} {_name(event) or ''}".strip()
    line = f"{event.id:>7}  {when}Z  {whose:<20}  {event.state:<7}  {what}"
    if entered := ", ".join(_entered(event)):
        line += f"  entered {entered}"
    return line + "".join(f"  not {one['playbook']}: {one['because']}" for one in _not_entered(event))


def _name(event: Event) -> str | None:
    """The milestone, playbook or segment; the name of a group is the product's id of a company, and so not shown."""
    return None if event.kind == "group" else event.name


def _not_entered(event: Event) -> list[dict[str, str]]:
    """Playbooks that the event might have entered, and why it did not."""
    return list((event.outcome or {}).get("not_entered", ()))


def _entered(event: Event) -> Iterator[str]:
    for one in (event.outcome or {}).get("entered", ()):
        yield one["playbook"]
