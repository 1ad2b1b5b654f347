"""What it takes to roll out another version of a playbook: applies, what they make of journeys, canaries.

A migration is written by hand and never changed once it was released. It names columns as they were on its day and
takes nothing from `store.tables`, which moves on.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import InstantType, Json, RowId

revision = "0004"
down_revision: str | None = "0003"


def _text(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _instant(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, InstantType(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "rollout",
        sa.Column("id", RowId, nullable=False),
        _text("playbook"),
        _text("from_version", nullable=True),
        _text("to_version", nullable=True),
        _text("in_flight"),
        sa.Column("targets", Json, nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        _instant("continue_at", nullable=True),
        _text("state"),
        _text("made_by"),
        _text("reason", nullable=True),
        _instant("started_at"),
        _instant("finished_at", nullable=True),
        _text("after", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_rollout"),
    )
    op.create_index("ix_rollout_playbook_id", "rollout", ["playbook", "id"])
    op.create_index("ix_rollout_state", "rollout", ["state"])
    op.create_table(
        "journey_move",
        _text("journey_id"),
        sa.Column("rollout_id", RowId, nullable=False),
        _text("state"),
        _instant("asked_at"),
        _instant("done_at", nullable=True),
        sa.PrimaryKeyConstraint("journey_id", "rollout_id", name="pk_journey_move"),
        sa.ForeignKeyConstraint(["journey_id"], ["journey.id"], name="fk_journey_move_journey_id"),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name="fk_journey_move_rollout_id"),
    )
    op.create_index("ix_journey_move_rollout_id_state", "journey_move", ["rollout_id", "state"])
    op.add_column("playbook_active", _text("canary", nullable=True))
    op.add_column("playbook_active", sa.Column("percent", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("playbook_active", "percent")
    op.drop_column("playbook_active", "canary")
    op.drop_table("journey_move")
    op.drop_table("rollout")
