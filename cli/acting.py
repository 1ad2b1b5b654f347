"""`milepost customer enrol`, `suppress`, `lift` and `note`: what people do to one customer; and `milepost resend`.

Each has a reason, which the audit log keeps. Pausing a customer is `milepost pause customer ID`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli.common import (
    Format,
    FormatOption,
    ProjectOption,
    ReasonOption,
    data_folder,
    out,
    out_json,
    project_root,
    secret_key,
    stored,
    who,
)

CustomerArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The product's id of the customer, or ours (cus_...).")
]
PlaybookArgument = Annotated[str, typer.Argument(help="The playbook that they are to enter.")]
ChannelArgument = Annotated[Literal["email", "sms"], typer.Argument(help="email or sms: which of their addresses.")]
ScopeOption = Annotated[
    Literal["marketing", "all"], typer.Option("--scope", help="marketing leaves receipts and the like alone.")
]
CauseOption = Annotated[
    str | None, typer.Option("--cause", metavar="REASON", help="Only what was suppressed for this, such as `bounced`.")
]
MessageArgument = Annotated[str, typer.Argument(help="The message's id; `milepost customer show` tells it.")]
TextArgument = Annotated[str, typer.Argument(metavar="TEXT", help="What is to be kept.")]


def register_resend(app: typer.Typer) -> None:
    """Add `milepost resend`."""
    app.command("resend", epilog='Example: milepost resend 4b1d9c --reason "it went to the wrong mailbox"')(resend)


def register(app: typer.Typer) -> None:
    """Add the other commands of this module, which stand below `milepost customer`."""
    app.command("enrol", epilog='Example: milepost customer enrol ada welcome --reason "asked for it by phone"')(enrol)
    app.command("suppress", epilog='Example: milepost customer suppress ada email --reason "another one reads it"')(
        suppress
    )
    app.command("lift", epilog='Example: milepost customer lift ada email --reason "the mailbox works again"')(lift)
    app.command("note", epilog='Example: milepost customer note ada "prefers to be called after six"')(note)


def enrol(
    customer: CustomerArgument,
    playbook: PlaybookArgument,
    reason: ReasonOption,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Let a customer enter a playbook, whatever its own way in asks for."""
    from whenever import Instant

    from intake.enrolling import enrol as enrol_

    now = Instant.now()
    event = stored(
        project_root(project),
        lambda session: enrol_(session, customer, playbook, source="cli", reason=reason, who=who(), now=now, key=None),
    )
    if format is Format.json:
        out_json({"id": event})
    else:
        out(f"{customer} enters {playbook} as soon as a worker applies it.")


def resend(
    message: MessageArgument,
    reason: ReasonOption,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Send a message again, as a new one. It is decided upon like any other; also after its journey has ended."""
    from whenever import Instant

    from intake import resending

    now = Instant.now()
    made = stored(
        project_root(project), lambda session: resending.ask(session, message, reason=reason, who=who(), now=now)
    )
    if format is Format.json:
        out_json({"id": made})
    else:
        out(f"It will be the message {made}, as soon as a worker has decided that it may go.")


def suppress(
    customer: CustomerArgument,
    channel: ChannelArgument,
    reason: ReasonOption,
    scope: ScopeOption = "all",
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Never message the address that a customer has now by this channel again, until that is lifted."""
    from whenever import Instant

    from intake import suppressing

    root, now = project_root(project), Instant.now()
    secret = secret_key(data_folder(root)).encode()
    found = stored(
        root,
        lambda session: suppressing.suppress(
            session, customer, channel, scope=scope, reason=reason, who=who(), secret=secret, now=now
        ),
    )
    if format is Format.json:
        out_json({"id": found.id, "channel": channel, "scope": scope})
    else:
        what = "nothing" if scope == "all" else "no marketing"
        out(f"{customer}: {what} is sent to their {suppressing.WORDS[channel]} any more.")


def lift(
    customer: CustomerArgument,
    channel: ChannelArgument,
    reason: ReasonOption,
    cause: CauseOption = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """End what suppresses the address that a customer has now by this channel."""
    from whenever import Instant

    from intake import suppressing

    root, now = project_root(project), Instant.now()
    secret = secret_key(data_folder(root)).encode()
    lifted = stored(
        root,
        lambda session: suppressing.lift(
            session, customer, channel, cause=cause, reason=reason, who=who(), secret=secret, now=now
        ),
    )
    if format is Format.json:
        out_json({"lifted": lifted})
    else:
        out(f"{customer}: their {suppressing.WORDS[channel]} is suppressed no more ({', '.join(lifted)}).")


def note(
    customer: CustomerArgument,
    text: TextArgument,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Keep a note about a customer: it stands in the audit log, and is erased with them."""
    from whenever import Instant

    from intake import notes

    now = Instant.now()
    found = stored(project_root(project), lambda session: notes.add(session, customer, text, who=who(), now=now))
    if format is Format.json:
        out_json({"id": found})
    else:
        out(f"{customer}: the note is kept.")
