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
    assert (journey["next"]["what"], journey["next"]["why"]) == (
        "comes to its last step", "the worker has not told Temporal of it yet",
    )  # fmt: skip
    assert milepost("customer", "show", shown["id"], "--format", "json").data == shown
    text = milepost("customer", "show", "ada").out
    assert "consent: news: yes" in text
    assert "comes to its last step, unless beta comes before" in text


def test_while_the_project_has_mistakes_the_next_step_is_told_and_a_note_says_why(
    milepost: Milepost, project: Path
) -> None:
    milepost("track", "ada", "purchase", "--set", "revenue=49")
    file = project / "playbooks" / "welcome.yaml"
    file.write_text("steps: [", "utf-8")
    answer = milepost("customer", "show", "ada")
    assert (answer.code, "next: waits for beta" in answer.out) == (0, True)
    assert "What comes next is told as far as the next step: the project has 1 mistake" in answer.err


def test_an_unknown_customer_is_one_sentence(milepost: Milepost) -> None:
    answer = milepost("customer", "show", "nobody")
    assert (answer.code, answer.out, answer.err) == (2, "", "milepost: there is no customer `nobody`\n")
