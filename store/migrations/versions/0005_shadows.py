"""Versions of playbooks that are shown beside those that run, and send nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.types import InstantType

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    op.create_table(
        "shadow",
        sa.Column("playbook", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("since", InstantType(), nullable=False),
        sa.Column("registered_at", InstantType(), nullable=False),
        sa.Column("registered_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("playbook", name="pk_shadow"),
    )


def downgrade() -> None:
    op.drop_table("shadow")
