"""How a test run ends, what is left to chance, and the database that a test is given: all other fixtures live in the
folder that uses them.

Once an embedded Temporal server was started, the interpreter can crash while it shuts down, after all work is done
(temporalio/sdk-python#300). A run whose tests passed would then count as failed. So the process is left with
pytest's own status, as late as Python allows: reports are written, fixtures torn down and exit handlers run (this
one is registered first, hence called last), and only the interpreter's own shutdown is skipped. Where pytest itself
breaks down there is no status, and the interpreter ends as always, with the traceback.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from store import migrate
from tests.databases import POSTGRES, Postgres, running_postgres

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever was started in the background ignores Ctrl-C, and so would all commands that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What needs chance has its own command, `make chaos`: all other runs try every property on the same examples, so that a
# run fails for what was changed. That a machine is slow is no fault of a property either.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None)
settings.load_profile("new" if os.environ.get("MILEPOST_TEST_CHAOS") == "full" else "same")

_statuses: list[int] = []


@atexit.register
def _leave() -> None:
    if _statuses:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_statuses[-1])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main() -> Generator[None, int | None, int | None]:
    status = yield
    _statuses.append(int(status or 0))
    return status


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A migrated SQLite database without rows, for a test that is about SQLite."""
    shutil.copy(migrated_sqlite, tmp_path / "milepost.db")
    return f"sqlite:///{tmp_path / 'milepost.db'}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A migrated PostgreSQL database without rows, for a test that is about PostgreSQL."""
    made = postgres.migrated()
    yield made
    postgres.give_back(made)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """A migrated database without rows, for this test alone."""
    address: str = request.getfixturevalue("postgres_url" if POSTGRES else "sqlite_url")
    return address


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, run the tests that are given a database, and no others."""
    if POSTGRES:
        others = [item for item in items if "url" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]
