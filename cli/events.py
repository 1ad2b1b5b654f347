"""`milepost track`: a milestone comes in from the command line, and at once one sees what it does."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    database,
    instant_of,
    note,
    out,
    out_json,
    read_map,
    read_project,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session
    from whenever import Instant

    from lifecycle.language.map import Map
    from store.database import Database

BackfillOption = Annotated[bool, typer.Option("--backfill", help="Let it enter playbooks though it is of long ago.")]
AttributeOption = Annotated[
    list[str] | None, typer.Option("--attribute", metavar="K=V", help="An attribute of the customer, set before.")
]
IdOption = Annotated[str | None, typer.Option("--id", help="The event's own id: one that was sent before is ignored.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("track", epilog="Example: milepost track ada purchase --set revenue=49")(track)


def track(
    customer: Annotated[str, typer.Argument(help="The product's id of the customer; a new one is made.")],
    milestone: Annotated[str, typer.Argument(help="What the customer reached, such as purchase.")],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help="A property of the milestone.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When it happened; else now.")] = None,
    attribute: AttributeOption = None,
    id: IdOption = None,
    backfill: BackfillOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Send one milestone of a customer, and say which playbooks it enters and which journeys it concerns."""
    from whenever import Instant

    from intake import doors
    from intake.apply import Applier
    from lifecycle.segment import read_call
    from messaging.conditions import JinjaConditions
    from store.events import Arrival

    root, map_ = read_map(project)
    now = Instant.now()
    call = read_call({"type": "track", "userId": customer.strip(), "event": milestone.strip(), "messageId": id})
    if isinstance(call, str):
        raise Refused(_in_words(call))
    try:
        doors.sendable(call.name)
        properties = doors.typed(_pairs("--set", set_ or []), doors.types_of(map_, call.name))
        attributes = doors.typed(_pairs("--attribute", attribute or []), map_.customer_types())
    except doors.NotAccepted as error:
        raise Refused(str(error)) from None
    _hints(map_, call.name, properties, attributes)
    happened = now if at is None else instant_of(at, map_.time_zone, "--at")
    identity = call.id or f"cli-{uuid.uuid4().hex}"
    arrival = Arrival("cli", identity, call.user, "track", happened, now, call.name, properties, backfill=backfill)
    before = Arrival("cli", f"{identity}.attributes", call.user, "identify", happened, now, None, attributes)
    arrivals = [before, arrival] if attributes else [arrival]
    with contextlib.closing(database(root)) as store:
        publish = _publishing(root, store, now)
        applier = Applier(map_, JinjaConditions())
        if dry_run:
            answer = doors.rehearse(store, applier, arrivals, now, publish)
        else:
            store.write_now(publish)
            answer = doors.track(store, applier, arrivals, now)
    if format is Format.json:
        out_json(answer)
    else:
        _print(customer, milestone, answer)


def _publishing(root: Path, store: Database, now: Instant) -> Callable[[Session], object]:
    """What is to be done before the first event: on a new database, publish the playbooks as `milepost dev` does."""
    from store import playbooks

    if store.read_now(playbooks.active):
        return lambda session: None
    import wiring  # it loads Temporal, which takes as long as all the rest

    project = read_project(root)  # refuses one with mistakes, and says why
    return lambda session: wiring.publish(session, project, now)


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise Refused(f"`{option} {text}` cannot be read; write for example `{option} revenue=49`")
        pairs[key.strip()] = value
    return pairs


def _hints(map: Map, name: str, properties: dict[str, Any], attributes: dict[str, Any]) -> None:
    """What is not declared is accepted, and said: it may be a slip."""
    from intake.doors import types_of, undeclared

    known = map.customer_types()
    for key in attributes:
        if key not in known:
            _slip(f"`{key}` is not a declared attribute", key, known)
    if hint := undeclared(map, name):
        note(f"{hint}{'' if hint.endswith('?') else '.'} It is recorded all the same.")
        return
    declared = types_of(map, name)
    for key in properties:
        if key not in declared:
            _slip(f"`{key}` is not a declared property of {name}", key, declared)


def _slip(says: str, key: str, known: Iterable[str]) -> None:
    from lifecycle.language.faults import did_you_mean

    near = did_you_mean(key, known)
    note(f"{says}; {near}" if near else says)


def _in_words(reason: str) -> str:
    """A reason that speaks of Segment's fields, for somebody who typed arguments."""
    reason = reason.removesuffix(", and no `anonymousId` in its place")
    for field, ours in (("`userId`", "customer's id"), ("`event`", "milestone"), ("`messageId`", "--id")):
        reason = reason.replace(f"it has no {field}", f"there is no {ours}").replace(f"its {field}", f"the {ours}")
    return reason


def _print(customer: str, milestone: str, answer: dict[str, Any]) -> None:
    out("\n".join(_sentences(customer, milestone, answer)))


def _sentences(customer: str, milestone: str, answer: dict[str, Any]) -> Iterator[str]:
    if answer["state"] == "duplicate":
        yield f"An event with the id {answer['id']} was accepted before; nothing was done."
        return
    if answer["state"] in ("pending", "failed"):
        yield f"{milestone} of {customer} is stored (id {answer['id']}) and not applied yet:"
        yield "  applying it, or an event before it, failed; the worker tries again."
        return
    would = answer["state"] == "dry_run"
    yield f"{milestone} of {customer} {'would be' if would else 'is'} recorded (id {answer['id']})."
    for one in answer["entered"]:
        yield f"  {'would enter' if would else 'entered'} {one['playbook']}: journey {one['journey']}"
    for journey in answer["signalled"]:
        yield f"  {'would concern' if would else 'concerns'} journey {journey}"
    for one in answer["not_entered"]:
        yield f"  {'would not enter' if would else 'did not enter'} {one['playbook']}: {one['because']}"
    if not (answer["entered"] or answer["signalled"] or answer["not_entered"]):
        yield "  No playbook and no journey is concerned."
