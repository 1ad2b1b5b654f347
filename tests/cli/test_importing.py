"""`milepost import` of JSON lines: each row once, bad ones by their line, and taken up again after an interruption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import chunks
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


def test_what_is_no_time_zone_is_told_and_kept(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    zones = ["Nowhere/Land", "Europe/Paris", "+05:30", "Nowhere/Land", 7, "", None]
    calls = [
        line(type="identify", traits={"time_zone": zone}, userId=f"u-{n}", event=None) for n, zone in enumerate(zones)
    ]
    file.write_text("\n".join(calls) + "\n", "utf-8")
    answer = milepost("import", file)
    assert (answer.code, answer.out.strip()) == (0, "7 read, 7 accepted, 0 duplicates, 0 rejected")
    told = [text for text in answer.err.splitlines() if "no time zone" in text]
    assert [text.split("; who")[0] for text in told] == [
        "`Nowhere/Land` is no time zone, as `Europe/Paris` is: 2 rows",
        "`+05:30` is no time zone, as `Europe/Paris` is: 1 row",
        "`7` is no time zone, as `Europe/Paris` is: 1 row",
    ]


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
    assert (answer.code, "`Cart Viewed` is not declared in the map: 2 rows" in answer.err) == (0, True)


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


def test_numbers_that_came_as_texts_are_numbers_and_what_is_none_is_told_by_its_line(
    milepost: Milepost, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    rows = (
        line("m1", properties={"revenue": "9"}),
        line("m2", properties={"revenue": "much"}),
        line("m3", type="identify", event=None, traits={"score": "seven", "email": "ada@example.com"}),
    )
    file.write_text("\n".join(rows), "utf-8")
    answer = milepost("import", file, "--backfill", "--format", "json")
    assert answer.data["rejected"] == [
        {"line": 2, "reason": "`revenue` is a number such as 49.5, and this is none"},
        {"line": 3, "reason": "`score` is a number such as 49.5, and this is none"},
    ]
    milepost("track", "ada", "delta")  # applies what waits
    (journey,) = milepost("customer", "show", "ada", "--format", "json").data["journeys"]
    assert journey["playbook"] == "welcome"  # it asks for event.revenue > 0


def test_the_same_line_is_the_same_event_though_the_map_declares_more_later(
    milepost: Milepost, project: Path, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(line(properties={"basket": "7"}), "utf-8")
    assert milepost("import", file).code == 0
    map_ = project / "playbooks" / "map.yaml"
    map_.write_text(map_.read_text("utf-8").replace("order: text", "order: text, basket: number"), "utf-8")
    assert milepost("import", file, "--format", "json").data["duplicates"] == 1


def test_an_interrupted_import_says_so_and_goes_on_where_it_was(
    milepost: Milepost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events.jsonl"
    rows = [line(f"m{number}", event="Cart Viewed") if number % 100 else "not json" for number in range(1600)]
    file.write_text("\n".join(rows), "utf-8")
    whole, taken = chunks.Import.take, 0

    def interrupted(self: chunks.Import, row: Any) -> bool:
        nonlocal taken
        taken += 1
        if taken == 1234:
            raise KeyboardInterrupt
        return whole(self, row)

    monkeypatch.setattr(chunks.Import, "take", interrupted)
    answer = milepost("import", file)
    assert (answer.code, answer.out) == (130, "")
    assert "up to line 1,000, and the same command goes on from there" in answer.err
    again = milepost("import", file, "--format", "json")
    assert "goes on behind line 1,000" in again.err
    assert taken == 1234 + 600
    assert (again.code, again.data["read"], again.data["accepted"], again.data["duplicates"]) == (1, 1600, 1584, 0)
    assert [one["line"] for one in again.data["rejected"]] == list(range(1, 1601, 100))
    assert "`Cart Viewed` is not declared in the map: 1,584 rows" in again.err
    anew = milepost("import", file, "--format", "json")
    assert (anew.data["read"], anew.data["accepted"], anew.data["duplicates"]) == (1600, 0, 1584)
    assert len(anew.data["rejected"]) == 16


def test_names_that_nobody_declared_are_counted_in_bounded_memory(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(line(f"m{number}", event=f"Event {number}") for number in range(150)), "utf-8")
    answer = milepost("import", file)
    assert answer.code == 0
    assert answer.err.count("is not declared in the map") == chunks.NAMES
    assert "further milestones are not declared either: 50 rows" in answer.err
