"""Users of the console, their sessions, failed attempts to sign in, and the forms that were sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.types import InstantType, RowId

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    op.create_table(
        "console_user",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("created_at", InstantType(), nullable=False),
        sa.Column("disabled_at", InstantType(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_console_user"),
        sa.UniqueConstraint("name", name="uq_console_user_name"),
    )
    op.create_table(
        "console_session",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("user_id", RowId, nullable=False),
        sa.Column("created_at", InstantType(), nullable=False),
        sa.Column("seen_at", InstantType(), nullable=False),
        sa.Column("ends_at", InstantType(), nullable=False),
        sa.Column("ended_at", InstantType(), nullable=True),
        sa.Column("browser", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_console_session"),
        sa.ForeignKeyConstraint(["user_id"], ["console_user.id"], name="fk_console_session_user_id"),
    )
    op.create_index("ix_console_session_user_id", "console_session", ["user_id"])
    op.create_index("ix_console_session_ends_at", "console_session", ["ends_at"])
    op.create_table(
        "sign_in_attempt",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", InstantType(), nullable=False),
        sa.Column("until", InstantType(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name="pk_sign_in_attempt"),
    )
    op.create_table(
        "form_sent",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", InstantType(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_form_sent"),
    )
    op.create_index("ix_form_sent_at", "form_sent", ["at"])


def downgrade() -> None:
    for table in ("form_sent", "sign_in_attempt", "console_session", "console_user"):
        op.drop_table(table)
