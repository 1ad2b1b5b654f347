"""What names in a playbook refer to. Each check reports an unknown name at its place, with the nearest right one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lifecycle.facts import ConditionError, Conditions
from lifecycle.language.faults import Faults, Place, did_you_mean
from lifecycle.language.map import CONSENT_MILESTONES, MESSAGE_MILESTONES, Map
from lifecycle.language.segments import milestones_of
from lifecycle.language.template import Channel, TemplateInfo

HISTORY = ("count", "first", "last", "days_since")
ROOTS = ("customer", "account", "event", "reached", "milestones", "messages", "stage", "health")


@dataclass(slots=True)
class Names:
    """All that a playbook may refer to. `sends` are the ids of its own send steps, `event` its entry's properties.

    `unread` are names of templates that are there and have mistakes of their own: those are told where they are, and
    `refers_to_unread` is set where one of them is meant.
    """

    map: Map
    templates: Mapping[tuple[str, Channel], TemplateInfo]
    playbooks: Collection[str]
    conditions: Conditions
    faults: Faults
    sends: set[str] = field(default_factory=set)
    event: dict[str, str] | None = None
    unread: Collection[str] = ()
    refers_to_unread: bool = False

    def unknown(self, place: Place, what: str, name: str, known: Collection[str]) -> None:
        hint = did_you_mean(name, known)
        if hint is None and known and len(known) <= 8:
            hint = "known: " + ", ".join(f"`{one}`" for one in known)
        self.faults.add(place, f"unknown-{what.replace(' ', '-')}", f"unknown {what} `{name}`", hint)

    def milestone(self, name: str, place: Place, *, of_messages: bool = False) -> str:
        """Our name for a milestone."""
        own = self.map.canonical(name)
        known = [*self.map.milestones, *CONSENT_MILESTONES, *milestones_of(self.map.segments)]
        known += MESSAGE_MILESTONES if of_messages else ()
        if own not in known:
            if own in MESSAGE_MILESTONES:
                self.faults.add(place, "own-milestone", f"`{name}` is about one message and cannot stand here")
            else:
                self.unknown(place, "milestone", name, known)
        return own

    def stage(self, name: str, place: Place) -> None:
        if name not in self.map.stages:
            self.unknown(place, "stage", name, list(self.map.stages))

    def segment(self, name: str, place: Place) -> None:
        if name not in self.map.segments:
            self.unknown(place, "segment", name, list(self.map.segments))

    def playbook(self, name: str, place: Place) -> None:
        if name not in self.playbooks:
            self.unknown(place, "playbook", name, self.playbooks)

    def template(self, name: str, channel: Channel | None, place: Place) -> TemplateInfo | None:
        """The template that a send means: of the channel it names, else e-mail, else SMS."""
        found = self.templates.get((name, channel)) if channel else None
        if channel is None:
            found = self.templates.get((name, "email")) or self.templates.get((name, "sms"))
        if found is None:
            others = [one for (one, _) in self.templates if one == name]
            if name in self.unread:
                self.refers_to_unread = True
            elif others:
                self.faults.add(place, "no-such-channel", f"the template `{name}` has no text for {channel}")
            else:
                self.unknown(place, "template", name, sorted({one for one, _ in self.templates}))
        return found

    def attribute(self, dotted: str, place: Place) -> str | None:
        """The type of `customer.plan`; None, and a fault, where nothing like it is declared."""
        root, _, name = dotted.partition(".")
        known = self.map.customer_types() if root == "customer" else None
        if root == "account":
            known = {n: r.type for n, r in self.map.attributes.items() if r.of == "account"}
        if root == "event":
            known = dict(self.event or {})
        if known is None:
            self.unknown(place, "name", dotted, ROOTS)
            return None
        if name not in known:
            what = "property" if root == "event" else "attribute"
            self.unknown(place, what, dotted, [f"{root}.{one}" for one in known])
            return None
        return known[name]

    def condition(self, expression: str, place: Place) -> tuple[str, ...]:
        """Check a condition; the names that it looks at."""
        try:
            names = self.conditions.names(expression)
        except ConditionError as error:
            at = Place(place.file, place.line, place.column + error.offset)
            self.faults.add(at, "condition", f"this condition cannot be read: {error}")
            return ()
        for name in names:
            self.name(name, place)
        return names

    def name(self, dotted: str, place: Place) -> None:
        """Check one dotted name of a condition or a template."""
        root, *rest = dotted.split(".")
        if root in ("stage", "health") and not rest:
            return
        if root not in ROOTS:
            self.unknown(place, "name", dotted, ROOTS)
        elif root == "milestones":
            if rest and rest[0] not in self.map.milestones:
                self.unknown(place, "milestone", rest[0], list(self.map.milestones))
            elif len(rest) != 2 or rest[1] not in HISTORY:
                self.faults.add(
                    place, "unknown-name", f"`{dotted}` is not known", "a milestone has " + ", ".join(HISTORY)
                )
        elif root == "messages":
            if rest and rest[0] not in self.sends:
                self.unknown(place, "step", rest[0], sorted(self.sends))
            elif rest[1:] != ["state"]:
                self.faults.add(place, "unknown-name", f"`{dotted}` is not known", "a message has `state`")
        elif root == "event":
            if rest and self.event is not None and rest[0] not in (*self.event, "name"):
                self.attribute(dotted, place)
        elif root != "reached" and rest:
            self.attribute(f"{root}.{rest[0]}", place)
