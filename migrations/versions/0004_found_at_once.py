"""What every run asks is found at once: ids under several sources, a payee's credits, plans and newest entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Ids that stand under several sources are kept; indexes answer what was looked for row by row."""
    op.create_table(
        "shared_ids",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_shared_ids")),
    )
    op.execute(
        "INSERT INTO shared_ids (event_id) SELECT event_id FROM events GROUP BY event_id HAVING count(*) > 1"
    )
    op.drop_index("ix_credits_payee_id", "credits")
    op.create_index("ix_credits_payee_id", "credits", ["payee_id", "known_until", "invoice_id"])
    op.drop_index("ix_entries_payee_id", "entries")
    op.create_index("ix_entries_payee_id", "entries", ["payee_id", "earned_on"])
    op.create_index("ix_assignments_payee_id", "assignments", ["payee_id"])
    op.create_index("ix_assignments_team", "assignments", ["team"])
