"""How a migration runs: on the connection, and in the transaction, of whoever asked for it."""

from __future__ import annotations

from alembic import context

from incentives.store import desk  # noqa: F401 (its tables belong to the same store)
from incentives.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,
)
context.run_migrations()
