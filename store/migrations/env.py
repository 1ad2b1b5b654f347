"""How Alembic runs our migrations: over the connection that `store.migrate` opened, in its transaction.

`configure` is called with `compare_type` left on, so that the test that compares migrations with tables sees types.
"""

from __future__ import annotations

from alembic import context

from store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
