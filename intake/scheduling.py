"""Temporal Schedules, which begin the sweeps: one for each, made or brought up to date whenever a worker starts.

A sweep that still runs when the next is due is left alone (SKIP), and what was missed while Temporal was away is begun
once and not as often as it was missed: each sweep looks at everything anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from activities.contract import JOURNEYS, SweepOrder
from activities.sweeping import Sweep

RPC_TIMEOUT = timedelta(seconds=10)


def schedule_id(sweep: str) -> str:
    """What Temporal calls the schedule of a sweep."""
    return f"milepost-sweep-{sweep}"


async def ensure(client: Client, sweeps: Mapping[str, Sweep]) -> None:
    """Have a schedule for each of these sweeps. One that a person has paused stays paused."""
    for name, sweep in sweeps.items():
        wanted = _schedule(name, sweep.every)
        try:
            await client.create_schedule(schedule_id(name), wanted, rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            as_wanted = partial(_as_wanted, wanted=wanted)
            await client.get_schedule_handle(schedule_id(name)).update(as_wanted, rpc_timeout=RPC_TIMEOUT)


def _schedule(name: str, every: timedelta) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            "Sweep", SweepOrder(name=name), id=schedule_id(name), task_queue=JOURNEYS, static_summary=f"sweep: {name}"
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )


def _as_wanted(found: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate:
    return ScheduleUpdate(replace(wanted, state=found.description.schedule.state))
