"""The books: facts, rules, the ledger, closes and everything that people decide."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Every table of the first version."""
    op.create_table(
        "acts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts")),
    )
    op.create_table(
        "books",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_books_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_books")),
    )
    op.create_table(
        "closed_owners",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("month", "payee_id", name=op.f("pk_closed_owners")),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("earned_on", sa.Date(), nullable=False),
        sa.Column("payable_on", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("plan_version", sa.Date(), nullable=False),
        sa.Column("stood_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "amount_minor > -9007199254740992 AND amount_minor < 9007199254740992",
            name=op.f("ck_entries_amount_minor_in_reach"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    op.create_index(
        "ix_entries_adjustments",
        "entries",
        ["cause"],
        unique=False,
        sqlite_where=sa.text("kind = 'adjustment'"),
        postgresql_where=sa.text("kind = 'adjustment'"),
    )
    op.create_index("ix_entries_month", "entries", ["month"], unique=False)
    op.create_index("ix_entries_payee_id", "entries", ["payee_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("reverses", sa.Text(), nullable=False),
        sa.Column("new_due_on", sa.Date(), nullable=True),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "amount_minor >= 0 AND amount_minor < 9007199254740992", name=op.f("ck_events_amount_in_reach")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("event_id", "source", name=op.f("uq_events_event_id_source")),
    )
    op.create_index("ix_events_invoice_id", "events", ["invoice_id"], unique=False)
    op.create_index("ix_events_known_from", "events", ["known_from"], unique=False)
    op.create_table(
        "payouts",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("positive_minor", sa.BigInteger(), nullable=False),
        sa.Column("negative_minor", sa.BigInteger(), nullable=False),
        sa.Column("brought_forward_minor", sa.BigInteger(), nullable=False),
        sa.Column("recovered_minor", sa.BigInteger(), nullable=False),
        sa.Column("pay_minor", sa.BigInteger(), nullable=False),
        sa.Column("carried_forward_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("month", "payee_id", "currency", name=op.f("pk_payouts")),
    )
    op.create_table(
        "settled",
        sa.Column(
            "entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("month", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_settled")),
    )
    op.create_index(op.f("ix_settled_month"), "settled", ["month"], unique=False)
    op.create_table(
        "statements",
        sa.Column("quarter", sa.Date(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("quarter", "payee_id", name=op.f("pk_statements")),
    )
    op.create_table(
        "adjustments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("earned_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "amount_minor > -9007199254740992 AND amount_minor < 9007199254740992",
            name=op.f("ck_adjustments_amount_minor_in_reach"),
        ),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_adjustments_act_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustments")),
    )
    op.create_table(
        "assignments",
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_assignments_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_assignments_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    op.create_index("ix_assignments_known_from", "assignments", ["known_from"], unique=False)
    op.create_index(
        "ix_assignments_known_until",
        "assignments",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_assignments_now",
        "assignments",
        ["plan", "payee_id", "team", "starts_on"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "conflicts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('event', 'invoice')", name=op.f("ck_conflicts_kind_known")),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_conflicts_act_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflicts")),
        sa.UniqueConstraint(
            "kind", "source", "subject", "content", name=op.f("uq_conflicts_kind_source_subject_content")
        ),
    )
    op.create_table(
        "credit_records",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("risk_grade", sa.Text(), nullable=False),
        sa.Column("credit_approval", sa.Text(), nullable=False),
        sa.Column("credit_limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("security", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_credit_records_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_credit_records_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_records")),
    )
    op.create_index("ix_credit_records_known_from", "credit_records", ["known_from"], unique=False)
    op.create_index(
        "ix_credit_records_known_until",
        "credit_records",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_credit_records_now",
        "credit_records",
        ["customer_id", "on"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "credits",
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("share_ppm", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_credits_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_credits_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credits")),
    )
    op.create_index("ix_credits_known_from", "credits", ["known_from"], unique=False)
    op.create_index(
        "ix_credits_known_until",
        "credits",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index("ix_credits_payee_id", "credits", ["payee_id", "invoice_id"], unique=False)
    op.create_index(
        "uq_credits_now",
        "credits",
        ["invoice_id", "position"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_customers_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_customers_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
    )
    op.create_index("ix_customers_known_from", "customers", ["known_from"], unique=False)
    op.create_index(
        "ix_customers_known_until",
        "customers",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_customers_now",
        "customers",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "choice IN ('approve', 'reject', 'keep', 'replace')", name=op.f("ck_decisions_choice_known")
        ),
        sa.CheckConstraint(
            "kind IN ('rule', 'adjustment', 'hold', 'release', 'conflict')", name=op.f("ck_decisions_kind_known")
        ),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_decisions_act_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_decisions_kind_subject_id")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_deliveries_act_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_table(
        "fx_rates",
        sa.Column("from_currency", sa.Text(), nullable=False),
        sa.Column("to_currency", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("rate_ppm", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_fx_rates_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_fx_rates_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fx_rates")),
    )
    op.create_index("ix_fx_rates_known_from", "fx_rates", ["known_from"], unique=False)
    op.create_index(
        "ix_fx_rates_known_until",
        "fx_rates",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_fx_rates_now",
        "fx_rates",
        ["from_currency", "to_currency", "on"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('invoice', 'customer', 'payee')", name=op.f("ck_holds_kind_known")),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_holds_act_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_table(
        "imports",
        sa.Column(
            "act_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("left_out", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_imports_act_id")),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_imports")),
    )
    op.create_table(
        "invoice_lines",
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("commissionable", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "net_minor > -9007199254740992 AND net_minor < 9007199254740992",
            name=op.f("ck_invoice_lines_net_minor_in_reach"),
        ),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_invoice_lines_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_invoice_lines_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_lines")),
    )
    op.create_index("ix_invoice_lines_known_from", "invoice_lines", ["known_from"], unique=False)
    op.create_index(
        "ix_invoice_lines_known_until",
        "invoice_lines",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_invoice_lines_now",
        "invoice_lines",
        ["invoice_id", "position"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "invoices",
        sa.Column("invoice_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("contract_signed_on", sa.Date(), nullable=True),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_invoices_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_invoices_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
    )
    op.create_index(
        "ix_invoices_customer_id", "invoices", ["customer_id", "issued_on", "known_until"], unique=False
    )
    op.create_index("ix_invoices_known_from", "invoices", ["known_from"], unique=False)
    op.create_index(
        "ix_invoices_known_until",
        "invoices",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index("ix_invoices_team", "invoices", ["team"], unique=False)
    op.create_index(
        "uq_invoices_now",
        "invoices",
        ["invoice_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "memberships",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_memberships_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_memberships_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
    )
    op.create_index("ix_memberships_known_from", "memberships", ["known_from"], unique=False)
    op.create_index(
        "ix_memberships_known_until",
        "memberships",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_memberships_now",
        "memberships",
        ["team", "payee_id", "role", "starts_on"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "payees",
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_payees_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_payees_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payees")),
    )
    op.create_index("ix_payees_known_from", "payees", ["known_from"], unique=False)
    op.create_index(
        "ix_payees_known_until",
        "payees",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_payees_now",
        "payees",
        ["payee_id"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "payout_files",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_payout_files_act_id")),
        sa.PrimaryKeyConstraint("month", "profile", "name", name=op.f("pk_payout_files")),
    )
    op.create_table(
        "questions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_questions_act_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
    )
    op.create_table(
        "receipts",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_receipts_act_id")),
        sa.PrimaryKeyConstraint("month", "profile", name=op.f("pk_receipts")),
    )
    op.create_table(
        "reporting",
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_reporting_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_reporting_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reporting")),
    )
    op.create_index("ix_reporting_known_from", "reporting", ["known_from"], unique=False)
    op.create_index(
        "ix_reporting_known_until",
        "reporting",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_reporting_now",
        "reporting",
        ["payee_id", "manager_id", "starts_on"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "rule_revisions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('plan', 'company')", name=op.f("ck_rule_revisions_kind_known")),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_rule_revisions_act_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_revisions")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("known_through", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_runs_act_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_table(
        "statement_files",
        sa.Column("quarter", sa.Date(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_statement_files_act_id")),
        sa.PrimaryKeyConstraint("quarter", "payee_id", name=op.f("pk_statement_files")),
    )
    op.create_table(
        "targets",
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("window_start", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["known_from"], ["acts.id"], name=op.f("fk_targets_known_from")),
        sa.ForeignKeyConstraint(["known_until"], ["acts.id"], name=op.f("fk_targets_known_until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targets")),
    )
    op.create_index("ix_targets_known_from", "targets", ["known_from"], unique=False)
    op.create_index(
        "ix_targets_known_until",
        "targets",
        ["known_until"],
        unique=False,
        sqlite_where=sa.text("known_until IS NOT NULL"),
        postgresql_where=sa.text("known_until IS NOT NULL"),
    )
    op.create_index(
        "uq_targets_now",
        "targets",
        ["plan", "component", "payee_id", "team", "window_start"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "waivers",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_waivers_act_id")),
        sa.PrimaryKeyConstraint("month", "item", name=op.f("pk_waivers")),
    )
    op.create_table(
        "answers",
        sa.Column(
            "question_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_answers_act_id")),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("fk_answers_question_id")),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_answers")),
    )
    op.create_table(
        "closes",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("prepared_by", sa.Text(), nullable=False),
        sa.Column("known_through", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("previous_seal", sa.Text(), nullable=False),
        sa.Column("seal", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_closes_act_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_closes_run_id")),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_closes")),
        sa.UniqueConstraint("previous_seal", name=op.f("uq_closes_previous_seal")),
    )
    op.create_table(
        "releases",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("act_id", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["acts.id"], name=op.f("fk_releases_act_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_releases_hold_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
    )
