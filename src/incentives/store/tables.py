"""The tables of the store.

Four kinds, and each kind is guarded by triggers (:mod:`incentives.store.guards`):

- **acts**: one row for everything a person did, in order. Its number is the store's clock of knowledge: a fact
  is known from an act on, and "as known at act 41" repeats any earlier run.
- **append-only** rows are never changed or deleted.
- **versioned** rows say something that people maintain. A change ends a row (``known_until``) and adds one; only
  the end may be written, once.
- everything that follows from a **close** is append-only too, and sealed.

Money is BIGINT minor units, rates and shares are ppm, days are dates, instants are UTC text of one length, so
that they sort. Every constraint has a name: SQLite's batch migrations would lose one that has none.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from incentives.money import LIMIT_MINOR

Number = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[dt.datetime]):
    """A UTC instant as text of one length, the same on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:
        """``2026-03-01T09:30:00.000000Z``."""
        if value is None:
            return None
        assert value.tzinfo is not None, "an instant without its zone decides nothing"
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """An aware datetime in UTC."""
        return None if value is None else dt.datetime.fromisoformat(value)


class Base(DeclarativeBase):
    """Every table; every constraint is named by one rule."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        str: Text,
        int: BigInteger,
        bool: Integer,
        bytes: LargeBinary,
        dt.date: Date,
        dt.datetime: Instant,
    }


def table_of(model: type[Base]) -> Table:
    """The table of a model, for statements in bulk."""
    table = model.__table__
    assert isinstance(table, Table), "every model here has a table of its own"
    return table


Id = Annotated[int, mapped_column(Number, primary_key=True, autoincrement=False)]
"""Numbered by whoever writes, who is alone: no gaps, and the same numbers on every database."""
ActId = Annotated[int, mapped_column(BigInteger, ForeignKey("acts.id"))]
AKey = Annotated[str, mapped_column(Text, primary_key=True)]
Day = Annotated[dt.date, mapped_column(Date, primary_key=True)]


def _in_reach(column: str) -> CheckConstraint:
    """SQLite turns an integer that overflows into a float without a word: keep money far from there."""
    return CheckConstraint(f"{column} > -{LIMIT_MINOR} AND {column} < {LIMIT_MINOR}", name=f"{column}_in_reach")


def one_of(column: str, *values: str) -> CheckConstraint:
    """A column that holds one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


# Who did what ----------------------------------------------------------------------------------------


class Books(Base):
    """One row: these books. Whoever writes holds it, so that acts are numbered in the order they commit."""

    __tablename__ = "books"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)
    id: Mapped[Id]
    store_id: Mapped[str]
    made_at: Mapped[dt.datetime]


class Act(Base):
    """Something a person did, in the transaction in which it was done."""

    __tablename__ = "acts"
    id: Mapped[Id]
    at: Mapped[dt.datetime]
    actor: Mapped[str]
    what: Mapped[str]
    subject: Mapped[str]
    before: Mapped[str]
    after: Mapped[str]
    reason: Mapped[str]
    request: Mapped[str]


class Import(Base):
    """A delivery of facts: what it was, what became of each row."""

    __tablename__ = "imports"
    act_id: Mapped[int] = mapped_column(Number, ForeignKey("acts.id"), primary_key=True, autoincrement=False)
    name: Mapped[str]
    sha256: Mapped[str]
    counts: Mapped[str]
    left_out: Mapped[str]


class Decision(Base):
    """What a person decided about something that waited: a rule, an adjustment, a hold, a release, a conflict."""

    __tablename__ = "decisions"
    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        one_of("kind", "rule", "adjustment", "hold", "release", "conflict"),
        one_of("choice", "approve", "reject", "keep", "replace"),
    )
    id: Mapped[Id]
    act_id: Mapped[ActId]
    kind: Mapped[str]
    subject_id: Mapped[int]
    choice: Mapped[str]


class RuleRevision(Base):
    """A plan or the company's settings as a document; in force once somebody else approves it."""

    __tablename__ = "rule_revisions"
    __table_args__ = (one_of("kind", "plan", "company"),)
    id: Mapped[Id]
    act_id: Mapped[ActId]
    kind: Mapped[str]
    name: Mapped[str]
    document: Mapped[str]


# Facts -----------------------------------------------------------------------------------------------


class Versioned:
    """A row that people maintain: known from an act on, until another one."""

    id: Mapped[Id]
    known_from: Mapped[ActId]
    known_until: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("acts.id"))


def _now(table: str, *columns: str) -> Index:
    """At most one row per key is known now."""
    return Index(
        f"uq_{table}_now",
        *columns,
        unique=True,
        sqlite_where=text("known_until IS NULL"),
        postgresql_where=text("known_until IS NULL"),
    )


class Payee(Versioned, Base):
    """Somebody who can be paid."""

    __tablename__ = "payees"
    __table_args__ = (_now("payees", "payee_id"),)
    payee_id: Mapped[str]
    name: Mapped[str]
    email: Mapped[str]
    employee_id: Mapped[str]
    currency: Mapped[str]
    starts_on: Mapped[dt.date | None]
    ends_on: Mapped[dt.date | None]
    language: Mapped[str]


class Reporting(Versioned, Base):
    """Who reports to whom."""

    __tablename__ = "reporting"
    __table_args__ = (_now("reporting", "payee_id", "manager_id", "starts_on"),)
    payee_id: Mapped[str]
    manager_id: Mapped[str]
    starts_on: Mapped[dt.date]
    ends_on: Mapped[dt.date | None]


class Membership(Versioned, Base):
    """Who is in which team."""

    __tablename__ = "memberships"
    __table_args__ = (_now("memberships", "team", "payee_id", "role", "starts_on"),)
    team: Mapped[str]
    payee_id: Mapped[str]
    role: Mapped[str]
    starts_on: Mapped[dt.date]
    ends_on: Mapped[dt.date | None]


class Customer(Versioned, Base):
    """Who is invoiced."""

    __tablename__ = "customers"
    __table_args__ = (_now("customers", "customer_id"),)
    customer_id: Mapped[str]
    name: Mapped[str]
    country: Mapped[str]


class CreditRecord(Versioned, Base):
    """What credit knew of a customer from a day on."""

    __tablename__ = "credit_records"
    __table_args__ = (_now("credit_records", "customer_id", "on"),)
    customer_id: Mapped[str]
    on: Mapped[dt.date]
    risk_grade: Mapped[str]
    credit_approval: Mapped[str]
    credit_limit_minor: Mapped[int | None]
    security: Mapped[str]


class Invoice(Versioned, Base):
    """An invoice; other content under a known id is a conflict, so that a second row is somebody's decision."""

    __tablename__ = "invoices"
    __table_args__ = (
        _now("invoices", "invoice_id"),
        Index("ix_invoices_customer_id", "customer_id", "issued_on", "known_until"),
        Index("ix_invoices_team", "team"),
    )
    invoice_id: Mapped[str]
    customer_id: Mapped[str]
    currency: Mapped[str]
    issued_on: Mapped[dt.date]
    due_on: Mapped[dt.date]
    contract_signed_on: Mapped[dt.date | None]
    team: Mapped[str]


class InvoiceLine(Versioned, Base):
    """A line of an invoice, at its place."""

    __tablename__ = "invoice_lines"
    __table_args__ = (_now("invoice_lines", "invoice_id", "position"), _in_reach("net_minor"))
    invoice_id: Mapped[str]
    position: Mapped[int]
    line: Mapped[str]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    category: Mapped[str]
    cost_minor: Mapped[int]
    commissionable: Mapped[bool]


class Credit(Versioned, Base):
    """A share of an invoice, at its place in the list: a new list replaces the whole one."""

    __tablename__ = "credits"
    __table_args__ = (
        _now("credits", "invoice_id", "position"),
        Index("ix_credits_payee_id", "payee_id", "known_until", "invoice_id"),  # answers without the rows
    )
    invoice_id: Mapped[str]
    position: Mapped[int]
    payee_id: Mapped[str]
    role: Mapped[str]
    share_ppm: Mapped[int]


class Assignment(Versioned, Base):
    """Which plan holds for whom."""

    __tablename__ = "assignments"
    __table_args__ = (
        _now("assignments", "plan", "payee_id", "team", "starts_on"),
        Index("ix_assignments_payee_id", "payee_id"),
        Index("ix_assignments_team", "team"),
    )
    plan: Mapped[str]
    payee_id: Mapped[str]
    team: Mapped[str]
    starts_on: Mapped[dt.date]
    ends_on: Mapped[dt.date | None]


class Target(Versioned, Base):
    """A target for a window; ``window_start`` is text, since "ever" has none and a key may not be NULL."""

    __tablename__ = "targets"
    __table_args__ = (_now("targets", "plan", "component", "payee_id", "team", "window_start"),)
    plan: Mapped[str]
    component: Mapped[str]
    payee_id: Mapped[str]
    team: Mapped[str]
    window_start: Mapped[str]
    amount_minor: Mapped[int]


class FxRate(Versioned, Base):
    """A rate from a day on."""

    __tablename__ = "fx_rates"
    __table_args__ = (_now("fx_rates", "from_currency", "to_currency", "on"),)
    from_currency: Mapped[str]
    to_currency: Mapped[str]
    on: Mapped[dt.date]
    rate_ppm: Mapped[int]


class Event(Base):
    """Something that happened to an invoice, as it came first.

    Here and in the ledger nothing is declared a foreign key: a check of each of a million rows costs PostgreSQL
    more than writing them. ``verify`` looks for what points nowhere.
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("event_id", "source"),
        Index("ix_events_invoice_id", "invoice_id"),
        Index("ix_events_known_from", "known_from"),
        CheckConstraint(f"amount_minor >= 0 AND amount_minor < {LIMIT_MINOR}", name="amount_in_reach"),
    )
    id: Mapped[Id]
    known_from: Mapped[int]
    event_id: Mapped[str]
    type: Mapped[str]
    invoice_id: Mapped[str]
    occurred_on: Mapped[dt.date]
    amount_minor: Mapped[int | None]
    currency: Mapped[str]
    payment_id: Mapped[str]
    reverses: Mapped[str]
    new_due_on: Mapped[dt.date | None]
    payee_id: Mapped[str]
    reason: Mapped[str]
    fault: Mapped[str]
    source: Mapped[str]
    recorded_at: Mapped[str]


class SharedId(Base):
    """An event id that stands under more than one source: causes then name the source.

    Few do, and every run asks: kept, so that nobody looks for each id among a million.
    """

    __tablename__ = "shared_ids"
    event_id: Mapped[AKey]


class Conflict(Base):
    """Other content under a known id: it waits for a person."""

    __tablename__ = "conflicts"
    __table_args__ = (
        Index("ix_conflicts_subject", "kind", "source", "subject"),  # content may be too long for one
        one_of("kind", "event", "invoice"),
    )
    id: Mapped[Id]
    act_id: Mapped[ActId]
    kind: Mapped[str]
    source: Mapped[str]
    subject: Mapped[str]
    content: Mapped[str]


# What people decide besides rules ------------------------------------------------------------------------


class Adjustment(Base):
    """An amount that a person gives or takes, once somebody else approves it."""

    __tablename__ = "adjustments"
    __table_args__ = (_in_reach("amount_minor"),)
    id: Mapped[Id]
    act_id: Mapped[ActId]
    payee_id: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    earned_on: Mapped[dt.date]
    reason: Mapped[str]


class Hold(Base):
    """Earned, not paid: an invoice, a customer or a payee, once somebody else approves it."""

    __tablename__ = "holds"
    __table_args__ = (one_of("kind", "invoice", "customer", "payee"),)
    id: Mapped[Id]
    act_id: Mapped[ActId]
    kind: Mapped[str]
    subject: Mapped[str]
    reason: Mapped[str]


class Release(Base):
    """The end of a hold, once somebody else approves it."""

    __tablename__ = "releases"
    id: Mapped[Id]
    act_id: Mapped[ActId]
    hold_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("holds.id"))
    reason: Mapped[str]


class Question(Base):
    """What a payee asked about a line; a take-back waits until it is answered."""

    __tablename__ = "questions"
    id: Mapped[Id]
    act_id: Mapped[ActId]
    payee_id: Mapped[str]
    plan: Mapped[str]
    component: Mapped[str]
    kind: Mapped[str]
    cause: Mapped[str]
    question: Mapped[str]


class Answer(Base):
    """The answer to a question; there is one."""

    __tablename__ = "answers"
    question_id: Mapped[int] = mapped_column(
        Number, ForeignKey("questions.id"), primary_key=True, autoincrement=False
    )
    act_id: Mapped[ActId]
    answer: Mapped[str]


class Acknowledgement(Base):
    """A payee has seen a statement, or the letter of a plan version: this very text, once."""

    __tablename__ = "acknowledgements"
    __table_args__ = (
        UniqueConstraint("payee_id", "kind", "subject", "sha256"),
        one_of("kind", "statement", "letter"),
    )
    id: Mapped[Id]
    act_id: Mapped[ActId]
    payee_id: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    sha256: Mapped[str]


# The ledger ----------------------------------------------------------------------------------------------


class Run(Base):
    """A calculation whose difference was posted: into which month, as of which day, knowing what."""

    __tablename__ = "runs"
    id: Mapped[Id]
    act_id: Mapped[ActId]
    month: Mapped[dt.date]
    as_of: Mapped[dt.date]
    known_through: Mapped[int]
    scope: Mapped[str]
    entries: Mapped[int]


ADJUSTMENTS = text("kind = 'adjustment'")
"""Few among millions: an index of their own finds them, where this very text asks for them."""


class Entry(Base):
    """A row of the ledger (:class:`incentives.ledger.entries.Entry`)."""

    __tablename__ = "entries"
    __table_args__ = (
        Index("ix_entries_payee_id", "payee_id", "earned_on"),
        Index("ix_entries_month", "month"),
        Index("ix_entries_adjustments", "cause", sqlite_where=ADJUSTMENTS, postgresql_where=ADJUSTMENTS),
        _in_reach("amount_minor"),
    )
    id: Mapped[Id]
    run_id: Mapped[int]
    month: Mapped[dt.date]
    payee_id: Mapped[str]
    plan: Mapped[str]
    component: Mapped[str]
    kind: Mapped[str]
    cause: Mapped[str]
    invoice_id: Mapped[str]
    earned_on: Mapped[dt.date]
    payable_on: Mapped[dt.date]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    plan_version: Mapped[dt.date]
    stood_minor: Mapped[int]


# Closes ----------------------------------------------------------------------------------------------


class Waiver(Base):
    """A step of the checklist that a person let pass, and why."""

    __tablename__ = "waivers"
    month: Mapped[Day]
    item: Mapped[AKey]
    act_id: Mapped[ActId]
    reason: Mapped[str]


class Close(Base):
    """A month that is over: what stood, sealed, and chained to the month before."""

    __tablename__ = "closes"
    __table_args__ = (UniqueConstraint("previous_seal"),)
    month: Mapped[Day]
    act_id: Mapped[ActId]
    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("runs.id"))
    prepared_by: Mapped[str]
    known_through: Mapped[int]
    content: Mapped[str]
    previous_seal: Mapped[str]
    seal: Mapped[str]


class ClosedOwner(Base):
    """The digest of one payee's entries in a closed month, so that a changed row can be named."""

    __tablename__ = "closed_owners"
    month: Mapped[Day]
    payee_id: Mapped[AKey]
    entries: Mapped[int]
    sha256: Mapped[str]


class Payout(Base):
    """One payee's pay for a closed month (:class:`incentives.ledger.pay.Payout`)."""

    __tablename__ = "payouts"
    month: Mapped[Day]
    payee_id: Mapped[AKey]
    currency: Mapped[AKey]
    positive_minor: Mapped[int]
    negative_minor: Mapped[int]
    brought_forward_minor: Mapped[int]
    recovered_minor: Mapped[int]
    pay_minor: Mapped[int]
    carried_forward_minor: Mapped[int]


class Settled(Base):
    """Which closed month's payout an entry was part of: no entry is paid twice."""

    __tablename__ = "settled"
    entry_id: Mapped[Id]
    month: Mapped[dt.date] = mapped_column(Date, index=True)


class PayoutFile(Base):
    """A payout file of a closed month, byte for byte as it was first made."""

    __tablename__ = "payout_files"
    month: Mapped[Day]
    profile: Mapped[AKey]
    name: Mapped[AKey]
    act_id: Mapped[ActId]
    content: Mapped[bytes]
    control: Mapped[str]
    sha256: Mapped[str]


class Delivery(Base):
    """A payout file handed over; every one after the first is a copy."""

    __tablename__ = "deliveries"
    id: Mapped[Id]
    act_id: Mapped[ActId]
    month: Mapped[dt.date]
    profile: Mapped[str]


class Receipt(Base):
    """Payroll has the file: said once."""

    __tablename__ = "receipts"
    month: Mapped[Day]
    profile: Mapped[AKey]
    act_id: Mapped[ActId]
    note: Mapped[str]


class Statement(Base):
    """A quarter's statement as it was fixed at the close."""

    __tablename__ = "statements"
    quarter: Mapped[Day]
    payee_id: Mapped[AKey]
    language: Mapped[str]
    document: Mapped[str]
    sha256: Mapped[str]


class StatementFile(Base):
    """A statement's PDF as it was first rendered."""

    __tablename__ = "statement_files"
    quarter: Mapped[Day]
    payee_id: Mapped[AKey]
    act_id: Mapped[ActId]
    content: Mapped[bytes]
    sha256: Mapped[str]


VERSIONED = tuple(table.name for table in Base.metadata.sorted_tables if "known_until" in table.columns)
APPEND_ONLY = tuple(table.name for table in Base.metadata.sorted_tables if "known_until" not in table.columns)
"""Also ``books``: nothing of it ever changes."""

for _name in VERSIONED:
    _table = Base.metadata.tables[_name]
    Index(f"ix_{_name}_known_from", _table.c.known_from)
    _ended = text("known_until IS NOT NULL")
    Index(f"ix_{_name}_known_until", _table.c.known_until, sqlite_where=_ended, postgresql_where=_ended)
