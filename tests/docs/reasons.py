"""Finds in the source every code that is given as the reason of a message."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from lifecycle import policies
from messaging import foot
from tests.docs.pages import ROOT

SOURCES = ("lifecycle", "messaging", "activities", "intake", "workflows")

# Which argument of a call is the reason; a refused or deferred line of a timeline names it.
CALLS = {"Result": 1, "Outcome": 1, "RenderError": 1, "_again": 0, "_refuse": 1}
NAMED = frozenset({"Result", "Outcome", "settle"})
LINES = frozenset({"refused", "deferred"})


def given() -> dict[str, str]:
    """Every code, with the file and line that gives it first."""
    found = dict.fromkeys(policies.CODES, "lifecycle/policies") | dict.fromkeys(foot._SHOWN_BY, "messaging/foot.py")
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            for code, line in _in(path):
                found.setdefault(code, f"{path.relative_to(ROOT)}:{line}")
    return found


def _in(path: Path) -> Iterator[tuple[str, int]]:
    tree = ast.parse(path.read_text("utf-8"))
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            for argument in _arguments(call):
                for code in _codes(argument, function):
                    yield code, call.lineno


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    line = name == "line" and bool(call.args) and getattr(call.args[0], "value", None) in LINES
    if name in CALLS and len(call.args) > CALLS[name]:
        yield call.args[CALLS[name]]
    if name in NAMED or line:
        yield from (keyword.value for keyword in call.keywords if keyword.arg == "reason")


def _codes(node: ast.expr | None, function: ast.AST) -> Iterator[str]:
    """The texts that an argument can be: itself, or what its name was set to in the same function."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _codes(node.body, function)
        yield from _codes(node.orelse, function)
    elif isinstance(node, ast.Name):
        for assigned in ast.walk(function):
            if isinstance(assigned, ast.Assign):
                yield from _codes(_value_of(node.id, assigned), function)


def _value_of(name: str, assigned: ast.Assign) -> ast.expr | None:
    """What a name was set to, also as one of several: `code, missing = "empty", None`."""
    for target in assigned.targets:
        if getattr(target, "id", None) == name:
            return assigned.value
        if isinstance(target, ast.Tuple) and isinstance(assigned.value, ast.Tuple):
            for one, value in zip(target.elts, assigned.value.elts, strict=False):
                if getattr(one, "id", None) == name:
                    return value
    return None
