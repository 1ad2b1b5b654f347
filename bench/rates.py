"""Journeys a second: many at once, in a steady state, two kinds in turns on one server.

A rate means something only beside that of another workflow on the same server, in the same run.

Journeys are started as others end, so that the same number is always under way. It is chosen so that there is always
work to do, and yet none is kept so long that it comes to a timer only after it was due: such a journey sets none, does
less, and would look better than it is. `Rate.events` shows that each did all of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import mean, median
from typing import Any

import psutil
from temporalio.client import Client, WorkflowExecution

from bench.server import Server

WAIT = 2
"""Seconds of each of the two waits of a journey: short, so that a rate is bound by work; but Temporal's timers may fire
a second late, and no journey may come to its next timer after that was due.
"""

_BETWEEN_COUNTS = 0.1
_PATIENCE = 60.0
_STARTS_AT_ONCE = 16

FIRST = 40
"""Journeys of the first run, which are not counted."""

ROUND = 3
"""Journeys of a round, as a multiple of those under way."""
_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """Many journeys, in a steady state. CPU in milliseconds and database in bytes are per journey; `others` is
    the share of this machine's CPU time that other programs took meanwhile.
    """

    per_second: float
    events: float
    server_cpu_ms: float
    worker_cpu_ms: float
    database_bytes: float
    others: float


@dataclass(frozen=True, slots=True)
class Contender:
    """`start` starts one more journey on `task_queue`, which nothing else may use meanwhile; `worker` is the id of the
    process that serves it. Journeys have to take the timed-out path with waits of `WAIT`: a milestone that meets a
    journey at work costs less than in life.
    """

    name: str
    task_queue: str
    worker: int
    start: Callable[[], Awaitable[object]]


async def under_way(client: Client, contender: Contender) -> int:
    """How many journeys of a contender to keep under way, found by a first run, which also warms up its worker."""
    began = time.monotonic()
    await _run(client, contender, FIRST, FIRST // 2)
    per_second = FIRST / (time.monotonic() - began - 2 * WAIT)
    # Four fifths of them wait at any time. The last fifth is work: half a wait, over the five parts of a journey.
    return max(12, round(per_second * 2.5 * WAIT))


async def rate(client: Client, server: Server, contender: Contender, under_way: int) -> Rate:
    """One round: three times as many journeys as are kept under way, the rate taken over those in the middle.

    Raises RuntimeError if no journey completes for a minute.
    """
    journeys = ROUND * under_way
    size, server_cpu, worker_cpu = server.database_bytes(), _cpu_ms(server.pid), _cpu_ms(contender.worker)
    machine, own = _machine(), _own(server, contender)
    runs = await _run(client, contender, journeys, under_way)
    busy, whole = (now - then for now, then in zip(_machine(), machine, strict=True))
    closed = sorted(run.close_time for run in runs if run.close_time is not None)
    first, last = closed[under_way - 1], closed[-under_way - 1]
    return Rate(
        per_second=(len(closed) - 2 * under_way) / (last - first).total_seconds(),
        events=mean(run.history_length for run in runs),
        server_cpu_ms=(_cpu_ms(server.pid) - server_cpu) / journeys,
        worker_cpu_ms=(_cpu_ms(contender.worker) - worker_cpu) / journeys,
        database_bytes=(server.database_bytes() - size) / journeys,
        others=max(0.0, busy - (_own(server, contender) - own)) / whole,
    )


async def taking_turns(
    ours: Callable[[], Awaitable[Rate]], theirs: Callable[[], Awaitable[Rate]], rounds: int
) -> tuple[list[Rate], list[Rate]]:
    """Measures both in each round, every other round in the other order, so that a machine that grows slower, or a
    database that grows larger, favours neither.
    """
    our_rates, their_rates = list[Rate](), list[Rate]()
    turns = [(our_rates, ours), (their_rates, theirs)]
    for _ in range(rounds):
        for rates, measured in turns:
            rates.append(await measured())
        turns.reverse()
    return our_rates, their_rates


def ratio(ours: Sequence[Rate], theirs: Sequence[Rate]) -> float:
    """Ours as a multiple of theirs, in journeys a second: the median over the rounds, so that one disturbed round does
    not decide.
    """
    return median(our.per_second / their.per_second for our, their in zip(ours, theirs, strict=True))


async def _run(client: Client, contender: Contender, journeys: int, under_way: int) -> list[WorkflowExecution]:
    began = datetime.now(UTC).isoformat()
    # A count now and then instead of one long poll a journey: to be asked is not part of the work that is measured.
    these = f"TaskQueue = '{contender.task_queue}' AND StartTime >= '{began}'"
    started = completed = 0
    at_once = asyncio.Semaphore(_STARTS_AT_ONCE)

    async def start() -> None:
        async with at_once:
            await contender.start()

    progress = time.monotonic()
    while completed < journeys:
        more = min(journeys - started, under_way - (started - completed))
        await asyncio.gather(*(start() for _ in range(more)))
        started += more
        await asyncio.sleep(_BETWEEN_COUNTS)
        count = (await client.count_workflows(f"{these} AND ExecutionStatus = 'Completed'")).count
        if count > completed:
            completed, progress = count, time.monotonic()
        elif time.monotonic() - progress > _PATIENCE:
            raise RuntimeError(f"{started - completed} journeys of {contender.name} did not complete.")
    return [run async for run in client.list_workflows(these)]


def _machine() -> tuple[float, float]:
    """Seconds of CPU that this machine has worked, and has had, since it started."""
    times: Any = psutil.cpu_times()
    whole = times.user + times.system + times.idle + getattr(times, "iowait", 0.0)
    return float(times.user + times.system), float(whole)


def _own(server: Server, contender: Contender) -> float:
    """Seconds of CPU that server, worker and this process, which starts the journeys, have taken."""
    return sum(_cpu_ms(pid) for pid in (server.pid, contender.worker, os.getpid())) / _MILLISECONDS


def _cpu_ms(pid: int) -> float:
    times: Any = psutil.Process(pid).cpu_times()
    return float(times.user + times.system) * _MILLISECONDS
