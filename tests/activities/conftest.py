"""Desks: a house of one playbook, with Ada in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.activities.desk import Desk
from tests.intake.house import START, House

Open = Callable[..., Desk]


@pytest.fixture
def open_desk(tmp_path: Path, url: str) -> Iterator[Open]:
    """A desk for a playbook of these steps, which Ada enters at 10:00 in Paris. `traits` are hers besides."""
    opened: list[Desk] = []

    def at(steps: str, *, traits: dict[str, Any] | None = None, **outside: Any) -> Desk:
        house = House.build(tmp_path, url, {"first": f"entry: {{milestone: alpha}}\nsteps:\n{steps}"})
        known = {"email": "ada@example.com", "phone": "+33612345678", "consent": ["news"]} | (traits or {})
        house.identify(**known)
        house.track("alpha")
        desk = Desk(house, START, **outside)
        opened.append(desk)
        return desk

    yield at
    for desk in opened:
        desk.engine.tools.threads.shutdown()
        desk.house.database.close()
