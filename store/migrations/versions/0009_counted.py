"""Indexes from which pages count: who stands where in a playbook, who entered when, who is in which stage."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    op.drop_index("ix_journey_playbook_status_step", "journey")
    op.create_index("ix_journey_standing", "journey", ["playbook", "status", "step", "version", "exit_at", "simulated"])
    op.create_index("ix_journey_playbook_entered_at", "journey", ["playbook", "entered_at"])
    op.drop_index("ix_customer_merged_into", "customer")
    op.create_index("ix_customer_stages", "customer", ["merged_into", "erased_at", "stage"])


def downgrade() -> None:
    op.drop_index("ix_customer_stages", "customer")
    op.create_index("ix_customer_merged_into", "customer", ["merged_into"])
    op.drop_index("ix_journey_playbook_entered_at", "journey")
    op.drop_index("ix_journey_standing", "journey")
    op.create_index("ix_journey_playbook_status_step", "journey", ["playbook", "status", "step"])
