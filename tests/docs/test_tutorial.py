"""Whoever follows the tutorial gets what it shows."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import ROOT, Reader, steps


def test_the_tutorial_shows_what_happens(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    try:
        for step in steps(ROOT / "docs/tutorial.md"):
            wrong = reader.do(step)
            assert wrong is None, f"docs/tutorial.md:{step.line}: {wrong}"
    finally:
        reader.stop()
