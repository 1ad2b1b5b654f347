"""`milepost doctor`: whether everything that Milepost needs is there and runs, and what to do where it is not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import typer

from cli.common import (
    FAULTS,
    GOOD,
    UNREACHABLE,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    data_folder,
    log_to_stderr,
    out,
    out_json,
    read_project,
    settings,
)

if TYPE_CHECKING:
    from intake.checkup import Finding
    from project import Project
    from settings import Settings
    from store.database import Database

DATABASE, TEMPORAL = "database", "temporal"
"""The checks without which the status is that of something unreachable."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("doctor", epilog="Example: milepost doctor --format json")(doctor)


def doctor(project: ProjectOption = None, format: FormatOption = Format.text) -> int:
    """Check settings, database, Temporal, workers, sweeps and what lies unfinished, and say what to do."""
    import asyncio

    from intake.checkup import Finding
    from settings import BadSettings

    log_to_stderr()
    try:
        found = asyncio.run(_examine(read_project(project, sound=False)))
    except BadSettings as error:  # nothing else can be looked at
        found = [Finding("settings", ok=False, says=str(error))]
    if format is Format.json:
        out_json({"checks": [one._asdict() for one in found]})
    else:
        for one in found:
            out(f"{'good' if one.ok else 'BAD ':<4}  {one.check}: {one.says}")
    wrong = {one.check for one in found if not one.ok}
    return UNREACHABLE if wrong & {DATABASE, TEMPORAL} else FAULTS if wrong else GOOD


async def _examine(project: Project) -> list[Finding]:
    configured = settings()
    return [
        *_settings(configured),
        _project(project),
        *await _stored(project, configured),
    ]


def _settings(configured: Settings) -> list[Finding]:
    from intake.checkup import Finding
    from settings import unknown

    strange = unknown()
    says = "they can be read"
    if strange:
        says = "; ".join(_no_setting(name) for name in strange)
    found = [Finding("settings", ok=not strange, says=says)]
    if configured.sender == "outbox":
        says = "messages stay in the outbox: MILEPOST_SENDER is not `live`"
        return [*found, Finding("senders", ok=True, says=says)]
    told = configured.sendgrid_webhook_key is not None
    says = "e-mail goes by SendGrid and SMS by Twilio"
    if not told:
        says = "MILEPOST_SENDGRID_WEBHOOK_KEY is not set, so what SendGrid tells of messages is refused"
    return [*found, Finding("senders", told, says)]


def _no_setting(name: str) -> str:
    from lifecycle.language.faults import did_you_mean
    from settings import PREFIX, Settings

    near = did_you_mean(name.upper(), [f"{PREFIX}{one.upper()}" for one in Settings.model_fields])
    return f"{name} is no setting, and changes nothing{f'; {near}' if near else ''}"


def _project(project: Project) -> Finding:
    from intake.checkup import Finding

    count = len(project.faults.errors)
    if count:
        says = f"it has {count} mistake{'s' * (count > 1)}, and no worker starts; run `milepost check`"
        return Finding("project", ok=False, says=says)
    return Finding("project", ok=True, says=f"{len(project.plans)} playbooks can be read")


async def _stored(project: Project, configured: Settings) -> list[Finding]:
    """The checks of the database, and then of Temporal, which are about its rows."""
    from whenever import Instant

    from intake import checkup
    from store.database import Database
    from store.errors import StoreError

    file = data_folder(project.root) / "milepost.db"
    if configured.database_url is None and not file.exists():
        says = "there is none yet; `milepost dev` makes one, or set MILEPOST_DATABASE_URL"
        return [checkup.Finding(DATABASE, ok=False, says=says), *await _temporal(project, configured, None)]
    with contextlib.closing(Database(configured.database_url or f"sqlite:///{file}")) as store:
        try:
            found = [checkup.Finding(DATABASE, ok=True, says="it answers"), await store.read(checkup.of_schema)]
            if found[-1].ok:
                found += await store.read(lambda session: checkup.of_rows(session, Instant.now()))
        except StoreError as error:
            found = [checkup.Finding(DATABASE, ok=False, says=str(error))]
        return [*found, *await _temporal(project, configured, store)]


async def _temporal(project: Project, configured: Settings, store: Database | None) -> list[Finding]:
    from temporalio.service import RPCError
    from whenever import Instant

    import wiring
    from cli.running import temporal_address
    from intake import checkup

    try:
        address = temporal_address(project.root)
        client = await wiring.connect(address, configured.temporal_namespace)
        every = {}
        if project.map is not None and store is not None:
            sweeps = wiring.sweeps(wiring.engine(project, store, client))
            every = {name: sweep.every for name, sweep in sweeps.items()}
        found = await checkup.of_temporal(client, every, Instant.now())
    except (Refused, wiring.Unreachable) as error:
        return [checkup.Finding(TEMPORAL, ok=False, says=str(error))]
    except RPCError as error:
        says = f"it does not answer as it should ({error.status.name}); is MILEPOST_TEMPORAL_NAMESPACE right?"
        return [checkup.Finding(TEMPORAL, ok=False, says=says)]
    return [checkup.Finding(TEMPORAL, ok=True, says=f"it answers at {address}"), *found]
