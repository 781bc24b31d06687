"""What somebody earned, had taken back and was paid: a quarter of a payee as the ledger has it.

A closed quarter is the statement that was issued, and never looks different. An open one is made from what was
posted so far, in the same form. Neither calculates anybody again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlalchemy import Connection, and_, bindparam, func, select
from sqlalchemy.orm import aliased

from incentives.calendar import Period, period_of, periods
from incentives.facts import Event, Payee
from incentives.ledger.statement import Background, Happened, Row, Section, statement
from incentives.papers.statement.document import Document, as_document
from incentives.rules.plan import Plan
from incentives.service.issuing import adjustment_notes
from incentives.store import tables
from incentives.store.bulk import batches
from incentives.store.closes import closes, payouts_of
from incentives.store.facts_out import EVENTS, Known, Rules
from incentives.store.ledger import entries, open_month


@dataclass(frozen=True, slots=True)
class Quarter:
    """A payee's quarter. ``closed_through`` is the last closed month of the books; ``sha256`` names an issued
    statement, and is "" where none was issued: then more may come, or nothing was ever posted."""

    payee: Payee
    period: Period
    months: tuple[dt.date, ...]
    closed_through: dt.date | None
    document: Document
    sha256: str = ""

    @property
    def is_issued(self) -> bool:
        """Whether it is a statement that never changes."""
        return bool(self.sha256)


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asked about a line, and the answer, if there is one."""

    number: int
    asked_on: dt.date
    asked_by: str
    question: str
    answer: str = ""
    answered_by: str = ""
    answered_on: dt.date | None = None


LineKey = tuple[str, str, str, str]
"""Plan, component, kind and cause of a payee's line."""


def quarters(connection: Connection, rules: Rules, payee_ids: Collection[str], today: dt.date) -> list[Period]:
    """The quarters that there is something to see in of some payees, oldest first: from the first in which
    something was posted for one of them to the one in which it is today, or in which the open month ends."""
    entry = tables.Entry
    first = connection.execute(select(func.min(entry.month)).where(entry.payee_id.in_(sorted(payee_ids)))).scalar()
    month = open_month(connection, rules)
    last = min(today, month.last) if month else today
    starts = rules.company.fiscal_year_starts
    return list(periods(min(first or last, last), period_of(last, "quarter", starts).last, "quarter", starts))


def quarter_of(connection: Connection, rules: Rules, payee_id: str, quarter: Period) -> Quarter:
    """A payee's quarter: the issued statement, or what was posted so far in its form."""
    known = Known(connection)
    months = tuple(each.first for each in periods(quarter.first, quarter.last, "month", 1))
    closed = [each.month for each in closes(connection)]
    found = next(iter(known.payees(THIS_PAYEE, this=payee_id)), Payee(payee_id, payee_id))
    row = tables.Statement
    asked = select(row.sha256, row.document).where(row.quarter == quarter.first, row.payee_id == payee_id)
    issued = connection.execute(asked).one_or_none()
    through = closed[-1] if closed else None
    if issued is not None:
        return Quarter(found, quarter, months, through, issued_document(*issued), issued.sha256)
    return Quarter(found, quarter, months, through, _posted_so_far(connection, rules, found, quarter, months))


THIS_PAYEE = tables.Payee.payee_id == bindparam("this")


@lru_cache(maxsize=512)
def issued_document(sha256: str, document: str) -> Document:
    """An issued statement's document, read once: its digest names it."""
    read: Document = json.loads(document)
    return read


def _posted_so_far(
    connection: Connection, rules: Rules, payee: Payee, quarter: Period, months: Iterable[dt.date]
) -> Document:
    posted = list(entries(connection, payee.payee_id, through=quarter.last))
    within = [each for each in posted if each.month >= quarter.first]
    invoices = _invoices(connection, {each.invoice_id for each in within if each.invoice_id})
    background = Background(
        company=rules.company,
        plans=rules.plans,
        lines=(),
        as_of=quarter.last,
        customers={invoice_id: customer for invoice_id, (customer, _) in invoices.items()},
        notes=adjustment_notes(connection) if any(each.kind == "adjustment" for each in within) else {},
        contact=rules.company.contact,
    )
    paid = payouts_of(connection, months, payee.payee_id)
    made = statement(payee, quarter, posted, paid, background, quarter.last)
    telling = _Telling(
        _events(connection, {each.cause for each in within}),
        {invoice_id: currency for invoice_id, (_, currency) in invoices.items()},
        frozenset((plan.plan, name) for plan in rules.plans for name in _spiffs(plan)),
    )
    return as_document(replace(made, sections=tuple(map(telling.section, made.sections))))


def _spiffs(plan: Plan) -> Iterator[str]:
    return (name for name in plan.component_names() if plan.kind_of(name) == "spiff")


@dataclass(frozen=True, slots=True)
class _Telling:
    """What happened, without calculating anybody again: the event that a cause names, or the kind of line."""

    events: Mapping[str, Event]
    currencies: Mapping[str, str]
    spiffs: frozenset[tuple[str, str]]

    def section(self, section: Section) -> Section:
        """The section with what happened. What stands is part of the calculation: no line of it is ever 0."""
        corrections = (
            replace(each, row=self._row(each.row), is_known=each.stands_minor != 0) for each in section.corrections
        )
        return replace(section, rows=tuple(map(self._row, section.rows)), corrections=tuple(corrections))

    def _row(self, row: Row) -> Row:
        if row.happened.what:
            return row
        if (row.plan, row.component) in self.spiffs:
            return replace(row, happened=Happened("spiff" if row.amount_minor > 0 else "spiff_lost"))
        event = self.events.get(row.cause)
        if event is not None and row.kind in ("earning", "clawback", "restoration"):
            currency = self.currencies.get(row.invoice_id, event.currency)
            return replace(row, happened=Happened(event.type, event.amount_minor, currency, event.reason))
        return replace(row, happened=Happened(_WITHOUT_EVENT.get(row.kind, row.cause.partition(":")[0])))


_WITHOUT_EVENT = {"bonus": "bonus", "cap": "over_cap", "draw": "draws", "draw_recovery": "draws"}


def _events(connection: Connection, causes: Collection[str]) -> dict[str, Event]:
    """Events by the cause that names them: their id, after their source where two share it."""
    names = {*causes, *(cause.partition("/")[2] for cause in causes if "/" in cause)}
    found: dict[str, Event] = {}
    for row in EVENTS.rows(connection, events=names):
        event = Event(*row)
        found[event.event_id] = found[f"{event.source}/{event.event_id}"] = event
    return found


def _invoices(connection: Connection, invoice_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """The customer's name and the currency of each of these invoices."""
    invoice, customer = tables.Invoice, tables.Customer
    found: dict[str, tuple[str, str]] = {}
    for some in batches(sorted(invoice_ids), 500):
        asked = (
            select(invoice.invoice_id, func.coalesce(customer.name, invoice.customer_id), invoice.currency)
            .outerjoin(customer, and_(customer.customer_id == invoice.customer_id, customer.known_until.is_(None)))
            .where(invoice.known_until.is_(None), invoice.invoice_id.in_(some))
        )
        found |= {row[0]: (row[1], row[2]) for row in connection.execute(asked)}
    return found


# Questions -------------------------------------------------------------------------------------------


def questions_of(connection: Connection, payee_id: str) -> dict[LineKey, list[Question]]:
    """What was asked about a payee's lines, oldest first, with the answers."""
    question, answer = tables.Question, tables.Answer
    asking, answering = aliased(tables.Act), aliased(tables.Act)
    asked = (
        select(
            question.plan,
            question.component,
            question.kind,
            question.cause,
            question.id,
            asking.actor,
            asking.at,
            question.question,
            answer.answer,
            answering.actor,
            answering.at,
        )
        .join(asking, asking.id == question.act_id)
        .outerjoin(answer, answer.question_id == question.id)
        .outerjoin(answering, answering.id == answer.act_id)
        .where(question.payee_id == payee_id)
        .order_by(question.id)
    )
    found: dict[LineKey, list[Question]] = {}
    for plan, component, kind, cause, number, by, at, text, said, answered_by, answered_at in connection.execute(
        asked
    ):
        answered_on = answered_at.date() if answered_at else None
        made = Question(number, at.date(), by, text, said or "", answered_by or "", answered_on)
        found.setdefault((plan, component, kind, cause), []).append(made)
    return found
