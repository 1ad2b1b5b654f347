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
from sqlalchemy import Boolean, Connection, Engine, MetaData, bindparam, create_engine, inspect, text

from store import connections, migrate
from store.errors import DatabaseUnreachable, SchemaTooNew
from store.shards import shard_of
from store.tables import METADATA
from store.types import InstantType
from tests.store.rows import START

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


ARRIVED = """
INSERT INTO customer (id, user_id, attributes, created_at, updated_at) VALUES ('cus_1', 'ada', '{"n": 1}', :t, :t);
INSERT INTO playbook_version (id, playbook, plan, source, created_at) VALUES ('v1', 'welcome', '', '', :t);
INSERT INTO journey (id, customer_id, playbook, version, arm, key, entry_event_id, history_mark, entered_at, status,
  seq, inbox_last, simulated)
  VALUES ('welcome.1', 'cus_1', 'welcome', 'v1', 'journey', '', 1, 0, :t, 'starting', 1, 0, :no);
INSERT INTO token (name, digest, scope, created_at) VALUES ('crm', 'd', 'read', :t);
INSERT INTO event
  (source, message_id, user_id, kind, name, properties, at, received_at, state, attempts, hops, backfill)
  VALUES ('test', 'applied', 'ada', 'track', 'alpha', '{}', :t, :t, 'applied', 0, 0, :no)
"""
PENDING = """
INSERT INTO event
  (source, message_id, user_id, kind, name, properties, at, received_at, state, attempts, hops, backfill)
  VALUES ('test', :id, :user, 'track', 'alpha', '{"n": 1}', :t, :t, 'pending', 0, 0, :no)
"""


def test_events_that_wait_on_the_day_of_the_upgrade_get_their_shards_and_keep_their_order(bare_url: str) -> None:
    users = [f"user {number}" for number in range(7)]
    when = bindparam("t", START, InstantType())
    no = bindparam("no", value=False, type_=Boolean())
    opened = engine(bare_url)
    with opened.begin() as connection:
        command.upgrade(migrate.configuration(connection), "0002")
        for statement in ARRIVED.split(";"):
            named = [one for one in (when, no) if f":{one.key}" in statement]
            connection.execute(text(statement).bindparams(*named))
        for number in range(21):
            values = {"id": f"e{number}", "user": users[number % 7]}
            connection.execute(text(PENDING).bindparams(when, no), values)

    def waiting(connection: Connection, *columns: str) -> list[tuple[object, ...]]:
        found = connection.execute(text(f"SELECT {', '.join(columns)} FROM event WHERE state = 'pending' ORDER BY id"))
        return [tuple(row) for row in found]

    migrate.upgrade(bare_url)
    expected = [(f"e{number}", users[number % 7]) for number in range(21)]
    with opened.begin() as connection:
        assert waiting(connection, "message_id", "user_id") == expected
        assert waiting(connection, "shard") == [(shard_of(user),) for _, user in expected]
        # What 0003 knows, and 0002 does not, must not be in the way.
        connection.execute(text("INSERT INTO account (id, group_id, attributes, created_at, updated_at) "
                                "VALUES ('acc_1', 'g', '{}', :t, :t)").bindparams(when))  # fmt: skip
        connection.execute(text("UPDATE customer SET account_id = 'acc_1', merged_into = 'cus_1'"))
        connection.execute(text("INSERT INTO segment_member (segment, customer_id, since) "
                                "VALUES ('s', 'cus_1', :t)").bindparams(when))  # fmt: skip
    with opened.begin() as connection:
        command.downgrade(migrate.configuration(connection), "0002")
        assert waiting(connection, "message_id", "user_id") == expected
        kept = {
            name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("customer", "journey", "token")
        }
        assert kept == {"customer": 1, "journey": 1, "token": 1}
    assert migrate.upgrade(bare_url) is True
    with opened.begin() as connection:
        assert differences(connection, METADATA) == []
        assert waiting(connection, "message_id", "shard") == [(name, shard_of(user)) for name, user in expected]
    opened.dispose()


HELD = """
INSERT INTO customer (id, user_id, attributes, created_at, updated_at) VALUES ('cus_1', 'ada', '{}', 1, 1);
INSERT INTO playbook_version (id, playbook, plan, source, created_at) VALUES ('v1', 'welcome', '', '', 1);
INSERT INTO journey (id, customer_id, playbook, version, arm, key, entry_event_id, history_mark, entered_at, status,
  seq, inbox_last, simulated) VALUES ('welcome.1', 'cus_1', 'welcome', 'v1', 'journey', '', 1, 0, 1, 'open', 1, 0, 0);
INSERT INTO pause (id, scope, target, policy, reason, started_at, ended_at, made_by) VALUES
  (1, 'journey', 'welcome.1', 'freeze', 'asked', 1000, NULL, 'cli:ada'),
  (2, 'journey', 'welcome.1', 'freeze', 'asked', 500, 900, 'cli:ada')
"""


def test_a_journey_that_is_held_on_the_day_of_the_upgrade_is_woken_like_any_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    opened = engine(url)
    with opened.begin() as connection:
        command.upgrade(migrate.configuration(connection), "0001")
        for statement in HELD.split(";"):
            connection.execute(text(statement))
    migrate.upgrade(url)
    with opened.begin() as connection:
        held = [tuple(row) for row in connection.execute(text("SELECT journey_id, pause_id, since FROM hold"))]
        drained = connection.execute(text("SELECT id FROM pause WHERE drained_at IS NOT NULL")).scalars().all()
    opened.dispose()
    assert held == [("welcome.1", 1, 1000)]
    assert drained == [2]


def _sql(engine: Engine) -> dict[str, object]:
    """Indexes word for word; tables by their columns, because a column added later stands at the end."""
    found: dict[str, object] = {}
    with engine.connect() as connection:
        for kind, name, sql in connection.execute(
            text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'")
        ):
            if kind == "table":
                columns = {tuple(row)[1:] for row in connection.execute(text(f"PRAGMA table_xinfo('{name}')"))}
                found[name] = (columns, "AUTOINCREMENT" in sql)
            else:
                found[name] = " ".join(sql.split())
    engine.dispose()
    return found
