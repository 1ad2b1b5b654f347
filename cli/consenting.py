"""`milepost customer consent`: what a customer agreed to, with the proof of it, and recording what they say."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    database,
    out,
    out_json,
    project_root,
    read_project,
    who,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session
    from whenever import Instant

    from intake.consents import Recorded
    from store.tables import Consent, ConsentRequest, Customer

CustomerArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The product's id of the customer, or ours (cus_...).")
]
TopicArgument = Annotated[str | None, typer.Argument(help="The topic that they said something about.")]
AnswerArgument = Annotated[Literal["yes", "no"] | None, typer.Argument(help="What they said.")]
ChannelOption = Annotated[Literal["email", "sms"] | None, typer.Option(help="Only this channel; else all of them.")]
SourceOption = Annotated[str, typer.Option(help="Where they said it, such as `phone`: it is kept as the proof.")]
WhyOption = Annotated[
    str | None, typer.Option("--reason", help="Why it is recorded by hand, for the audit log. Default: the source.")
]
TextOption = Annotated[str | None, typer.Option(help="The version of the text that they agreed to.")]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("consent", epilog="Example: milepost customer consent ada offers no --source phone")(consent)


def consent(
    customer: CustomerArgument,
    topic: TopicArgument = None,
    answer: AnswerArgument = None,
    channel: ChannelOption = None,
    source: SourceOption = "command line",
    text_version: TextOption = None,
    reason: WhyOption = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Show every answer of a customer with its proof; with a topic and yes or no, record what they said."""
    if (topic is None) is not (answer is None):
        raise Refused("a topic goes with an answer, such as `milepost customer consent ada offers no`")
    if topic is None or answer is None:
        _show(customer, project, format)
        return
    found = read_project(project, sound=False)
    if found.map is None:
        found = read_project(project)  # refuses it, and says why
    map_ = found.map
    assert map_ is not None
    from whenever import Instant

    from intake import consents, reader
    from store import customers

    now = Instant.now()
    proof = consents.Proof(source, now, None, text_version)

    def store(session: Session) -> tuple[Customer, Recorded]:
        known = reader.find_customer(session, customer)
        locked = customers.lock(session, known.id)
        assert locked is not None
        given = (topic, answer == "yes", proof, now, channel)
        return locked, consents.change(session, map_, locked, *given, reason=reason or source, who=who())

    with contextlib.closing(database(found.root)) as opened:
        try:
            person, done = opened.write_now(store)
        except (reader.Unknown, consents.NotRecorded) as error:
            raise Refused(str(error)) from None
    if format is Format.json:
        out_json({"id": person.id, "topic": topic, "channel": channel, "state": done.state, "says": done.says})
    else:
        out(f"{person.user_id}: {done.says}")


def _show(customer: str, project: Path | None, format: Format) -> None:
    from whenever import Instant

    from cli.customers import zone_of
    from intake import reader
    from store import consents

    def read(session: Session) -> tuple[Customer, list[Consent], list[ConsentRequest], str]:
        found = reader.find_customer(session, customer)
        return (
            found,
            consents.history(session, found.id),
            consents.requests(session, found.id),
            zone_of(found, reader.of_customer(session, found, Instant.now())),
        )

    with contextlib.closing(database(project_root(project))) as store:
        try:
            found, answers, requests, zone = store.read_now(read)
        except reader.Unknown as error:
            raise Refused(str(error)) from None
    if format is Format.json:
        out_json(_data(found, answers, requests, zone))
    else:
        for line in _lines(found, answers, requests, zone):
            out(line)


def answers_now(answers: Sequence[Consent]) -> dict[str, bool]:
    """By topic, or topic and channel: the answers that count now. `answers` come in the order in which we learnt."""
    from lifecycle.consent import standing

    return {f"{one.topic}/{one.channel}" if one.channel else one.topic: one.granted for one in standing(answers)}


def _story(answers: Sequence[Consent], requests: Sequence[ConsentRequest]) -> list[tuple[Instant, str, Any]]:
    """Answers and requests by when they were said."""
    told: list[tuple[Instant, str, Any]] = [(one.at, "yes" if one.granted else "no", one) for one in answers]
    told += [(one.at, "requested", one) for one in requests]
    return sorted(told, key=lambda line: line[0])


def _data(
    customer: Customer, answers: Sequence[Consent], requests: Sequence[ConsentRequest], zone: str
) -> dict[str, Any]:
    from lifecycle.lines import local_iso

    history = []
    for at, said, one in _story(answers, requests):
        line = {"at": local_iso(at, zone), "topic": one.topic, "channel": one.channel, "answer": said}
        line |= {"source": one.source, "ip": one.ip, "text_version": one.text_version}
        if said == "requested":
            line["confirmed_at"] = local_iso(one.confirmed_at, zone) if one.confirmed_at else None
        history.append(line)
    return {"id": customer.id, "user_id": customer.user_id, "consent": answers_now(answers), "history": history}


def _lines(
    customer: Customer, answers: Sequence[Consent], requests: Sequence[ConsentRequest], zone: str
) -> Iterator[str]:
    from cli.timeline import local

    now = ", ".join(f"{topic}: {'yes' if granted else 'no'}" for topic, granted in answers_now(answers).items())
    yield f"{customer.user_id} ({customer.id}), times in {zone}"
    yield f"consent: {now or 'never asked'}"
    for at, said, one in _story(answers, requests):
        about = f"{one.topic} by {one.channel}" if one.channel else one.topic
        what = said
        if said == "requested":
            what = "asked for it, and " + ("confirmed it" if one.confirmed_at else "has not confirmed it")
        proof = [one.source, one.text_version and f"text {one.text_version}", one.ip and f"from {one.ip}"]
        yield f"  {local(at, zone)}  {about}: {what} ({', '.join(part for part in proof if part)})"
