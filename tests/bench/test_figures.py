"""What `make bench` prints and writes of what it measured."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from bench.commands import copy_project
from bench.figures import Figure, Section, show, write
from project import load

SECTIONS = [
    Section("Speed", [Figure("kept", 46, "", 46), Figure("slow", 0.5, "× by hand", 0.9, "least", "The disk is slow.")]),
    Section(
        "Yardstick", [Figure("events", 34, "", 34, "exactly"), Figure("beside", 1234.5, "bytes", note="So it is.")]
    ),
]


def test_results_hold_name_value_unit_budget_and_whether_it_was_kept(tmp_path: Path) -> None:
    write(SECTIONS, tmp_path / "results.json")
    rows = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert rows[1] == {"name": "Speed: slow", "value": 0.5, "unit": "× by hand", "budget": 0.9, "pass": False}
    assert [row["pass"] for row in rows] == [True, False, True, None]


def test_a_missed_budget_is_named_with_its_reason() -> None:
    out = io.StringIO()
    show(SECTIONS, Console(file=out, width=100))
    told = out.getvalue()
    assert "Missed: slow, 0.50 × by hand, budget ≥ 0.90." in told
    assert "The disk is slow." in told
    assert "beside [1]" in told
    assert "Missed: kept" not in told


def test_the_project_that_is_checked_has_so_many_playbooks_and_no_mistake(tmp_path: Path) -> None:
    copy_project(tmp_path, 20)
    found = load(tmp_path)
    assert len(found.files) == 20
    assert not found.faults.errors
