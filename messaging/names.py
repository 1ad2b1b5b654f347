"""How templates and conditions see a customer's facts: by dotted names such as `milestones.purchase.count`.

A value that is not there is `NOTHING`; None counts as not there. Nothing can be changed through these views, and
nothing but plain data reached. Conditions read by `member` and `milestone_part` as well, so that both
languages always see the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jinja2 import nodes

from lifecycle.facts import Facts

MILESTONE_PARTS = ("count", "first", "last", "days_since")
NO_DEFAULTS: Mapping[str, Any] = {}
_DAY = 24 * 3600 * 1_000_000_000


class _Nothing:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()


def member(value: Any, key: str | int) -> Any:
    """What stands at `key` of plain data, or NOTHING."""
    found = None
    if isinstance(value, Mapping):
        found = value.get(key)
    elif isinstance(value, list | tuple) and isinstance(key, int) and -len(value) <= key < len(value):
        found = value[key]
    return NOTHING if found is None else found


def milestone_part(facts: Facts, milestone: str, part: str) -> Any:
    """`count`, `first`, `last` or `days_since` (whole days of 24 hours) of a milestone, or NOTHING."""
    known = facts.milestones.get(milestone)
    if part == "count":
        return known.count if known else 0
    if known is None or known.first is None or known.last is None:
        return NOTHING
    if part == "first":
        return known.first
    if part == "last":
        return known.last
    return max(0, (facts.now.timestamp(unit="nanosecond") - known.last.timestamp(unit="nanosecond")) // _DAY)


class Group:
    """A group of values, such as `customer`. Knows its dotted name, so that a missing value can be named.

    `defaults` are values by dotted name, which stand in for those that are missing.
    """

    __slots__ = ("data", "defaults", "path")

    def __init__(self, path: str, data: Mapping[str, Any], defaults: Mapping[str, Any] = NO_DEFAULTS) -> None:
        self.path, self.data, self.defaults = path, data, defaults

    def find(self, key: str | int) -> Any:
        """The value at `key` or its default, a further Group, or NOTHING."""
        found = self.member(key)
        return self.defaults.get(f"{self.path}.{key}", NOTHING) if found is NOTHING else found

    def member(self, key: str | int) -> Any:
        """The value at `key` itself, a further Group, or NOTHING."""
        found = member(self.data, key)
        if found is NOTHING and self.defaults:
            # A default for `event.plan.name` must be found where there is no `event.plan` at all.
            path = f"{self.path}.{key}"
            return Group(path, {}, self.defaults) if any(n.startswith(f"{path}.") for n in self.defaults) else NOTHING
        return Group(f"{self.path}.{key}", found, self.defaults) if isinstance(found, Mapping) else found

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __contains__(self, key: object) -> bool:
        return key in self.data

    def __str__(self) -> str:
        raise TypeError(f"`{self.path}` is not one value; write which one, as in `{self.path}.name`")


class MilestoneGroup(Group):
    """`milestones`, and what stands before the last dot in `milestones.purchase.count`."""

    __slots__ = ("facts", "milestone")

    def __init__(self, facts: Facts, defaults: Mapping[str, Any] = NO_DEFAULTS, milestone: str = "") -> None:
        path = f"milestones.{milestone}" if milestone else "milestones"
        super().__init__(path, facts.milestones, defaults)
        self.facts, self.milestone = facts, milestone

    def member(self, key: str | int) -> Any:
        if self.milestone and key in MILESTONE_PARTS:
            return milestone_part(self.facts, self.milestone, str(key))
        return MilestoneGroup(self.facts, self.defaults, f"{self.milestone}.{key}" if self.milestone else str(key))


class MessageGroup(Group):
    """`messages`, where `messages.reminder.state` is the state of the message of the step `reminder`."""

    __slots__ = ()

    def member(self, key: str | int) -> Any:
        state = member(self.data, key)
        return Group(f"messages.{key}", {} if state is NOTHING else {"state": state}, self.defaults)


def names_of(facts: Facts, defaults: Mapping[str, Any] = NO_DEFAULTS) -> dict[str, Any]:
    """The names that a template or a condition may use, for these facts; what is not known is left out."""
    names: dict[str, Any] = {
        "customer": Group("customer", facts.customer, defaults),
        "account": Group("account", facts.account, defaults),
        "event": Group("event", facts.event, defaults),
        "milestones": MilestoneGroup(facts, defaults),
        "messages": MessageGroup("messages", facts.messages, defaults),
    }
    if facts.reached is not None or any(name.startswith("reached.") for name in defaults):
        names["reached"] = Group("reached", facts.reached or {}, defaults)
    for name, value in (("stage", facts.stage), ("health", facts.health)):
        known = defaults.get(name) if value is None else value
        if known is not None:
            names[name] = known
    return names


def value_at(names: Mapping[str, Any], name: str) -> Any:
    """The value that stands at a dotted name, or NOTHING."""
    first, *rest = name.split(".")
    value = names.get(first, NOTHING)
    for part in rest:
        value = value.find(part) if isinstance(value, Group) else member(value, part)
    return value


def dotted(node: nodes.Node) -> tuple[str | int, ...] | None:
    """The parts of a dotted name (`customer.plan`, `event["plan"]`, `event.lines[0].sku`), else None."""
    parts: list[str | int] = []
    while True:
        if isinstance(node, nodes.Name):
            return (node.name, *reversed(parts))
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(key := getattr(node.arg, "value", None), str | int):
            parts.append(key)
        else:
            return None
        node = node.node
