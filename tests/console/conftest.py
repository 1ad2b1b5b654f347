"""Desks for tests of the console."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console import counted, foreseer
from tests.console.desk import Desk
from tests.intake.house import House

Build = Callable[..., Desk]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages wait for what they count, however slow the machine: a test that is about their patience sets its own."""
    monkeypatch.setattr(counted, "PATIENCE", 60.0)
    monkeypatch.setattr(foreseer, "PATIENCE", 60.0)


@pytest.fixture
def build(tmp_path: Path, url: str) -> Iterator[Build]:
    """Builds a desk over a house of these playbooks."""
    with contextlib.ExitStack() as stack:

        def built(playbooks: dict[str, str] | None = None, **other: Any) -> Desk:
            house = House.build(tmp_path, url, playbooks or {})
            stack.callback(house.database.close)
            return Desk.build(house, **other)

        yield built


@pytest.fixture
def desk(build: Build) -> Desk:
    """A desk over a house without playbooks."""
    return build()
