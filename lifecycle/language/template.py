"""The front matter of a template, and what the compiler and the core need to know of one template.

Reading files and Jinja2 belong to `messaging`; here are shapes only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import Field, field_validator

from lifecycle.language.faults import Place, did_you_mean
from lifecycle.language.playbook import Names, Span
from lifecycle.language.validate import Authored, mistake

Channel = Literal["email", "sms"]
Purpose = Literal["marketing", "transactional"]
Intent = Literal[
    "welcome", "thanks", "information", "education", "reminder", "celebration", "survey", "referral", "offer",
    "upsell", "cross-sell", "renewal", "win-back", "receipt", "alert",
]  # fmt: skip
INTENTS: tuple[str, ...] = get_args(Intent)

_PARTY = re.compile(
    r"""(?P<name>(?:"[^"<>]+"|[^"<>,;:@]+?)\s*<)?[^\s"<>,;:@()]+@[^\s"<>,;:@()]+\.[^\s"<>,;:@()]+(?(name)>)"""
)

# The names under which templates and conditions see a customer's `Facts`.
NAMES = ("customer", "account", "event", "reached", "milestones", "messages", "stage", "health")


class FrontMatter(Authored):
    """What stands between the `---` lines of a template. A translation may leave out all but its own texts.

    `needs` are names without which the message must not go out; `defaults` stand in for missing values, by dotted
    name; `sample` holds nested values for preview and check.
    """

    subject: str | None = None
    preheader: str | None = None
    topic: str | None = None
    purpose: Purpose | None = None
    intent: Intent | None = None
    from_: str | None = Field(default=None, alias="from")
    reply_to: str | None = None
    expires: Span | None = None
    needs: Names | None = None
    defaults: dict[str, str | int | float | bool] = {}
    sample: dict[str, Any] = {}
    tracking: bool | None = None
    if_unknown: Literal["resend"] | None = None

    @field_validator("from_", "reply_to")
    @classmethod
    def _one_party(cls, party: str | None) -> str | None:
        # Both become headers: one line, one party.
        if party is not None and not (party.isprintable() and _PARTY.fullmatch(party)):
            hint = "write `hello@example.com` or `Larkspur <hello@example.com>`"
            raise mistake("not-an-address", f"`{party}` is not an e-mail address", hint)
        return party

    @field_validator("needs")
    @classmethod
    def _known_needs(cls, names: list[str] | None) -> list[str] | None:
        for name in names or []:
            _known(name)
        return names

    @field_validator("sample")
    @classmethod
    def _nested(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in values:
            if "." in name:
                raise mistake("not-nested", f"`{name}` is written in two lines here, `{name.partition('.')[0]}:` first")
        return values

    @field_validator("defaults", "sample")
    @classmethod
    def _known_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in values:
            _known(name)
        return values


def _known(name: str) -> None:
    group = name.partition(".")[0]
    if group not in NAMES:
        hint = did_you_mean(group, NAMES) or "a name begins with one of " + ", ".join(NAMES)
        raise mistake("unknown-name", f"`{name}` is not a name that a template can use", hint)


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """One message in one channel, all its languages together.

    `languages` are those of its translations; the file without a language is always there besides. `variables` are
    dotted names that some language uses and that have no default: without a value for them the message cannot be sent.
    `names` are all that some language uses, so that each can be held against the map. `resend`: a message whose fate
    nobody can tell may be sent once more; never true of marketing. `tracking`: whether opens and clicks are counted.
    """

    name: str
    channel: Channel
    languages: tuple[str, ...]
    topic: str | None
    purpose: Purpose
    intent: Intent
    expires: str | None
    variables: tuple[str, ...]
    place: Place
    names: tuple[str, ...] = ()
    resend: bool = False
    tracking: bool = True
