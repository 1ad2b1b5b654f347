"""`milepost backtest --against`: a file, a published version, a git ref; for people, scripts and pull requests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cli.compared import in_words
from tests.cli.small_project import FILES, Small

WELCOME = "playbooks/onboarding/welcome.yaml"
LATER = FILES[WELCOME].replace("timeout: 3 days", "timeout: 5 days")


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *own, *arguments], check=True, capture_output=True)


def call(user: str, event: str, day: int, **properties: object) -> str:
    at = f"2026-01-{day:02}T12:00:00Z"
    return json.dumps({"type": "track", "userId": user, "event": event, "timestamp": at, "properties": properties})


LOG = "\n".join(
    [
        call("ada", "purchase", 5, revenue=5),
        call("bob", "purchase", 6, revenue=5),
        call("ada", "first_use", 9),
        call("ada@example.com", "purchase", 7, revenue=5),
        call("eve", "first_use", 7),
    ]
)


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.delenv("MILEPOST_DATABASE_URL", raising=False)
    found = Small(tmp_path / "house", capsys)
    found.write("events.jsonl", LOG)
    return found


@pytest.fixture
def committed(small: Small) -> Small:
    """The project in a git repository, in a folder of it; three days are committed, and five are in the files."""
    git(small.root.parent, "init", "-q")
    git(small.root.parent, "add", "house/playbooks", "house/templates")
    git(small.root.parent, "commit", "-q", "-m", "First")
    small.write(WELCOME, LATER)
    return small


def refused(small: Small, *arguments: str) -> tuple[int, str]:
    code, printed, said = small.milepost("backtest", str(small.root / "events.jsonl"), *arguments)
    assert printed == ""
    assert "Traceback" not in said
    return code, said.removeprefix("milepost: ").strip()


def test_what_differs_from_a_git_ref_is_told_in_sum_and_by_customer(committed: Small) -> None:
    code, found = committed.data("backtest", str(committed.root / "events.jsonl"), "--against", "HEAD")
    assert code == 0
    assert (found["customers"], found["differing"]) == (4, 1)
    assert found["playbooks"]["welcome"]["entered"] == 3
    one = found["differences"]["welcome"]
    added = next(row for row in one["messages"] if row["template"] == "well-done")
    assert (added["before"], added["after"], added["added"], added["channel"]) == (0, 1, 1, "sms")
    (ada,) = found["by_customer"]
    assert ada == {
        "customer": "ada",
        "journeys": [
            {
                "playbook": "welcome",
                "entered": {"before": "2026-01-05T13:00:00+01:00", "after": "2026-01-05T13:00:00+01:00"},
                "end": {"before": "finished", "after": "finished"},
                "messages": [
                    {
                        "what": "added", "step": "well-done", "template": "well-done", "channel": "sms",
                        "before": None, "after": "2026-01-09T13:00:00+01:00",
                    }
                ],
            }
        ],
    }  # fmt: skip
    assert found["against"]["kind"] == "git"
    assert found["against"]["versions"].keys() == {"welcome"}


def test_people_read_sums_and_customers_side_by_side(committed: Small) -> None:
    code, printed, _ = committed.milepost(
        "backtest", str(committed.root / "events.jsonl"), "--against", "HEAD", "--playbook", "welcome"
    )
    assert code == 0
    assert "welcome: 1 customer differs" in printed
    assert "The one customer in whom something differs:" in printed
    assert "  + " + " " * len("2026-01-05 13:00 entered") + "   2026-01-09 13:00 well-done   added" in printed
    assert "bob" not in printed


def test_one_customer_can_be_asked_for(committed: Small) -> None:
    log = str(committed.root / "events.jsonl")
    code, printed, _ = committed.milepost("backtest", log, "--against", "HEAD", "--customer", "bob")
    assert (code, printed.splitlines()[-1]) == (0, "bob: nothing differs")
    code, said = refused(committed, "--against", "HEAD", "--customer", "bop")
    assert (code, said) == (2, "there is no customer `bop`; did you mean `bob`?")


def test_a_git_ref_brings_its_own_templates_and_map(committed: Small) -> None:
    (committed.root / "templates/well-done.sms.txt").rename(committed.root / "templates/very-well.sms.txt")
    committed.write(WELCOME, FILES[WELCOME].replace("well-done", "very-well"))
    committed.write("playbooks/map.yaml", FILES["playbooks/map.yaml"].replace("Europe/Paris", "Europe/Lisbon"))
    committed.write(
        "playbooks/onboarding/welcome.test.yaml",
        FILES["playbooks/onboarding/welcome.test.yaml"].replace("well-done", "very-well"),
    )
    committed.write("events.jsonl", call("ada", "purchase", 5, revenue=5) + "\n" + call("ada", "first_use", 6))
    code, found = committed.data("backtest", str(committed.root / "events.jsonl"), "--against", "HEAD")
    assert code == 0
    (ada,) = found["by_customer"]
    told = [(message["what"], message["template"]) for message in ada["journeys"][0]["messages"]]
    assert told == [("removed", "well-done"), ("added", "very-well")]


def test_a_file_is_compared_with_the_playbook_of_its_name(small: Small) -> None:
    other = small.write("../other.yaml", LATER)
    log = str(small.root / "events.jsonl")
    code, found = small.data("backtest", log, "--against", str(other))
    assert (code, found["against"]["kind"]) == (0, "file")
    (message,) = found["by_customer"][0]["journeys"][0]["messages"]
    assert (message["what"], message["template"]) == ("removed", "well-done")


def test_the_same_playbook_differs_in_nothing(committed: Small) -> None:
    committed.write(WELCOME, FILES[WELCOME])
    code, printed, said = committed.milepost("backtest", str(committed.root / "events.jsonl"), "--against", "HEAD")
    assert code == 0
    assert "welcome: nothing differs" in printed
    assert "no playbook is another one" in said


def test_a_pull_request_gets_a_table_and_a_block_that_unfolds(committed: Small) -> None:
    committed.write(WELCOME, FILES[WELCOME].replace("  - send: hello\n", ""))
    (committed.root / "playbooks/onboarding/welcome.test.yaml").unlink()
    log = str(committed.root / "events.jsonl")
    code, printed, _ = committed.milepost("backtest", log, "--against", "HEAD", "--format", "markdown")
    assert code == 0
    assert "| `hello` (email) | 3 | - | - | 3 | - | - |  |" in printed
    assert printed.count("<details>") == printed.count("</details>") == 1
    assert "ada@example.com" not in printed
    assert len(printed) < 65_536


# --- what names nothing ----------------------------------------------------------------------------------------------


def test_what_is_no_ref_is_refused_in_a_sentence(committed: Small) -> None:
    code, said = refused(committed, "--against", "mian")
    assert code == 2
    assert (
        said == f"`mian` is no file, no version that was published, and no ref of the git repository {committed.root}"
    )
    for hostile in ("--output=x", "", "HEAD:playbooks", "a" * 5000, "-"):
        code, said = refused(committed, f"--against={hostile}")
        assert (code, said.count("\n")) == (2, 0), said


def test_where_there_is_no_git_repository_that_is_said(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(small.root.parent))
    code, said = refused(small, "--against", "HEAD")
    assert code == 2
    assert said.endswith(f"and {small.root} is not in a git repository where it could be a ref")
    monkeypatch.setenv("PATH", str(small.root))
    code, said = refused(small, "--against", "HEAD")
    assert (code, said) == (
        2,
        "this is no file and no version that was published, and git, which would know a ref, is not installed",
    )


def test_a_ref_without_the_playbook_or_the_project_is_refused(committed: Small) -> None:
    text = FILES[WELCOME].replace("playbook: welcome", "playbook: welcomes")
    committed.write("playbooks/onboarding/welcomes.yaml", text)
    code, said = refused(committed, "--against", "HEAD", "--playbook", "welcomes")
    assert code == 2
    assert said == "there is no playbook `welcomes` in the project as of HEAD; did you mean `welcome`?"
    git(committed.root.parent, "rm", "-q", "--cached", "-r", "house")
    git(committed.root.parent, "commit", "-q", "-m", "Gone")
    code, said = refused(committed, "--against", "HEAD")
    assert (code, said) == (2, "there is no playbooks/map.yaml as of HEAD: the project was not there yet")


def test_an_old_project_with_mistakes_is_told_of(committed: Small) -> None:
    committed.write(WELCOME, FILES[WELCOME].replace("send: hello", "sned: hello"))
    git(committed.root.parent, "commit", "-q", "-a", "-m", "Wrong")
    committed.write(WELCOME, FILES[WELCOME])
    code, said = refused(committed, "--against", "HEAD")
    assert code == 1
    assert said.startswith("the project as of HEAD has 1 mistake, the first: playbooks/onboarding/welcome.yaml:5:")


def test_a_file_that_is_no_playbook_of_this_project_is_refused(small: Small) -> None:
    other = small.write("../other.yaml", FILES[WELCOME].replace("playbook: welcome", "playbook: goodbye"))
    assert refused(small, "--against", str(other))[0] == 2
    small.write("../other.yaml", FILES[WELCOME].replace("first_use", "frist_use"))
    code, said = refused(small, "--against", str(other))
    assert code == 1
    assert "did you mean `first_use`?" in said
    small.write("../other.yaml", b"\xff\xfe\x00")
    assert refused(small, "--against", str(other))[0] == 1


def test_what_shows_a_difference_asks_for_another_version(small: Small) -> None:
    for arguments in (("--customer", "ada"), ("--format", "markdown")):
        code, said = refused(small, *arguments)
        assert code == 2
        assert said.endswith("shows what differs between two versions; add for example `--against HEAD`")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (2 * 86_400, "2 days later"),
        (-86_400 - 3600, "1 day earlier"),
        (86_400 * 3 - 3600, "3 days later"),
        (5400, "1 hour 30 minutes later"),
        (86_400 + 7200, "1 day 2 hours later"),
        (-45, "45 seconds earlier"),
        (3600, "1 hour later"),
    ],
)
def test_how_far_a_message_was_moved_is_said_as_people_say_it(seconds: int, said: str) -> None:
    assert in_words(seconds) == said
