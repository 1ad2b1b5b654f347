"""The schema: migrations and tables agree, go up and down on both databases; a start with nothing to do is quick."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, create_engine, inspect, text

from store import connections, migrate
from store.errors import DatabaseUnreachable, SchemaTooNew
from store.tables import METADATA

ROOT = Path(__file__).parents[2]


def engine(url: str) -> Engine:
    return connections.writing(connections.parse(url))


def differences(connection: Connection, metadata: MetaData) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def test_migrations_make_what_the_tables_say(bare_url: str) -> None:
    assert migrate.upgrade(bare_url) is True
    opened = engine(bare_url)
    with opened.begin() as connection:
        assert differences(connection, METADATA) == []
        connection.execute(text("DROP INDEX ix_journey_status_due"))
        assert differences(connection, METADATA) != []
    opened.dispose()


def test_migrations_make_the_same_sql_as_the_tables_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    """Alembic compares neither the condition of an index nor AUTOINCREMENT; SQLite shows both."""
    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    METADATA.create_all(made)
    migrated = create_engine(sqlite_url)
    assert _sql(made) == _sql(migrated)


def test_a_second_upgrade_finds_nothing_to_do(url: str) -> None:
    assert migrate.upgrade(url) is False


def test_the_way_down_leaves_nothing_and_leads_up_again(bare_url: str) -> None:
    migrate.upgrade(bare_url)
    opened = engine(bare_url)
    with opened.begin() as connection:
        command.downgrade(migrate.configuration(connection), "base")
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    opened.dispose()
    assert migrate.upgrade(bare_url) is True


def test_the_head_that_is_written_down_is_the_last_migration() -> None:
    assert ScriptDirectory(str(migrate.MIGRATIONS)).get_current_head() == migrate.HEAD


def test_a_schema_of_a_later_version_is_left_alone(bare_url: str) -> None:
    migrate.upgrade(bare_url)
    opened = engine(bare_url)
    with opened.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match="has schema 9999"):
        migrate.upgrade(bare_url)
    opened.dispose()


def test_a_database_that_is_not_there_is_reported_in_words(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable, match="cannot be opened"):
        migrate.upgrade(f"sqlite:///{tmp_path}/none/m.db")


def test_a_start_with_nothing_to_do_does_not_import_alembic(sqlite_url: str) -> None:
    code = (
        "import sys; from store import migrate; migrate.upgrade(sys.argv[1]);"
        "print([name for name in ('alembic', 'sqlmodel') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code, sqlite_url], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def _sql(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'")
        )
        found = {name: " ".join(sql.split()) for name, sql in rows}
    engine.dispose()
    return found
