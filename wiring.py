"""The one place where concrete parts are put together: database, Temporal client, sender, worker, dispatcher."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy.orm import Session
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from whenever import Instant

from activities.asking import Asker
from activities.codes import CodesOnly
from activities.contract import JOURNEYS, QUEUES
from activities.journey import JourneyActivities
from activities.rates import Rates
from activities.sweeping import Sweep, SweepActivities, until_nothing
from activities.tools import Tools
from api.parts import Parts
from console.parts import Parts as ConsoleParts
from intake import rollouts
from intake.acceptor import Acceptor
from intake.apply import Applier
from intake.commands import PATIENCE, NoAnswer
from intake.explain import Explainer
from intake.orphans import OrphanSweep
from intake.segmenting import sweep_segments
from intake.sweeping import DueSweep
from lifecycle.course import COURSE
from lifecycle.language.map import is_zone
from lifecycle.language.template import Channel
from lifecycle.plan import PLAN
from lifecycle.state import STATE
from messaging.links import Links
from messaging.render import Renderer
from messaging.senders.breaker import Breaker, Guarded
from messaging.senders.failover import Failover
from messaging.sending import Outbox, Sender
from project import Project
from settings import Settings
from store import playbooks
from store.database import Database
from workflows.journey import JourneyWorkflow
from workflows.sweep import SweepWorkflow

PASSED_THROUGH: tuple[str, ...] = (
    "workflows",
    "lifecycle",
    "activities.contract",
    "whenever",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "yaml",
    "cronsim",
)
"""Modules that workflows share with the rest of the process: pure, and too large to import anew for each run. So are
the workflows themselves: to define one anew takes longer than a journey's first task, and holds up the whole process.
What the sandbox would say of them, `.importlinter` says before they run.
"""


SENDING = 16
"""How many messages of a channel a worker hands over at once: a claimed message waits for no thread."""

PARTING = timedelta(seconds=90)
"""How long a worker that is told to stop may take to finish what it has in hand, a provider's silence included."""

AT_ONCE = 100
"""The same where handing over is a row of our own."""

OUTBOX: Mapping[Channel, Sender] = MappingProxyType({"email": Outbox(), "sms": Outbox()})


class Unreachable(Exception):
    """Something that is needed does not answer; the message says what, and what to do."""


@dataclass(frozen=True)
class Outside:
    """How messages leave, and what leads back. `secret_key` signs links and keys the hashes of suppressed addresses.

    The default sends nothing anywhere: for rehearsals and tests, which have no secrets.
    """

    public_url: str = "https://example.com"
    secret_key: str = "rehearsed, and so no secret at all"  # noqa: S105 - it guards nothing
    senders: Mapping[Channel, Sender] = field(default_factory=lambda: OUTBOX)
    per_second: Mapping[str, float] = field(default_factory=dict)


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


def temporal_when_needed(address: str | None, namespace: str) -> Callable[[], Awaitable[Client]]:
    """Gives a client, connected at the first call and kept. What it gives raises NoAnswer where no server answers."""
    connected: Client | None = None

    async def client() -> Client:
        nonlocal connected
        if address is None:
            raise NoAnswer("this needs Temporal, and MILEPOST_TEMPORAL_ADDRESS is not set")
        if connected is None:
            try:
                connected = await asyncio.wait_for(connect(address, namespace), PATIENCE)
            except (Unreachable, TimeoutError):
                raise NoAnswer("Temporal does not answer, and nothing was changed; try again in a moment") from None
        return connected

    return client


def outside(settings: Settings, secret_key: str) -> Outside:
    """What the settings say about sending. `secret_key` is theirs, or the one that `milepost dev` keeps."""
    given = {"email": settings.email_per_second, "sms": settings.sms_per_second}
    return Outside(
        settings.public_url.rstrip("/"),
        secret_key,
        senders(settings),
        {channel: rate for channel, rate in given.items() if rate is not None},
    )


def senders(settings: Settings) -> Mapping[Channel, Sender]:
    """The sender of each channel: the outbox, or the live ones, each left alone for a while when it fails."""
    if settings.sender == "outbox":
        return OUTBOX
    return {"email": _email(settings), "sms": _sms(settings)}


def _email(settings: Settings) -> Sender:
    # The providers' SDKs take half a second to import, which nobody needs who sends nothing.
    from messaging.senders.sendgrid import SendGrid  # noqa: PLC0415

    assert settings.sendgrid_api_key is not None
    assert settings.email_from is not None
    keys = [settings.sendgrid_api_key, settings.second_sendgrid_api_key]
    made = [
        SendGrid(key.get_secret_value(), settings.sendgrid_base_url, settings.email_from, name=name)
        for key, name in zip(keys, ("sendgrid", "sendgrid-2"), strict=True)
        if key is not None
    ]
    return _guarded(made)


def _sms(settings: Settings) -> Sender:
    from messaging.senders.twilio import Twilio  # noqa: PLC0415 - as above

    accounts = [
        (settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_messaging_service_sid),
        (
            settings.second_twilio_account_sid,
            settings.second_twilio_auth_token,
            settings.second_twilio_messaging_service_sid,
        ),
    ]
    told = f"{settings.public_url.rstrip('/')}/webhooks/twilio/status"
    made = [
        Twilio(account, token.get_secret_value(), settings.twilio_base_url, service, told, name=name)
        for (account, token, service), name in zip(accounts, ("twilio", "twilio-2"), strict=True)
        if account and token and service
    ]
    return _guarded(made)


def _guarded(made: Sequence[Sender]) -> Sender:
    """The first sender, each left alone for a while when it fails; the second stands in where there is one."""
    first, *second = (Guarded(sender, Breaker(sender.name)) for sender in made)
    return Failover(first, second[0]) if second else first


def engine(
    project: Project, database: Database, client: Client, out: Outside | None = None, *, simulated: bool = False
) -> Engine:
    """Put an engine together for a project that has no mistakes."""
    assert project.map is not None
    out = out or Outside()
    applier = Applier(project.map, project.conditions, simulated)
    tools = Tools(
        database,
        project.map,
        Renderer(project.templates, project.map.language, project.templates_again),
        project.conditions,
        Links(out.public_url, out.secret_key),
        Asker(project.map, out.secret_key.encode(), applier.plan),
        out.senders,
        Rates(out.per_second),
        ThreadPoolExecutor(len(out.senders) * SENDING, "sender"),
    )
    return Engine(database, client, project, tools, applier)


def api_parts(project: Project, database: Database, settings: Settings, secret_key: str) -> Parts:
    """What the API needs, for a project that has no mistakes."""
    assert project.map is not None
    tokens = (settings.twilio_auth_token, settings.second_twilio_auth_token)
    applier = Applier(project.map, project.conditions)
    return Parts(
        database,
        project.map,
        Links(settings.public_url, secret_key),
        settings.public_url,
        Acceptor(database),
        applier,
        explainer(project, applier, secret_key),
        temporal_when_needed(settings.temporal_address, settings.temporal_namespace),
        tuple(key for key in (settings.sendgrid_webhook_key, settings.second_sendgrid_webhook_key) if key),
        tuple(token.get_secret_value() for token in tokens if token),
    )


def explainer(project: Project, applier: Applier, secret_key: str) -> Explainer:
    """What explaining needs, for a project that has no mistakes."""
    assert project.map is not None
    renderer = Renderer(project.templates, project.map.language, project.templates_again)
    return Explainer(project.map, project.conditions, renderer, Asker(project.map, secret_key.encode(), applier.plan))


def console_parts(project: Project, api: Parts, secret_key: str, settings: Settings | None = None) -> ConsoleParts:
    """What the console needs besides the API, for a project that has no mistakes; `settings` name its provider."""
    provider = None
    if settings and settings.oidc_issuer and settings.oidc_client_id and settings.oidc_client_secret:
        # Few have one, and none of the commands need it.
        from console.provider import Provider  # noqa: PLC0415

        secret = settings.oidc_client_secret.get_secret_value()
        provider = Provider(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_name)
    return ConsoleParts(
        api, secret_key, project.root, project.plans, project.sources, provider,
        project.scenarios, project.world(),
    )  # fmt: skip


def publish(session: Session, project: Project, now: Instant, *, holdouts: bool = True) -> list[str]:
    """Let new journeys take the playbooks that were never published; the names of those whose file is not what runs.

    What was published once changes by an apply alone (`intake.rollouts`), one whose file is gone as well.
    Without `holdouts` nobody is held out: for simulations, in which everybody is to be seen.
    """
    active, others = playbooks.active(session), []
    for name, plan in project.plans.items():
        version = plan if holdouts else replace(plan, holdout=0.0)
        first = rollouts.first(session, name, version, project.sources[name], now)
        if not first and not rollouts.runs(session, name, version.version):
            others.append(name)
    return others + [name for name in active if name not in project.plans]


def pin(session: Session, project: Project, names: Sequence[str], who: str, now: Instant) -> list[str]:
    """Apply those of these playbooks whose version is new, as `milepost apply --in-flight pin` does; the other names.

    A version that was there before is none: somebody may have rolled it back.
    """
    others = []
    for name in names:
        plan = project.plans.get(name)
        known = plan is None or playbooks.get(session, plan.version) is not None
        if plan is None or known or rollouts.going(session, name):
            others.append(name)
            continue
        reason = "milepost dev was started with another file"
        rollouts.begin(session, rollouts.Wanted(name, "pin", plan, project.sources[name], reason=reason), who, now)
    return others


def runner() -> SandboxedWorkflowRunner:
    """How workflows run, here and in replay."""
    # The time library looks in the environment for its zone files at first use, which must not be within a workflow.
    is_zone("UTC")
    # So would pydantic compile these, in the middle of the first task.
    for adapter in (PLAN, STATE, COURSE):
        adapter.rebuild()
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


def sweeps(engine: Engine) -> Mapping[str, Sweep]:
    """The sweeps by name, and how often each is begun. This is where another one is added, by a line of its own."""
    database, map_, applier = engine.database, engine.tools.map, engine.applier

    async def members(now: Instant) -> int:
        return await asyncio.to_thread(sweep_segments, database, map_, applier.conditions, now)

    return {
        "due": Sweep(timedelta(minutes=1), DueSweep(database, map_, applier.plan).run),
        "segments": Sweep(timedelta(minutes=5), until_nothing("changes", members)),
        "orphans": Sweep(timedelta(minutes=5), OrphanSweep(database, engine.client, applier).run),
    }


def workers(engine: Engine) -> Sequence[Worker]:
    """One worker for workflows and bookkeeping, one for each channel's messages."""
    activities = JourneyActivities(engine.tools)
    book_keeping = [activities.decide, activities.assign_task, activities.note, activities.move, activities.finish]
    sweeping = SweepActivities(sweeps(engine))
    main = Worker(
        engine.client,
        task_queue=JOURNEYS,
        workflows=[JourneyWorkflow, SweepWorkflow],
        activities=[*book_keeping, sweeping.sweep],
        workflow_runner=runner(),
        max_cached_workflows=2000,
        graceful_shutdown_timeout=PARTING,
        interceptors=[CodesOnly()],
    )
    return [main, *(_channel(engine, activities, channel) for channel in engine.tools.senders)]


def _channel(engine: Engine, activities: JourneyActivities, channel: Channel) -> Worker:
    at_once = AT_ONCE if engine.tools.senders[channel].stores else SENDING
    return Worker(
        engine.client,
        task_queue=QUEUES[channel],
        activities=[activities.deliver],
        max_concurrent_activities=at_once,
        graceful_shutdown_timeout=PARTING,
        interceptors=[CodesOnly()],
    )
