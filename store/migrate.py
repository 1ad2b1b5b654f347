"""Bringing a database to the schema of this version, at every start.

A start must be quick, so the usual case (nothing to do) reads one row and never imports Alembic. `HEAD` is therefore
written down here too; a test compares it with the migrations. Processes that start together take turns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from store import connections
from store.errors import SchemaTooNew, translated

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0010"

MIGRATIONS = Path(__file__).parent / "migrations"

_ONE_AT_A_TIME = 0x6D696C6570  # any number that no other program locks


def upgrade(url: str) -> bool:
    """Create or migrate the schema; whether anything had to be done.

    Raises SchemaTooNew where a later version of Milepost was here, and DatabaseUnreachable or DatabaseBusy.
    """
    parsed = connections.parse(url)
    looking, engine = connections.reading(parsed), connections.writing(parsed)
    try:
        # The look takes no lock, so that a start does not wait for whoever is writing.
        with looking.begin() as connection:
            if revision(connection) == HEAD:
                return False
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Whoever came first may take long, and whatever it takes is worth the wait.
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
            if revision(connection) == HEAD:
                return False
            _migrate(connection)
            return True
    except DBAPIError as error:
        known = translated(error, parsed, connections.PATIENCE)
        if known is None:
            raise
        raise known from error
    finally:
        looking.dispose()
        engine.dispose()


def revision(connection: Connection) -> str | None:
    """The revision of the schema, or None where there is none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for migrations over a connection whose transaction the caller ends."""
    from alembic.config import Config  # noqa: PLC0415 - slow to import, and rarely needed

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import, and rarely needed
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = configuration(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = revision(connection)
    if found is not None and found not in known:
        raise SchemaTooNew(
            f"the database {connection.engine.url.render_as_string(hide_password=True)} has schema {found}, and this"
            f" version of Milepost knows {HEAD} at most; start the version that wrote it"
        )
    command.upgrade(config, "head")
