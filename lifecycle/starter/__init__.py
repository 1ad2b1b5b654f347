"""A first playbook to start from: from a few choices to the texts of a playbook, its tests, and its templates.

What is written is a model: it has a goal, exits, a wait that ends, a branch, two messages that follow each other at a
week's distance, and scenarios that go every way. Comments say what to change. Nothing is read or written here.
"""

from __future__ import annotations

from lifecycle.language.map import Map
from lifecycle.starter.idea import Idea
from lifecycle.starter.messages import layout, messages
from lifecycle.starter.playbook import playbook
from lifecycle.starter.proof import proof

__all__ = ["Idea", "files_of"]


def files_of(idea: Idea, map_: Map, *, bring_layout: bool) -> dict[str, str]:
    """Every file of the new playbook by its path in the project; with `bring_layout` that of its e-mails too."""
    files = {idea.file: playbook(idea, map_), idea.tests: proof(idea, map_)}
    files |= messages(idea, map_)
    if bring_layout:
        files[f"templates/{idea.layout}"] = layout()
    return files
