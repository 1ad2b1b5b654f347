"""What one journey costs, ours and by hand: counted on the real server, the same on every machine."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session
from temporalio.client import Client

from bench import by_hand, stack
from bench.figures import Figure
from bench.measure import Cost, at_rest_after, cost_of
from bench.server import Server
from bench.shape import MILESTONE
from store import customers, journeys
from store.tables import Journey
from wiring import Engine

HAND_EVENTS, HAND_ACTIVITIES = (34, 39), (3, 4)
"""Of the workflow by hand: reached, timed out. Any other, and it is no yardstick."""

MOST_EVENTS, MOST_ACTIONS, MOST_BYTES = 46, 9, 8000
DEARER = 1.2
"""How many times the events of the workflow by hand a journey may take."""

_HOUR, _SHORT = 3600.0, 1.0
_OURS = "4 seconds"
"""A wait of ours. A machine that lags by more finds it over, and sets no timer: it would count too little."""

_PATIENCE = 30.0

Both = tuple[Cost, Cost]
"""The costs of a journey that reached the milestone, and of one that timed out."""


async def of_hand(client: Client) -> Both:
    """Of the workflow by hand."""
    async with by_hand.worker(client):
        start, queue = client.start_workflow, by_hand.TASK_QUEUE
        reached = await start(by_hand.ByHand.run, by_hand.Entry("ada", _SHORT, _HOUR), id="reached", task_queue=queue)
        timed_out = await start(by_hand.ByHand.run, by_hand.Entry("ben", _SHORT, _SHORT), id="late", task_queue=queue)
        await at_rest_after(reached, activities=2)
        await reached.signal(by_hand.ByHand.milestone)
        return await cost_of(reached), await cost_of(timed_out)


async def of_ours(server: Server) -> Both:
    """Of our journey, with the real store, intake and dispatcher."""
    return await _journey(server, "1 hour", reaches=True), await _journey(server, _OURS, reaches=False)


async def _journey(server: Server, longest: str, *, reaches: bool) -> Cost:
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        async with stack.engine(server.address, Path(folder), _OURS, longest) as engine:
            user = "ada" if reaches else "ben"
            await stack.introduce(engine.database, [user])
            await stack.track(engine.database, user)
            handle = engine.client.get_workflow_handle(await _started(engine, user))
            if reaches:
                await at_rest_after(handle, activities=2)
                await stack.track(engine.database, user, name=MILESTONE)
            return await cost_of(handle)


async def _started(engine: Engine, user: str) -> str:
    """The id of a customer's only journey, once Temporal has it."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            customer = await engine.database.read(lambda session: customers.get(session, user))
            if customer is not None:
                found = await engine.database.read(partial(_journeys, customer.id))
                if found and found[0].status == "open":
                    return found[0].id
            await asyncio.sleep(0.05)


def _journeys(customer: str, session: Session) -> list[Journey]:
    return journeys.of_customer(session, customer)


def is_yardstick(hand: Both) -> bool:
    """Whether the workflow by hand is what every ratio is taken against."""
    events, activities = tuple(cost.events for cost in hand), tuple(cost.activities for cost in hand)
    return (events, activities) == (HAND_EVENTS, HAND_ACTIVITIES)


def hand_figures(hand: Both) -> list[Figure]:
    ways = ("reached", "timed out")
    events = [
        Figure(f"history events, {way}", cost.events, "", budget, "exactly")
        for way, cost, budget in zip(ways, hand, HAND_EVENTS, strict=True)
    ]
    activities = [
        Figure(f"activities, {way}", cost.activities, "", budget, "exactly")
        for way, cost, budget in zip(ways, hand, HAND_ACTIVITIES, strict=True)
    ]
    actions = max(cost.billable_actions for cost in hand)
    size = max(cost.history_bytes for cost in hand)
    return [*events, *activities, Figure("billable actions", actions, ""), Figure("history size", size, "bytes")]


def our_figures(ours: Both, hand: Both) -> list[Figure]:
    reached, timed_out = ours
    dearer = max(our.events / their.events for our, their in zip(ours, hand, strict=True))
    return [
        Figure("activities, reached", reached.activities, "", 3 + 1),
        Figure("activities, timed out", timed_out.activities, "", 4 + 1),
        Figure("activities a message", max(reached.activities / 3, timed_out.activities / 4), "", 1),
        Figure("history events, reached", reached.events, "", MOST_EVENTS),
        Figure("history events, timed out", timed_out.events, "", MOST_EVENTS),
        Figure("history events, both", dearer, "× by hand", DEARER),
        Figure("billable actions", max(cost.billable_actions for cost in ours), "", MOST_ACTIONS),
        Figure(
            "history size",
            max(cost.history_bytes for cost in ours),
            "bytes",
            MOST_BYTES,
            note="The rest is the plan, which travels in the start, and the state, which travels to each activity.",
        ),
    ]
