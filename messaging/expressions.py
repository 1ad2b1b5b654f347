"""From the syntax tree of a condition to nested functions of `Facts`.

Only the kinds of node that have a method here can be used. A function returns a value or raises `Missing`. Where Jinja2
lets a value be absent (before `is defined`, before `default`), a node is built `soft`: its function then returns an
`Absent` that carries the name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, cast

from jinja2 import nodes

from lifecycle.facts import ConditionError, Facts
from lifecycle.language.faults import did_you_mean
from lifecycle.language.template import NAMES
from messaging.names import NOTHING, dotted
from messaging.readers import Read, reader_of
from messaging.sandbox import BINARY, Sandbox, TooMuch

MAX_NESTING = 60

FAILURES = (TypeError, ValueError, ArithmeticError, TooMuch)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "gteq": operator.ge, "lt": operator.lt,
    "lteq": operator.le, "in": lambda a, b: a in b, "notin": lambda a, b: a not in b,
}  # fmt: skip
_ARITHMETIC: dict[type[nodes.BinExpr], str] = {
    nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.Div: "/", nodes.FloorDiv: "//", nodes.Mod: "%",
}  # fmt: skip
_FILTERS = ("abs", "count", "d", "default", "float", "int", "length", "lower", "round", "trim", "upper")
_ABOUT_NAMES = ("defined", "undefined")
_ABOUT_TYPES = ("boolean", "number", "string")
_ABOUT_VALUES = ("even", "odd")
_TESTS = _ABOUT_NAMES + _ABOUT_TYPES + _ABOUT_VALUES
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Call: "functions cannot be called in a condition",
    nodes.Concat: "texts cannot be joined in a condition",
    nodes.Pow: "powers cannot be used in a condition",
    nodes.Dict: "groups in { } cannot be used in a condition",
}
_WHOLE = {
    "milestones": "write `milestones.purchase.count`, `.first`, `.last` or `.days_since`",
    "messages": "write `messages.ID.state`, with the id of a step",
    "customer": "write which one, as in `customer.plan`",
    "account": "write which one, as in `account.plan`",
    "event": "write which one, as in `event.amount`",
    "reached": "write which one, as in `reached.amount`",
}


class Missing(Exception):
    """A value that the expression needs is not there, or is not what the expression can use. `names` says which."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names


class Absent:
    """A name without a value, where that is no failure yet."""

    __slots__ = ("names",)

    def __init__(self, name: str) -> None:
        self.names = (name,)


class Builder:
    """Turns the nodes of one expression into functions, and gathers the names that it looks at."""

    def __init__(self, expression: str, sandbox: Sandbox) -> None:
        self.expression, self.sandbox = expression, sandbox
        self.found: dict[str, None] = {}
        self.depth = 0

    def build(self, node: nodes.Node, soft: bool = False) -> Read:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise RecursionError
        try:
            if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
                return self._name(node, soft)
            method = getattr(self, f"_{type(node).__name__.lower()}", None)
            if method is None and isinstance(node, nodes.BinExpr) and type(node) in _ARITHMETIC:
                method = self._arithmetic
            if method is None:
                self._refuse(_REFUSED.get(type(node), "this cannot be used in a condition"), node)
            read: Read = method(node, soft)
            return read
        finally:
            self.depth -= 1

    def _refuse(self, message: str, node: nodes.Node | None = None, text: str | None = None) -> NoReturn:
        if text is None and node is not None:
            first = next((dotted(part) for part in _names_in(node)), None)
            text = str(first[0]) if first else None
        raise ConditionError(message, max(0, self.expression.find(text)) if text else 0)

    def _names(self, *nodes_: nodes.Node) -> tuple[str, ...]:
        names = (dotted(name) for node in nodes_ for name in _names_in(node))
        return tuple(dict.fromkeys(".".join(map(str, name)) for name in names if name))

    # Names

    def _name(self, node: nodes.Expr, soft: bool) -> Read:
        path = dotted(node)
        if path is None:
            self._refuse("only names such as `customer.plan` have parts, and what stands in [ ] must be fixed", node)
        name = ".".join(map(str, path))
        group = str(path[0])
        if group not in NAMES:
            hint = did_you_mean(group, NAMES) or "a name begins with " + ", ".join(f"`{known}`" for known in NAMES)
            self._refuse(f"`{name}` is not known here; {hint}", text=group)
        if any(isinstance(part, str) and part.startswith("_") for part in path):
            self._refuse(f"`{name}`: a name never begins with an underscore", text=group)
        read = reader_of(path)
        if read is None:
            self._refuse(f"`{name}` is not one value; {_WHOLE.get(group, f'`{group}` has no parts')}", text=group)
        self.found[name] = None
        names, absent = (name,), Absent(name)
        if soft:

            def softly(facts: Facts) -> Any:
                value = read(facts)
                return absent if value is NOTHING else value

            return softly
        if name.startswith("milestones.") and name.endswith(".count"):  # 0 where it never happened, and never missing
            return read

        def firmly(facts: Facts) -> Any:
            value = read(facts)
            if value is NOTHING:
                raise Missing(names)
            return value

        return firmly

    def _whole(self, node: nodes.Expr) -> Read:
        """What stands before `is defined`: a name, or the whole of `event`, `reached` and so on."""
        path = dotted(node)
        if path is None:
            self._refuse("`is defined` asks about a name, as in `customer.plan is defined`", node)
        if len(path) == 1 and path[0] in ("customer", "account", "event", "reached"):
            group = str(path[0])
            self.found[group] = None
            absent = Absent(group)
            return lambda facts: absent if getattr(facts, group) is None else True
        return self._name(node, True)

    # Values and what is done to them

    def _const(self, node: nodes.Const, soft: bool) -> Read:
        value = node.value
        if value is None:
            self._refuse("nothing equals `none`; write `is not defined`", text="one")
        return lambda facts: value

    def _list(self, node: nodes.List | nodes.Tuple, soft: bool) -> Read:
        values = [self._fixed(item) for item in node.items]
        fixed: list[Any] | tuple[Any, ...] = values if isinstance(node, nodes.List) else tuple(values)
        return lambda facts: fixed

    _tuple = _list

    def _fixed(self, node: nodes.Expr) -> Any:
        negative = isinstance(node, nodes.Neg)
        inner = node.node if isinstance(node, nodes.Neg) else node
        if not isinstance(inner, nodes.Const) or inner.value is None or (negative and isinstance(inner.value, str)):
            self._refuse("a list holds fixed values only, as in `customer.plan in ['pro', 'team']`", node)
        return -inner.value if negative else inner.value

    def _compare(self, node: nodes.Compare, soft: bool) -> Read:
        left, names = self.build(node.expr), self._names(node)
        if len(node.ops) > 1:
            return self._chain(node, left, names)
        compare, other = _COMPARE[node.ops[0].op], node.ops[0].expr
        if isinstance(other, nodes.Const) and other.value is not None:
            fixed = other.value

            def against(facts: Facts) -> Any:
                value = left(facts)
                try:
                    return compare(value, fixed)
                except FAILURES:
                    raise Missing(names) from None

            return against
        right = self.build(other)

        def both(facts: Facts) -> Any:
            one, two = left(facts), right(facts)
            try:
                return compare(one, two)
            except FAILURES:
                raise Missing(names) from None

        return both

    def _chain(self, node: nodes.Compare, left: Read, names: tuple[str, ...]) -> Read:
        links = [(_COMPARE[link.op], self.build(link.expr)) for link in node.ops]

        def chain(facts: Facts) -> Any:
            value, result = left(facts), True
            for compare, read in links:
                following = read(facts)
                try:
                    result = compare(value, following)
                    if not result:
                        return result
                except FAILURES:
                    raise Missing(names) from None
                value = following
            return result

        return chain

    def _arithmetic(self, node: nodes.BinExpr, soft: bool) -> Read:
        left, right, names = self.build(node.left), self.build(node.right), self._names(node)
        act = BINARY[_ARITHMETIC[type(node)]]
        return self._guarded(lambda facts: act(left(facts), right(facts)), names)

    def _neg(self, node: nodes.Neg, soft: bool) -> Read:
        read = self.build(node.node)
        return self._guarded(lambda facts: -read(facts), self._names(node))

    def _pos(self, node: nodes.Pos, soft: bool) -> Read:
        read = self.build(node.node)
        return self._guarded(lambda facts: +read(facts), self._names(node))

    @staticmethod
    def _guarded(act: Read, names: tuple[str, ...]) -> Read:
        def guarded(facts: Facts) -> Any:
            try:
                return act(facts)
            except FAILURES:
                raise Missing(names) from None

        return guarded

    # Logic

    def _and(self, node: nodes.And, soft: bool) -> Read:
        left, right = self.build(node.left), self.build(node.right, soft)
        return lambda facts: left(facts) and right(facts)

    def _or(self, node: nodes.Or, soft: bool) -> Read:
        left, right = self.build(node.left), self.build(node.right, soft)
        return lambda facts: left(facts) or right(facts)

    def _not(self, node: nodes.Not, soft: bool) -> Read:
        read = self.build(node.node)
        return lambda facts: not read(facts)

    def _condexpr(self, node: nodes.CondExpr, soft: bool) -> Read:
        if node.expr2 is None:
            self._refuse("an `if` inside a condition needs an `else`", text=" if ")
        test, yes, no = self.build(node.test), self.build(node.expr1, soft), self.build(node.expr2, soft)
        return lambda facts: yes(facts) if test(facts) else no(facts)

    # Tests and filters

    def _test(self, node: nodes.Test, soft: bool) -> Read:
        if node.name not in _TESTS or node.args or node.kwargs:
            hint = did_you_mean(node.name, _TESTS) or "there are " + ", ".join(f"`is {test}`" for test in _TESTS)
            self._refuse(f"`is {node.name}` is not known here; {hint}", text=node.name)
        if node.name in _ABOUT_NAMES:
            name, wanted = self._whole(node.node), node.name == "defined"
            return lambda facts: (type(name(facts)) is not Absent) is wanted
        passes = cast("Callable[..., Any]", self.sandbox.tests[node.name])
        read = self.build(node.node, node.name in _ABOUT_TYPES)
        return self._guarded(lambda facts: passes(read(facts)), self._names(node))

    def _filter(self, node: nodes.Filter, soft: bool) -> Read:
        if node.node is None or node.name not in _FILTERS or node.dyn_args or node.dyn_kwargs:
            hint = did_you_mean(node.name, _FILTERS) or "there are " + ", ".join(f"`{name}`" for name in _FILTERS)
            self._refuse(f"the filter `{node.name}` is not known in conditions; {hint}", text=node.name)
        if node.name in ("default", "d"):
            return self._default(node, soft)
        act: Callable[..., Any] = self.sandbox.filters[node.name]
        read, names = self.build(node.node), self._names(node)
        arguments = [self.build(argument) for argument in node.args]
        named = {str(pair.key): self.build(pair.value) for pair in node.kwargs}
        return self._guarded(
            lambda facts: act(
                read(facts), *(argument(facts) for argument in arguments), **{k: v(facts) for k, v in named.items()}
            ),
            names,
        )

    def _default(self, node: nodes.Filter, soft: bool) -> Read:
        also_empty = len(node.args) > 1 and isinstance(node.args[1], nodes.Const) and node.args[1].value is True
        if node.kwargs or len(node.args) != (2 if also_empty else 1):
            self._refuse(
                "`default` takes one value, as in `default('none')`, and `true` to replace what is empty", node
            )
        read, other = self.build(node.node, soft=True), self.build(node.args[0], soft=True)  # type: ignore[arg-type]

        def default(facts: Facts) -> Any:
            # As in Jinja2 the default is looked at in any case; that it is absent too matters only where it is used.
            value, instead = read(facts), other(facts)
            if type(value) is Absent or (also_empty and not value):
                value = instead
                if type(value) is Absent and not soft:
                    raise Missing(value.names)
            return value

        return default


def _names_in(node: nodes.Node) -> Iterator[nodes.Expr]:
    if isinstance(node, nodes.Expr) and dotted(node) is not None:
        yield node
        return
    for child in node.iter_child_nodes():
        yield from _names_in(child)
