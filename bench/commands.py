"""How long a person waits for the commands, from pressing Enter: each is a process of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.figures import Figure
from bench.shape import ROOT
from embedded import free_port

PLAYBOOKS = 20
LONGEST_CHECK = 1.0
LONGEST_START = 8.0

_REASON = "Most of it is Python's start and the loading of libraries; the second figure is the work itself."

_ROUNDS = 5
_STARTS = 3
_MILEPOST = (sys.executable, "-m", "cli.main")
_LOAD = "import pathlib, sys, time, project; began = time.perf_counter(); project.load(pathlib.Path(sys.argv[1])); print(time.perf_counter() - began)"  # noqa: E501


def checks() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        project = Path(folder)
        copy_project(project, PLAYBOOKS)
        whole = [_check(project) for _ in range(1 + _ROUNDS)][1:]
        alone = [float(_run(sys.executable, "-c", _LOAD, str(project))) for _ in range(_ROUNDS)]
    return [
        Figure(f"milepost check, {PLAYBOOKS} playbooks", median(whole), "s", LONGEST_CHECK, reason=_REASON),
        Figure("of which reading and checking", median(alone), "s"),
    ]


def copy_project(to: Path, playbooks: int) -> None:
    """The shipped project, with its playbooks and their scenarios again under other names until there are so many."""
    shutil.copytree(ROOT / "templates", to / "templates")
    shutil.copytree(ROOT / "playbooks", to / "playbooks")
    shipped = sorted(path for path in (to / "playbooks").rglob("*/*.yaml") if not path.name.endswith(".test.yaml"))
    for number in range(len(shipped), playbooks):
        original = shipped[number % len(shipped)]
        name = f"{original.stem}-{number}"
        text = original.read_text("utf-8").replace(f"playbook: {original.stem}\n", f"playbook: {name}\n", 1)
        original.with_name(f"{name}.yaml").write_text(text, "utf-8")
        scenarios = original.with_name(f"{original.stem}.test.yaml").read_text("utf-8")
        original.with_name(f"{name}.test.yaml").write_text(scenarios, "utf-8")


def _check(project: Path) -> float:
    began = time.perf_counter()
    said = _run(*_MILEPOST, "check", "--project", str(project))
    taken = time.perf_counter() - began
    assert said.splitlines()[-1].startswith(f"{PLAYBOOKS} playbooks"), said  # above it: copies break caps together
    return taken


def _run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def starts() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        cold, again = [], []
        for number in range(_STARTS):
            data = Path(folder) / str(number)
            cold.append(_start(data))
            again.append(_start(data))
    return [
        Figure("milepost dev, cold: no data yet", median(cold), "s", LONGEST_START),
        Figure("milepost dev, again", median(again), "s"),
    ]


def _start(data: Path) -> float:
    """Seconds until `milepost dev` says that it runs."""
    command = (*_MILEPOST, "dev", "--project", str(ROOT), "--data", str(data), "--port", str(free_port()))
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        taken = time.perf_counter() - began
        process.send_signal(signal.SIGTERM)
        process.wait()
    if not line.startswith("Milepost runs"):
        raise RuntimeError(f"`milepost dev` did not start; it ended with status {process.returncode}.")
    return taken
