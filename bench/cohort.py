"""What a cohort costs: lives drawn, lived and counted, a second and core; and, by `python -m bench.cohort`, all of it.

The latter takes some minutes, so it is no part of `make bench`: 100,000 customers over 90 days in first-90-days, on all
cores, with the peak memory of all processes together beside that of 10,000.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from whenever import Instant

from bench.figures import Figure, Section, show
from bench.shape import ROOT
from lifecycle.behaviour import Conduct
from lifecycle.cohort import Cohort
from lifecycle.language.behaviour import Behaviour
from project import load

PLAYBOOK = "first-90-days"
BEHAVIOUR: dict[str, Any] = {
    "seed": 7,
    "entries": {"hours": "08:00 to 22:00"},
    "customers": {"time_zone": {"Europe/Paris": 60, "Europe/London": 20, "America/New_York": 20}},
    "consent": {"text_tips": "35%"},
    "milestones": {
        "purchase": {"rate": 1, "with": {"revenue": {"49": 80, "490": 15, "900": 5}}},
        "first_use": {"rate": "70%", "after": "2 days", "from": "purchase"},
        "activated": {"rate": "60%", "after": "9 days", "from": "first_use"},
        "invited_teammate": {"rate": "35%", "after": "6 days", "from": "first_use", "times": 2},
        "tool_connected": {"rate": "30%", "after": "20 days", "from": "first_use"},
        "asked_for_help": {"rate": "8%", "after": "5 days"},
        "purchase_refunded": {"rate": "3%", "after": "10 days"},
        "message.clicked": {"rate": "5%", "after": "4 hours"},
    },
}

LONGEST, MOST_MEMORY = 60.0, 1.1
_CUSTOMERS = 400
_LOOKS = 0.1


def lives() -> Figure:
    """By the CPU time of this one thread."""
    project = load(ROOT)
    assert project.map is not None
    plan = project.plans[PLAYBOOK]
    world = replace(project.world(PLAYBOOK), plans=[plan])
    conduct = Conduct(Behaviour.model_validate(BEHAVIOUR), project.map, [plan])
    cohort = Cohort(world, plan, conduct, Instant.from_utc(2026, 1, 5, 9), 90)
    cohort.live(range(100))
    began = time.thread_time()
    tally = cohort.live(range(_CUSTOMERS))
    rate = _CUSTOMERS / (time.thread_time() - began)
    messages = tally.sent.total() / _CUSTOMERS
    note = f"A cohort in {PLAYBOOK}: what customers do is drawn, {messages:.1f} messages each are counted."
    return Figure("a cohort, drawn and counted", rate, "a second and core", note=note)


def whole() -> list[Figure]:
    """The whole command, for 10,000 and for 100,000 customers."""
    _, small = _run(10_000)
    seconds, large = _run(100_000)
    return [
        Figure("100,000 customers over 90 days", seconds, "s", LONGEST),
        Figure("peak memory of 10,000", small / 1e6, "MB"),
        Figure("peak memory of 100,000", large / 1e6, "MB"),
        Figure("peak memory, as a ratio", large / small, "", MOST_MEMORY),
    ]


def _run(customers: int) -> tuple[float, int]:
    """Seconds, and the most bytes that all processes had at once."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "behaviour.yaml"
        file.write_text(json.dumps(BEHAVIOUR), "utf-8")  # which is YAML too
        command = [sys.executable, "-m", "cli.main", "simulate", PLAYBOOK, "--customers", str(customers)]
        began, most = time.monotonic(), 0
        with subprocess.Popen([*command, "--behaviour", str(file)], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                most = max(most, _resident(process.pid))
                time.sleep(_LOOKS)
        assert process.returncode == 0
        return time.monotonic() - began, most


def _resident(pid: int) -> int:
    """Bytes of a process and of all that it started, as /proc tells them."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return pages * 4096 + sum(_resident(int(child)) for child in children)


if __name__ == "__main__":
    from rich.console import Console

    show([Section("A cohort", [lives(), *whole()])], Console())
