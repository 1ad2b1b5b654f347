"""A worker to be killed: a process that has everything imported and forks a worker at each line that it reads.

    python -m tests.temporal.crashing_worker DATABASE_URL TEMPORAL_ADDRESS LOG

Each worker appends to LOG when an attempt to deliver, or to move a journey, begins, when it has committed and when it
ends, so that kills in between can be counted.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from datetime import timedelta
from functools import partial
from typing import Any

from temporalio.worker import Worker

import wiring
import workflows.journey
from activities.contract import Report, Work
from activities.journey import JourneyActivities
from intake import mover
from store.database import Database
from tests.lifecycle.strategies import small_project
from worker import running

# A dead worker is to be noticed within the test's time; the module is shared with the sandbox so that workflows see it.
workflows.journey.PATIENCE = workflows.journey.SENDING = timedelta(seconds=4)
mover.WINDOW = int(os.environ.get("MILEPOST_TEST_WINDOW", mover.WINDOW))  # few at a time, to die in between
wiring.PASSED_THROUGH = (*wiring.PASSED_THROUGH, "activities")
wiring.Worker = partial(  # type: ignore[attr-defined, assignment]
    Worker, sticky_queue_schedule_to_start_timeout=timedelta(seconds=1)
)


def main(url: str, address: str, log: str) -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            # Temporal's SDK logs to standard output, here a pipe: once it is full, whoever writes to it stands still.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            asyncio.run(work(url, address, log))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


async def work(url: str, address: str, log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for name in ("deliver", "move"):
        setattr(JourneyActivities, name, watched(getattr(JourneyActivities, name), descriptor))
    database = Database(url)
    engine = wiring.engine(small_project(), database, await wiring.connect(address))
    async with running(engine):
        await asyncio.Event().wait()


def watched(do: Any, descriptor: int) -> Any:
    """An activity that tells of itself, and leaves time to die in."""

    async def run(self: JourneyActivities, work: Work) -> Report:
        name = f"{os.getpid()} {work.journey} {work.state['step']}"
        os.write(descriptor, f"begin {name}\n".encode())
        # Before and above all after the transaction, when Temporal does not know of it yet.
        await asyncio.sleep(random.uniform(0, 0.02))
        report: Report = await do(self, work)
        os.write(descriptor, f"committed {name}\n".encode())
        await asyncio.sleep(random.uniform(0, 0.15))
        os.write(descriptor, f"end {name}\n".encode())
        return report

    run.__temporal_activity_definition = do.__temporal_activity_definition  # type: ignore[attr-defined]
    return run


if __name__ == "__main__":
    main(*sys.argv[1:])
