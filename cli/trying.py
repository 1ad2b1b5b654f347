"""`milepost send-test`: one message to yourself, by the same sender that customers' messages take.

It is nobody's message: no row of the ledger, no customer, no journey. Its links name no message and do nothing.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from cli.common import (
    FAULTS,
    GOOD,
    UNREACHABLE,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    data_folder,
    out,
    out_json,
    settings,
)
from cli.shown import CustomerOption, DataOption, LanguageOption, read_templates, values, write_message

if TYPE_CHECKING:
    from lifecycle.language.template import Channel
    from messaging.render import Rendered
    from messaging.sending import Outcome, Outgoing
    from project import Project

FOLDER = "send-test"
"""Below the folder of a laptop's data: what the outbox would have sent."""

MARK = "[Test] "


def send_test(
    template: Annotated[str, typer.Argument(help="The template, such as onboarding/welcome.")],
    to: Annotated[
        str, typer.Option("--to", metavar="ADDRESS", help="Your e-mail address, or your number as +33612345678.")
    ],
    data: DataOption = None,
    customer: CustomerOption = None,
    language: LanguageOption = None,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> int:
    """Send one message to yourself, with sample values, by the sender of the settings."""
    from messaging.render import Renderer, RenderError

    channel, address = _address(to)
    found, wrong = read_templates(project, template)
    if wrong:
        raise Refused("\n".join(wrong), FAULTS)
    shown = values(found, data, customer)
    variant = found.templates.variant(template, channel, language or shown.language)
    if variant is None:
        kind = "an e-mail" if channel == "email" else "an SMS"
        raise Refused(f"`{template}` is not {kind}; give --to an address of its channel")
    assert found.map is not None
    renderer = Renderer(found.templates, found.map.language)
    given = shown.given(variant)
    try:
        rendered = renderer.render(template, channel, variant.language, shown.facts(variant), given)
    except RenderError as error:
        raise Refused(str(error), FAULTS) from None
    return _send(found, rendered, _outgoing(rendered, address, given.get("unsubscribe_url")), format)


def _address(to: str) -> tuple[Channel, str]:
    from messaging import addresses

    channel: Channel = "email" if "@" in to else "sms"
    address = addresses.normal(channel, to)
    if address is None:
        raise Refused(f"`{to}` is no e-mail address, and no number with its country such as +33612345678")
    return channel, address


def _outgoing(rendered: Rendered, address: str, unsubscribe_url: str | None) -> Outgoing:
    from messaging.sending import Outgoing

    return Outgoing(
        f"test_{secrets.token_hex(8)}",
        rendered.channel,
        address,
        rendered.text,
        subject=MARK + rendered.subject if rendered.channel == "email" else "",
        html=rendered.html,
        from_=rendered.from_,
        reply_to=rendered.reply_to,
        unsubscribe_url=unsubscribe_url if rendered.channel == "email" else None,
        categories=("test", rendered.template),
        tracking=False,
    )


def _send(project: Project, rendered: Rendered, message: Outgoing, format: Format) -> int:
    from dataclasses import replace

    import wiring

    sender = wiring.senders(settings())[rendered.channel]
    files: list[str] = []
    try:
        if sender.stores:
            kept = replace(rendered, subject=message.subject)
            files = [str(file) for file in write_message(data_folder(project.root) / FOLDER, kept)]
        outcome = sender.send(message)
    finally:
        sender.close()
    if format is Format.json:
        out_json(
            {
                "template": rendered.template,
                "channel": rendered.channel,
                "language": rendered.language,
                "to": message.to,
                "sender": outcome.sender or sender.name,
                "outcome": outcome.what,
                "reason": outcome.reason,
                "provider_id": outcome.provider_id,
                "files": files,
            }
        )
    else:
        _tell(rendered, message, outcome, sender.name, files)
    return GOOD if outcome.what == "accepted" else UNREACHABLE if outcome.what == "later" else FAULTS


def _tell(rendered: Rendered, message: Outgoing, outcome: Outcome, sender: str, files: list[str]) -> None:
    from lifecycle.reasons import REASONS, code_of

    what = message.subject if rendered.channel == "email" else f"{rendered.template} by SMS"
    if files:
        out(f"Nothing left this machine: MILEPOST_SENDER is the outbox. {message.to} would have got: {what}")
        for file in files:
            out(f"  {file}")
        return
    by = outcome.sender or sender
    if outcome.what == "accepted":
        out(f"{by} took the message for {message.to} ({outcome.provider_id}): {what}")
        return
    known = REASONS.get(code_of(outcome.reason or ""))
    out(f"{by} did not take the message for {message.to} ({outcome.what}): {known.says if known else outcome.reason}")
