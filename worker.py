"""Runs journeys: Temporal workers, the dispatcher of events and what looks after messages, until told to stop.

`milepost worker` and `milepost dev` run this; so does `python worker.py`, with the settings of the environment.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from whenever import Instant

from intake import callbacks, scheduling
from intake.dispatcher import Dispatcher
from intake.erasing import Forgetter
from intake.forgetting import Forgetting
from intake.looping import forever
from intake.mover import Mover
from intake.reconcile import AT_ONCE as QUESTIONS
from intake.reconcile import Reconciler
from intake.resending import Resender
from wiring import Engine, sweeps, workers

RECONCILE = 60.0
"""Seconds between two looks for messages about which no journey asks any more."""

FORGET = 5.0
"""Seconds between two looks for what is to be forgotten."""

SCHEDULED = 3600.0
"""The same for looking whether the sweeps have their schedules. A start of the worker always looks."""


@contextlib.asynccontextmanager
async def running(engine: Engine, dispatcher: Dispatcher | None = None) -> AsyncIterator[Dispatcher]:
    """Run the workers, and all that goes on beside them, while the block runs. Work in hand is finished first."""
    async with contextlib.AsyncExitStack() as stack:
        for worker in workers(engine):
            await stack.enter_async_context(worker)
        own = dispatcher or Dispatcher(engine.database, engine.client, engine.applier)
        tools = engine.tools
        asking = stack.enter_context(ThreadPoolExecutor(QUESTIONS, "reconciler"))
        reconciler = Reconciler(engine.database, tools.senders, asking)

        async def told() -> bool:
            """Take in what providers have told."""
            taken = await callbacks.process(engine.database, tools.map, tools.asker.secret, Instant.now())
            if taken:
                own.wake()
            return bool(taken)

        forgetter = Forgetter(engine.database, engine.client, tools.map, tools.asker.secret)
        forgetting = Forgetting(forgetter, tools.senders, asking)

        async def forgotten() -> bool:
            """Carry out what erasures have left to do."""
            return bool(await forgetting.step(Instant.now()))

        resender = Resender(tools)

        async def resent() -> bool:
            """Send what people want to have sent again."""
            return await resender.step(Instant.now())

        mover = Mover(engine.database)

        async def moved() -> bool:
            """Carry out applies: those inside are asked to move to another version."""
            if not await mover.step(Instant.now()):
                return False
            own.tell_soon()
            return True

        async def settled() -> bool:
            await reconciler.run(Instant.now())
            return False

        async def scheduled() -> bool:
            await scheduling.ensure(engine.client, sweeps(engine))
            return False

        going = asyncio.gather(
            own.run(),
            forever(told),
            forever(moved),
            forever(resent),
            forever(settled, poll=RECONCILE),
            forever(forgotten, poll=FORGET),
            forever(scheduled, poll=SCHEDULED),
        )
        try:
            yield own
        finally:
            going.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await going


if __name__ == "__main__":
    from cli.main import main

    main(["worker"])
