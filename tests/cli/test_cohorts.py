"""`milepost simulate --customers`, as its users meet it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import cli.cohorts
from cli.common import Refused
from cli.processes import spread
from tests.cli.small_project import Small

BEHAVIOUR = """\
seed: 5
milestones:
  purchase: {rate: 1, with: {revenue: 49}}
  first_use: {rate: 60%, after: 1 day, from: purchase}
"""


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Small:
    made = Small(tmp_path, capsys)
    made.write("behaviour.yaml", BEHAVIOUR)
    return made


def cohort(small: Small, *more: str, customers: int = 300) -> tuple[int, Any]:
    file = str(small.root / "behaviour.yaml")
    return small.data("simulate", "welcome", "--customers", str(customers), "--behaviour", file, *more)


def test_a_cohort_is_one_object(small: Small) -> None:
    code, data = cohort(small, "--days", "7")
    assert code == 0
    assert (data["playbook"], data["customers"], data["days"], data["seed"]) == ("welcome", 300, 7, 5)
    assert (data["start"], data["entered"], len(data["by_day"])) == ("2026-01-05", 300, 7)
    assert data["messages"]["email"] == 300
    # Six in ten use it some time, seven eighths of those within the three days.
    assert 120 < data["messages"]["sms"] < 195
    assert data["messages"]["sms"] + data["tasks"]["task-call"] == 300
    assert cohort(small, "--days", "7") == (0, data)


def test_the_result_does_not_depend_on_processes(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    _, alone = cohort(small, customers=120)
    monkeypatch.setattr(cli.cohorts, "CHUNK", 20)
    monkeypatch.setattr("cli.processes.cores", lambda: 2)
    assert cohort(small, customers=120) == (0, alone)


def test_people_read_sums_and_charts(small: Small) -> None:
    picture = small.root / "cohort.svg"
    file = str(small.root / "behaviour.yaml")
    code, printed, _ = small.milepost(
        "simulate", "welcome", "--customers", "200", "--days", "9", "--behaviour", file, "--svg", str(picture)
    )
    assert code == 0
    assert "200 customers in welcome, 9 days from 2026-01-05, seed 5" in printed
    assert "e-mail 200" in printed
    assert "in a week    nobody gets more than 2 messages" in printed
    assert "E-mail by day: at most" in printed
    assert "█" in printed
    drawn = ET.parse(picture).getroot()
    texts = [one.text or "" for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"200 customers in welcome", "E-mail by day", "SMS by day", "Mon 5 Jan"} <= set(texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}rect"))) > 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "milestones: {first_use: {rate: 1.2}}",
            "behaviour.yaml:1:32: not-a-percentage `1.2` is no share of customers",
        ),
        ("milestones: {first_usd: {rate: 1}}", "behaviour.yaml:1:14: unknown-milestone the milestone `first_usd`"),
        ("milestones: {first_use: {rate: 1, after: -1 day}}", "behaviour.yaml:1:42: not-a-time `-1 day`"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_line(small: Small, text: str, says: str) -> None:
    small.write("behaviour.yaml", text)
    file = str(small.root / "behaviour.yaml")
    code, printed, told = small.milepost("simulate", "welcome", "--customers", "9", "--behaviour", file)
    assert (code, printed) == (2, "")
    assert says in told


def test_what_does_not_go_together_is_refused(small: Small) -> None:
    file = str(small.root / "behaviour.yaml")
    for arguments, says in (
        (("--customers", "9"), "--customers goes with --behaviour FILE"),
        (("--days", "9"), "go with --customers"),
        (("--behaviour", file), "go with --customers"),
        (("--customers", "9", "--behaviour", file, "--milestone", "purchase"), "are for one customer"),
        (("--customers", "9", "--behaviour", str(small.root / "none.yaml")), "cannot be read: no such file"),
        (("--customers", "9", "--behaviour", file, "--svg", str(small.root / "no" / "x.svg")), "cannot be written"),
    ):
        code, printed, told = small.milepost("simulate", "welcome", *arguments)
        assert (code, printed) == (2, "")
        assert says in told


def test_a_cohort_that_nobody_enters_says_why(small: Small) -> None:
    small.write("behaviour.yaml", "milestones: {purchase: {rate: 1, with: {revenue: 0}}}")
    file = str(small.root / "behaviour.yaml")
    code, _, told = small.milepost("simulate", "welcome", "--customers", "9", "--behaviour", file)
    assert code == 1
    assert told == "milepost: none of 9 customers entered welcome: the entry asks for: event.revenue > 0\n"


def test_those_who_never_come_to_the_entry_are_told_of_in_words(small: Small) -> None:
    small.write("behaviour.yaml", "milestones: {purchase: {rate: 50%, with: {revenue: 49}}}")
    file = str(small.root / "behaviour.yaml")
    code, printed, _ = small.milepost("simulate", "welcome", "--customers", "20", "--behaviour", file)
    assert code == 0
    assert " did not: nothing let them in within these days\n" in printed


def _fails(chunk: int) -> int:
    if chunk == 3:
        raise ValueError("no threes")
    return chunk


def _dies(chunk: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return chunk


def test_what_goes_wrong_in_a_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.processes.cores", lambda: 2)
    with pytest.raises(ValueError, match="no threes"):
        list(spread(_fails, range(8), 8))
    with pytest.raises(Refused, match="ended from outside"):
        list(spread(_dies, range(8), 8))


def test_ctrl_c_ends_all_of_it(small: Small) -> None:
    file = str(small.root / "behaviour.yaml")
    command = [sys.executable, "-m", "cli.main", "simulate", "welcome", "--customers", "5000000", "--behaviour", file]
    begun = subprocess.Popen(
        [*command, "--project", str(small.root)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    children = Path(f"/proc/{begun.pid}/task/{begun.pid}/children")
    deadline = time.monotonic() + 60
    while not _working(children) and time.monotonic() < deadline:
        time.sleep(0.1)
    theirs = children.read_text().split() if children.exists() else []
    os.killpg(begun.pid, signal.SIGINT)
    try:
        printed, told = begun.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(begun.pid, signal.SIGKILL)
        begun.communicate()
        raise
    assert (begun.returncode, printed) == (130, "")
    assert "Traceback" not in told
    while any(_lives(process) for process in theirs):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _lives(process: str) -> bool:
    """Whether a process does anything any more; one that nobody fetched is as good as gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _working(children: Path) -> bool:
    """Whether the command has processes of its own; where that cannot be seen, it is given a while."""
    if not children.exists():
        time.sleep(10)
        return True
    return len(children.read_text().split()) > 1
