"""`milepost dev` and `serve`: the API's address, its port, and the key that signs links."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.server import listening
from cli.common import Refused, secret_key
from tests.cli.conftest import Milepost

KEY = "a secret of 32 characters or more"


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MILEPOST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_dev_says_first_where_its_api_is_and_it_answers(project: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    # Taken, so that another port must be found.
    with listening("127.0.0.1", 0) as taken:
        command = [sys.executable, "-m", "cli.main", "dev", "--project", str(project), "--format", "json"]
        command += ["--port", str(taken.getsockname()[1])]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as dev:
            try:
                assert dev.stdout is not None
                first = json.loads(dev.stdout.readline())
                assert set(first) == {"api", "console", "temporal"}
                assert first["api"] != f"http://127.0.0.1:{taken.getsockname()[1]}"
                with urllib.request.urlopen(f"{first['api']}/healthz", timeout=10) as answer:
                    assert json.load(answer) == {"status": "ok"}
            finally:
                dev.send_signal(signal.SIGINT)
            assert dev.wait(30) == 0


def test_serve_says_which_port_is_taken(milepost: Milepost) -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        answer = milepost("serve", "--port", str(port))
    assert (answer.code, answer.out) == (4, "")
    assert (
        answer.err
        == f"milepost: nothing can listen at 127.0.0.1:{port}: address already in use; choose another with --port\n"
    )


def test_a_key_of_our_own_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: secret_key(folder), range(8)))
    (key,) = keys
    assert len(key) >= 32
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_key(folder) == key


def test_the_key_that_is_set_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_SECRET_KEY", KEY)
    assert secret_key(tmp_path / "data") == KEY
    assert not (tmp_path / "data").exists()


def test_a_shared_database_needs_a_key_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_DATABASE_URL", "postgresql://localhost/milepost")
    with pytest.raises(Refused, match="MILEPOST_SECRET_KEY is not set"):
        secret_key(tmp_path)
    assert not list(tmp_path.iterdir())
