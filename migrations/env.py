"""How a migration runs: on the connection, and in the transaction, of whoever asked for it."""

from __future__ import annotations

from alembic import context

from incentives.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,
)
context.run_migrations()
