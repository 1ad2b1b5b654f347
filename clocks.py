"""The clocks of journeys on a Temporal server that skips time: each has one of its own, and is moved forward by it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    UpdateWorkflowExecutionOptionsRequest,
    UpdateWorkflowExecutionOptionsResponse,
)
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from whenever import Instant

from lifecycle.state import STATE, State

SETTLE = 0.004
MOVES = 20


class Skipper(TimeSkipper):
    """Moves clocks, and never repeats a call by itself: a move is relative, and one that is made twice goes too far."""

    async def _update_time_skipping_config(
        self, handle: WorkflowHandle[Any, Any], config: TimeSkippingConfig
    ) -> UpdateWorkflowExecutionOptionsResponse:
        proto = config._to_proto()  # noqa: SLF001 - the skipper's own call is repeated here, as the SDK writes it
        return await self._client.workflow_service.update_workflow_execution_options(
            UpdateWorkflowExecutionOptionsRequest(
                namespace=self._client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=handle.id),
                workflow_execution_options=WorkflowExecutionOptions(time_skipping_config=proto),
                update_mask=FieldMask(paths=["time_skipping_config"]),
                identity=self._client.identity,
            )
        )


class Stuck(Exception):
    """A rehearsed journey does not come to rest."""


@dataclass
class Clocks:
    """The clocks of all journeys of a server. `reached` is how far each was seen to have come."""

    client: Client
    skipper: Skipper
    offsets: dict[str, float] = field(default_factory=dict)
    reached: dict[str, Instant] = field(default_factory=dict)

    async def move(self, journey: str, to: Instant) -> None:
        """Move a journey's clock forward to `to`; never back."""
        handle = self.client.get_workflow_handle(journey)
        for _ in range(MOVES):
            try:
                now = await self._now(handle)
                ahead = (to - now).total("seconds")
                if ahead > 0.01:
                    await self.skipper.fast_forward(handle, timedelta(seconds=ahead))
                return
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return
                await asyncio.sleep(SETTLE)
        raise Stuck(f"the clock of {journey} cannot be moved to {to}")

    async def rest(self, journey: str) -> None:
        """Wait until a journey has nothing in hand."""
        handle = self.client.get_workflow_handle(journey)
        for _ in range(5000):
            raw = (await handle.describe()).raw_description
            # A run of fewer events has not had its first task, which may not even be scheduled yet.
            begun = raw.workflow_execution_info.history_length >= 4
            if begun and not raw.HasField("pending_workflow_task") and not raw.pending_activities:
                return
            await asyncio.sleep(SETTLE)
        raise Stuck(f"{journey} does not come to rest")

    async def state(self, journey: str) -> State | None:
        """What a journey's workflow itself says of where it stands; None where there is none to ask."""
        try:
            state = STATE.validate_python(await _ask(self.client.get_workflow_handle(journey), "state"))
        except RPCError:
            return None
        self.reached[journey] = state.clock
        return state

    async def _now(self, handle: WorkflowHandle[Any, Any]) -> Instant:
        """A journey's own time: Temporal's clock for it, shifted as the workflow shifts it."""
        if handle.id not in self.offsets:
            self.offsets[handle.id] = await _ask(handle, "offset")
        shown = Instant(await self.skipper.get_current_time(handle)).add(seconds=self.offsets[handle.id])
        # A run that continues another shows the time of an earlier one until its own clock was moved.
        return max(shown, self.reached.get(handle.id, shown))


async def _ask(handle: WorkflowHandle[Any, Any], query: str) -> Any:
    """A query's answer; a run that has just begun answers only once its first task is scheduled."""
    for _ in range(500):
        try:
            return await handle.query(query)
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise
            await asyncio.sleep(SETTLE)
    raise Stuck(f"{handle.id} does not answer")
