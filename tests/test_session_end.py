"""A test run ends with pytest's own status, even where the interpreter crashes as it shuts down (see conftest.py)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Aborts as the interpreter shuts down, which is what is left of an embedded server sometimes does.
CRASH = """
import os, sys

class Crash:
    def __del__(self, ending=sys.is_finalizing, abort=os.abort):
        if ending():
            abort()

sys.crash = Crash()
"""


def run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(CRASH + test, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("test", "status", "closing"),
    [
        ("def test(): pass", pytest.ExitCode.OK, "1 passed"),
        ("def test(): assert False", pytest.ExitCode.TESTS_FAILED, "1 failed"),
        ("", pytest.ExitCode.NO_TESTS_COLLECTED, "no tests ran"),
    ],
)
def test_the_status_is_pytests_own(tmp_path: Path, test: str, status: int, closing: str) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    ended = run(tmp_path, test)
    assert closing in ended.stdout.splitlines()[-1]
    assert ended.returncode == status, ended.stderr


def test_without_the_conftest_the_crash_would_be_the_status(tmp_path: Path) -> None:
    assert run(tmp_path, "def test(): pass").returncode < 0
