"""A worker to be killed: a process that has everything imported and forks a worker at each line that it reads.

    python -m tests.temporal.crashing_worker DATABASE_URL TEMPORAL_ADDRESS LOG

Each worker appends to LOG when an attempt to deliver begins, when it has committed and when it ends, so that kills in
between can be counted.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from datetime import timedelta
from functools import partial

from temporalio.worker import Worker

import wiring
import workflows.journey
from activities.contract import Report, Work
from activities.journey import JourneyActivities
from store.database import Database
from tests.lifecycle.strategies import small_project
from worker import running

# A dead worker is to be noticed within the test's time; the module is shared with the sandbox so that workflows see it.
workflows.journey.PATIENCE = workflows.journey.SENDING = timedelta(seconds=4)
wiring.PASSED_THROUGH = (*wiring.PASSED_THROUGH, "workflows", "activities")
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
    deliver = JourneyActivities.deliver

    async def watched(self: JourneyActivities, work: Work) -> Report:
        name = f"{os.getpid()} {work.journey} {work.state['step']}"
        os.write(descriptor, f"begin {name}\n".encode())
        # Time to die in, before and above all after the transaction, when Temporal does not know of it yet.
        await asyncio.sleep(random.uniform(0, 0.02))
        report = await deliver(self, work)
        os.write(descriptor, f"committed {name}\n".encode())
        await asyncio.sleep(random.uniform(0, 0.15))
        os.write(descriptor, f"end {name}\n".encode())
        return report

    watched.__temporal_activity_definition = deliver.__temporal_activity_definition  # type: ignore[attr-defined]
    JourneyActivities.deliver = watched  # type: ignore[method-assign]
    database = Database(url)
    engine = wiring.engine(small_project(), database, await wiring.connect(address))
    async with running(engine):
        await asyncio.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
