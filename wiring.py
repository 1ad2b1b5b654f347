"""The one place where concrete parts are put together: database, Temporal client, sender, worker, dispatcher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from whenever import Instant

from activities.contract import JOURNEYS, QUEUES
from activities.journey import JourneyActivities, Tools
from intake.apply import Applier
from lifecycle.language.map import is_zone
from messaging.render import Renderer
from project import Project
from store import playbooks
from store.database import Database
from store.tables import PlaybookVersion
from workflows.journey import JourneyWorkflow

PASSED_THROUGH: tuple[str, ...] = (
    "lifecycle",
    "activities.contract",
    "whenever",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "yaml",
)
"""Modules that workflows share with the rest of the process: pure, and too large to import anew for each run."""


class Unreachable(Exception):
    """Something that is needed does not answer; the message says what, and what to do."""


@dataclass(frozen=True)
class Engine:
    """Everything that runs journeys in this process."""

    database: Database
    client: Client
    project: Project
    tools: Tools
    applier: Applier


async def connect(address: str, namespace: str = "default") -> Client:
    """A client of the Temporal server at `address`; Unreachable where none answers."""
    try:
        return await Client.connect(address, namespace=namespace, data_converter=pydantic_data_converter)
    except RuntimeError as error:
        raise Unreachable(
            f"no Temporal server answers at {address}; start one with `milepost dev`, or set MILEPOST_TEMPORAL_ADDRESS"
        ) from error


def engine(project: Project, database: Database, client: Client, public_url: str, *, simulated: bool = False) -> Engine:
    """Put an engine together for a project that has no mistakes."""
    assert project.map is not None
    renderer = Renderer(project.templates, project.map.language)
    tools = Tools(database, project.map, renderer, project.conditions, public_url)
    return Engine(database, client, project, tools, Applier(project.map, project.conditions, simulated))


def publish(session: Session, project: Project, now: Instant, *, holdouts: bool = True) -> None:
    """Store the versions of all playbooks and let new journeys take them; those that are gone take none any more.

    Without `holdouts` nobody is held out: for simulations, in which everybody is to be seen.
    """
    for name, plan in project.plans.items():
        version = plan if holdouts else replace(plan, holdout=0.0)
        row = PlaybookVersion(
            id=version.version,
            playbook=name,
            plan=version.packed.encode(),
            source=project.sources[name],
            created_at=now,
        )
        playbooks.publish(session, row)
        playbooks.activate(session, name, version.version, now)
    for name in playbooks.active(session):
        if name not in project.plans:
            playbooks.deactivate(session, name)


def runner() -> SandboxedWorkflowRunner:
    """How workflows run, here and in replay."""
    # The time library looks in the environment for its zone files at first use, which must not be within a workflow.
    is_zone("UTC")
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


def workers(engine: Engine) -> Sequence[Worker]:
    """One worker for workflows and bookkeeping, one for each channel's messages."""
    activities = JourneyActivities(engine.tools)
    book_keeping = [activities.decide, activities.assign_task, activities.note, activities.finish]
    main = Worker(
        engine.client,
        task_queue=JOURNEYS,
        workflows=[JourneyWorkflow],
        activities=book_keeping,
        workflow_runner=runner(),
        max_cached_workflows=2000,
    )
    channels = [Worker(engine.client, task_queue=queue, activities=[activities.deliver]) for queue in QUEUES.values()]
    return [main, *channels]
