"""From the syntax tree of a condition to a criterion that a database can be asked (`lifecycle.criteria`).

A segment may say less than other conditions: only what comes to the very same in SQL, for whatever values products have
sent. What it may not say is refused here with a sentence, when the segment is checked and never when it is asked.
"""

from __future__ import annotations

from typing import NoReturn, cast

from jinja2 import nodes

from lifecycle.criteria import (
    MAX_NUMBER,
    Among,
    Attribute,
    Both,
    Compare,
    Criterion,
    Defined,
    Either,
    Fixed,
    Full,
    History,
    Known,
    Not,
    Otherwise,
    Part,
    Relation,
    Scalar,
    Stage,
    Value,
)
from lifecycle.facts import ConditionError
from lifecycle.values import unstorable
from messaging.names import dotted

_NOT_HERE = {
    "event": "a segment is about customers, and about no single event: `event` cannot stand in it",
    "reached": "a segment is about customers, and about no journey: `reached` cannot stand in it",
    "messages": "a segment is about customers, and about no journey: `messages` cannot stand in it",
    "health": "a segment cannot look at `health` yet",
}
_CONDITION = "a segment compares values, and no conditions; join conditions with `and` and `or`"
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.And: _CONDITION,
    nodes.Or: _CONDITION,
    nodes.Not: _CONDITION,
    nodes.Compare: _CONDITION,
    nodes.CondExpr: "a segment has no `if ... else`; write it with `and`, `or` and `not`",
    nodes.BinExpr: "a segment cannot calculate; compare with the number itself",
    nodes.Neg: "a segment cannot calculate; compare with the number itself",
    nodes.Pos: "a segment cannot calculate; compare with the number itself",
    nodes.Filter: "in a segment the only filter is `default`, with one fixed value",
    nodes.Test: "in a segment the only tests are `is defined` and `is undefined`",
}
_MOMENTS = ("first", "last")


def criterion_of(expression: str, tree: nodes.Expr) -> Criterion:
    """The criterion of a condition that can be read; ConditionError says what a segment may not say."""
    return _Reading(expression).criterion(tree)


class _Reading:
    def __init__(self, expression: str) -> None:
        self.expression = expression

    def criterion(self, node: nodes.Expr) -> Criterion:
        if isinstance(node, nodes.And | nodes.Or):
            make = Both if isinstance(node, nodes.And) else Either
            return make(self.criterion(node.left), self.criterion(node.right))
        if isinstance(node, nodes.Not):
            return Not(self.criterion(node.node))
        if isinstance(node, nodes.Compare):
            return self._compare(node)
        if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
            known = Defined(self._known(node.node))
            return known if node.name == "defined" else Not(known)
        value = self._value(node)
        if _is_moment(value):
            self._refuse("a moment is neither true nor false; compare it, or write `is defined`", node)
        return Full(value)

    def _compare(self, node: nodes.Compare) -> Criterion:
        found: Criterion | None = None
        left = node.expr
        for link in node.ops:
            one = self._pair(left, link.op, link.expr, node)
            found, left = one if found is None else Both(found, one), link.expr
        assert found is not None
        return found

    def _pair(self, left: nodes.Expr, op: str, right: nodes.Expr, whole: nodes.Expr) -> Criterion:
        if op in ("in", "notin"):
            if not isinstance(right, nodes.List | nodes.Tuple):
                self._refuse("after `in` a segment wants a list of fixed values, as in `['pro', 'team']`", whole)
            value = self._value(left)
            if _is_moment(value):
                self._refuse("a moment can be compared with another moment only", left)
            among = Among(value, tuple(self._fixed(item) for item in right.items))
            return among if op == "in" else Not(among)
        one, two = self._value(left), self._value(right)
        if isinstance(one, Fixed) and isinstance(two, Fixed):
            self._refuse("this compares two fixed values, and looks at nothing of a customer", whole)
        if _is_attribute(one) and _is_attribute(two):
            self._refuse("a segment cannot compare two attributes with one another", whole)
        if _is_moment(one) is not _is_moment(two):
            self._refuse("a moment can be compared with another moment only; or use `days_since`", whole)
        return Compare(one, cast("Relation", op), two)

    def _value(self, node: nodes.Expr) -> Value:
        if dotted(node) is not None:
            return self._known(node)
        if isinstance(node, nodes.Filter) and node.name in ("default", "d"):
            return self._otherwise(node)
        if isinstance(node, nodes.Const) or (isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const)):
            return Fixed(self._fixed(node))
        says = next(
            (says for kind, says in _REFUSED.items() if isinstance(node, kind)), "this cannot stand in a segment"
        )
        return self._refuse(says, node)

    def _otherwise(self, node: nodes.Filter) -> Value:
        if node.node is None or len(node.args) != 1:
            self._refuse(_REFUSED[nodes.Filter], node)
        known = self._known(node.node)
        if _is_moment(known):
            self._refuse("a moment has no default in a segment; use `days_since`", node)
        return Otherwise(known, self._fixed(node.args[0]))

    def _known(self, node: nodes.Expr) -> Known:
        path = dotted(node)
        if path is None:
            self._refuse("in a segment only a name has a default or is defined, as in `customer.plan`", node)
        group, *rest = (str(part) for part in path)
        if group in _NOT_HERE:
            self._refuse(_NOT_HERE[group], node)
        if group == "stage":
            return Stage()
        if group == "milestones":
            return History(".".join(rest[:-1]), cast("Part", rest[-1]))
        if len(rest) != 1:
            self._refuse(f"a segment looks at whole attributes, as in `{group}.plan`", node)
        return Attribute("account" if group == "account" else "customer", rest[0])

    def _fixed(self, node: nodes.Expr) -> Scalar:
        inner = node.node if isinstance(node, nodes.Neg) else node
        value = inner.value if isinstance(inner, nodes.Const) else None
        negative = isinstance(node, nodes.Neg)
        if not isinstance(value, str | int | float) or (negative and isinstance(value, str)):
            self._refuse("here a segment wants a fixed value, such as `'pro'` or `3`", node)
        if isinstance(value, str):
            if unstorable(value):
                self._refuse("this text has characters that no stored text has", node)
            return value
        if abs(value) > MAX_NUMBER:
            self._refuse(f"a number in a segment is at most {MAX_NUMBER:,}", node)
        return -value if negative else value

    def _refuse(self, message: str, node: nodes.Node) -> NoReturn:
        """Refuse what stands at a node; the place is that of the first name in it."""
        names = [node] if isinstance(node, nodes.Expr) and dotted(node) else [*node.find_all(nodes.Name)]
        path = next((path for name in names if (path := dotted(name))), None)
        raise ConditionError(message, max(0, self.expression.find(str(path[0]))) if path else 0)


def _is_moment(value: Value) -> bool:
    return isinstance(value, History) and value.part in _MOMENTS


def _is_attribute(value: Value) -> bool:
    inner = value.value if isinstance(value, Otherwise) else value
    return isinstance(inner, Attribute)
