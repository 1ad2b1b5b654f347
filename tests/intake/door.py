"""Accepts events over HTTP, to be killed: a process that has everything imported, and forks a door at each line read.

    python -m tests.intake.door DATABASE_URL PORT

It answers each line with the number of the process. A door is the acceptor with the least of HTTP around it: `POST /`
takes an event as JSON, and answers once it is stored.
"""

from __future__ import annotations

import asyncio
import os
import sys

from fastapi import FastAPI
from whenever import Instant

from api.server import listening, serving
from intake.acceptor import Acceptor
from store.database import Database
from store.events import Arrival


async def serve(url: str, port: int) -> None:
    acceptor, app = Acceptor(Database(url)), FastAPI()

    @app.post("/")
    async def take(event: dict[str, str]) -> dict[str, bool]:
        now = Instant.now()
        arrival = Arrival("test", event["messageId"], event["userId"], "track", now, now, event["event"])
        await acceptor.accept([arrival])
        return {"success": True}

    with listening("127.0.0.1", port) as taken:
        async with serving(app, taken):
            await asyncio.Event().wait()


def main(url: str, port: int) -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(serve(url, port))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        # So that it is gone before the next one wants its port.
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
