"""Work that goes on until the worker ends: it is done until nothing is left, then again when woken or after a while."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from trouble import place_of

log = structlog.get_logger()

POLL = 1.0


async def forever(
    work: Callable[[], Awaitable[object]], woken: asyncio.Event | None = None, poll: float | None = None
) -> None:
    """Run `work` while it answers with something true, then wait for `woken`, and begin again.

    Nobody waits longer than `poll` seconds; without one, POLL.
    Trouble of any kind is logged, and met again after the wait: a loop that ended would leave work behind for ever,
    without a word.
    """
    woken, trouble = woken or asyncio.Event(), ""
    while True:
        try:
            while await work():
                pass
            trouble = ""
        except Exception as error:  # noqa: BLE001 - see above
            new = type(error).__name__
            if new != trouble:  # said once, not every second
                log.warning("worker.waits", because=new, at=place_of(error))
            trouble = new
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(woken.wait(), POLL if poll is None else poll)
        woken.clear()
