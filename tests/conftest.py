"""How a test run ends, and nothing else: fixtures live in the conftest.py of the folder that uses them.

Once an embedded Temporal server was started, the interpreter can crash while it shuts down, after all work is done
(temporalio/sdk-python#300). A run whose tests passed would then count as failed. So the process is left with
pytest's own status, as late as Python allows: reports are written, fixtures torn down and exit handlers run (this
one is registered first, hence called last), and only the interpreter's own shutdown is skipped. Where pytest itself
breaks down there is no status, and the interpreter ends as always, with the traceback.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Generator

import pytest

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
