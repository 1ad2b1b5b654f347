"""Finds in the source every code that `milepost check` can print."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT

SOURCES = ("lifecycle", "messaging", "project.py")

# Which argument of a call is a code, and what stands before it: `names.unknown(place, "stage", ...)` is unknown-stage.
CALLS = {"mistake": (0, ""), "Problem": (1, ""), "unknown": (1, "unknown-"), "_known": (0, "unknown-")}


def codes() -> dict[str, str]:
    """Every code, with a file and line at which it is made."""
    found: dict[str, str] = {}
    for path in _files():
        tree = ast.parse(path.read_text("utf-8"))
        for function in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                for code in _codes_of(call, function):
                    found.setdefault(code, f"{path.relative_to(ROOT)}:{call.lineno}")
    return found


def _files() -> Iterator[Path]:
    for source in SOURCES:
        path = ROOT / source
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _codes_of(call: ast.Call, function: ast.AST) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    index, before = CALLS.get(name, (1, ""))
    if name not in CALLS and not (name == "add" and "faults" in ast.dump(call.func)):
        return
    if len(call.args) > index:
        for text in _texts(call.args[index], function):
            yield before + text.replace(" ", "-")


def _texts(node: ast.expr, function: ast.AST) -> Iterator[str]:
    """The texts that an argument can be: itself, or what its name was set to in the same function."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, function)
        yield from _texts(node.orelse, function)
    elif isinstance(node, ast.Name):
        for part in ast.walk(function):
            if isinstance(part, ast.Assign) and any(getattr(target, "id", None) == node.id for target in part.targets):
                yield from _texts(part.value, function)
