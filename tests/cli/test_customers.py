"""`milepost customer show` (design.md, section 13)."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Milepost
from tests.cli.test_importing import line


def test_a_customer_is_shown_with_what_comes_next_and_why(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(
        line("m1", type="identify", traits={"firstName": "Ada", "consent": {"news": True}}, event=None), "utf-8"
    )
    milepost("import", file)
    milepost("track", "ada", "purchase", "--set", "revenue=49")
    answer = milepost("customer", "show", "ada", "--format", "json")
    assert answer.code == 0
    shown = answer.data
    assert shown["id"].startswith("cus_")
    assert (shown["user_id"], shown["stage"], shown["consent"], shown["messages"]) == (
        "ada",
        "customer",
        {"news": True},
        [],
    )
    (journey,) = shown["journeys"]
    assert set(journey) == {"id", "playbook", "version", "step", "state", "next"}
    assert (journey["playbook"], journey["state"]) == ("welcome", "starting")
    assert journey["next"] == {"at": None, "what": "wait for beta", "why": "the worker has not told Temporal of it yet"}
    assert milepost("customer", "show", shown["id"], "--format", "json").data == shown
    text = milepost("customer", "show", "ada").out
    assert "consent: news: yes" in text
    assert "next: wait for beta" in text


def test_an_unknown_customer_is_one_sentence(milepost: Milepost) -> None:
    answer = milepost("customer", "show", "nobody")
    assert (answer.code, answer.out, answer.err) == (2, "", "milepost: there is no customer `nobody`\n")
