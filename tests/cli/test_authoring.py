"""`milepost check`, `test` and `preview`, as their users meet them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.small_project import Small

ROOT = Path(__file__).parent.parent.parent
PLAYBOOK = "playbooks/onboarding/welcome.yaml"
TESTS = "playbooks/onboarding/welcome.test.yaml"
MAP = "playbooks/map.yaml"
HELLO = "templates/hello.email.html"


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Small:
    return Small(tmp_path, capsys)


def test_a_sound_project_has_nothing_to_mend(small: Small) -> None:
    small.change(HELLO, "intent: welcome\n", "intent: welcome\ndefaults: {customer.first_name: there}\n")
    small.write("templates/well-done.sms.de.txt", "---\n---\nGut gemacht\n")
    assert small.milepost("check") == (0, "1 playbook, 4 templates, nothing to mend\n", "")
    assert small.data("check") == (0, {"findings": []})


def test_the_shipped_project_has_nothing_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    from cli.main import run

    assert run(["check", "--project", str(ROOT)]) == 0
    assert capsys.readouterr().out.endswith("templates, nothing to mend\n")


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        (MAP, "stage: adopter", "stage: adoptor",
         ":3:58: unknown-stage unknown stage `adoptor`; did you mean `adopter`?"),
        (MAP, "when: milestones.purchase", "when: milestones.purchas",
         "unknown-milestone unknown milestone `purchas`"),
        (MAP, "first_use: {", "first_use: {also: [Order Completed], ",
         ":4:22: twice `Order Completed` is already a name of"),
        (MAP, "for: get going", "for: get going, forbids: [upsel]",
         "unknown-intent unknown intent `upsel`; did you mean"),
        (MAP, "days, topic: tips", "days, topic: tip",
         ":16:59: unknown-topic unknown topic `tip`; did you mean `tips`?"),
        (MAP, "default: free", "default: fre", "unknown-value unknown value `fre`; did you mean `free`?"),
        (MAP, "default: false", "default: 3", "wrong-value `3` does not fit `closed`, which is a boolean"),
        (HELLO, "Hello {{ customer.first_name", "Hello {{ customer.frist_name",
         ":2:19: unknown-attribute unknown attribute"),
        (HELLO, "topic: tips", "topic: tipps", ":3:8: unknown-topic unknown topic `tipps`; did you mean `tips`?"),
        (HELLO, "event.revenue }}", "event.revenu }}", "unknown-property `hello` needs `event.revenu`"),
        (TESTS, "send: hello", "send: helo", ":6:29: unknown-template unknown template `helo`; did you mean `hello`?"),
        (TESTS, "never: [well-done]", "never: [well]", ":10:13: unknown-template unknown template `well`"),
        (TESTS, "milestone: first_use", "milestone: frist_use",
         ":5:68: unknown-milestone unknown milestone `frist_use`"),
        (TESTS, "revenue: 5}, {", "revenu: 5}, {",
         ":5:35: unknown-property unknown property `revenu`; did you mean `revenue`?"),
        (TESTS, "first_name: Ada", "plann: pro",
         ":1:12: unknown-attribute unknown attribute `plann`; did you mean `plan`?"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_found_at_its_place(small: Small, file: str, old: str, new: str, finding: str) -> None:
    small.change(file, old, new)
    code, printed, _ = small.milepost("check")
    assert code == 1
    assert finding in printed
    found_in = PLAYBOOK if "needs" in finding else file
    assert any(line.startswith(f"{found_in}:") for line in printed.splitlines())


def test_all_mistakes_are_told_at_once_and_as_data(small: Small) -> None:
    small.change(MAP, "stage: adopter", "stage: adoptor")
    small.change(TESTS, "send: hello", "send: helo")
    small.change(HELLO, "topic: tips", "topic: tipps")
    code, data = small.data("check")
    assert code == 1
    errors = [found for found in data["findings"] if found["severity"] == "error"]
    assert [(found["file"], found["code"]) for found in errors] == [
        (MAP, "unknown-stage"),
        (TESTS, "unknown-template"),
        (TESTS, "unknown-template"),
        (HELLO, "unknown-topic"),
    ]
    assert set(data["findings"][0]) == {"file", "line", "column", "code", "severity", "message", "suggestion"}


def test_path_shows_what_is_said_of_a_file_or_folder_alone(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.change(MAP, "stage: adopter", "stage: adoptor")
    small.change(HELLO, "topic: tips", "topic: tipps")
    assert small.milepost("check", "templates")[1].count("\n") == 1
    assert small.milepost("check", str(small.root / MAP))[1].count("\n") == 1
    assert small.milepost("check", PLAYBOOK)[0] == 0
    monkeypatch.chdir(small.root / "templates")
    assert small.milepost("check", "hello.email.html")[0] == 1


def test_an_unknown_path_is_a_wrong_call(small: Small, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert small.milepost("check", "nowhere") == (2, "", "milepost: there is no file or folder nowhere\n")
    outside = tmp_path_factory.mktemp("outside")
    assert small.milepost("check", str(outside))[0] == 2


def test_an_untested_playbook_and_an_unused_template_are_advice(small: Small) -> None:
    (small.root / TESTS).unlink()
    small.write("templates/old.sms.txt", "---\ntopic: tips\nintent: offer\n---\nOld\n")
    code, printed, _ = small.milepost("check")
    assert code == 0
    assert f"{PLAYBOOK}:1:11: untested nothing proves the playbook `welcome`" in printed
    assert "templates/old.sms.txt:1:1: unused no playbook sends `old` by sms (advice)" in printed
    assert printed.endswith("1 playbook, 4 templates, nothing to mend\n")


def test_a_test_file_without_a_playbook_is_a_mistake(small: Small) -> None:
    small.write("playbooks/onboarding/welcom.test.yaml", (small.root / TESTS).read_bytes())
    code, printed, _ = small.milepost("check")
    assert code == 1
    assert "unknown-playbook there is no playbook `welcom` that this could prove; did you mean `welcome`?" in printed


@pytest.mark.parametrize(
    "content",
    [
        b"playbook: [",
        b"playbook: \xff\xfe",
        b"a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n" + b"".join(
            b"%c: &%c [%s]\n" % (99 + n, 99 + n, b", ".join([b"*%c" % (98 + n)] * 8)) for n in range(8)
        ),
        b"x" * 10_000_000,
        b"",
    ],
    ids=["not yaml", "not utf-8", "bomb", "10 MB", "empty"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_line(small: Small, content: bytes) -> None:
    small.write("playbooks/onboarding/broken.yaml", content)
    code, printed, _ = small.milepost("check", "playbooks/onboarding/broken.yaml")
    assert code == 1
    assert len(printed.splitlines()) == 1
    assert printed.startswith("playbooks/onboarding/broken.yaml:")


def test_a_template_that_leaves_the_sandbox_is_a_finding(small: Small) -> None:
    small.change(HELLO, "{{ event.revenue }}", "{{ customer.__class__.__mro__ }}")
    code, printed, _ = small.milepost("check", HELLO)
    assert code == 1
    assert " unsafe " in printed


def test_scenarios_that_hold_are_counted_with_what_they_went_through(small: Small) -> None:
    code, data = small.data("test")
    assert code == 0
    assert data == {"passed": 2, "failed": 0, "coverage": {"steps": 100.0, "branches": 100.0}, "failures": []}
    assert "2 scenarios passed, 0 failed; 100 % of steps and 100 % of branches" in small.milepost("test")[1]


def test_a_failure_shows_both_timelines_side_by_side(small: Small) -> None:
    small.change(TESTS, "{day: 1, send: well-done}", "{day: 2, send: well-done}")
    code, printed, _ = small.milepost("test")
    assert code == 1
    assert f"{TESTS}:6: uses it" in printed
    assert any("day 2" in line and "day 1 10:00  send: well-done (sms)" in line for line in printed.splitlines())
    code, data = small.data("test")
    assert (code, data["passed"], data["failed"]) == (1, 1, 1)
    (failure,) = data["failures"]
    assert set(failure) == {"file", "line", "scenario", "expected", "actual"}
    assert failure["actual"][1] == "day 1 10:00  send: well-done (sms)"


def test_what_no_scenario_goes_through_is_named(small: Small) -> None:
    text = (small.root / TESTS).read_text()
    small.write(TESTS, text[: text.index("  - name: does not")])
    code, printed, _ = small.milepost("test")
    assert code == 0
    assert "not gone through: task-call" in printed
    assert "not gone through: wait-for-first-use → timed_out" in printed
    assert small.data("test")[1]["coverage"] == {"steps": 75.0, "branches": 50.0}


def test_a_wrong_name_in_a_scenario_fails_the_run(small: Small) -> None:
    small.change(TESTS, "never: [well-done]", "never: [well]")
    code, _, told = small.milepost("test")
    assert code == 1
    assert "unknown template `well`" in told


def test_a_map_without_a_postal_address_allows_no_marketing_by_email(small: Small) -> None:
    small.change(MAP, "postal_address: 1 Example Street, Paris\n", "")
    code, printed, _ = small.milepost("check")
    assert code == 1
    assert printed.startswith(f"{MAP}:1:1: no-postal-address `postal_address` is missing here, and every marketing")
    small.change(MAP, "postal_address: 1 Example Street, Paris\n", "postal_address: ' '\n")
    assert f"{MAP}:17:17: no-postal-address" in small.milepost("check")[1]


def test_preview_writes_what_readers_will_see(small: Small, tmp_path: Path) -> None:
    code, data = small.data("preview", "hello", "--out", str(tmp_path / "out"))
    assert (code, data["missing"], data["segments"], data["warnings"]) == (0, [], 0, [])
    assert [Path(file).name for file in data["files"]] == ["hello.email.html", "hello.email.txt", "hello.email.subject"]
    assert "Thank you for 5, Ada" in Path(data["files"][0]).read_text()
    assert Path(data["files"][2]).read_text() == "Hello Ada\n"
    assert small.data("preview", "well-done", "--out", str(tmp_path / "out"))[1]["segments"] == 1


def test_preview_shows_one_language_or_all(small: Small, tmp_path: Path) -> None:
    one = small.data("preview", "hello", "--language", "de-AT", "--out", str(tmp_path))[1]
    assert "hello.email.de.html" in one["files"][0]
    everything = small.data("preview", "--all", "--out", str(tmp_path))[1]
    assert len(everything["files"]) == 8
    other = small.data("preview", "hello", "--language", "fr", "--out", str(tmp_path))[1]
    assert "not translated to `fr`" in other["warnings"][0]


def test_preview_names_every_value_that_is_missing(small: Small, tmp_path: Path) -> None:
    values = small.write("values.json", json.dumps({"customer": {"plan": "pro"}}))
    code, data = small.data("preview", "hello", "--data", str(values), "--out", str(tmp_path))
    assert code == 1
    assert sorted(data["missing"]) == ["customer.first_name", "event.revenue"]
    values = small.write("values.json", json.dumps({"customer": {"first_name": "Bea"}, "event": {"revenue": 7}}))
    assert small.data("preview", "hello", "--data", str(values), "--out", str(tmp_path))[0] == 0


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"custmer": {}}', b"[" * 100_000])
def test_values_that_cannot_be_read_are_a_wrong_call(small: Small, tmp_path: Path, content: bytes) -> None:
    values = small.write("values.json", content)
    code, printed, told = small.milepost("preview", "hello", "--data", str(values), "--out", str(tmp_path))
    assert (code, printed) == (2, "")
    assert len(told.splitlines()) == 1


def test_preview_refuses_what_makes_no_sense(small: Small, tmp_path: Path) -> None:
    place = ("--out", str(tmp_path / "out"))
    assert "did you mean `hello`?" in small.milepost("preview", "helo", *place)[2]
    assert small.milepost("preview", "helo", *place)[0] == 2
    assert small.milepost("preview", "hello")[0] == 2
    assert small.milepost("preview", *place)[0] == 2
    assert small.milepost("preview", "hello", "--customer", "nobody", *place)[0] == 2
    assert small.milepost("preview", "hello", "--data", str(tmp_path / "none.json"), *place)[0] == 2


def test_exit_statuses_reach_the_shell(small: Small) -> None:
    def milepost(*arguments: str) -> int:
        command = [sys.executable, "-m", "cli.main", *arguments, "--project", str(small.root)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode

    assert milepost("check") == 0
    assert milepost("check", "nowhere") == 2
    small.change(MAP, "stage: adopter", "stage: adoptor")
    assert milepost("check") == 1
