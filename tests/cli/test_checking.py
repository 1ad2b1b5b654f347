"""How `milepost check` tells its findings to other programs, and how it watches."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from cli.findings import as_annotation, as_sarif
from lifecycle.language.faults import Fault, Place
from project import load
from tests.cli.small_project import FILES, Small

ROOT = Path(__file__).resolve().parents[2]
MAP = "playbooks/map.yaml"
HELLO = "templates/hello.email.html"


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Small:
    return Small(tmp_path, capsys)


def test_sarif_holds_what_readers_of_version_2_1_0_need(small: Small) -> None:
    small.change(HELLO, "topic: tips", "topic: tipps")
    code, printed, _ = small.milepost("check", "--format", "sarif")
    log = json.loads(printed)
    assert (code, log["version"], log["$schema"].rpartition("/")[2]) == (1, "2.1.0", "sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "Milepost"
    assert re.fullmatch(r"\d+\.\d+\.\d+", driver["semanticVersion"])
    found = list(load(small.root).faults)
    assert len(run["results"]) == len(found) >= 2
    for result, fault in zip(run["results"], found, strict=True):
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == fault.code
        assert result["level"] == fault.severity in ("error", "warning")
        assert fault.message in result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"] == {"uri": fault.place.file, "uriBaseId": "%SRCROOT%"}
        assert place["region"] == {"startLine": fault.place.line, "startColumn": fault.place.column}
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    for rule in driver["rules"]:
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))


def test_sarif_without_findings_says_that_there_was_a_run() -> None:
    log = as_sarif([], ROOT)
    assert log["runs"][0]["results"] == []


def test_annotations_are_commands_of_githubs_runner(small: Small) -> None:
    small.change(HELLO, "topic: tips", "topic: tipps")
    code, printed, _ = small.milepost("check", "--format", "github", HELLO)
    assert code == 1
    assert printed == (
        f"::error file={HELLO},line=3,col=8,title=unknown-topic::unknown topic `tipps`; did you mean `tips`?\n"
    )
    small.change(HELLO, "topic: tips", "topic: tips")
    code, printed, _ = small.milepost("check", "--format", "github")
    assert code == 0
    assert all(line.startswith("::warning file=") for line in printed.splitlines())


def test_annotations_escape_what_ends_a_property_or_the_line() -> None:
    fault = Fault(Place("playbooks/a,b:c%.yaml", 2, 3), "yaml-colon", "100 % of\r\nit: a, b", "write: x")
    assert as_annotation(fault, Path("/nowhere")) == (
        "::error file=playbooks/a%2Cb%3Ac%25.yaml,line=2,col=3,title=yaml-colon::100 %25 of%0D%0Ait: a, b; write: x"
    )


def test_files_are_named_from_the_root_of_the_repository(tmp_path: Path) -> None:
    project = tmp_path / "marketing stuff"
    project.mkdir()
    fault = Fault(Place("playbooks/map.yaml"), "yaml", "broken")
    assert "file=playbooks/map.yaml," in as_annotation(fault, project)
    (tmp_path / ".git").mkdir()
    assert "file=marketing stuff/playbooks/map.yaml," in as_annotation(fault, project)
    uri = as_sarif([fault], project)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"][
        "uri"
    ]
    assert " " not in uri
    assert unquote(uri) == "marketing stuff/playbooks/map.yaml"


def _hurried(monkeypatch: pytest.MonkeyPatch, *happens: object) -> None:
    """Instead of each pause one of these happens; after them somebody presses Ctrl-C."""
    steps: Iterator[object] = iter(happens)

    def pause(_: float) -> None:
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        if callable(step):
            step()

    monkeypatch.setattr("cli.checking.time.sleep", pause)


def test_watching_checks_again_after_each_change_and_says_what_changed(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_it() -> None:
        small.change(HELLO, "topic: tips", "topic: tipps")

    def lose_the_map() -> None:
        (small.root / MAP).unlink()

    def mend_it() -> None:
        small.write(HELLO, FILES[HELLO] + "<p>Mended</p>\n")
        small.write(MAP, FILES[MAP])

    _hurried(monkeypatch, break_it, lambda: None, lose_the_map, mend_it)
    code, printed, told = small.milepost("check", "--watch")
    assert code == 130
    assert [line for line in told.splitlines() if "interrupted" not in line] == [
        "watching playbooks/ and templates/; Ctrl-C ends it",
        f"changed: {HELLO}",
        "1 mistake to mend",
        f"changed: {MAP}",
        f"{small.root} is not a project: there is no {MAP} in it",
        f"changed: {MAP}, {HELLO}",
    ]
    assert printed.count("nothing to mend") == 2
    assert printed.count("unknown-topic") == 1


def test_many_changes_at_once_are_told_in_short(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> None:
        for number in range(5):
            small.write(f"templates/t{number}.sms.txt", "---\ntopic: tips\nintent: offer\n---\nText\n")

    _hurried(monkeypatch, write)
    told = small.milepost("check", "--watch")[2]
    assert "changed: templates/t0.sms.txt, templates/t1.sms.txt, templates/t2.sms.txt and 2 more" in told


@pytest.mark.parametrize("format", ["sarif", "github"])
def test_what_is_read_once_is_not_watched(small: Small, format: str) -> None:
    code, printed, told = small.milepost("check", "--watch", "--format", format)
    assert (code, printed) == (2, "")
    assert told.startswith("milepost: `--watch` prints again and again")
    assert told.count("\n") == 1


def test_a_watch_that_is_interrupted_ends_with_its_status(small: Small) -> None:
    command = [sys.executable, "-m", "cli.main", "check", "--watch", "--project", str(small.root)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline().startswith("watching")
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert process.stderr.read() == "milepost: interrupted\n"
        finally:
            process.kill()


def test_the_hook_of_pre_commit_calls_a_command_that_exists_for_files_that_matter() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert hook["entry"] == "milepost check"
    assert hook["pass_filenames"] is False
    ours = [*load(ROOT).files.values(), MAP, "templates/onboarding/welcome.email.mjml", "shop/playbooks/map.yaml"]
    assert all(re.search(hook["files"], file) for file in ours)
    assert not any(re.search(hook["files"], file) for file in ("README.md", "cli/main.py", "docs/playbooks.md"))


def test_a_check_loads_nothing_that_it_does_not_need(small: Small) -> None:
    """A person waits for it after every change: loading these would take longer than the check."""
    check = f"import sys, cli.main as main; code = main.run(['check', '--project', {str(small.root)!r}]); print(*sys.modules); sys.exit(code)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = {module.partition(".")[0] for module in done.stdout.splitlines()[-1].split()}
    assert {"project", "lifecycle", "messaging"} <= loaded
    assert loaded & {"workflows", "activities", "intake", "store", "api", "console", "wiring"} == set()
    assert loaded & {"temporalio", "sqlalchemy", "sqlmodel", "alembic", "fastapi", "uvicorn", "httpx"} == set()
    assert loaded & {"sendgrid", "twilio", "hypothesis", "rich", "asyncio"} == set()


@pytest.mark.parametrize(
    "text", ["---\nintent: welcome\ntopic: tips\n---\n{% if x %}", b"---\n---\n\xff", "no front matter"]
)
def test_a_template_with_a_mistake_is_not_called_unknown(small: Small, text: str | bytes) -> None:
    small.write("templates/hello.email.html", text)
    (small.root / "templates/hello.email.de.html").unlink()
    _, told = small.data("check")
    assert {one["file"] for one in told["findings"]} == {"templates/hello.email.html"}
    code, printed, said = small.milepost("test", "playbooks/onboarding")
    assert (code, "not tested: it has mistakes" in printed) == (1, True)
    assert "templates/hello.email.html" in said


@pytest.mark.parametrize("command", [["check"], ["schema"], ["--help"]])
@pytest.mark.parametrize("buffered", [True, False])
def test_whoever_stops_reading_hears_no_more(small: Small, command: list[str], buffered: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({} if buffered else {"PYTHONUNBUFFERED": "1"})
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *command], cwd=small.root, env=environment, check=False, stdout=write,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
