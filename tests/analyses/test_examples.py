"""What ships to be copied is right: each example is checked without a finding, and its tests go through every step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lifecycle.coverage import Coverage
from lifecycle.scenarios import trials
from project import load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_nothing_to_mend_and_its_tests_hold(example: Path) -> None:
    project = load(example)
    assert [str(fault) for fault in project.faults] == []
    for name, plan in project.plans.items():
        coverage = Coverage.of(plan)
        tried = list(trials(plan, project.scenarios[name], project.world(), coverage))
        assert [trial.failure for trial in tried if trial.failure] == [], name
        assert coverage.missed == [], name
        assert tried


def test_every_example_is_told() -> None:
    page = (ROOT / "examples/README.md").read_text("utf-8")
    assert set(re.findall(r"\]\((\w+)\)", page)) == {path.name for path in EXAMPLES}
