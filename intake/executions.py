"""A journey's executions in Temporal, taken away for good: all runs of it, whether they go on or ended long ago.

Temporal finds a workflow by its latest run only, and each run names the one that it continues. So the chain is followed
to its beginning and taken away from there, the latest run last: whoever begins again after a crash finds what is left.
"""

from __future__ import annotations

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

LONGEST = 10_000
"""Runs of one journey that are followed at most."""


async def delete(client: Client, journey: str) -> int:
    """Terminate a journey's workflow where it runs, and delete every run of it; how many runs. None: it is gone.

    Temporal forgets a moment later. RPCError where it does not answer.
    """
    try:
        await client.get_workflow_handle(journey).terminate("erased")
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    runs: list[str] = []
    latest = await _described(client, journey)
    while latest and len(runs) < LONGEST:
        runs.append(latest)
        latest = await _continued(client, journey, latest)
    for run in reversed(runs):
        request = DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=journey, run_id=run)
        )
        try:
            await client.workflow_service.delete_workflow_execution(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    return len(runs)


async def _described(client: Client, journey: str) -> str | None:
    """The latest run of a journey; None where Temporal has none."""
    try:
        return (await client.get_workflow_handle(journey).describe()).run_id
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _continued(client: Client, journey: str, run: str) -> str | None:
    """The run that a run continues; None where it is the first, or Temporal does not have its history any more."""
    request = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=journey, run_id=run),
        maximum_page_size=1,
    )
    try:
        answer = await client.workflow_service.get_workflow_execution_history(request)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if not answer.history.events:
        return None
    return answer.history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id or None
