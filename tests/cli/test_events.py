"""`milepost track` (design.md, section 13)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Milepost


def test_a_first_milestone_works_on_a_new_project_without_anything_running(milepost: Milepost) -> None:
    answer = milepost("track", "ada", "purchase", "--set", "revenue=49", "--id", "m1", "--format", "json")
    assert (answer.code, answer.err) == (0, "")
    (entered,) = answer.data["entered"]
    assert entered["playbook"] == "welcome"
    assert answer.data == {"id": "m1", "state": "applied", "entered": [entered], "signalled": [], "not_entered": []}
    told = milepost("track", "ada", "omega", "--format", "json").data
    assert told["signalled"] == [entered["journey"]]


def test_a_repeated_id_does_nothing(milepost: Milepost) -> None:
    milepost("track", "ada", "purchase", "--set", "revenue=49", "--id", "m1")
    again = milepost("track", "ada", "purchase", "--set", "revenue=49", "--id", "m1", "--format", "json")
    assert (again.code, again.data["state"], again.data["entered"]) == (0, "duplicate", [])


def test_it_says_why_a_playbook_is_not_entered(milepost: Milepost) -> None:
    answer = milepost("track", "ada", "purchase", "--set", "revenue=0")
    assert answer.code == 0
    assert "did not enter welcome: the entry asks for: event.revenue > 0" in answer.out


def test_a_dry_run_leaves_nothing_behind(milepost: Milepost) -> None:
    tried = milepost("track", "ada", "purchase", "--set", "revenue=1", "--dry-run", "--format", "json")
    assert (tried.data["state"], len(tried.data["entered"])) == ("dry_run", 1)
    assert milepost("customer", "show", "ada").code == 2


def test_what_is_not_declared_is_recorded_and_said(milepost: Milepost) -> None:
    answer = milepost("track", "ada", "purchse", "--set", "revenue=1")
    assert answer.code == 0
    assert "did you mean `purchase`? It is recorded all the same." in answer.err
    assert "did you mean `revenue`?" in milepost("track", "ada", "purchase", "--set", "revenu=1").err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ada", "message.opened"], "made by Milepost itself"),
        (["ada", "purchase", "--set", "revenue=much"], "`revenue` is a number"),
        (["ada", "purchase", "--set", "revenue"], "cannot be read"),
        (["ada", "purchase", "--at", "2026-02-30"], "is not a time"),
        (["ada", "purchase", "--at", "1900-01-01"], "between 1970 and 2199"),
        ([" ", "purchase"], "customer"),
        (["ada", " "], "milestone"),
        (["ada", "purchase", "--id", ""], "--id"),
    ],
)
def test_a_wrong_call_is_one_sentence(milepost: Milepost, arguments: list[str], says: str) -> None:
    answer = milepost("track", *arguments)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert says in answer.err


def test_a_playbook_with_mistakes_stops_the_first_milestone_and_no_later_one(milepost: Milepost, project: Path) -> None:
    broken = project / "playbooks" / "broken.yaml"
    broken.write_text("playbook: broken\n", "utf-8")
    answer = milepost("track", "ada", "purchase", "--set", "revenue=1")
    assert (answer.code, answer.out) == (1, "")
    assert "milepost check" in answer.err
    broken.unlink()
    milepost("track", "ada", "purchase", "--set", "revenue=1")
    broken.write_text("playbook: broken\n", "utf-8")
    assert milepost("track", "ada", "beta").code == 0


def test_attributes_are_set_before_the_milestone_and_once(milepost: Milepost) -> None:
    sent = ("track", "ada", "purchase", "--set", "revenue=1", "--attribute", "plan=pro", "--id", "m1")
    assert milepost(*sent).code == 0
    again = milepost(*sent[:-4], "--attribute", "plan=free", "--id", "m1", "--format", "json")
    assert again.data["state"] == "duplicate"
    shown = milepost("explain", "ada", "--playbook", "welcome", "--format", "json")
    assert shown.data["outcome"] == "in_it"
    answer = milepost("track", "grace", "purchase", "--attribute", "plna=pro", "--attribute", "score=much")
    assert (answer.code, answer.err) == (2, "milepost: `score` is a number such as 49.5, and this is none\n")
    assert "did you mean `plan`?" in milepost("track", "grace", "beta", "--attribute", "plna=pro").err


def test_a_milestone_of_long_ago_enters_only_with_backfill(milepost: Milepost) -> None:
    sent = ("purchase", "--set", "revenue=1", "--at", "2020-01-01", "--format", "json")
    assert milepost("track", "ada", *sent).data["entered"] == []
    assert len(milepost("track", "grace", *sent, "--backfill").data["entered"]) == 1


def test_a_milestone_on_a_project_that_runs_loads_no_temporal(milepost: Milepost, project: Path) -> None:
    milepost("track", "ada", "purchase", "--set", "revenue=1")
    heavy = "{'temporalio', 'alembic', 'sendgrid', 'twilio', 'fastapi'}"
    code = f"import sys; from cli.main import run; run(sys.argv[1:]); print(sorted({heavy} & sys.modules.keys()))"
    arguments = ["track", "ada", "beta", "--project", str(project)]
    told = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"
