"""What can be said of a template without rendering it: the names it needs, and what it may not do.

Works on Jinja2's syntax tree. A template in which `problems` finds anything is never compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jinja2 import nodes

from lifecycle.language.faults import did_you_mean
from lifecycle.language.template import NAMES
from messaging.names import MILESTONE_PARTS, dotted
from messaging.sandbox import DATA_METHODS, Sandbox

# What Milepost itself gives every template, beside the customer's facts.
GIVEN = (
    "subject", "preheader", "language", "company", "unsubscribe_url", "preferences_url", "confirm_url",
    "postal_address",
)  # fmt: skip
_GROUPS = tuple(name for name in NAMES if name not in ("stage", "health"))
_FUNCTIONS = ("range", "super", "caller", "loop", "self")
_ALLOWED = (
    nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign, nodes.Block, nodes.Extends, nodes.Include,
    nodes.Import, nodes.FromImport, nodes.Macro, nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict,
    nodes.Pair, nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call, nodes.Getitem, nodes.Getattr,
    nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.BinExpr, nodes.UnaryExpr,
)  # fmt: skip
_REFUSED: dict[type[nodes.Node], str] = {
    nodes.AssignBlock: "{% set %} ... {% endset %}",
    nodes.CallBlock: "{% call %}",
    nodes.FilterBlock: "{% filter %}",
    nodes.With: "{% with %}",
    nodes.ScopedEvalContextModifier: "{% autoescape %}",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What a template may not do. `text` stands at the problem, so that its column can be found in the line."""

    line: int
    code: str
    message: str
    text: str
    suggestion: str | None = None


@dataclass(slots=True)
class Names:
    """The dotted names that a template uses, each with the line of its first use.

    `needed` must have a value for it to render: they stand neither under `default` nor behind `is defined`. `other` are
    needed names outside a customer's facts, `made` are those that the template makes itself, `layouts` the shared files
    that it uses.
    """

    used: dict[str, int] = field(default_factory=dict)
    needed: dict[str, int] = field(default_factory=dict)
    other: dict[str, int] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    layouts: dict[str, int] = field(default_factory=dict)


def names_in(tree: nodes.Template) -> Names:
    """The names of a template by itself, without those of its layouts."""
    names = Names()
    for name in tree.find_all(nodes.Name):
        if name.ctx != "load":
            names.made.add(name.name)
    names.made |= {macro.name for macro in tree.find_all(nodes.Macro)}
    for part in tree.find_all((nodes.Import, nodes.FromImport)):
        imported = [part.target] if isinstance(part, nodes.Import) else part.names  # type: ignore[attr-defined]
        names.made |= {name if isinstance(name, str) else name[1] for name in imported}
    for reference in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        wanted = reference.template  # type: ignore[attr-defined]
        if isinstance(wanted, nodes.Const):
            names.layouts.setdefault(str(wanted.value), reference.lineno)
    _walk(tree, frozenset(), names)
    return names


def _walk(node: nodes.Node, sure: frozenset[str], names: Names) -> None:
    path = dotted(node)
    if path is not None:
        _note(".".join(map(str, path)), node.lineno, names, path[0] in NAMES, sure)
    elif isinstance(node, nodes.Test) and node.name in ("defined", "undefined") and dotted(node.node):
        names.used.update(_named(node.node, names))
    elif isinstance(node, nodes.Filter) and node.name in ("default", "d") and node.node and dotted(node.node):
        names.used.update(_named(node.node, names))
        for child in (*node.args, *node.kwargs):
            _walk(child, sure, names)
    elif isinstance(node, nodes.If):
        _walk(node.test, sure, names)
        _walk_all(node.body, sure | _sure(node.test, True), names)
        _walk_all((*node.elif_, *node.else_), sure | _sure(node.test, False), names)
    elif isinstance(node, nodes.CondExpr):
        _walk(node.test, sure, names)
        _walk(node.expr1, sure | _sure(node.test, True), names)
        if node.expr2:
            _walk(node.expr2, sure | _sure(node.test, False), names)
    elif isinstance(node, nodes.And | nodes.Or):
        _walk(node.left, sure, names)
        _walk(node.right, sure | _sure(node.left, isinstance(node, nodes.And)), names)
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr in DATA_METHODS:
        _walk_all((node.node.node, *node.args), sure, names)
    else:
        _walk_all(node.iter_child_nodes(), sure, names)


def _walk_all(parts: Iterable[nodes.Node], sure: frozenset[str], names: Names) -> None:
    for part in parts:
        _walk(part, sure, names)


def _note(name: str, line: int, names: Names, fact: bool, sure: frozenset[str]) -> None:
    if name in _GROUPS:
        return
    if fact:
        names.used.setdefault(name, line)
        # How often a milestone happened is always known.
        if name not in sure and not (name.startswith("milestones.") and name.endswith(".count")):
            names.needed.setdefault(name, line)
    elif name.partition(".")[0] not in sure:
        names.other.setdefault(name.partition(".")[0], line)


def _named(node: nodes.Node, names: Names) -> dict[str, int]:
    path = dotted(node) or ()
    name = ".".join(map(str, path))
    return {name: node.lineno} if path and path[0] in NAMES and name not in names.used else {}


def _sure(test: nodes.Node, outcome: bool) -> frozenset[str]:
    """The names that have a value wherever `test` came to `outcome`."""
    if isinstance(test, nodes.Not):
        return _sure(test.node, not outcome)
    if isinstance(test, nodes.And if outcome else nodes.Or):
        return _sure(test.left, outcome) | _sure(test.right, outcome)
    if isinstance(test, nodes.Test) and test.name == ("defined" if outcome else "undefined"):
        path = dotted(test.node)
        return frozenset([".".join(map(str, path))]) if path else frozenset()
    return frozenset()


def problems(tree: nodes.Template, sandbox: Sandbox, layouts: tuple[str, ...]) -> Iterator[Problem]:
    """Everything in a template that the sandbox does not have or allow. `layouts` are those that it may use."""
    for node, line in _all(tree, 1):
        yield from _problem(node, line, sandbox, layouts)
    names = names_in(tree)
    for name, line in names.used.items():
        wrong = _wrong_shape(name)
        if wrong:
            yield Problem(line, "unknown-name", wrong, name)


def _problem(node: nodes.Node, line: int, sandbox: Sandbox, layouts: tuple[str, ...]) -> Iterator[Problem]:
    if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and node.recursive):
        tag = "{% for ... recursive %}" if isinstance(node, nodes.For) else _REFUSED.get(type(node), "this")
        yield Problem(line, "not-allowed", f"`{tag}` cannot be used in templates", tag[:5])
    elif isinstance(node, nodes.Output):
        for shown in node.nodes:
            if isinstance(shown, nodes.Name) and shown.name in _GROUPS:
                message = f"`{shown.name}` is not one value; write which one, as in `{shown.name}.name`"
                yield Problem(shown.lineno, "unknown-name", message, shown.name)
    elif isinstance(node, nodes.Filter) and node.name not in sandbox.filters:
        hint = did_you_mean(node.name, sandbox.filters) or "there are " + ", ".join(sorted(sandbox.filters))
        if node.name == "safe":
            hint = "values are always escaped; markup belongs in the template itself"
        yield Problem(line, "unknown-filter", f"there is no filter `{node.name}`", node.name, hint)
    elif isinstance(node, nodes.Test) and node.name not in sandbox.tests:
        hint = did_you_mean(node.name, sandbox.tests) or "there are " + ", ".join(sorted(sandbox.tests))
        yield Problem(line, "unknown-test", f"there is no test `is {node.name}`", node.name, hint)
    elif isinstance(node, nodes.Name):
        if node.name.startswith("_"):
            yield Problem(line, "unsafe", f"`{node.name}`: a name never begins with an underscore", node.name)
        elif node.ctx != "load" and node.name in (*NAMES, *GIVEN):
            yield Problem(line, "unsafe", f"`{node.name}` is Milepost's own and cannot be set here", node.name)
    elif isinstance(node, nodes.Getattr | nodes.Getitem):
        part = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if isinstance(part, str) and part.startswith("_"):
            yield Problem(line, "unsafe", f"`{part}` cannot be reached: no name begins with an underscore", part)
    elif isinstance(node, nodes.Call) and (called := _not_callable(node)):
        yield Problem(line, "unsafe", f"`{called}(...)` cannot be called in templates", called)
    elif isinstance(node, nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport):
        yield from _reference(node, layouts)


def _not_callable(node: nodes.Call) -> str | None:
    """The name of what is called, where it is neither a function, a macro nor a part of a loop."""
    called = node.node
    if isinstance(called, nodes.Name):
        return called.name if called.name in (*NAMES, *GIVEN) else None
    if isinstance(called, nodes.Getattr):
        owner = called.node
        if called.attr in DATA_METHODS or (isinstance(owner, nodes.Name) and owner.name not in (*NAMES, *GIVEN)):
            return None
        return called.attr
    return "this"


def _reference(
    node: nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport, layouts: tuple[str, ...]
) -> Iterator[Problem]:
    wanted = node.template.value if isinstance(node.template, nodes.Const) else None
    if not isinstance(wanted, str):
        yield Problem(node.lineno, "unknown-layout", "the name of a layout must be one fixed text in quotes", "{%")
    elif wanted not in layouts:
        hint = did_you_mean(wanted, layouts) or "shared layouts are the files in templates/layouts/ of the same kind"
        yield Problem(node.lineno, "unknown-layout", f"there is no layout `{wanted}` for this template", wanted, hint)


def _all(tree: nodes.Node, line: int) -> Iterator[tuple[nodes.Node, int]]:
    """Every node below `tree` with its line; Jinja2 gives none to the nodes that it makes up."""
    for child in tree.iter_child_nodes():
        yield child, child.lineno or line
        yield from _all(child, child.lineno or line)


def _wrong_shape(name: str) -> str | None:
    group, *rest = name.split(".")
    if group in ("stage", "health"):
        return f"`{group}` has no parts" if rest else None
    if group == "milestones" and (len(rest) < 2 or rest[-1] not in MILESTONE_PARTS):
        return f"`{name}` is not one value; write `milestones.purchase.count`, `.first`, `.last` or `.days_since`"
    if group == "messages" and (len(rest) < 2 or rest[-1] != "state"):
        return f"`{name}` is not one value; write `messages.ID.state`, with the id of a step"
    return None


def unknown_names(names: Names, made: set[str]) -> Iterator[Problem]:
    """Names that nothing gives a value: neither the facts, nor Milepost, nor `made` by this template or a layout."""
    for name, line in names.other.items():
        if name not in made and name not in GIVEN and name not in _FUNCTIONS:
            hint = did_you_mean(name, NAMES) or f"an attribute of the customer is written `customer.{name}`"
            yield Problem(line, "unknown-name", f"`{name}` is not known here", name, hint)
