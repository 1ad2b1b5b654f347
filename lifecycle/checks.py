"""What can be said of a project only when all of it has been read: the map by itself, segments and templates against
the map, scenarios against map and templates, and what nobody uses or tests.

Playbooks are checked by the compiler. Files are not read here: whoever calls knows where a name stands in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lifecycle.compiler.names import Names
from lifecycle.consent import written
from lifecycle.contradictions import contradictions
from lifecycle.facts import ConditionError, Conditions
from lifecycle.language.faults import Faults, Place, did_you_mean
from lifecycle.language.map import Map
from lifecycle.language.scenario import Given, Scenario, Scenarios
from lifecycle.language.template import INTENTS, Channel, TemplateInfo
from lifecycle.plan import Plan, Send, Split

Templates = Mapping[tuple[str, Channel], TemplateInfo]

OF_A_PLAYBOOK = ("event", "reached", "messages")
"""Names that mean something else in each playbook: the compiler holds them against the playbook that sends."""

_FITS: dict[str, type | tuple[type, ...]] = {"text": str, "number": (int, float), "boolean": bool, "date": str}


def check_map(map_: Map, conditions: Conditions, faults: Faults) -> None:
    """Every name in the map that refers to another one, and values that do not fit their type."""
    names = Names(map_, {}, (), conditions, faults)
    taken: dict[str, str] = {}
    for name, rule in map_.milestones.items():
        if rule.stage is not None:
            names.stage(rule.stage, rule.place("stage"))
        if rule.when is not None:
            names.condition(rule.when, rule.place("when"))
        for index, other in enumerate(rule.also or ()):
            owner = other if other in map_.milestones else taken.setdefault(other, name)
            if owner != name:
                faults.add(rule.place("also", index), "twice", f"`{other}` is already a name of `{owner}`")
    for name, attribute in map_.attributes.items():
        default = attribute.default
        if default is None:
            continue
        wrong = not isinstance(default, _FITS[attribute.type]) or (
            attribute.type == "number" and isinstance(default, bool)
        )
        if wrong:
            message = f"`{default}` does not fit `{name}`, which is a {attribute.type}"
            faults.add(attribute.place("default"), "wrong-value", message)
        elif attribute.one_of and default not in attribute.one_of:
            names.unknown(attribute.place("default"), "value", str(default), attribute.one_of)
    for stage in map_.stages.values():
        for index, intent in enumerate(stage.forbids):
            if intent not in INTENTS:
                names.unknown(stage.place("forbids", index), "intent", intent, INTENTS)
    for cap in map_.caps:
        if cap.topic is not None and cap.topic not in map_.topics:
            names.unknown(cap.place("topic"), "topic", cap.topic, list(map_.topics))


def check_segments(map_: Map, conditions: Conditions, faults: Faults) -> None:
    """Each segment's condition: its names, and whether all customers at once can be asked it."""
    names = Names(map_, {}, (), conditions, faults)
    for segment in map_.segments.values():
        place = segment.place("if")
        try:
            found = conditions.names(segment.if_)
        except ConditionError:
            names.condition(segment.if_, place)  # says where it cannot be read
            continue
        try:
            conditions.criterion(segment.if_)
        except ConditionError as error:
            at = Place(place.file, place.line, place.column + error.offset)
            faults.add(at, "not-in-segments", str(error))
        for name in found:
            if name.partition(".")[0] in ("customer", "account", "milestones"):
                names.name(name, place)


def check_templates(
    templates: Templates, map_: Map, conditions: Conditions, where: Callable[[TemplateInfo, str], Place], faults: Faults
) -> None:
    """Hold each template's topic and names against the map. `where` finds a text in the files of a template."""
    names = Names(map_, templates, (), conditions, faults)
    advertises = any(info.purpose == "marketing" and info.channel == "email" for info in templates.values())
    if advertises and not map_.postal_address:
        message = "`postal_address` is missing here, and every marketing e-mail must show it"
        faults.add(map_.place("postal_address"), "no-postal-address", message, "write it as it stands on a letter")
    for info in templates.values():
        if info.topic is not None and info.topic not in map_.topics:
            names.unknown(where(info, info.topic), "topic", info.topic, list(map_.topics))
        elif _is_unasked(info, map_):
            message = f"this SMS goes to people who never said yes: `{info.topic}` has `consent: opt_out`"
            hint = "most laws want a yes before advertising by SMS; give it a topic with `opt_in`"
            faults.add(where(info, info.topic or ""), "no-consent-for-sms", message, hint, "warning")
        for name in info.names:
            if name.partition(".")[0] not in OF_A_PLAYBOOK:
                names.name(name, where(info, name))


def _is_unasked(info: TemplateInfo, map_: Map) -> bool:
    """Whether this is advertising by SMS to people who have not said no."""
    topic = map_.topics.get(info.topic or "")
    advertises = info.channel == "sms" and info.purpose == "marketing"
    return advertises and topic is not None and topic.consent == "opt_out"


def check_use(
    plans: Mapping[str, Plan], places: Mapping[str, Place], tested: Iterable[str], templates: Templates, faults: Faults
) -> None:
    """Advice: playbooks that nothing proves, templates that nobody sends. `places` are those of the playbooks."""
    tested = set(tested)
    for name, place in places.items():
        if name not in tested:
            faults.add(
                place,
                "untested",
                f"nothing proves the playbook `{name}`",
                f"write {name}.test.yaml beside it",
                "warning",
            )
    sent = {
        (step.template, step.channel)
        for plan in plans.values()
        for step in plan.steps.values()
        if isinstance(step, Send)
    }
    for key, info in templates.items():
        if key not in sent:
            faults.add(info.place, "unused", f"no playbook sends `{info.name}` by {info.channel}", severity="warning")


def check_confirmations(map_: Map, plans: Mapping[str, Plan], faults: Faults) -> None:
    """Advice: topics with double opt-in that nobody is ever asked to confirm, so that nobody can agree to them."""
    if any(plan.entry and plan.entry.milestone == "consent.requested" for plan in plans.values()):
        return
    for name, topic in map_.topics.items():
        if topic.consent == "double_opt_in":
            faults.add(
                topic.place("consent"),
                "no-confirmation",
                f"nobody is asked to confirm `{name}`",
                "write a playbook that enters on `consent.requested` and sends a mail with `{{ confirm_url }}`",
                "warning",
            )


def check_scenarios(
    scenarios: Scenarios, plan: Plan, map_: Map, templates: Templates, faults: Faults, unread: Iterable[str] = ()
) -> None:
    """Hold a test file against what exists: a name that is wrong there would prove nothing, or fail for no reason."""
    work = _Scenarios(plan, map_, templates, faults, unread)
    work.customer(scenarios.customer, lambda *keys: scenarios.place("customer", *keys, key=True))
    lines: dict[str, int] = {}
    for scenario in scenarios.scenarios:
        place = scenario.place("name")
        if lines.setdefault(scenario.name, place.line) != place.line:
            faults.add(place, "twice", f"a scenario of this name stands already in line {lines[scenario.name]}")
        if scenario.expect is None and scenario.expect_some is None and not scenario.never:
            hint = "write `expect`, or let `milepost test --update` write down what happens"
            faults.add(place, "expects-nothing", f"`{scenario.name}` expects nothing yet", hint, "warning")
        work.scenario(scenario)
        for fault in contradictions(scenario, scenarios, plan, map_):
            faults.add(fault.place, fault.code, fault.message, fault.suggestion)


class _Scenarios:
    def __init__(self, plan: Plan, map_: Map, templates: Templates, faults: Faults, unread: Iterable[str]) -> None:
        self.plan, self.map, self.faults = plan, map_, faults
        self.messages, self.templates = templates, sorted({*unread, *(name for name, _ in templates)})
        self.sends = [step for step, one in plan.steps.items() if isinstance(one, Send)]

    def scenario(self, scenario: Scenario) -> None:
        self.customer(scenario.with_, lambda *keys: scenario.place("with", *keys, key=True))
        for given in scenario.given or ():
            self._given(given)
        for entry in (*(scenario.expect or ()), *(scenario.expect_some or ())):
            for key in ("send", "refused"):
                self._known("template", getattr(entry, key), self.templates, entry.place(key))
            if (
                entry.channel
                and any(name == entry.send for name, _ in self.messages)
                and ((entry.send, entry.channel) not in self.messages)
            ):
                message = f"the template `{entry.send}` has no text for {entry.channel}"
                self.faults.add(entry.place("channel"), "no-such-channel", message)
            for key in ("milestone", "record", "goal"):
                known = [*self.map.milestones, *self.map.own_milestones]
                self._known("milestone", getattr(entry, key), known, entry.place(key))
        for index, name in enumerate(scenario.never):
            self._known("template", name, self.templates, scenario.place("never", index))

    def customer(self, attributes: Mapping[str, Any], place: Callable[..., Place]) -> None:
        types = self.map.customer_types()
        for key, value in attributes.items():
            if key == "consent":
                for index, name in enumerate(value if isinstance(value, list) else ()):
                    self._consent(str(name), place(key, index))
            elif key == "split":
                splits = {one.name: one for one in self.plan.steps.values() if isinstance(one, Split)}
                for name, variant in value.items() if isinstance(value, dict) else ():
                    self._known("split", name, list(splits), place(key, name))
                    if name in splits:
                        known = [one for one, _, _ in splits[name].variants]
                        self._known("variant", variant, known, place(key, name))
            elif key == "stage":
                self._known("stage", value, list(self.map.stages), place(key))
            else:
                self._known("attribute", key, list(types), place(key))

    def _given(self, given: Given) -> None:
        for dotted in given.set or ():
            known = [f"customer.{name}" for name in self.map.customer_types()]
            place = given.place("set", dotted, key=True)
            self._known("attribute", f"customer.{dotted.removeprefix('customer.')}", known, place)
        self._known("step", given.of, self.sends, given.place("of"))
        if given.milestone is None:
            return
        name = self.map.canonical(given.milestone)
        known = [*self.map.milestones, *self.map.own_milestones]
        properties = self.map.properties_of(name)
        if self._known("milestone", name, known, given.place("milestone")) and properties is not None:
            for key in given.properties():
                self._known("property", key, list(properties), given.place(key, key=True))

    def _consent(self, name: str, place: Place) -> None:
        ((topic, channel, _),) = written({name: True})
        if self._known("topic", topic, list(self.map.topics), place):
            self._known("channel", channel, list(self.map.topics[topic].channels), place)

    def _known(self, what: str, name: Any, known: list[str], place: Place) -> bool:
        if name is None or name in known:
            return True
        hint = did_you_mean(str(name), known)
        if hint is None and 0 < len(known) <= 8:
            hint = "known: " + ", ".join(f"`{one}`" for one in known)
        self.faults.add(place, f"unknown-{what}", f"unknown {what} `{name}`", hint)
        return False
