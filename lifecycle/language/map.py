"""The shape of `playbooks/map.yaml`: what exists in this company, so that nothing in a playbook is free text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator
from whenever import Instant, Time, TimeZoneNotFoundError

from lifecycle.language.outcomes import Halt, Suppress
from lifecycle.language.playbook import Condition, HoursOfDay, Names, Span
from lifecycle.language.segments import Segment, milestones_of
from lifecycle.language.times import parse_hours
from lifecycle.language.validate import Authored, mistake

Side = Literal["before", "core", "after"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Type = Literal["text", "number", "boolean", "date"]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]

# Made by Milepost itself about a message; a playbook may wait for them and nobody declares them.
MESSAGE_MILESTONES = (
    "message.delivered", "message.opened", "message.clicked", "message.bounced", "message.complained",
)  # fmt: skip

# Made by Milepost itself where a customer's consent changes, with their properties; playbooks may enter on them too.
CONSENT_MILESTONES: dict[str, dict[str, Type]] = {
    "consent.requested": {"topic": "text", "channel": "text"},
    "consent.given": {"topic": "text", "channel": "text"},
    "consent.withdrawn": {"topic": "text", "channel": "text"},
}

OWN_MILESTONES = (*MESSAGE_MILESTONES, *CONSENT_MILESTONES)

# Attributes that every customer has; a map may add to them and may not change their type.
OWN_ATTRIBUTES = {
    "first_name": "text", "last_name": "text", "email": "text", "phone": "text", "language": "text",
    "time_zone": "text", "country": "text", "region": "text",
}  # fmt: skip
"""`country` is two letters, such as `US`; `region` is within it, such as `FL`: together the law for quiet hours."""

LAWFUL_ANYWHERE = (Time(12), Time(20))
"""The hours of the strictest day of the strictest jurisdiction for SMS (`lifecycle.quiet_hours.STRICTEST`)."""


class MilestoneRule(Authored):
    """A declared milestone. `also` are other names under which products send it; `when` makes it derived."""

    description: str = ""
    side: Side | None = None
    also: Names | None = None
    properties: dict[str, Type] = {}
    stage: str | None = None
    when: Condition | None = None


class AttributeRule(Authored):
    """A declared attribute of customers (or, with `of: account`, of accounts)."""

    type: Type = "text"
    description: str = ""
    one_of: list[str] | None = None
    default: str | int | float | bool | None = None
    of: Literal["customer", "account"] = "customer"


class Topic(Authored):
    """What a customer consents to. `opt_in` needs a yes; `opt_out` needs no no.

    `double_opt_in` needs a yes that was confirmed by the link in a mail to the very address.
    `names` is what customers read on their preference page, by language; else `description` is.
    """

    description: str = ""
    names: dict[Language, str] = {}
    consent: Literal["opt_in", "opt_out", "double_opt_in"] = "opt_in"
    channels: list[Literal["email", "sms"]] = ["email"]


class Stage(Authored):
    """A stage of the lifecycle; their order in the file is the order of the lifecycle.

    `forbids` lists intents of templates that nobody in this stage may be sent. `lapsed` marks the stage of those who
    left: the next milestone with a stage brings them back, even to an earlier one.
    """

    for_: str = Field(alias="for")
    forbids: list[str] = []
    side: Side | None = None
    lapsed: bool = False


class Cap(Authored):
    """At most so many marketing messages a person in any window of that length."""

    channel: Literal["email", "sms"] | None = None
    topic: str | None = None
    at_most: Annotated[int, Field(ge=1)]
    every: Span


class Hours(Authored):
    """When marketing messages may go, on the customer's clock; for SMS besides the hours of the law."""

    email: HoursOfDay | None = None
    sms: HoursOfDay | None = None

    @field_validator("sms")
    @classmethod
    def _lawful_somewhere(cls, hours: str | None) -> str | None:
        if hours is not None:
            opens, closes = parse_hours(hours)
            if opens >= LAWFUL_ANYWHERE[1] or closes <= LAWFUL_ANYWHERE[0]:
                raise mistake(
                    "never-lawful",
                    f"`{hours}` leaves some customers no hour at which the law allows an SMS",
                    "take in some of 12:00 to 20:00",
                )
        return hours


class Map(Authored):
    """The customer journey map and the words that playbooks may use.

    Segments are such words too; they have a file of their own and are put in by `with_segments`.
    """

    _segments: Mapping[str, Segment] = PrivateAttr(default_factory=dict)
    time_zone: str
    language: str = "en"
    company: str = "Our company"
    postal_address: str | None = None
    milestones: dict[Name, MilestoneRule]
    attributes: dict[Name, AttributeRule] = {}
    topics: dict[Name, Topic] = {}
    stages: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")], Stage]
    caps: list[Cap] = []
    hours: Hours = Hours()
    suppress: list[Suppress] = []
    halt: Halt = Halt()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if not is_zone(zone):
            raise mistake("unknown-time-zone", f"`{zone}` is not a time zone; write for example `Europe/Paris`")
        return zone

    @model_validator(mode="after")
    def _own_types(self) -> Map:
        for name, rule in self.attributes.items():
            own = OWN_ATTRIBUTES.get(name)
            if own and rule.of == "customer" and rule.type != own:
                raise mistake("own-attribute", f"the attribute `{name}` is Milepost's own and is of type {own}")
        return self

    def with_segments(self, segments: Mapping[str, Segment]) -> Map:
        """This map, with the segments of `playbooks/segments.yaml`."""
        known = self.model_copy()
        known._segments = segments  # noqa: SLF001 - it is one of our own
        known.__dict__.pop("segments", None)
        return known

    @cached_property
    def segments(self) -> Mapping[str, Segment]:
        """The declared segments by name. Kept: every event asks, and a private attribute is slow to read."""
        return self._segments

    @property
    def own_milestones(self) -> list[str]:
        """Every milestone that Milepost makes by itself here."""
        return [*OWN_MILESTONES, *milestones_of(self._segments)]

    def canonical(self, name: str) -> str:
        """Our name for a milestone that arrives under any of its names."""
        return self._names.get(name, name)

    def properties_of(self, milestone: str) -> dict[str, Type] | None:
        """The properties of a milestone, declared or of Milepost's own; None where nothing is known of it."""
        rule = self.milestones.get(milestone)
        if rule is None and milestone in milestones_of(self._segments):
            return {}
        return rule.properties if rule else CONSENT_MILESTONES.get(milestone)

    @cached_property
    def derived(self) -> tuple[tuple[str, str], ...]:
        """The milestones that follow from others, with their conditions."""
        return tuple((name, rule.when) for name, rule in self.milestones.items() if rule.when)

    @cached_property
    def _names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for name, rule in self.milestones.items():
            names[name] = name
            names.update(dict.fromkeys(rule.also or [], name))
        return names

    @cached_property
    def tightest(self) -> float:
        """The number of messages below which no cap can be full."""
        return min((cap.at_most for cap in self.caps), default=float("inf"))

    def customer_types(self) -> dict[str, str]:
        """Every attribute of a customer with its type."""
        return dict(self._customer_types)

    @cached_property
    def _customer_types(self) -> dict[str, str]:
        return OWN_ATTRIBUTES | {n: r.type for n, r in self.attributes.items() if r.of == "customer"}

    def defaults(self, of: Literal["customer", "account"] = "customer") -> dict[str, Any]:
        """The declared default values of the attributes of customers, or of accounts."""
        return dict(self._defaults[of])

    @cached_property
    def _defaults(self) -> dict[str, dict[str, Any]]:
        return {
            of: {n: r.default for n, r in self.attributes.items() if r.default is not None and r.of == of}
            for of in ("customer", "account")
        }

    @cached_property
    def order(self) -> dict[str, int]:
        """The place of each stage in the lifecycle."""
        return {stage: number for number, stage in enumerate(self.stages)}


def is_zone(name: str) -> bool:
    """Whether `name` is a time zone of the tz database."""
    try:
        Instant.from_utc(2026, 1, 1).to_tz(name)
    except (TimeZoneNotFoundError, ValueError, OSError):
        return False
    return True
