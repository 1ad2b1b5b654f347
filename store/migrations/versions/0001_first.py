"""The tables of the first version.

A migration is written by hand and never changed once it was released. It names columns as they were on its day and
takes nothing from `store.tables`, which moves on.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import InstantType, Json, RowId

revision = "0001"
down_revision: str | None = None


def _text(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _integer(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _boolean(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _instant(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, InstantType(), nullable=nullable)


def _json(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Json, nullable=nullable)


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


def _index_where(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    _people()
    _arrivals()
    _journeys()
    _ledger()
    _operations()


def _people() -> None:
    op.create_table(
        "customer",
        _text("id"),
        _text("user_id"),
        _json("attributes"),
        _text("email", nullable=True),
        _text("phone", nullable=True),
        _text("time_zone", nullable=True),
        _text("language", nullable=True),
        _text("stage", nullable=True),
        _instant("created_at"),
        _instant("updated_at"),
        _key("customer", "id"),
        _unique("customer", "user_id"),
    )
    op.create_table(
        "consent",
        _row_id("id"),
        _text("customer_id"),
        _text("topic"),
        _text("channel", nullable=True),
        _boolean("granted"),
        _text("source"),
        _text("ip", nullable=True),
        _text("text_version", nullable=True),
        _instant("at"),
        _key("consent", "id"),
        _refers("consent", "customer_id", "customer"),
    )
    _index("consent", "customer_id", "topic", "id")
    op.create_table(
        "milestone",
        _row_id("id"),
        _text("customer_id"),
        _text("name"),
        _instant("at"),
        _instant("applied_at"),
        _row_id("event_id"),
        _json("properties"),
        _key("milestone", "id"),
        _unique("milestone", "event_id", "name"),
        _refers("milestone", "customer_id", "customer"),
    )
    _index("milestone", "customer_id", "name", "at")


def _arrivals() -> None:
    op.create_table(
        "event",
        _row_id("id"),
        _text("source"),
        _text("message_id"),
        _text("user_id"),
        _text("kind"),
        _text("name", nullable=True),
        _json("properties"),
        _instant("at"),
        _instant("received_at"),
        _text("state"),
        _instant("applied_at", nullable=True),
        _integer("attempts"),
        _instant("retry_at", nullable=True),
        _text("error", nullable=True),
        _integer("hops"),
        _boolean("backfill"),
        _json("outcome", nullable=True),
        _text("customer_id", nullable=True),
        _key("event", "id"),
        _unique("event", "source", "message_id"),
        sqlite_autoincrement=True,
    )
    _index_where("ix_event_waiting", "event", ["id"], "state = 'pending'")
    _index_where("ix_event_held_back", "event", ["user_id", "id"], "state = 'pending' AND retry_at IS NOT NULL")


def _journeys() -> None:
    op.create_table(
        "playbook_version",
        _text("id"),
        _text("playbook"),
        sa.Column("plan", sa.LargeBinary(), nullable=False),
        _text("source"),
        _instant("created_at"),
        _key("playbook_version", "id"),
    )
    _index("playbook_version", "playbook")
    op.create_table(
        "playbook_active",
        _text("playbook"),
        _text("version"),
        _instant("since"),
        _key("playbook_active", "playbook"),
        _refers("playbook_active", "version", "playbook_version"),
    )
    op.create_table(
        "journey",
        _text("id"),
        _text("customer_id"),
        _text("playbook"),
        _text("version"),
        _text("arm"),
        _text("key"),
        _row_id("entry_event_id"),
        _row_id("history_mark"),
        _text("per_value", nullable=True),
        _instant("entered_at"),
        _text("status"),
        _instant("exit_at", nullable=True),
        _text("exit_outcome", nullable=True),
        _text("exit_reason", nullable=True),
        _json("state", nullable=True),
        _integer("seq"),
        _instant("due", nullable=True),
        _text("step", nullable=True),
        _json("answered", nullable=True),
        _integer("inbox_last"),
        _instant("started_at", nullable=True),
        _instant("ended_at", nullable=True),
        _boolean("simulated"),
        _key("journey", "id"),
        _unique("journey", "customer_id", "playbook", "key"),
        _refers("journey", "customer_id", "customer"),
        _refers("journey", "version", "playbook_version"),
    )
    _index("journey", "status", "due")
    _index("journey", "playbook", "status", "step")
    op.create_table(
        "journey_inbox",
        _text("journey_id"),
        _integer("number"),
        _text("kind"),
        _text("name"),
        _instant("at"),
        _row_id("event_id", nullable=True),
        _json("data", nullable=True),
        _instant("delivered_at", nullable=True),
        _key("journey_inbox", "journey_id", "number"),
        _refers("journey_inbox", "journey_id", "journey"),
    )
    _index_where("ix_journey_inbox_undelivered", "journey_inbox", ["journey_id", "number"], "delivered_at IS NULL")
    op.create_table(
        "trace",
        _text("journey_id"),
        _integer("seq"),
        _instant("at"),
        _integer("day"),
        _text("what"),
        _text("step", nullable=True),
        _text("channel", nullable=True),
        _text("template", nullable=True),
        _text("to", nullable=True),
        _text("reason", nullable=True),
        _key("trace", "journey_id", "seq"),
        _refers("trace", "journey_id", "journey"),
    )


def _ledger() -> None:
    op.create_table(
        "message",
        _text("id"),
        _text("journey_id"),
        _text("step"),
        _text("occurrence"),
        _text("customer_id"),
        _text("channel"),
        _text("template"),
        _text("language", nullable=True),
        _text("state"),
        _integer("attempt"),
        _instant("due_at"),
        _instant("expires_at", nullable=True),
        _instant("claimed_at", nullable=True),
        _instant("accepted_at", nullable=True),
        _instant("settled_at", nullable=True),
        _json("decision", nullable=True),
        _text("reason", nullable=True),
        _text("recipient", nullable=True),
        _text("subject", nullable=True),
        _text("html", nullable=True),
        _text("text", nullable=True),
        _integer("segments", nullable=True),
        _key("message", "id"),
        _unique("message", "journey_id", "step", "occurrence"),
        _refers("message", "journey_id", "journey"),
        _refers("message", "customer_id", "customer"),
    )
    _index("message", "customer_id", "channel", "claimed_at")
    _index("message", "state")
    op.create_table(
        "task",
        _text("id"),
        _text("journey_id"),
        _text("step"),
        _text("occurrence"),
        _text("customer_id"),
        _text("title"),
        _text("assignee", nullable=True),
        _instant("due_at", nullable=True),
        _text("state"),
        _instant("created_at"),
        _instant("done_at", nullable=True),
        _key("task", "id"),
        _unique("task", "journey_id", "step", "occurrence"),
        _refers("task", "journey_id", "journey"),
        _refers("task", "customer_id", "customer"),
    )
    _index("task", "customer_id")
    _index("task", "state", "due_at")


def _operations() -> None:
    op.create_table(
        "pause",
        _row_id("id"),
        _text("scope"),
        _text("target"),
        _text("policy"),
        _text("reason"),
        _instant("started_at"),
        _instant("ended_at", nullable=True),
        _text("handling", nullable=True),
        _text("made_by"),
        _key("pause", "id"),
    )
    _index("pause", "scope", "target", "ended_at")
    op.create_table(
        "audit",
        _row_id("id"),
        _instant("at"),
        _text("who"),
        _text("what"),
        _text("target"),
        _text("reason", nullable=True),
        _json("data", nullable=True),
        _key("audit", "id"),
    )
    _index("audit", "target")


def downgrade() -> None:
    for table in (
        "audit",
        "pause",
        "task",
        "message",
        "trace",
        "journey_inbox",
        "journey",
        "playbook_active",
        "playbook_version",
        "event",
        "milestone",
        "consent",
        "customer",
    ):
        op.drop_table(table)
