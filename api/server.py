"""Serving the application over HTTP in this process, beside whatever else runs in its loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

STOP_WITHIN = 5
"""Seconds that requests in hand have left when the server is told to stop."""


class PortTaken(Exception):
    """Nothing can listen there; `str()` says where, and why."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the program around it, which ends its other parts too."""
        yield


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at this address, taken but not yet served. Port 0: any that is free. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where it reads that this is TCP. Else the body of an answer waits for its
    # head to be acknowledged, which a client that keeps its connection does 40 ms later.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as taken:
        # Else a port cannot be had for a minute after whoever had it has gone.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, port))
            taken.listen(128)
        except (OSError, OverflowError) as error:
            why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
            raise PortTaken(f"nothing can listen at {host}:{port}: {why}") from None
        yield taken


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, taken: socket.socket) -> AsyncIterator[None]:
    """Serve at a socket while the block runs.

    Requests are not logged by their address, because addresses of pages hold tokens. Who called is taken from
    X-Forwarded-For where the proxy runs on this machine, or is named in uvicorn's own FORWARDED_ALLOW_IPS.
    """
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_WITHIN,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        yield  # at once: who calls before it is up waits at the socket
    finally:
        server.should_exit = True
        await task
