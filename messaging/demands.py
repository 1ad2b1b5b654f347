"""What a condition asks of single names: read off its syntax tree, and never more than is sure.

A condition holds, or does not, or is missing (a value that it needs is not there). Where it held, every value that it
compared was there. Where it did not hold, it may have been missing, so that only what can never be missing tells
anything: `is defined`, `is undefined`, and how often a milestone happened.
"""

from __future__ import annotations

from typing import Any, Literal

from jinja2 import nodes

from lifecycle.facts import Demand, Outcome
from messaging.names import dotted

Found = frozenset[Demand]
Relation = Literal["eq", "ne", "lt", "lteq", "gt", "gteq"]

NONE: Found = frozenset()
_OPPOSITE: dict[str, Relation] = {"eq": "ne", "ne": "eq", "lt": "gteq", "gteq": "lt", "gt": "lteq", "lteq": "gt"}
_MIRRORED: dict[str, Relation] = {"eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "lteq": "gteq", "gteq": "lteq"}
_ABOUT_TYPES = ("boolean", "number", "string")


def demands_of(tree: nodes.Expr, outcome: Outcome) -> tuple[Demand, ...]:
    """What is sure of single names where the condition came to this."""
    found = {"true": _true, "false": _false, "else": _not_true}[outcome](tree)
    return tuple(sorted(found, key=repr))


def _true(node: nodes.Expr) -> Found:
    if isinstance(node, nodes.And):
        return _true(node.left) | _true(node.right)
    if isinstance(node, nodes.Or):
        # The second half is looked at only where the first is false: then the first was not missing.
        return _true(node.left) & (_true(node.right) | _false(node.left))
    if isinstance(node, nodes.Not):
        return _false(node.node)
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
        return _defined(node.node) if node.name == "defined" else NONE
    if isinstance(node, nodes.Test) and node.name in _ABOUT_TYPES:
        return _read(node.node)
    if isinstance(node, nodes.Compare):
        return _read(node) | _compared(node, opposite=False)
    return _read(node)


def _false(node: nodes.Expr) -> Found:
    """Where the condition came to false, and was not missing."""
    if isinstance(node, nodes.And):
        return _false(node.left) & (_false(node.right) | _true(node.left))
    if isinstance(node, nodes.Or):
        return _false(node.left) | _false(node.right)
    if isinstance(node, nodes.Not):
        return _true(node.node)
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
        return _defined(node.node) if node.name == "undefined" else NONE
    if isinstance(node, nodes.Compare):
        return _read(node) | _compared(node, opposite=True)
    return _read(node)


def _not_true(node: nodes.Expr) -> Found:
    """Where the condition came to false or was missing."""
    if never_missing(node):
        return _false(node)
    if isinstance(node, nodes.Or):
        return _not_true(node.left) | (_not_true(node.right) if never_missing(node.left) else NONE)
    if isinstance(node, nodes.And):
        return _not_true(node.left) & _not_true(node.right)
    return NONE


def never_missing(node: nodes.Expr) -> bool:
    """Whether a condition comes to true or false whatever is known of the customer."""
    if isinstance(node, nodes.And | nodes.Or):
        return never_missing(node.left) and never_missing(node.right)
    if isinstance(node, nodes.Not):
        return never_missing(node.node)
    if isinstance(node, nodes.Test):
        return node.name in ("defined", "undefined")
    if isinstance(node, nodes.Compare) and len(node.ops) == 1:
        sides = (node.expr, node.ops[0].expr)
        return any(_is_count(side) for side in sides) and any(_is_number(side) for side in sides)
    return False


def _is_count(node: nodes.Expr) -> bool:
    path = dotted(node)
    return path is not None and len(path) == 3 and path[0] == "milestones" and path[2] == "count"


def _is_number(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, int | float)


def _defined(node: nodes.Expr) -> Found:
    path = dotted(node)
    if path is None or (len(path) == 1 and path[0] not in ("stage", "health")):
        return NONE
    return frozenset([Demand(".".join(map(str, path)), "defined")])


def _read(node: nodes.Node) -> Found:
    """The names that had to have a value for this to be anything but missing."""
    if isinstance(node, nodes.Expr) and (found := _defined(node)):
        return found
    if isinstance(node, nodes.Filter) and node.name in ("default", "d"):
        return NONE
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined", *_ABOUT_TYPES):
        return NONE  # what is absent is no number, and that is an answer
    if isinstance(node, nodes.And | nodes.Or):
        return _read(node.left)
    if isinstance(node, nodes.CondExpr):
        return _read(node.test)
    if isinstance(node, nodes.Compare):  # in a chain, what stands behind the first link may not be looked at
        return _read(node.expr) | (_read(node.ops[0].expr) if node.ops else NONE)
    return frozenset().union(*(_read(child) for child in node.iter_child_nodes()))


def _compared(node: nodes.Compare, *, opposite: bool) -> Found:
    """A name beside a fixed value."""
    if len(node.ops) != 1:
        return NONE
    op, left, right = node.ops[0].op, node.expr, node.ops[0].expr
    if op in ("in", "notin"):
        name, values = _name(left), _fixed(right)
        inside = (op == "in") is not opposite
        if name is None or not isinstance(values, tuple):
            return NONE
        return frozenset([Demand(name, "in", values)] if inside else [Demand(name, "ne", value) for value in values])
    relation = op
    name, value = _name(left), _fixed(right)
    if name is None:
        name, value, relation = _name(right), _fixed(left), _MIRRORED[op]
    if name is None or value is None or isinstance(value, tuple):
        return NONE
    return frozenset([Demand(name, _OPPOSITE[relation] if opposite else relation, value)])  # type: ignore[arg-type]


def _name(node: nodes.Expr) -> str | None:
    path = dotted(node)
    return ".".join(map(str, path)) if path else None


def _fixed(node: nodes.Expr) -> Any:
    """A fixed value, a tuple for a list of them, or None."""
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const):
        return -node.node.value if isinstance(node.node.value, int | float) else None
    if isinstance(node, nodes.Const):
        return node.value
    if isinstance(node, nodes.List | nodes.Tuple):
        values = tuple(_fixed(item) for item in node.items)
        return None if None in values else values
    return None
