"""What a journey had come to when it met a pause: so a resume can say beforehand what it will do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0006"

BEFORE, AFTER = "ix_hold_pause_id_since_journey_id", "ix_hold_pause_id_since_journey_id_wants"


def upgrade() -> None:
    op.add_column("hold", sa.Column("wants", sa.String(), nullable=True))
    op.drop_index(BEFORE, "hold")
    op.create_index(AFTER, "hold", ["pause_id", "since", "journey_id", "wants"])


def downgrade() -> None:
    op.drop_index(AFTER, "hold")
    op.create_index(BEFORE, "hold", ["pause_id", "since", "journey_id"])
    op.drop_column("hold", "wants")
