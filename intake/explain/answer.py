"""What every explanation is made with, and what it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from whenever import Instant

from activities.asking import Asker
from lifecycle.facts import Conditions
from lifecycle.language.map import Map, is_zone
from lifecycle.language.template import Channel, TemplateInfo
from lifecycle.policies import Check
from lifecycle.reasons import REASONS, code_of
from messaging.render import Renderer
from store.tables import Customer


@dataclass(frozen=True, slots=True)
class Explainer:
    """What explaining needs of a project."""

    map: Map
    conditions: Conditions
    renderer: Renderer
    asker: Asker

    @property
    def templates(self) -> Mapping[tuple[str, Channel], TemplateInfo]:
        return self.renderer.templates.infos

    def zone(self, customer: Customer) -> str:
        """The zone in which a customer's times are told."""
        zone = customer.time_zone
        return zone if zone and is_zone(zone) else self.map.time_zone


class Since(NamedTuple):
    """Something that became of a message after it was decided: when, and what, in plain words."""

    at: Instant
    what: str


@dataclass(frozen=True, slots=True)
class Explained:
    """An answer. `about` says what was asked about, `outcome` is one stable word, `says` the same in a sentence.
    `journey` is the id of the one in which a message was, or would be, sent.

    `checks` are in the order in which they were looked at; where one was not passed, it is the last of those that
    refuse. `since` is what happened to a message afterwards, in the order of time.
    """

    about: str
    outcome: str
    says: str
    checks: tuple[Check, ...]
    since: tuple[Since, ...] = ()
    journey: str | None = None

    @property
    def named(self) -> str:
        """What was asked about, with the journey."""
        return f"{self.about}, in {self.journey}" if self.journey else self.about


def because(reason: str | None) -> str:
    """A stored reason in plain words: `quiet-hours: it is not an hour at which this person may be messaged`."""
    if not reason:
        return ""
    known = REASONS.get(code_of(reason))
    return f"{reason}: {known.says}" if known else reason
