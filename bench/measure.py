"""What a journey costs on Temporal, for any workflow, counted from its history: the same on every machine."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle

from bench.server import Server

_BETWEEN_LOOKS = 0.02
_PATIENCE = 60.0

# What Temporal Cloud bills and a history shows: https://docs.temporal.io/cloud/actions. Activities are counted
# apart, since each retry is billed too, and local activities, which are billed once a workflow task. Not counted,
# because no history shows them or no journey does them: queries, heartbeats, resets, child workflows, fairness.
_BILLED = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    }
)
_LOCAL_ACTIVITY = "core_local_activity"  # the marker by which every SDK that is built on Temporal's core records one


@dataclass(frozen=True, slots=True)
class Cost:
    """One finished journey, counted. `history_bytes` is the sum of its events as they are stored, uncompressed."""

    events: int
    history_bytes: int
    activities: int
    local_activities: int
    billable_actions: int


def cost(history: Iterable[HistoryEvent]) -> Cost:
    """Counts one run; a journey that continued as new is the sum of its runs."""
    events = history_bytes = activities = local_activities = billable = 0
    tasks_with_local_activities = set[int]()
    for event in history:
        events += 1
        history_bytes += event.ByteSize()
        if event.event_type in _BILLED:
            billable += 1
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            activities += 1
            billable += event.activity_task_started_event_attributes.attempt
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            marker = event.marker_recorded_event_attributes
            if marker.marker_name == _LOCAL_ACTIVITY:
                local_activities += 1
                tasks_with_local_activities.add(marker.workflow_task_completed_event_id)
    billable += len(tasks_with_local_activities)
    return Cost(events, history_bytes, activities, local_activities, billable)


async def cost_of(handle: WorkflowHandle[Any, Any]) -> Cost:
    """Waits for the journey to end, then counts it. Raises WorkflowFailureError if it failed."""
    await handle.result()
    return cost([event async for event in handle.fetch_history_events()])


async def at_rest_after(handle: WorkflowHandle[Any, Any], activities: int) -> None:
    """Returns when so many activities are done and the journey waits for a timer or a signal: only then does a
    milestone cost what it costs in life, where it hardly ever meets a journey at work. Raises TimeoutError after a
    minute.
    """
    async with asyncio.timeout(_PATIENCE):
        while True:
            described = (await handle.describe()).raw_description
            if not described.HasField("pending_workflow_task") and not described.pending_activities:
                history = cost([event async for event in handle.fetch_history_events()])
                if history.activities >= activities:
                    return
            await asyncio.sleep(_BETWEEN_LOOKS)


@asynccontextmanager
async def working(serve: Callable[[str], Coroutine[Any, Any, None]], server: Server) -> AsyncIterator[int]:
    """Runs `serve(address)` in a process of its own, so that its CPU time is its own; yields the process id.

    `serve` is a function of a module, or a functools.partial of one.
    """
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(serve, server.address), daemon=True)
    process.start()
    try:
        assert process.pid is not None
        yield process.pid
    finally:
        process.kill()  # none of it is needed any more, and an interpreter with a worker in it may crash as it ends
        process.join()


def _serve(serve: Callable[[str], Coroutine[Any, Any, None]], address: str) -> None:
    asyncio.run(serve(address))
