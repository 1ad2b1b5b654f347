"""What events from any product need: shards, accounts, segments, sweeps, imports, erasures, browsers' keys.

A migration is written by hand and never changed once it was released. It names columns as they were on its day and
takes nothing from `store.tables`, which moves on.
"""

from __future__ import annotations

import zlib
from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import InstantType, Json, RowId

revision = "0003"
down_revision: str | None = "0002"


def _text(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _integer(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _instant(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, InstantType(), nullable=nullable)


def _row_id(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, RowId, nullable=nullable)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _partial(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _json(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Json, nullable=nullable)


SHARDS = 64

REFERRING = {"account_id": "account", "merged_into": "customer"}
"""Columns that a customer gains, and what they refer to."""


def upgrade() -> None:
    op.create_table(
        "account",
        _text("id"),
        _text("group_id"),
        _json("attributes"),
        _instant("created_at"),
        _instant("updated_at"),
        _key("account", "id"),
        _unique("account", "group_id"),
    )
    for column, table in REFERRING.items():
        # Alembic would make SQLite's table anew, to which others refer.
        op.execute(
            f"ALTER TABLE customer ADD COLUMN {column} VARCHAR CONSTRAINT fk_customer_{column} REFERENCES {table} (id)"
        )
    op.add_column("customer", _instant("erased_at", nullable=True))
    for column in REFERRING:
        _index("customer", column)
    _index("customer", "time_zone", "id")
    op.add_column("token", _json("milestones", nullable=True))
    op.add_column("token", _json("origins", nullable=True))
    _sharded()
    op.create_table("shard", _integer("id"), _key("shard", "id"))
    op.create_table(
        "telling", _integer("shard"), _text("teller", nullable=True), _instant("until", nullable=True),
        _key("telling", "shard"),
    )  # fmt: skip
    for table, key in (("shard", "id"), ("telling", "shard")):
        op.bulk_insert(sa.table(table, sa.column(key)), [{key: number} for number in range(SHARDS)])
    op.create_table(
        "import_run",
        _text("digest"),
        _row_id("offset"),
        _row_id("line"),
        _json("counts"),
        _instant("started_at"),
        _instant("finished_at", nullable=True),
        _key("import_run", "digest"),
    )
    op.create_table(
        "import_rejected",
        _text("digest"),
        _row_id("line"),
        _json("reasons"),
        _key("import_rejected", "digest", "line"),
    )
    op.create_table(
        "segment_member",
        _text("segment"),
        _text("customer_id"),
        _instant("since"),
        _key("segment_member", "segment", "customer_id"),
        _refers("segment_member", "customer_id", "customer"),
    )
    _index("segment_member", "customer_id")
    op.create_table(
        "sweep",
        _text("playbook"),
        _text("zone"),
        _instant("until"),
        _instant("due", nullable=True),
        _text("after", nullable=True),
        _key("sweep", "playbook", "zone"),
    )
    op.create_table(
        "erasure",
        _row_id("id"),
        _text("customer_id"),
        _text("provider"),
        _text("subject", nullable=True),
        _text("state"),
        _integer("attempts"),
        _text("error", nullable=True),
        _instant("retry_at", nullable=True),
        _instant("created_at"),
        _instant("done_at", nullable=True),
        _key("erasure", "id"),
        _refers("erasure", "customer_id", "customer"),
    )
    _index("erasure", "state", "retry_at")
    # From now on a callback's body is emptied once it is processed; those that were are emptied here.
    op.execute(sa.text("UPDATE callback SET body = :nothing WHERE state = 'done'").bindparams(nothing=b""))


def _sharded() -> None:
    """Events and journeys get their shards. Of those that there are, only the waiting ones are ever asked for it."""
    for table in ("event", "journey"):
        op.add_column(table, sa.Column("shard", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("event", _text("previous_id", nullable=True))
    connection = op.get_bind()
    waiting = connection.execute(sa.text("SELECT DISTINCT user_id FROM event WHERE state = 'pending'")).scalars().all()
    put = sa.text("UPDATE event SET shard = :shard WHERE user_id = :user_id AND state = 'pending'")
    for user_id in waiting:
        connection.execute(put, {"shard": zlib.crc32(user_id.encode()) % SHARDS, "user_id": user_id})
    op.drop_index("ix_event_waiting", "event")
    where = "state = 'pending'"
    op.create_index(
        "ix_event_waiting", "event", ["shard", "id"], sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
    _partial("ix_event_failed", "event", "id", "state = 'failed'")
    merging = sa.text("state = 'pending' AND previous_id IS NOT NULL")
    op.create_index("ix_event_merging", "event", ["previous_id", "id"], sqlite_where=merging, postgresql_where=merging)
    starting = sa.text("status = 'starting'")
    op.create_index(
        "ix_journey_starting", "journey", ["shard", "entered_at"], sqlite_where=starting, postgresql_where=starting
    )


def downgrade() -> None:
    for table in ("erasure", "sweep", "segment_member", "import_rejected", "import_run", "telling", "shard"):
        op.drop_table(table)
    op.drop_index("ix_journey_starting", "journey")
    op.drop_index("ix_event_failed", "event")
    op.drop_index("ix_event_merging", "event")
    op.drop_index("ix_event_waiting", "event")
    for table, column in (("event", "previous_id"), ("event", "shard"), ("journey", "shard")):
        op.drop_column(table, column)
    _partial("ix_event_waiting", "event", "id", "state = 'pending'")
    op.drop_column("token", "origins")
    op.drop_column("token", "milestones")
    op.drop_index("ix_customer_time_zone_id", "customer")
    for column in REFERRING:
        op.drop_index(f"ix_customer_{column}", "customer")
    for column in (*REFERRING, "erased_at"):
        op.drop_column("customer", column)
    op.drop_table("account")
