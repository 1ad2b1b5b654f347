"""`milepost track` and `milepost import` (design.md, section 13)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Milepost


def line(message_id: str | None = None, **more: Any) -> str:
    call = {
        "type": "track",
        "userId": "ada",
        "event": "Order Completed",
        "timestamp": "2026-03-02T09:00:00Z",
        "properties": {"revenue": 9},
    }
    return json.dumps({**call, **({"messageId": message_id} if message_id else {}), **more})


# --- track -----------------------------------------------------------------------------------------------------------


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


# --- import ----------------------------------------------------------------------------------------------------------


def test_good_lines_are_kept_and_bad_ones_are_told_by_their_number(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    good = (
        line("m1"),
        line("m1"),
        line(),
        line(userId="grace"),
        line(type="identify", traits={"plan": "pro"}, event=None),
    )
    bad = (
        "not json",
        line("m2", timestamp="2026-02-30T09:00:00Z"),
        line("m3", userId=None),
        line("m4", event="message.opened"),
    )
    file.write_text("\ufeff" + "\n".join([*good, "", *bad]) + "\n", "utf-8")
    answer = milepost("import", file, "--format", "json")
    assert answer.code == 1
    assert (answer.data["read"], answer.data["accepted"], answer.data["duplicates"]) == (9, 4, 1)
    assert [one["line"] for one in answer.data["rejected"]] == [7, 8, 9, 10]
    assert all(one["reason"] for one in answer.data["rejected"])
    assert "4 events wait for the worker" in answer.err
    again = milepost("import", file)
    assert (again.code, again.out.splitlines()[-1]) == (1, "9 read, 0 accepted, 5 duplicates, 4 rejected")
    assert again.out.startswith(f"{file}:7: it is not JSON")


def test_more_than_a_chunk_is_imported_once(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(line(f"m{number}") for number in range(1203)), "utf-8")
    first, again = milepost("import", file, "--format", "json"), milepost("import", file, "--format", "json")
    assert (first.code, first.data["accepted"], first.data["duplicates"]) == (0, 1203, 0)
    assert (again.code, again.data["accepted"], again.data["duplicates"]) == (0, 0, 1203)


def test_an_old_event_enters_only_with_backfill(milepost: Milepost, tmp_path: Path) -> None:
    for name, options in (("ada", []), ("grace", ["--backfill"])):
        file = tmp_path / f"{name}.jsonl"
        file.write_text(line("old-" + name, userId=name, timestamp="2020-01-01T00:00:00Z"), "utf-8")
        milepost("import", file, *options)
        milepost("track", name, "delta")  # applies what waits
    assert milepost("customer", "show", "ada", "--format", "json").data["journeys"] == []
    assert len(milepost("customer", "show", "grace", "--format", "json").data["journeys"]) == 1


def test_a_line_without_an_end_is_told_and_what_follows_is_kept(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("x" * 3_000_000 + "\n" + line("m1"), "utf-8")
    answer = milepost("import", file, "--format", "json")
    assert (answer.code, answer.data["accepted"]) == (1, 1)
    assert [one["line"] for one in answer.data["rejected"]] == [1]


def test_what_the_map_does_not_know_is_recorded_and_counted(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(line("m1", event="Cart Viewed") + "\n" + line("m2", event="Cart Viewed"), "utf-8")
    answer = milepost("import", file)
    assert (answer.code, "`Cart Viewed` is not declared in the map: 2 lines" in answer.err) == (0, True)


@pytest.mark.parametrize("what", ["missing", "folder", "latin-1"])
def test_a_file_that_is_no_text_is_one_sentence(milepost: Milepost, tmp_path: Path, what: str) -> None:
    file = tmp_path / "events.jsonl"
    if what == "folder":
        file.mkdir()
    elif what == "latin-1":
        file.write_bytes(line("m1").encode() + b"\n" + "é".encode("latin-1"))
    answer = milepost("import", file)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert str(file) in answer.err
