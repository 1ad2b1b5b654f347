"""The server: one port for both providers, a thread for each connection, connections kept alive."""

from __future__ import annotations

from collections import deque
from http.server import ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from threading import Event, Thread
from typing import Self

from tests.provider import certificates
from tests.provider.answers import API_KEY, AUTH_TOKEN, Answering, Request
from tests.provider.callbacks import Callbacks, Keys
from tests.provider.faults import CODES, Dice, Faults
from tests.provider.resources import ACCOUNT
from tests.provider.truth import Accepted, Truth

__all__ = ["ACCOUNT", "API_KEY", "AUTH_TOKEN", "Provider"]


class Provider:
    """Both providers on 127.0.0.1; `folder` keeps the log, and the certificate where `tls` is asked for.

    `late` is how many seconds a late answer takes: longer than the client waits. `retry_after` goes with each 429.
    `callbacks` is scheme and host of whoever takes webhooks.
    """

    def __init__(
        self, folder: Path, faults: Faults | None = None, *, seed: int = 0, port: int = 0, tls: bool = False,
        log: Path | None = None, callbacks: str | None = None, late: float = 2.0, retry_after: int = 1,
    ) -> None:  # fmt: skip
        self.late, self.retry_after = late, retry_after
        self.truth = Truth(log or folder / "provider.log")
        self.dice = Dice(faults or Faults(), seed)
        self.keys = Keys(AUTH_TOKEN)
        self.calls = Callbacks(self.truth, self.dice, self.keys, ACCOUNT, callbacks)
        self.requests: deque[Request] = deque(maxlen=10_000)
        """The latest requests as they came, for tests that look at them."""
        self.forgotten: list[str] = []
        """Addresses and numbers of messages that were erased, in order."""
        self.ended = Event()
        self.certificate: Path | None = None
        context: SSLContext | None = None
        if tls:
            self.certificate, context = certificates.make(folder)
        self._server = _listening(self, port, context)
        self.port: int = self._server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.calls.close()
        self.truth.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def accepted(self, channel: str | None = None) -> list[Accepted]:
        """Every message that was accepted, in order; of one channel where it is named."""
        return self.truth.accepted(channel)

    def next(self, *codes: str) -> None:
        """Answer the next requests like this, one after the other: `faults.CODES`, or "" for no fault."""
        assert all(code in {*CODES, ""} for code in codes), f"codes are {', '.join(CODES)}"
        self.dice.told.extend(codes)

    def replay(self) -> int:
        """Send again all callbacks that were lost; how many arrived this time."""
        return self.calls.replay()


def _listening(provider: Provider, port: int, context: SSLContext | None) -> ThreadingHTTPServer:
    class Handler(Answering):
        def __init__(self, *given: object) -> None:
            self.provider = provider
            super().__init__(*given)  # type: ignore[arg-type]

    server = Server(("127.0.0.1", port), Handler)
    if context is not None:
        # The handshake is done by the connection's own thread, at its first read.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    # A connection that was kept alive waits for a request that never comes.
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone, or was killed, is what this is made for."""
