"""What `milepost doctor` looks at: whether everything that runs is there, and whether anything lies that should not.

Each check says in one sentence what it found and, where that is no good, what to do. Nothing is changed, and no
provider is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode
from whenever import Instant, TimeDelta

from activities.contract import JOURNEYS, QUEUES
from intake.dispatcher import PLAYBOOK
from intake.overview import lag
from intake.scheduling import schedule_id
from store import callbacks, pauses
from store.migrate import HEAD, revision

TIMEOUT = timedelta(seconds=5)

LAG = 60.0
"""Seconds: an event that has waited longer was not met by a worker that runs."""

LONG = TimeDelta(hours=24 * 7)
"""A pause without an end that lies longer may have been forgotten."""

MISSED = 3
"""A schedule whose last run is this many times its interval ago does not run."""

_FAILED = (
    WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.TIMED_OUT, WorkflowExecutionStatus.TERMINATED,
)  # fmt: skip


class Finding(NamedTuple):
    """One check: whether it is good, and a sentence."""

    check: str
    ok: bool
    says: str


def of_schema(session: Session) -> Finding:
    """Whether the schema is the one of this version."""
    found = revision(session.connection())
    if found == HEAD:
        return Finding("schema", ok=True, says=f"the database has schema {HEAD}")
    return Finding(
        "schema",
        ok=False,
        says=f"the database has schema {found or 'none'}, not {HEAD}: start a worker, which migrates it",
    )


def of_rows(session: Session, now: Instant) -> list[Finding]:
    """What lies in the database: events, callbacks, pauses."""
    return [*_events(session, now), _callbacks(session), _pauses(session, now)]


def _events(session: Session, now: Instant) -> Iterable[Finding]:
    found = lag(session, now)
    if not found.waiting:
        yield Finding("events", ok=True, says="no event waits to be applied")
    else:
        late = found.seconds > LAG
        says = f"{_count(found.waiting, 'event')} to be applied, the oldest for {found.seconds:.0f} seconds"
        yield Finding("events", not late, says + (": is a worker running?" if late else ""))
    says = f"{_count(found.failed, 'event')} set aside" + (
        ": `milepost events failed` shows them" if found.failed else ""
    )
    yield Finding("failed events", not found.failed, says)


def _callbacks(session: Session) -> Finding:
    failed = callbacks.count_failed(session)
    what = ": Milepost could not read what a provider posted; the log of the worker says why" if failed else ""
    return Finding("callbacks", not failed, f"{_count(failed, 'callback')} set aside{what}")


def _pauses(session: Session, now: Instant) -> Finding:
    lying = [one for one in pauses.active(session) if one.ends_at is None and now - one.started_at > LONG]
    if not lying:
        return Finding("pauses", ok=True, says="no pause without an end lies for longer than a week")
    named = ", ".join(f"{one.id} ({one.scope})" for one in lying[:5]) + (" ..." if len(lying) > 5 else "")
    return Finding("pauses", ok=False, says=f"pauses lie for longer than a week: {named}; `milepost resume` ends one")


async def of_temporal(client: Client, every: Mapping[str, timedelta], now: Instant) -> list[Finding]:
    """What Temporal knows: the search attribute, workers, schedules. `every` is how often each sweep is begun."""
    return [
        await _search_attribute(client),
        *[await _workers(client, queue) for queue in (JOURNEYS, *QUEUES.values())],
        *[await _schedule(client, name, interval, now) for name, interval in every.items()],
    ]


async def _search_attribute(client: Client) -> Finding:
    found = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=TIMEOUT
    )
    if PLAYBOOK.name in found.custom_attributes:
        return Finding("search attribute", ok=True, says=f"Temporal knows the search attribute {PLAYBOOK.name}")
    command = f"temporal operator search-attribute create --name {PLAYBOOK.name} --type Keyword"
    return Finding("search attribute", ok=False, says=f"no journey can start; run `{command}`")


async def _workers(client: Client, queue: str) -> Finding:
    kind = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW if queue == JOURNEYS else TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
    found = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind),
        timeout=TIMEOUT,
    )
    check, polls = f"queue {queue}", len({one.identity for one in found.pollers})
    if polls:
        return Finding(check, ok=True, says=f"{_count(polls, 'worker')} on the queue")
    return Finding(check, ok=False, says="no worker is on the queue; start one with `milepost worker`")


async def _schedule(client: Client, sweep: str, every: timedelta, now: Instant) -> Finding:
    check = f"sweep {sweep}"
    try:
        found = await client.get_schedule_handle(schedule_id(sweep)).describe(rpc_timeout=TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return Finding(check, ok=False, says="it has no schedule; a worker makes it when it starts")
    if found.schedule.state.paused:
        says = f"its schedule {schedule_id(sweep)} is paused; unpause it in Temporal"
        return Finding(check, ok=False, says=says)
    last = found.info.recent_actions[-1] if found.info.recent_actions else None
    since = Instant(last.started_at if last else found.info.created_at)
    seconds = int((now - since).total("seconds"))
    if seconds > MISSED * every.total_seconds():
        return Finding(check, ok=False, says=f"it has not run for {seconds} seconds; is Temporal's scheduler running?")
    if last is None:
        return Finding(check, ok=True, says="it has not run yet; its schedule is new")
    if await _went_wrong(client, last):
        return Finding(check, ok=False, says="its last run failed; the log of the worker says why")
    return Finding(check, ok=True, says=f"it ran {max(seconds, 0)} seconds ago")


async def _went_wrong(client: Client, last: ScheduleActionResult) -> bool:
    action = last.action
    if not isinstance(action, ScheduleActionExecutionStartWorkflow):
        return False
    handle = client.get_workflow_handle(action.workflow_id, run_id=action.first_execution_run_id)
    try:
        return (await handle.describe(rpc_timeout=TIMEOUT)).status in _FAILED
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
