"""`milepost export` and `milepost erase`."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from tests.cli.conftest import Milepost


def test_a_person_is_exported_to_a_file_for_its_owner_alone_then_erased(milepost: Milepost, tmp_path: Path) -> None:
    milepost("track", "ada", "purchase", "--set", "revenue=49")
    made = milepost("export", "ada", "--out", tmp_path / "out", "--format", "json")
    file = Path(made.data["file"])
    assert json.loads(file.read_text("utf-8"))["milestones"][0]["name"] == "purchase"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused = milepost("erase", "ada", "--reason", "asked for it")
    assert (refused.code, refused.err) == (
        2, "milepost: an erasure cannot be undone: say --yes where nobody can be asked\n",
    )  # fmt: skip
    erased = milepost("erase", "ada", "--reason", "asked for it", "--yes", "--format", "json")
    # Temporal is not there: the journey that was never begun is a worker's to look for.
    assert (erased.data["new"], erased.data["complete"]) == (True, False)
    assert "a worker deletes their journeys there" in erased.err
    assert "was erased before" in milepost("erase", "ada", "--reason", "asked for it", "--yes").out
    assert milepost("export", "ada", "--out", "-").code == 2
    shown = milepost("customer", "show", erased.data["id"])
    assert (shown.code, "ended: erased" in shown.out) == (0, True)


def test_nobody_is_erased_or_exported_who_is_not_known(milepost: Milepost) -> None:
    assert milepost("erase", "bo", "--reason", "r", "--yes").code == 2
    assert "there is no customer `bo`" in milepost("export", "bo", "--out", "-").err
