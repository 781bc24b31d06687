"""Closed months: what was paid, what was settled by it, and the seals, each chained to the one before."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, insert, select

from incentives.ledger.pay import Payout
from incentives.store import tables
from incentives.store.bulk import insert_rows


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed month. ``content`` is what the seal is of: counts, totals and digests."""

    month: dt.date
    act_id: int
    run_id: int
    prepared_by: str
    known_through: int
    content: Mapping[str, Any]
    previous_seal: str
    seal: str


def closes(connection: Connection) -> list[Closed]:
    """Every closed month, in order."""
    asked = select(tables.table_of(tables.Close)).order_by(tables.Close.month)
    return [
        Closed(
            row.month,
            row.act_id,
            row.run_id,
            row.prepared_by,
            row.known_through,
            json.loads(row.content),
            row.previous_seal,
            row.seal,
        )
        for row in connection.execute(asked)
    ]


def closed(connection: Connection, month: dt.date) -> Closed | None:
    """A month's close; ``None`` while it is open."""
    return next((each for each in closes(connection) if each.month == month), None)


def payouts_of(connection: Connection, months: Iterable[dt.date], payee_id: str | None = None) -> list[Payout]:
    """What closed months paid, in order of month, payee and currency; without their lines."""
    payout = tables.table_of(tables.Payout)
    asked = select(payout).where(payout.c.month.in_(list(months)))
    if payee_id is not None:
        asked = asked.where(payout.c.payee_id == payee_id)
    found = [Payout(*row) for row in connection.execute(asked)]
    return sorted(found, key=lambda each: (each.month, each.payee_id, each.currency))


def save_payouts(
    connection: Connection, payouts: Iterable[Payout], settled: Iterable[tuple[int, dt.date]]
) -> None:
    """What a month pays, and which entries it settles."""
    rows = (
        (
            each.month,
            each.payee_id,
            each.currency,
            each.positive_minor,
            each.negative_minor,
            each.brought_forward_minor,
            each.recovered_minor,
            each.pay_minor,
            each.carried_forward_minor,
        )
        for each in payouts
    )
    insert_rows(connection, tables.Payout, rows)
    insert_rows(connection, tables.Settled, settled)


@dataclass(frozen=True, slots=True)
class PayoutFile:
    """A payout file as it was first made."""

    month: dt.date
    profile: str
    name: str
    content: bytes
    control: str
    sha256: str


def payout_files(connection: Connection, month: dt.date, profile: str) -> list[PayoutFile]:
    """The files of a month under a profile; none before they were first made."""
    file = tables.PayoutFile
    asked = (
        select(file.month, file.profile, file.name, file.content, file.control, file.sha256)
        .where(file.month == month, file.profile == profile)
        .order_by(file.name)
    )
    return [PayoutFile(*row) for row in connection.execute(asked)]


def save_payout_files(connection: Connection, act_id: int, files: Iterable[PayoutFile]) -> None:
    """Keep files for ever as they are."""
    for file in files:
        values = {name: getattr(file, name) for name in PayoutFile.__slots__}
        connection.execute(insert(tables.PayoutFile).values(act_id=act_id, **values))


# What keeps money back ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoldInForce:
    """A hold that was approved and is not released."""

    hold_id: int
    kind: str
    subject: str
    reason: str


def holds_in_force(connection: Connection) -> list[HoldInForce]:
    """Every hold that keeps money back now."""
    hold, release, decision = tables.Hold, tables.Release, tables.Decision
    approved = and_(decision.kind == "hold", decision.subject_id == hold.id, decision.choice == "approve")
    released = (
        select(release.hold_id)
        .join(decision, and_(decision.kind == "release", decision.subject_id == release.id))
        .where(decision.choice == "approve")
    )
    asked = select(hold.id, hold.kind, hold.subject, hold.reason).join(decision, approved)
    asked = asked.where(hold.id.not_in(released)).order_by(hold.id)
    return [HoldInForce(*row) for row in connection.execute(asked)]


def invoices_of_customers(connection: Connection, customer_ids: Iterable[str]) -> frozenset[str]:
    """The ids of these customers' invoices."""
    invoice = tables.Invoice
    asked = select(invoice.invoice_id).where(invoice.customer_id.in_(list(customer_ids)))
    return frozenset(connection.execute(asked).scalars())


QuestionKey = tuple[str, str, str, str, str]
"""Payee, plan, component, kind, cause: the line that was asked about."""


def open_questions(connection: Connection) -> Iterator[tuple[int, QuestionKey]]:
    """Questions that nobody answered yet."""
    question, answer = tables.Question, tables.Answer
    asked = (
        select(
            question.id,
            question.payee_id,
            question.plan,
            question.component,
            question.kind,
            question.cause,
        )
        .outerjoin(answer, answer.question_id == question.id)
        .where(answer.question_id.is_(None))
        .order_by(question.id)
    )
    for number, payee_id, plan, component, kind, cause in connection.execute(asked):
        yield number, (payee_id, plan, component, kind, cause)


def undecided(connection: Connection) -> dict[str, list[int]]:
    """By kind, the numbers of what waits for a decision."""
    decision = tables.Decision
    found: dict[str, list[int]] = {}
    for kind, model in DECIDED.items():
        table = tables.table_of(model)
        done = select(decision.subject_id).where(decision.kind == kind)
        asked = select(table.c.id).where(table.c.id.not_in(done)).order_by(table.c.id)
        found[kind] = list(connection.execute(asked).scalars())
    return found


DECIDED: Mapping[str, type[tables.Base]] = {
    "rule": tables.RuleRevision,
    "adjustment": tables.Adjustment,
    "hold": tables.Hold,
    "release": tables.Release,
    "conflict": tables.Conflict,
}
"""Where each kind of thing that waits for a decision is kept."""
