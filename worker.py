"""Runs journeys: Temporal workers and the dispatcher of events, until told to stop.

`milepost worker` and `milepost dev` run this; so does `python worker.py`, with the settings of the environment.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from intake.dispatcher import Dispatcher
from wiring import Engine, workers


@contextlib.asynccontextmanager
async def running(engine: Engine, dispatcher: Dispatcher | None = None) -> AsyncIterator[Dispatcher]:
    """Run the workers, and a dispatcher, while the block runs. Work in hand is finished before it ends."""
    async with contextlib.AsyncExitStack() as stack:
        for worker in workers(engine):
            await stack.enter_async_context(worker)
        own = dispatcher or Dispatcher(engine.database, engine.client, engine.applier)
        task = asyncio.create_task(own.run())
        try:
            yield own
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


if __name__ == "__main__":
    from cli.main import main

    main(["worker"])
