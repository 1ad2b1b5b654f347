"""Indexes by which lists of messages, tasks, events, members of segments and acts are walked page by page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"

_NEW = {
    "message": (("state", "due_at", "id"), ("due_at", "id")),
    "task": (("state", "due_at", "id"), ("state", "done_at", "id")),
    "segment_member": (("segment", "since", "customer_id"),),
    "audit": (("at", "id"),),
}
_REPLACED = {"message": ("state",), "task": ("state", "due_at")}


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"


def upgrade() -> None:
    for table, columns in _REPLACED.items():
        op.drop_index(_name(table, columns), table)
    for table, indexes in _NEW.items():
        for columns in indexes:
            op.create_index(_name(table, columns), table, list(columns))
    applied_to = sa.text("customer_id IS NOT NULL")
    op.create_index(
        "ix_event_customer", "event", ["customer_id", "id"], sqlite_where=applied_to, postgresql_where=applied_to
    )


def downgrade() -> None:
    op.drop_index("ix_event_customer", "event")
    for table, indexes in _NEW.items():
        for columns in indexes:
            op.drop_index(_name(table, columns), table)
    for table, columns in _REPLACED.items():
        op.create_index(_name(table, columns), table, list(columns))
