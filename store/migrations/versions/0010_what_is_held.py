"""What a journey had come to when it met a pause, and messages that people want to have sent again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.types import InstantType

revision = "0010"
down_revision: str | None = "0009"

BEFORE, AFTER = "ix_hold_pause_id_since_journey_id", "ix_hold_pause_id_since_journey_id_wants"


def upgrade() -> None:
    op.add_column("hold", sa.Column("wants", sa.String(), nullable=True))
    op.drop_index(BEFORE, "hold")
    op.create_index(AFTER, "hold", ["pause_id", "since", "journey_id", "wants"])
    op.create_table(
        "resend",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("original", sa.String(), nullable=False),
        sa.Column("occurrence", sa.String(), nullable=False),
        sa.Column("asked_at", InstantType(), nullable=False),
        sa.Column("expires_at", InstantType(), nullable=False),
        sa.Column("retry_at", InstantType(), nullable=True),
        sa.ForeignKeyConstraint(["original"], ["message.id"], name="fk_resend_original"),
        sa.PrimaryKeyConstraint("message_id", name="pk_resend"),
    )
    op.create_index("ix_resend_retry_at", "resend", ["retry_at"])
    op.create_index("ix_resend_original", "resend", ["original"])


def downgrade() -> None:
    op.drop_table("resend")
    op.drop_index(AFTER, "hold")
    op.create_index(BEFORE, "hold", ["pause_id", "since", "journey_id"])
    op.drop_column("hold", "wants")
