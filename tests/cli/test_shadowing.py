"""`milepost playbook shadow` and `diff`, and back-tests against published versions, as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Milepost

WELCOME = """\
playbook: welcome
stage: customer
description: A test.
owner: lifecycle@example.com
entry: purchase
steps: [{send: mail/one}, {wait: 3 days}, {send: mail/two}]
"""


@pytest.fixture
def house(project: Path, milepost: Milepost) -> Path:
    """A project whose playbook runs, and which Ada was entered into in it; its file has been changed since."""
    write(project, WELCOME)
    traits = {"firstName": "Ada", "email": "ada@example.com", "consent": ["news"]}
    call = {"type": "identify", "userId": "ada", "traits": traits}
    (project / "ada.jsonl").write_text(json.dumps(call), "utf-8")
    assert milepost("import", project / "ada.jsonl").code == 0
    assert milepost("track", "ada", "purchase", "--set", "revenue=5").code == 0
    write(project, WELCOME.replace("{send: mail/one}, ", ""))
    return project


def write(project: Path, text: str) -> None:
    (project / "playbooks/welcome.yaml").write_text(text, "utf-8")


def refusal(answer: Answer) -> tuple[int, str]:
    assert answer.out == ""
    assert answer.err.count("\n") == 1, answer.err
    return answer.code, answer.err.removeprefix("milepost: ").strip()


def test_what_a_shadow_would_have_done_is_shown_beside_what_runs(house: Path, milepost: Milepost) -> None:
    code, printed, _ = milepost("playbook", "shadow", "welcome", "--since", "2026-01-01")
    assert code == 0
    assert "is a shadow beside" in printed
    assert "It sends nothing." in printed
    code, printed, _ = milepost("playbook", "diff", "welcome")
    assert code == 0
    assert "1 customer with events since 2026-01-01 00:00" in printed
    assert "welcome: 1 customer differs" in printed
    assert printed.count("removed\n") == 1
    assert "and 1 that was not sent." in printed  # no worker runs here


def test_later_edits_do_not_change_a_shadow(house: Path, milepost: Milepost) -> None:
    registered = milepost("playbook", "shadow", "welcome", "--since", "2026-01-01", "--format", "json").data
    assert registered["state"] == "registered"
    write(house, WELCOME.replace("3 days", "9 days"))
    found = milepost("playbook", "diff", "welcome", "--format", "json").data
    assert (found["shadow"], found["running"]) == (registered["version"], registered["running"])
    assert found["differing"] == 1
    (message,) = found["by_customer"][0]["journeys"][0]["messages"]
    assert (message["what"], message["template"]) == ("removed", "mail/one")
    assert found["agreement"] == {"sent": 0, "same": 0, "otherwise": 0, "missing": 0, "extra": 1}
    assert found["by_customer"][0]["customer"].startswith("cus_")
    again = milepost("playbook", "shadow", "welcome", "--format", "json").data
    assert again["state"] == "replaced"


def test_it_can_be_a_comment_for_a_pull_request_or_of_one_customer(house: Path, milepost: Milepost) -> None:
    milepost("playbook", "shadow", "welcome", "--since", "2026-01-01")
    code, printed, _ = milepost("playbook", "diff", "welcome", "--format", "markdown")
    assert code == 0
    assert "| `mail/one` (email) | 1 | - | - | 1 | - | - |  |" in printed
    assert "ada" not in printed
    assert milepost("playbook", "diff", "welcome", "--customer", "ada").code == 0
    code, said = refusal(milepost("playbook", "diff", "welcome", "--customer", "adda"))
    assert code == 2
    assert "adda" in said


def test_a_shadow_is_stopped(house: Path, milepost: Milepost) -> None:
    version = milepost("playbook", "shadow", "welcome", "--format", "json").data["version"]
    assert milepost("playbook", "shadow", "welcome", "--stop").out == f"welcome {version} is no shadow any more.\n"
    for command in (("diff", "welcome"), ("shadow", "welcome", "--stop")):
        code, said = refusal(milepost("playbook", *command))
        assert code == 2
        assert said.startswith("there is no shadow of `welcome`")


def test_what_cannot_be_a_shadow_is_refused_in_a_sentence(house: Path, milepost: Milepost) -> None:
    assert refusal(milepost("playbook", "shadow", "welcom")) == (
        2, "there is no playbook `welcom`; did you mean `welcome`?",
    )  # fmt: skip
    code, said = refusal(milepost("playbook", "shadow", "welcome", "--since", "2190-01-01"))
    assert (code, "is still ahead" in said) == (2, True)
    assert refusal(milepost("playbook", "shadow", "welcome", "--since", "soon"))[0] == 2
    write(house, WELCOME)
    code, said = refusal(milepost("playbook", "shadow", "welcome"))
    assert code == 4
    assert said.startswith("the file of welcome is the version that runs")


def test_a_playbook_of_which_no_version_runs_is_all_new(house: Path, milepost: Milepost) -> None:
    text = WELCOME.replace("playbook: welcome", "playbook: goodbye")
    (house / "playbooks/goodbye.yaml").write_text(text, "utf-8")
    assert "though no version of it runs" in milepost("playbook", "shadow", "goodbye", "--since", "2026-01-01").out
    found = milepost("playbook", "diff", "goodbye", "--format", "json").data
    assert found["running"] is None
    assert found["differences"]["goodbye"]["entered"] == {"before": 0, "after": 1}


# --- back-tests against what was published ---------------------------------------------------------------------------

LOG = '{"type": "track", "userId": "ada", "event": "purchase", "timestamp": "2026-01-05T12:00:00Z"}\n'


def test_a_back_test_against_a_version_by_number_and_by_name(house: Path, milepost: Milepost) -> None:
    log = house / "log.jsonl"
    log.write_text(LOG, "utf-8")
    running = milepost("playbook", "shadow", "welcome", "--format", "json").data["running"]
    for arguments in (("1", "--playbook", "welcome"), (running,), (running[:6],)):
        found = milepost("backtest", log, "--format", "json", "--against", *arguments).data
        assert found["against"]["kind"] == "version"
        assert found["against"]["versions"]["welcome"]["before"] == running
        (message,) = found["by_customer"][0]["journeys"][0]["messages"]
        assert (message["what"], message["template"]) == ("removed", "mail/one")


def test_a_version_that_was_never_published_is_refused(house: Path, milepost: Milepost) -> None:
    log = house / "log.jsonl"
    log.write_text(LOG, "utf-8")
    for arguments in (("7", "--playbook", "welcome"), ("0123456789abcdef",)):
        code, said = refusal(milepost("backtest", log, "--against", *arguments))
        assert code == 2
        assert f"`{arguments[0]}`" in said


def test_a_version_whose_template_is_gone_cannot_be_lived(house: Path, milepost: Milepost) -> None:
    log = house / "log.jsonl"
    log.write_text(LOG, "utf-8")
    (house / "templates/mail/one.email.html").unlink()
    code, said = refusal(milepost("backtest", log, "--against", "1", "--playbook", "welcome"))
    assert code == 2
    assert "sends `mail/one` (email), and there is no such template any more" in said
