"""What sending for real needs: deliveries, callbacks, suppressions, requests for consent, holds, tokens and rates.

A migration is written by hand and never changed once it was released. It names columns as they were on its day and
takes nothing from `store.tables`, which moves on.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.types import InstantType, RowId

revision = "0002"
down_revision: str | None = "0001"


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


def _added() -> dict[str, tuple[sa.Column[Any], ...]]:
    """Columns that tables of the first version gain. A column belongs to one call, so they are made anew for each."""
    return {
        "message": (
            _text("purpose", nullable=True),
            _text("topic", nullable=True),
            _instant("not_before", nullable=True),
            _text("sender", nullable=True),
            _text("provider_id", nullable=True),
        ),
        "pause": (
            _instant("ends_at", nullable=True),
            _integer("spread", nullable=True),
            sa.Column("transactional", sa.Boolean(), nullable=True),
            _instant("drained_at", nullable=True),
            _instant("wake_at", nullable=True),
        ),
        "consent": (_row_id("request_id", nullable=True),),
    }


INDEXES = (("message", "provider_id"), ("pause", "drained_at", "ended_at"))


def upgrade() -> None:
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)
    for table, *columns_of_index in INDEXES:
        _index(table, *columns_of_index)
    # Who answers by SMS is found by the number.
    _partial("ix_message_number", "message", "recipient", "channel = 'sms'")
    _partial("ix_customer_phone", "customer", "phone", "phone IS NOT NULL")
    # Pauses that ended before anybody kept book of who waits for it hold nobody.
    op.execute("UPDATE pause SET drained_at = ended_at WHERE ended_at IS NOT NULL")
    # What is to be tried again was `deferred`, and is `pending` now.
    op.execute("UPDATE message SET state = 'pending' WHERE state = 'deferred'")
    op.create_table(
        "delivery",
        _row_id("id"),
        _text("message_id"),
        _text("kind"),
        _instant("at"),
        _instant("received_at"),
        _text("provider_id", nullable=True),
        _text("detail", nullable=True),
        _key("delivery", "id"),
        _refers("delivery", "message_id", "message"),
        _unique("delivery", "message_id", "kind", "at"),
    )
    _index("delivery", "kind", "at")
    op.create_table(
        "callback",
        _row_id("id"),
        _text("provider"),
        _text("digest"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        _instant("received_at"),
        _text("state"),
        _integer("attempts"),
        _text("error", nullable=True),
        _key("callback", "id"),
        _unique("callback", "digest"),
    )
    _partial("ix_callback_waiting", "callback", "id", "state = 'pending'")
    op.create_table(
        "suppression",
        _row_id("id"),
        _text("channel"),
        _text("address"),
        _text("reason"),
        _text("scope"),
        _instant("at"),
        _instant("lifted_at", nullable=True),
        _text("message_id", nullable=True),
        _text("made_by"),
        _key("suppression", "id"),
    )
    _index("suppression", "channel", "address")
    op.create_table(
        "consent_request",
        _row_id("id"),
        _text("customer_id"),
        _text("topic"),
        _text("channel", nullable=True),
        _text("source"),
        _text("ip", nullable=True),
        _text("text_version", nullable=True),
        _instant("at"),
        _instant("confirmed_at", nullable=True),
        _key("consent_request", "id"),
        _refers("consent_request", "customer_id", "customer"),
    )
    _index("consent_request", "customer_id", "topic")
    op.create_table(
        "hold",
        _text("journey_id"),
        _row_id("pause_id"),
        _instant("since"),
        _key("hold", "journey_id", "pause_id"),
        _refers("hold", "journey_id", "journey"),
        _refers("hold", "pause_id", "pause"),
    )
    _index("hold", "pause_id", "since", "journey_id")
    # Whoever is held now waits to be told of the end from here on.
    op.execute(
        "INSERT INTO hold (journey_id, pause_id, since) SELECT journey.id, pause.id, pause.started_at FROM pause "
        "JOIN journey ON pause.target = journey.id WHERE pause.scope = 'journey' AND pause.ended_at IS NULL"
    )
    op.create_table(
        "token",
        _row_id("id"),
        _text("name"),
        _text("digest"),
        _text("scope"),
        _instant("created_at"),
        _instant("revoked_at", nullable=True),
        _key("token", "id"),
        _unique("token", "digest"),
    )
    op.create_table("rate", _text("channel"), _instant("next_at"), _key("rate", "channel"))


def downgrade() -> None:
    for table in ("rate", "token", "hold", "consent_request", "suppression", "callback", "delivery"):
        op.drop_table(table)
    op.drop_index("ix_message_number", "message")
    op.drop_index("ix_customer_phone", "customer")
    for table, *columns in INDEXES:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
    for table, added in _added().items():
        for column in added:
            op.drop_column(table, column.name)
