"""What was chosen for a new playbook, and what is offered where nothing is chosen: all of it from the map."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from whenever import Time

from lifecycle.language.map import LAWFUL_ANYWHERE, Map
from lifecycle.language.template import INTENTS, Channel, TemplateInfo
from lifecycle.language.times import parse_hours, parse_span

LONGEST = 60
"""The most characters that the name of a playbook may have."""


@dataclass(frozen=True, slots=True)
class Idea:
    """A playbook that leads from the milestone `entry` to the milestone `goal`, by messages of one channel and topic.

    `layout` is the file in templates/ that e-mails extend.
    """

    name: str
    stage: str
    entry: str
    goal: str
    channel: Channel
    topic: str
    owner: str | None
    layout: str

    @property
    def file(self) -> str:
        return f"playbooks/{self.stage}/{self.name}.yaml"

    @property
    def tests(self) -> str:
        return f"playbooks/{self.stage}/{self.name}.test.yaml"

    @property
    def first(self) -> str:
        """The template of the first message."""
        return self._template("hello")

    @property
    def second(self) -> str:
        """The template of the reminder."""
        return self._template("reminder")

    def _template(self, which: str) -> str:
        # templates/layouts/ holds no messages, whatever a stage is called.
        folder = "" if self.stage == "layouts" else f"{self.stage}/"
        return f"{folder}{self.name}-{which}"

    def gap(self, map_: Map) -> int:
        """Days between its two messages: a week, or longer where a cap of the map allows one message in that time."""
        longest = 7
        for cap in map_.caps:
            if cap.at_most == 1 and cap.channel in (None, self.channel) and cap.topic in (None, self.topic):
                every = parse_span(cap.every)
                days = every.months * 31 + every.days + every.working * 3 + every.seconds // 86400 + 1
                longest = max(longest, days)
        return longest

    def clock(self, map_: Map) -> Time:
        """When its messages go: at ten, or at noon by SMS, or when the map's hours allow it."""
        usual = Time(10) if self.channel == "email" else LAWFUL_ANYWHERE[0]
        hours = map_.hours.email if self.channel == "email" else map_.hours.sms
        if hours is None:
            return usual
        opens, closes = parse_hours(hours)
        return usual if opens <= usual < closes else opens


def default_stage(map_: Map, taken: Collection[str]) -> str:
    """The stage in which a playbook is most wanted: that before the purchase, then those after it, without one yet."""
    stages = list(map_.stages)
    last = max((number for number, one in enumerate(stages) if map_.stages[one].side == "before"), default=0)
    wanted = [*stages[last:], *reversed(stages[:last])]
    begun = {rule.stage for rule in map_.milestones.values()}
    for some in ([s for s in wanted if s not in taken and s in begun], [s for s in wanted if s in begun], wanted):
        if some:
            return some[0]
    return stages[0]


def default_entry(map_: Map, stage: str) -> str:
    """The milestone that leads into the stage, one that is sent before one that follows from others."""
    own = [name for name, rule in map_.milestones.items() if rule.stage == stage]
    return next(iter(sorted([*own, *_sent(map_)], key=lambda name: name not in own)), next(iter(map_.milestones)))


def default_goal(map_: Map, entry: str) -> str | None:
    """What comes next in the map: the next milestone that leads to another stage, else the purchase, else any other."""
    names = list(map_.milestones)
    after = [name for name in names[names.index(entry) + 1 :] if name in _sent(map_)] if entry in names else []
    stage = map_.milestones[entry].stage if entry in map_.milestones else None
    lapsed = {name for name, one in map_.stages.items() if one.lapsed}
    on = [name for name in after if map_.milestones[name].stage not in (None, stage, *lapsed)]
    core = [name for name in _sent(map_) if map_.milestones[name].side == "core"]
    return next((name for name in [*on, *core, *_sent(map_), *names] if name != entry), None)


def topics_by(map_: Map, channel: Channel) -> list[str]:
    """The topics that are sent by a channel."""
    return [name for name, topic in map_.topics.items() if channel in topic.channels]


def default_topic(map_: Map, channel: Channel, stage: str, templates: Iterable[TemplateInfo]) -> str | None:
    """The topic of most marketing messages of that stage, else of all; else the first that nobody has to confirm.

    Text messages need a yes in most countries, so that for them a topic with one is taken where there is one.
    """
    known = topics_by(map_, channel)
    if channel == "sms":
        known = [name for name in known if map_.topics[name].consent != "opt_out"] or known
    sent = [one for one in templates if one.purpose == "marketing" and one.channel == channel and one.topic in known]
    for some in ([one for one in sent if one.name.startswith(f"{stage}/")], sent):
        topics = [one.topic for one in some if one.topic]
        if topics:
            return max(topics, key=topics.count)
    return next(iter(sorted(known, key=lambda name: map_.topics[name].consent == "double_opt_in")), None)


def default_name(entry: str, taken: Collection[str]) -> str:
    """`after-signed-up`, with a number where there is one already."""
    name = f"after-{entry.replace('.', '-').replace('_', '-')}"[: LONGEST - 3].strip("-")
    return next(one for one in (name, *(f"{name}-{number}" for number in range(2, 1000))) if one not in taken)


def is_ahead(map_: Map, idea: Idea) -> bool:
    """Whether the goal comes after the entry in the map, so that few have been there before."""
    names = list(map_.milestones)
    if idea.entry not in names or idea.goal not in names:
        return False
    return names.index(idea.goal) > names.index(idea.entry)


def intents(map_: Map, stage: str, *wanted: str) -> str | None:
    """The first intent that no stage forbids, else the first that this stage allows: `wanted` ones before others."""
    offered = [*wanted, *(one for one in INTENTS if one not in wanted)]
    everywhere = {intent for one in map_.stages.values() for intent in one.forbids}
    here = set(map_.stages[stage].forbids)
    return next((one for forbidden in (everywhere, here) for one in offered if one not in forbidden), None)


def exits(map_: Map, idea: Idea) -> list[tuple[str, Mapping[str, str]]]:
    """Who is let go: as the playbook says it, and what happens then as a test says it."""
    lapsed = {name for name, one in map_.stages.items() if one.lapsed}
    found: list[tuple[str, Mapping[str, str]]] = []
    found += [
        (name, {"milestone": name})
        for name, rule in map_.milestones.items()
        if rule.stage in lapsed and rule.when is None and name not in (idea.entry, idea.goal)
    ][:2]
    closed = map_.attributes.get("closed")
    if closed is not None and closed.type == "boolean" and closed.of == "customer":
        found.append(("customer.closed", {"set": "{customer.closed: true}"}))
    if not found:
        found.append(("consent.withdrawn", {"milestone": "consent.withdrawn", "topic": idea.topic}))
    return found


def _sent(map_: Map) -> list[str]:
    """The milestones that the product sends, and that do not follow from others."""
    return [name for name, rule in map_.milestones.items() if rule.when is None]
