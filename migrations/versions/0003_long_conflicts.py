"""Other content under a known id may be long: what an index of PostgreSQL holds ends at 2,704 bytes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Conflicts are found by what they are about; whoever adds one looks first whether it is there."""
    if op.get_bind().dialect.name == "sqlite":  # it drops no constraint of a table: another one takes its place
        op.create_table(
            "conflicts_anew",
            sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("act_id", sa.BigInteger(), nullable=False),
            sa.Column("kind", sa.Text(), nullable=False),
            sa.Column("source", sa.Text(), nullable=False),
            sa.Column("subject", sa.Text(), nullable=False),
            sa.Column("content", sa.Text(), nullable=False),
            sa.CheckConstraint("kind IN ('event', 'invoice')", name=op.f("ck_conflicts_kind_known")),
            sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_conflicts_act_id")),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_conflicts")),
        )
        op.execute(
            "INSERT INTO conflicts_anew (id, act_id, kind, source, subject, content) "
            "SELECT id, act_id, kind, source, subject, content FROM conflicts"
        )
        op.drop_table("conflicts")
        op.rename_table("conflicts_anew", "conflicts")
    else:
        op.drop_constraint("uq_conflicts_kind_source_subject_content", "conflicts", type_="unique")
    op.create_index("ix_conflicts_subject", "conflicts", ["kind", "source", "subject"])
