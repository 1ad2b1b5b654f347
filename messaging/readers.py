"""How a condition reads one dotted name: a function made once for the name, as direct as its form allows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from lifecycle.facts import Facts
from messaging.names import MILESTONE_PARTS, NOTHING, member, milestone_part

Read = Callable[[Facts], Any]


def reader_of(path: tuple[str | int, ...]) -> Read | None:
    """How a dotted name is read from facts, giving NOTHING where there is no value; None where it names no value."""
    group, rest = path[0], path[1:]
    if group in ("stage", "health"):
        plain = operator.attrgetter(str(group))
        return None if rest else lambda facts: NOTHING if (value := plain(facts)) is None else value
    if not rest:
        return None
    if group == "milestones":
        return _milestone_reader(".".join(map(str, rest[:-1])), str(rest[-1]))
    if group == "messages":
        step = rest[0]
        return (lambda facts: member(facts.messages, step)) if rest[1:] == ("state",) else None
    whole, last = operator.attrgetter(str(group)), rest[-1]
    if len(rest) == 1:

        def direct(facts: Facts) -> Any:
            try:
                value = whole(facts)[last]
            except (KeyError, TypeError):
                return NOTHING
            return NOTHING if value is None else value

        return direct

    def deep(facts: Facts) -> Any:
        value = whole(facts)
        for part in rest:
            value = member(value, part)
        return value

    return deep


def _milestone_reader(milestone: str, part: str) -> Read | None:
    if not milestone or part not in MILESTONE_PARTS:
        return None
    if part == "count":

        def count(facts: Facts) -> int:
            known = facts.milestones.get(milestone)
            return known.count if known else 0

        return count
    return lambda facts: milestone_part(facts, milestone, part)
