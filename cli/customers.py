"""`milepost customer`: one customer as support needs to see them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import acting, consenting
from cli.common import Format, FormatOption, ProjectOption, Refused, database, out, out_json, project_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.reader import Position
    from store.tables import Consent, Customer

app = typer.Typer(help="Look at one customer, and act on them.", no_args_is_help=True)


@app.callback()
def customer() -> None:
    """Keeps `show` a command of its own, beside which others stand."""


consenting.register(app)
acting.register(app)


@app.command("show", epilog="Example: milepost customer show ada")
def show(
    customer: Annotated[str, typer.Argument(metavar="ID", help="The product's id of the customer, or ours (cus_...).")],
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Show a customer's stage, consent, journeys (where they stand, what comes next and why) and messages."""
    from sqlalchemy.orm import Session
    from whenever import Instant

    from cli.explaining import explainer_where_sound
    from intake import ahead, reader
    from store import consents, messages

    root = project_root(project)

    def read(session: Session) -> tuple[Customer, list[Consent], list[Position], Sequence[Any]]:
        found, now = reader.find_customer(session, customer), Instant.now()
        explainer = explainer_where_sound(root)
        return (
            found,
            consents.latest(session, found.id),
            ahead.positions(session, explainer, found, now) if explainer else reader.of_customer(session, found, now),
            messages.summaries(session, found.id),
        )

    with contextlib.closing(database(root)) as store:
        try:
            found, agreed, positions, sent = store.read_now(read)
        except reader.Unknown as error:
            raise Refused(str(error)) from None
    zone = zone_of(found, positions)
    consent = consenting.answers_now(agreed)
    if format is Format.json:
        out_json(_data(found, consent, positions, sent, zone))
    else:
        _print(found, consent, positions, sent, zone)


def zone_of(customer: Customer, positions: Sequence[Position] = ()) -> str:
    """The zone in which a customer's times are shown: their own, else that of their latest journey, else UTC."""
    from lifecycle.language.map import is_zone

    if customer.time_zone and is_zone(customer.time_zone):
        return customer.time_zone
    return positions[-1].state.zone if positions else "UTC"


def _data(
    customer: Customer, consent: dict[str, bool], positions: list[Position], sent: Sequence[Any], zone: str
) -> dict[str, Any]:
    from intake.reader import as_data
    from lifecycle.lines import local_iso

    return {
        "id": customer.id,
        "user_id": customer.user_id,
        "stage": customer.stage,
        "consent": consent,
        "journeys": [as_data(position) for position in positions],
        "messages": [
            {
                "id": one.id,
                "state": one.state,
                "template": one.template,
                "at": local_iso(one.accepted_at or one.due_at, zone),
            }
            for one in sent
        ],
    }


def _print(
    customer: Customer, consent: dict[str, bool], positions: list[Position], sent: Sequence[Any], zone: str
) -> None:
    from cli.journeys import print_position
    from cli.timeline import local

    out(f"{customer.user_id} ({customer.id}), stage: {customer.stage or 'none yet'}, times in {zone}")
    answers = ", ".join(f"{topic}: {'yes' if granted else 'no'}" for topic, granted in consent.items())
    out(f"consent: {answers or 'never asked'}")
    for position in positions:
        out()
        out(f"{position.journey.playbook}  ({position.journey.id})")
        print_position(position, "  ")
    if not positions:
        out("no journeys")
    if sent:
        out()
        out("messages")
    for one in sent:
        because = f" ({one.reason})" if one.reason else ""
        out(f"  {local(one.accepted_at or one.due_at, zone)}  {one.state:<9} {one.channel:<6} {one.template}{because}")
