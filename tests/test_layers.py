"""The house stays as it is drawn: who may import whom, and what no file may say."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
CONTRACTS = HOUSE / ".importlinter"


def texts() -> list[tuple[str, str]]:
    """Every file that git knows or would add, as (path, text). Files that are no text are left out."""
    if not shutil.which("git") or not (HOUSE / ".git").exists():
        pytest.skip("only git knows which files belong to the project, and this is no clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        try:
            found.append((name, (HOUSE / name).read_text("utf-8")))
        except (UnicodeDecodeError, FileNotFoundError):  # a picture; a file deleted and not yet committed
            continue
    return found


def test_every_room_keeps_to_the_contracts() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"]
    checked = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_room_is_under_contract_and_in_its_place() -> None:
    config = configparser.ConfigParser()
    config.read(CONTRACTS, "utf-8")
    rooms = {init.parent.name for init in HOUSE.glob("*/__init__.py")} - {"bench", "tests"}
    assert set(config["importlinter"]["root_packages"].split()) == rooms
    assert set(config["importlinter:contract:layers"]["layers"].split()) == rooms


# Written in parts, so that this file does not say what it forbids.
INDEX = re.compile(
    "|".join(["--(?:extra-)?index-" + "url", "--find-" + "links", "--trusted-" + "host", r"pypi\." + "org"])
)
MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|root|work)" + r"/\w")


@pytest.mark.parametrize(
    ("forbidden", "why"),
    [
        (INDEX, "where packages come from is the machine's affair: name no index, mirror or link page"),
        (MACHINE, "a path of one machine means nothing on the next: make it relative, or take it as an argument"),
    ],
    ids=["package index", "path of a machine"],
)
def test_no_file_names_a_place_outside_the_project(forbidden: re.Pattern[str], why: str) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if forbidden.search(line)
    ]
    assert not found, why + "\n" + "\n".join(found)


CLOCKS_AND_CHANCE = re.compile(
    r"(?<!workflow)\.(now|today|utcnow|monotonic|perf_counter|uuid1|uuid4|getenv)$|^(time\.(time|sleep)|random\.\w+)$"
)


@pytest.mark.parametrize("room", ["lifecycle", "workflows"])
def test_the_core_and_the_workflows_look_at_no_clock(room: str) -> None:
    """Nor at chance, nor at the environment: Temporal's sandbox lets these rooms through, so nothing else says so."""
    calls = [
        (f"{file.relative_to(HOUSE)}:{call.lineno}", ast.unparse(call.func))
        for file in sorted((HOUSE / room).rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
    ]
    assert calls
    assert not [(place, name) for place, name in calls if CLOCKS_AND_CHANCE.search(name)]
