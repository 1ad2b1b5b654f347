"""Reads a page of the documentation and does what it says, in a fresh clone: files are written, commands are run.

What counts in a page:

- a fenced block `sh` holds commands, one a line;
- a fenced block `console` holds commands after `$ `, each followed by lines that its output must contain. A line that
  is only `...` stands for any lines; what changes from run to run (times, ids) is not compared;
- a command `NAME=$(...)` sets a variable for those after it, and `localhost:8080` is wherever `milepost dev` listens;
- a fenced block after a line that ends with "`PATH`:" and begins with "Create" or "Save" is that file;
- a fenced block `diff` after a line that ends with "`PATH`:" and begins with "Change" changes lines of that file: those
  with `-`, which stand there once, into those with `+`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds in which a worker does what was asked, and in which what runs on ends, on a busy machine."""

_FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_API = "localhost:8080"
_SETTING = re.compile(r"(?P<name>[A-Z]+)=\$\((?P<command>.+)\)")
_LOOKS = re.compile(r"milepost (customer show|journey show|playbook (history|diff)|forecast|plan)\b")
_LISTENS = re.compile(r"127\.0\.0\.1:\d+")
_FILE = re.compile(r"^(?P<how>Create|Save|Change)\b.*`(?P<path>[^`\s]+)`:$")
_CHANGING = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{16,}|127\.0\.0\.1:\d+|/\S+"
    r"|\bcli:[\w.-]+|\b\d+(?= moved\b)|\b\d+ customers? (?:is|are)(?= on it$)"  # of a share, as many as are drawn
    r"|\d{4}-\d\d-\d\d|\b\d\d:\d\d\b|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) +\d+ \w{3}(?: \d{4})?"
)


@dataclass(slots=True)
class Command:
    """One command of a page: its line there, what is typed, and the lines of output that the page shows."""

    line: int
    typed: str
    kind: str
    shows: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class File:
    line: int
    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Change:
    line: int
    path: str
    before: str
    after: str


Step = Command | File | Change


def steps(page: Path) -> Iterator[Step]:
    """What a page asks for, in its order."""
    text = page.read_text("utf-8")
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 2
        before = text[: fence.start()].rstrip().rpartition("\n")[2]
        named = _FILE.match(before)
        if named and named["how"] == "Change":
            before, after = ("".join(re.findall(rf"^\{sign}(.*\n)", fence["body"], re.MULTILINE)) for sign in "-+")
            yield Change(line, named["path"], before, after)
        elif named:
            yield File(line, named["path"], fence["body"])
        elif fence["kind"] == "sh":
            for offset, typed in enumerate(fence["body"].splitlines()):
                if typed.strip() and not typed.startswith("#"):
                    yield Command(line + offset, typed.strip(), "sh")
        elif fence["kind"] == "console":
            yield from _console(fence["body"], line)


def _console(body: str, line: int) -> Iterator[Command]:
    command: Command | None = None
    for offset, text in enumerate(body.splitlines()):
        if text.startswith("$ "):
            if command:
                yield command
            command = Command(line + offset, text[2:], "console")
        elif command:
            command.shows.append(text)
    if command:
        yield command


def missing(shows: list[str], output: str) -> str | None:
    """The first line that should be in the output, after the one before it, and is not."""
    lines = iter(_plain(output).splitlines())
    for shown in shows:
        wanted = _plain(shown)
        if wanted.strip() in ("", "..."):
            continue
        if not any(wanted == line for line in lines):
            return shown
    return None


def _plain(text: str) -> str:
    return "\n".join(re.sub(r"\s+", " ", _CHANGING.sub("#", line)).strip() for line in text.splitlines())


class Reader:
    """Does what pages say in a clone of its own. `milepost` is this Python's; what runs on is stopped at the end."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "milepost"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.clone)], check=True)
        bin_ = folder / "bin"
        bin_.mkdir()
        for name, arguments in (("milepost", "-P -m cli.main"), ("python", "")):
            script = bin_ / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n')
            script.chmod(0o755)
        self.api = _API
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}
        self.environment = {**kept, "PATH": f"{bin_}:{kept['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
        self.running: subprocess.Popen[bytes] | None = None
        self.log = folder / "running.log"
        self.quick = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.docs.quick_start"],
            cwd=self.clone, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def do(self, step: Step) -> str | None:
        """Do one thing that a page asks for; what is wrong with it, or None."""
        if isinstance(step, File):
            path = self.clone / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.content, "utf-8")
            return None
        if isinstance(step, Change):
            path = self.clone / step.path
            content = path.read_text("utf-8")
            path.write_text(content.replace(step.before, step.after), "utf-8")
            return None if content.count(step.before) == 1 else f"{step.path} has these lines not once:\n{step.before}"
        words = shlex.split(step.typed)
        if words[0] == "make":
            return None if words[1] in targets() else f"the Makefile has no target {words[1]}"
        if words[0] in ("git", "cd", ".") or step.typed == "source .venv/bin/activate":
            return None
        if setting := _SETTING.fullmatch(step.typed):
            status, said = self._shell(setting["command"])
            self.environment[setting["name"]] = said.splitlines()[0] if said else ""
            return None if status == 0 else f"status {status}:\n{said}"
        if words[:2] in (["milepost", "dev"], ["milepost", "worker"]):
            return self._start(words, step.shows)
        return self._run(step)

    def _run(self, step: Command) -> str | None:
        # What the worker does takes a moment; a command that only looks may look again.
        looks = bool(_LOOKS.match(step.typed))
        until = time.monotonic() + (PATIENCE if looks else 0)
        while True:
            status, said = self._quickly(step.typed) if step.typed.startswith("milepost ") else self._shell(step.typed)
            wanted = missing(step.shows, f"{said}\nexit status {status}")
            fails = any(line.startswith("exit status ") for line in step.shows)
            if wanted is None and (fails or status == 0):
                return None
            if time.monotonic() > until:
                return f"status {status}, misses {wanted!r} in:\n{said}"
            time.sleep(0.3)

    def _shell(self, typed: str) -> tuple[int, str]:
        done = subprocess.run(
            typed.replace(_API, self.api),
            shell=True,
            cwd=self.clone,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _quickly(self, typed: str) -> tuple[int, str]:
        assert self.quick.stdin
        assert self.quick.stdout
        self.quick.stdin.write(json.dumps(shlex.split(typed)[1:]) + "\n")
        self.quick.stdin.flush()
        status, said = json.loads(self.quick.stdout.readline())
        return status, said

    def _start(self, words: list[str], shows: list[str]) -> str | None:
        self.stop()
        with self.log.open("w") as output:  # not a pipe, which nobody would empty
            self.running = subprocess.Popen(
                words, cwd=self.clone, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        until, first = time.monotonic() + PATIENCE, ""
        while not first.endswith("\n") and self.running.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
            first = next(iter(self.log.read_text().splitlines(keepends=True)), "")
        if listening := _LISTENS.search(first):
            self.api = listening[0]
        return None if first and missing(shows[:1], first) is None else f"it said first: {first!r}"

    def said(self) -> str:
        """What `milepost dev` or `worker` has printed, the last of it."""
        return "\n".join(self.log.read_text().splitlines()[-20:]) if self.log.exists() else ""

    def close(self) -> None:
        """End what runs on."""
        self.stop()
        self.quick.communicate(timeout=PATIENCE)

    def stop(self) -> None:
        """End a `milepost dev` or `worker`."""
        if self.running is None:
            return
        self.running.send_signal(signal.SIGINT)
        self.running.communicate(timeout=PATIENCE)
        self.running = None


def targets() -> set[str]:
    return set(re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
