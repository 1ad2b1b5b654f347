"""A process that accepts events over HTTP, to be killed:

    python -m tests.intake.door DATABASE_URL PORT

It is the acceptor with the least of a door around it: `POST /` takes an event as JSON, and answers once it is stored.
"""

from __future__ import annotations

import asyncio
import sys

from fastapi import FastAPI
from whenever import Instant

from api.server import listening, serving
from intake.acceptor import Acceptor
from store.database import Database
from store.events import Arrival


async def main(url: str, port: int) -> None:
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


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
