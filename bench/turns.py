"""Journeys a second, ours against by hand: with store and rendering left out, then whole."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median

from temporalio.client import Client

import wiring
from activities.contract import JOURNEYS
from bench import by_hand, shape, stack
from bench.counts import HAND_EVENTS
from bench.figures import Figure
from bench.measure import working
from bench.rates import FIRST, ROUND, WAIT, Contender, Rate, rate, ratio, taking_turns, under_way
from bench.server import Server, Storage, running
from store.database import Database

ROUNDS, ROUNDS_WHOLE = 4, 2
FEWEST = 0.9
"""Journeys a second with store and rendering left out, as a multiple of the workflow by hand."""

STORAGE = Storage.DISK_WAL

_SPAN = f"{WAIT} seconds"

_BARE = "Bare: store and rendering are left out, as they are by hand."
_WHOLE = "Whole: each message is rendered and stored, and every transaction waits for the disk."
_REASON = (
    "Each channel has a task queue of its own, so Temporal cannot hand an activity to the worker together with the"
    " answer to the task that asked for it (eager start), as it does for the workflow by hand."
)


async def rates() -> list[Figure]:
    async with running(STORAGE) as (server, client), working(by_hand.serve, server) as hand_worker:
        hand = Contender("by hand", by_hand.TASK_QUEUE, hand_worker, partial(_start_by_hand, client, itertools.count()))
        async with working(partial(stack.serve_stubbed, _SPAN, _SPAN), server) as worker:
            (plan,) = shape.project(_SPAN, _SPAN).plans.values()
            ours = await wiring.connect(server.address)
            numbers = itertools.count()
            stubbed = Contender("ours", JOURNEYS, worker, lambda: shape.start(ours, plan, next(numbers)))
            number = await under_way(client, hand)
            theirs = partial(rate, client, server, hand, number)
            our_number = await under_way(client, stubbed)
            lean, beside = await taking_turns(partial(rate, client, server, stubbed, our_number), theirs, ROUNDS)
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            whole, beside_whole = await _whole(client, server, theirs, Path(folder))
    return [
        *_figures("by hand", beside),
        *_figures("ours, bare", lean),
        Figure("ours, bare: ratio", ratio(lean, beside), "× by hand", FEWEST, "least", _REASON, _BARE),
        _cpu("ours, bare", lean, beside),
        *_figures("ours, whole", whole),
        Figure("ours, whole: ratio", ratio(whole, beside_whole), "× by hand", note=_WHOLE),
        _cpu("ours, whole", whole, beside_whole),
    ]


async def _whole(
    client: Client, server: Server, theirs: Callable[[], Awaitable[Rate]], folder: Path
) -> tuple[list[Rate], list[Rate]]:
    async with working(partial(stack.serve, folder, _SPAN, _SPAN), server) as worker:
        await stack.ready(folder)
        numbers = itertools.count()
        with closing(Database(stack.database_url(folder))) as database:

            async def start() -> None:
                await stack.track(database, f"user-{next(numbers)}")

            ours = Contender("ours, whole", JOURNEYS, worker, start)
            await stack.introduce(database, [f"user-{number}" for number in range(FIRST)])
            number = await under_way(client, ours)
            # Who they are is known before: an event that begins a journey is what is measured.
            more = range(FIRST, FIRST + ROUNDS_WHOLE * ROUND * number)
            await stack.introduce(database, [f"user-{number}" for number in more])
            return await taking_turns(partial(rate, client, server, ours, number), theirs, ROUNDS_WHOLE)


async def _start_by_hand(client: Client, numbers: itertools.count[int]) -> None:
    number = next(numbers)
    entry = by_hand.Entry(f"cus_{number:016x}", WAIT, WAIT)
    await client.start_workflow(by_hand.ByHand.run, entry, id=f"by-hand.{number}", task_queue=by_hand.TASK_QUEUE)


def _cpu(name: str, ours: Sequence[Rate], theirs: Sequence[Rate]) -> Figure:
    """Other programs disturb this less than the rates; on an idle machine both say the same."""
    of_ours, of_theirs = (median(rate.server_cpu_ms + rate.worker_cpu_ms for rate in rates) for rates in (ours, theirs))
    return Figure(f"{name}: CPU of both", of_ours / of_theirs, "× by hand")


def _figures(name: str, measured: Sequence[Rate]) -> list[Figure]:
    return [
        Figure(name, median(rate.per_second for rate in measured), "a second", note=_doubts(name, measured)),
        Figure(f"{name}: server CPU", median(rate.server_cpu_ms for rate in measured), "ms a journey"),
        Figure(f"{name}: worker CPU", median(rate.worker_cpu_ms for rate in measured), "ms a journey"),
    ]


def _doubts(name: str, measured: Sequence[Rate]) -> str:
    """Why a rate should not be trusted, or nothing."""
    others, events = max(rate.others for rate in measured), min(rate.events for rate in measured)
    doubts = []
    if others > 0.1:
        doubts.append(f"other programs took up to {others:.0%} of this machine's CPU time")
    if events < 0.98 * HAND_EVENTS[1]:
        doubts.append(f"waits were over before they began ({events:.1f} of {HAND_EVENTS[1]} history events a journey)")
    return f"Do not trust {name}: {'; '.join(doubts)}." if doubts else ""
