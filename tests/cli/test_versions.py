"""`milepost plan`, `apply` and `playbook history`: what they print and the statuses they end with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Milepost


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs here, and nobody waits for one."""
    monkeypatch.setattr("cli.watching.PATIENCE", 0.0)
    monkeypatch.setattr("cli.watching.POLL", 0.01)


@pytest.fixture
def edited(project: Path, milepost: Milepost) -> Path:
    """Ada is in `welcome`, whose file is another since."""
    assert milepost("track", "ada", "purchase", "--set", "revenue=49").code == 0
    file = project / "playbooks" / "welcome.yaml"
    file.write_text(file.read_text("utf-8").replace("9 days", "5 days"), "utf-8")
    return file


def gone(file: Path) -> None:
    text = file.read_text("utf-8")
    file.write_text(text[: text.index("steps:")] + "steps: [{wait: 5 days}, {record: gamma}]\n", "utf-8")


def test_with_nothing_to_apply_plan_says_so(milepost: Milepost) -> None:
    milepost("track", "ada", "purchase", "--set", "revenue=49")
    assert milepost("plan").out == "Nothing to apply: every playbook runs as its file says.\n"
    assert milepost("plan", "--format", "json").data == {"playbooks": []}
    applied = milepost("apply", "--in-flight", "pin", "--yes")
    assert (applied.code, applied.out) == (0, "Nothing to apply: nothing would change.\n")


@pytest.mark.usefixtures("edited")
def test_a_plan_shows_who_is_inside_and_what_would_become_of_them(milepost: Milepost) -> None:
    shown = milepost("plan")
    assert shown.code == 0
    assert "  wait-for-beta changes\n" in shown.out
    assert "  1 customer is at wait-for-beta (version " in shown.out
    assert "    pin     due " in shown.out
    assert "    follow  due " in shown.out
    (found,) = milepost("plan", "welcome", "--format", "json").data["playbooks"]
    assert found["steps"] == {
        "added": [], "removed": [], "changed": [{"step": "wait-for-beta", "becomes": "wait-for-beta"}]
    }  # fmt: skip
    (inside,) = found["inside"]
    assert (inside["customers"], inside["follow"]["step"], inside["exit"]) == (1, "wait-for-beta", {"ends": 1})
    assert inside["follow"]["median"] < inside["pin"]["median"]


@pytest.mark.usefixtures("edited")
def test_an_apply_asks_says_what_it_needs_and_goes_on_without_a_worker(milepost: Milepost) -> None:
    asked = milepost("apply", "welcome")
    assert asked.code == 2
    assert "say what becomes of them: `--in-flight pin`, `follow` or `exit`" in asked.err
    unseen = milepost("apply", "welcome", "--in-flight", "follow")
    assert (unseen.code, unseen.err) == (
        2, "milepost: nothing was applied, for nobody can be asked here; look at it, and add --yes\n"
    )  # fmt: skip
    applied = milepost("apply", "welcome", "--in-flight", "follow", "--yes", "--reason", "too late", "--format", "json")
    assert applied.code == 0
    (one,) = applied.data["applies"]
    assert (one["apply"], one["state"], one["in_flight"], one["reason"]) == (1, "running", "follow", "too late")
    assert "goes on when a worker runs" in applied.err


@pytest.mark.usefixtures("edited")
def test_while_an_apply_is_under_way_another_one_is_a_conflict(milepost: Milepost) -> None:
    assert milepost("apply", "welcome", "--in-flight", "follow", "--yes").code == 0
    second = milepost("apply", "welcome", "--in-flight", "pin", "--yes")
    assert (second.code, second.out) == (4, "")
    assert second.err.startswith("milepost: apply 1 of welcome is under way, and nothing was changed")
    stopped = milepost("apply", "welcome", "--stop", "--reason", "not today")
    assert stopped.code == 0
    assert "stopped" in stopped.out
    assert milepost("apply", "welcome", "--stop").code == 4


def test_where_a_step_is_gone_it_refuses_until_a_target_is_named(milepost: Milepost, edited: Path) -> None:
    gone(edited)
    refused = milepost("apply", "welcome", "--in-flight", "follow", "--yes")
    assert refused.code == 4
    assert refused.err.endswith("say where they go on: --move wait-for-beta=wait-5-days\n")
    assert milepost("playbook", "history", "welcome", "--format", "json").data["applies"] == []
    to = ("--move", "wait-for-beta=wait-5-days")
    assert milepost("apply", "welcome", "--in-flight", "follow", "--yes", *to).code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("apply", "welcome", "--version", "zz", "--in-flight", "pin", "--yes"), "no version `zz` of welcome"),
        (("plan", "welcom"), "did you mean `welcome`"),
        (("playbook", "history", "welcom"), "did you mean `welcome`"),
        (("apply", "welcome", "--move", "a", "--in-flight", "follow", "--yes"), "write `--move OLD_STEP=NEW_STEP`"),
        (("apply", "welcome", "--move", "wait-for-bet=x", "--in-flight", "follow", "--yes"), "`wait-for-beta`"),
        (("apply", "--move", "a=b", "--in-flight", "follow", "--yes"), "write its name first"),
        (("apply", "welcome", "--canary", "0", "--in-flight", "pin", "--yes"), "from 1 to 100 percent"),
        (("apply", "welcome", "--continue-after", "24h", "--in-flight", "pin", "--yes"), "goes with `--canary"),
        (("apply", "welcome", "--canary", "5", "--continue-after", "soon", "--in-flight", "pin"), "24h"),
        (("apply", "--stop"), "stand alone"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("edited")
def test_a_wrong_call_is_one_sentence_and_changes_nothing(
    milepost: Milepost, arguments: tuple[str, ...], says: str
) -> None:
    answer = milepost(*arguments)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert says in answer.err
    assert milepost("playbook", "history", "welcome", "--format", "json").data["applies"] == []


def test_a_version_is_rolled_back_by_applying_the_one_before(milepost: Milepost, edited: Path) -> None:
    (first,) = milepost("playbook", "history", "welcome", "--format", "json").data["versions"]
    assert (first["share"], first["customers"]) == (100, 1)
    assert milepost("apply", "welcome", "--in-flight", "pin", "--yes", "--canary", "20").code == 0
    shares = {one["version"]: one["share"] for one in versions(milepost)}
    assert shares.pop(first["version"]) == 80
    assert list(shares.values()) == [20]
    assert milepost("apply", "welcome", "--continue").code == 0
    assert {one["version"]: one["share"] for one in versions(milepost)} == {
        **dict.fromkeys(shares, 100),
        first["version"]: 0,
    }
    milepost("apply", "welcome", "--stop")
    back = ("apply", "welcome", "--in-flight", "pin", "--yes", "--reason", "worse", "--version")
    assert milepost(*back, first["version"][:6]).code == 0
    told = milepost("playbook", "history", "welcome").out
    assert f"version 1  {first['version']}  published " in told
    assert told.startswith("welcome, times in Europe/Paris\n")
    assert "; 100 % of new journeys take it; 1 customer is on it" in told
    assert told.splitlines()[3].endswith(": worse")
    assert milepost(*back, "2").code == 0  # the numbers are those that the history shows
    assert [(one["number"], one["share"]) for one in versions(milepost)] == [(2, 100), (1, 0)]
    assert edited.exists()


@pytest.mark.usefixtures("edited")
def test_a_share_that_has_moved_nobody_yet_says_so(milepost: Milepost) -> None:
    applied = milepost("apply", "welcome", "--in-flight", "follow", "--yes", "--canary", "20")
    assert applied.out.endswith("20 % of the customers take part, until somebody continues it, 0 moved\n")
    assert ", canary (0 moved)\n" in milepost("playbook", "history", "welcome").out


def versions(milepost: Milepost) -> list[dict[str, object]]:
    found: list[dict[str, object]] = milepost("playbook", "history", "welcome", "--format", "json").data["versions"]
    return found


def test_a_playbook_whose_file_is_gone_takes_nobody_any_more_once_that_is_applied(
    milepost: Milepost, edited: Path
) -> None:
    edited.unlink()
    assert "its file is gone; nobody would enter any more" in milepost("plan").out
    assert milepost("apply", "welcome", "--in-flight", "follow", "--yes").code == 2
    assert milepost("apply", "welcome", "--in-flight", "pin", "--yes").code == 0
    assert "  entered" not in milepost("track", "bo", "purchase", "--set", "revenue=49").out
