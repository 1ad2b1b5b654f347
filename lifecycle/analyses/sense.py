"""Whether several demands on a customer's facts can hold together. Pure, and never sure where it cannot be."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from lifecycle.facts import Demand
from lifecycle.language.map import Map

_HOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "lteq": operator.le, "gt": operator.gt,
    "gteq": operator.ge, "in": lambda value, values: value in values, "defined": lambda value, _: True,
}  # fmt: skip


def contradiction(demands: Iterable[Demand], map: Map) -> str | None:
    """Why these cannot all hold, in a few words; None where they can, or where that cannot be told."""
    by_name: dict[str, list[Demand]] = defaultdict(list)
    for demand in demands:
        by_name[demand.name].append(demand)
    for name, asked in by_name.items():
        if (known := _values_of(name, map)) is not None:
            if not any(_fits(value, asked) for value in known):
                return f"`{name}` is one of {', '.join(f'`{value}`' for value in known)}"
        elif _impossible(name, asked):
            return _told(name, asked)
    return None


def _told(name: str, asked: Sequence[Demand]) -> str:
    if all(demand.relation == "defined" or _is_below_zero(demand) for demand in asked):
        return f"`{name}` is never below 0"
    return f"`{name}` is something else here"


def _is_below_zero(demand: Demand) -> bool:
    return demand.relation in ("lt", "lteq", "eq")


def _values_of(name: str, map: Map) -> list[Any] | None:
    """All values that a name can have, where the map says so."""
    root, _, rest = name.partition(".")
    if name == "stage":
        return list(map.stages)
    rule = map.attributes.get(rest) if root in ("customer", "account") else None
    if rule is None or rule.of != root:
        return None
    if rule.type == "boolean":
        return [True, False]
    return list(rule.one_of) if rule.one_of else None


def _impossible(name: str, asked: Sequence[Demand]) -> bool:
    exact = list(_exact(asked))
    if exact:
        return not any(_fits(value, asked) for value in exact)
    low, high = (0.0 if name.endswith(".count") else float("-inf")), float("inf")
    open_low = open_high = False
    for demand in asked:
        value = demand.value
        if demand.relation not in ("lt", "lteq", "gt", "gteq") or not _is_number(value):
            continue
        if demand.relation in ("gt", "gteq") and (value, demand.relation == "gt") > (low, open_low):
            low, open_low = value, demand.relation == "gt"
        if demand.relation in ("lt", "lteq") and (-value, demand.relation == "lt") > (-high, open_high):
            high, open_high = value, demand.relation == "lt"
    if low > high or (low == high and (open_low or open_high)):
        return True
    # How often something happened is a whole number.
    whole = name.endswith(".count") and open_low and open_high and high - low <= 1
    return whole or (low == high and not _fits(low, asked))


def _exact(asked: Sequence[Demand]) -> Iterator[Any]:
    for demand in asked:
        if demand.relation == "eq":
            yield demand.value
            return
    for demand in asked:
        if demand.relation == "in":
            yield from demand.value
            return


def _fits(value: Any, asked: Sequence[Demand]) -> bool:
    for demand in asked:
        try:
            if not _HOLDS[demand.relation](value, demand.value):
                return False
        except TypeError:  # a text beside a number: missing, so that no condition holds
            return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
