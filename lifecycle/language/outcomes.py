"""What a map says about messages that went wrong: which addresses are left alone, and when a playbook is stopped."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lifecycle.language.playbook import Percent, Span
from lifecycle.language.validate import Authored

Cause = Literal["bounced", "blocked", "complained", "undelivered", "invalid"]
Scope = Literal["all", "marketing"]


class Suppress(Authored):
    """After so many messages of which this is told, within this time, an address gets no more of this kind."""

    on: Cause
    after: Annotated[int, Field(ge=1)] = 1
    within: Span | None = None
    scope: Scope = "all"


class Halt(Authored):
    """The limits above which a playbook is paused: percentages of the e-mails that it sent within this time."""

    complained: Percent = 0.3
    bounced: Percent = 5.0
    at_least: Annotated[int, Field(ge=1)] = 200
    within: Span = "7 days"
