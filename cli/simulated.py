"""The customer whom `milepost simulate` invents: what was typed, read against the map and the playbook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whenever import Instant

from cli.common import Refused, instant_of, unknown
from lifecycle.calendar import resolve
from lifecycle.consent import written
from lifecycle.events import Person
from lifecycle.language.map import MESSAGE_MILESTONES, Map, is_zone
from lifecycle.language.times import NotATime, parse_clock
from lifecycle.plan import Plan, Send
from lifecycle.simulated import Happening, beginning
from lifecycle.values import NotOfItsType, typed
from project import Project

CUSTOMER = "cus_simulated"
SAMPLE = {"first_name": "Ada", "email": "ada@example.com", "phone": "+33123456789"}
CLOCK = "10:00"
START = f"2026-01-05T{CLOCK}"
MAX_DAY = 3660

_MILESTONE = re.compile(
    r"(?P<name>[^@:=]+)(?:@(?P<day>\d{1,4})d(?:T(?P<clock>\d{1,2}:\d{2}))?)?(?P<rest>(?::\w+=.*)?)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was typed: milestones and attributes as texts, the start, and whether consent counts."""

    milestones: list[str]
    attributes: list[str]
    start: str | None
    strict: bool


@dataclass(frozen=True, slots=True)
class Simulated:
    """A customer to simulate, and what happens to them, in the order of time."""

    attributes: Mapping[str, Any]
    stage: str | None
    consent: Mapping[str, bool]
    strict: bool
    zone: str
    start: Instant
    happenings: list[Happening]
    entry: str | None
    """The milestone that would enter, where one does."""

    @property
    def name(self) -> str:
        return str(self.attributes.get("first_name") or "The customer")

    def person(self) -> Person:
        return Person(CUSTOMER, dict(self.attributes), self.stage)

    def until(self, days: int) -> Instant:
        """So many days after the last event."""
        return max([self.start, *(happening.at for happening in self.happenings)]).add(hours=24 * days)


def simulated(project: Project, plan: Plan, wishes: Wishes) -> Simulated:
    """The customer of these wishes. Raises Refused at the first that makes no sense."""
    map_ = project.map
    assert map_ is not None
    attributes: dict[str, Any] = dict(SAMPLE)
    stage: str | None = None
    consent: dict[str, bool] = {}
    for text in wishes.attributes:
        key, equals, value = text.partition("=")
        key = key.strip().removeprefix("customer.")
        if not equals or not key:
            raise Refused(f"`--set {text}` cannot be read; write for example `--set plan=pro`")
        if key == "stage":
            stage = _known("stage", value, map_.stages)
        elif key == "consent":
            topics = [topic.strip() for topic in value.split(",") if topic.strip()]
            consent |= dict.fromkeys(topics, True)
            for one in written(consent):
                _known("topic", one.topic, map_.topics)
                _known("channel", one.channel or "", ["", *map_.topics[one.topic].channels])
        else:
            _set(attributes, key, value, map_, wishes.strict)
    zone = Person(CUSTOMER, attributes).zone(map_)
    start = instant_of(wishes.start or START, map_.time_zone, "--start", CLOCK)
    happenings = [_happening(text, start, zone, map_, plan) for text in wishes.milestones]
    entry = plan.entry.milestone if plan.entry else None
    first = beginning(plan, start, zone)
    if first is not None and (not happenings or first.what == "due"):
        happenings.insert(0, first)
    happenings.sort(key=lambda happening: happening.at)
    return Simulated(attributes, stage, consent, wishes.strict, zone, start, happenings, entry)


def _set(attributes: dict[str, Any], key: str, value: str, map_: Map, strict: bool) -> None:
    types = map_.customer_types()
    _known("attribute", key, types)
    if not value:
        if key in ("email", "phone") and not strict:
            raise Refused(f"everybody has an address in a simulation; `--set {key}=` goes with --strict-consent")
        attributes.pop(key, None)
        return
    if key == "time_zone" and not is_zone(value):
        raise Refused(f"`{value}` is not a time zone; write for example `--set time_zone=Europe/Paris`")
    given = _typed(key, value, types[key])
    rule = map_.attributes.get(key)
    if rule and rule.one_of and value not in rule.one_of:
        raise Refused(f"`{value}` is not a value of `{key}`, which is one of {', '.join(rule.one_of)}")
    attributes[key] = given


def _happening(text: str, start: Instant, zone: str, map_: Map, plan: Plan) -> Happening:
    found = _MILESTONE.fullmatch(text)
    if not found:
        raise Refused(f"`--milestone {text}` cannot be read; write NAME@3d, NAME@3dT14:00 or NAME@0d:revenue=49")
    name = map_.canonical(found["name"].strip())
    _known("milestone", name, [*map_.milestones, *map_.own_milestones])
    values = [part.partition("=") for part in re.split(r":(?=\w+=)", found["rest"])[1:]]
    of = None
    properties: dict[str, Any] = {}
    for key, _, value in values:
        if key == "of" and name in MESSAGE_MILESTONES:
            of = _known("send step", value, [step for step, one in plan.steps.items() if isinstance(one, Send)])
        else:
            types = map_.properties_of(name) or {}
            _known(f"property of {name}", key, types)
            properties[key] = _typed(key, value, types[key])
    at = _at(int(found["day"] or 0), found["clock"], start, zone, text)
    return Happening(at, "milestone", name, properties, of)


def _at(day: int, clock: str | None, start: Instant, zone: str, text: str) -> Instant:
    if day > MAX_DAY:
        raise Refused(f"`--milestone {text}`: that is more than ten years ahead")
    local = start.to_tz(zone)
    if day == 0 and clock is None:
        return start
    try:
        time = parse_clock(clock) if clock else local.time()
    except NotATime as error:
        raise Refused(f"`--milestone {text}`: {error}") from None
    return resolve(local.date().add(days=day).at(time), zone)


def _typed(key: str, value: str, kind: str) -> Any:
    try:
        return typed(key, value, kind)
    except NotOfItsType as error:
        raise Refused(f"`{key}={value}`: {error}") from None


def _known(what: str, name: str, known: Any) -> str:
    if name not in known:
        raise unknown(what, name, known)
    return name
