"""Customers and invoices: the records behind every figure, the same for sales, credit and finance.

Lists are read a page at a time, each after the key of the last row before. Whoever sees every customer sees every
invoice; others see those that credit them or who reports to them. Amounts of pay are of payees in reach alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, or_, select, tuple_

from incentives.calculation.book import Book
from incentives.calculation.chunks import Wanted
from incentives.calculation.earned import Calculation
from incentives.calculation.position import PositionRule
from incentives.calculation.stand import Stand, stand
from incentives.calculation.timeline import Timeline
from incentives.calculation.waiting import Waiting, waiting
from incentives.facts import Event, Invoice
from incentives.ledger.entries import Entry
from incentives.service.access import SEE_ALL_CUSTOMERS, Viewer, reach_customer, reach_invoice
from incentives.service.runs import rules_in_force
from incentives.store import tables
from incentives.store.closes import holds_in_force
from incentives.store.desk import Account
from incentives.store.facts_out import Known, Rules, event_from
from incentives.store.source import StoreSource

ROWS = 50
EVENTS = 100
"""How many of the newest events of a customer are told."""

Row = TypeVar("Row")
Show = Literal["all", "open", "overdue", "disputed"]
SHOWS: tuple[Show, ...] = ("all", "open", "overdue", "disputed")
Sort = Literal["name", "id", "grade"]
SORTS: tuple[Sort, ...] = ("name", "id", "grade")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and the key after which the next ones begin; ``None`` at its end."""

    rows: tuple[Row, ...]
    after: tuple[str, ...] | None = None


Amounts = Mapping[str, int]
"""Minor units by currency."""


def _actors(connection: Connection) -> dict[str, str]:
    """What people are called who have an account, by the address that acts know them by."""
    return {row.email: row.name for row in connection.execute(select(Account.email, Account.name))}


# Facts of some invoices ----------------------------------------------------------------------------------------


def _book(connection: Connection, rules: Rules, invoice_ids: Collection[str], day: dt.date) -> Book:
    facts, around = StoreSource(connection, rules).part(Wanted(invoices=tuple(invoice_ids)))
    return Book(facts, rules.plans, day, around)


def _in_reach(viewer: Viewer) -> ColumnElement[bool] | None:
    """Which invoices somebody may look at; ``None``: every one."""
    mine = viewer.payees()
    if mine is None or viewer.has(*SEE_ALL_CUSTOMERS):
        return None
    credit = tables.Credit
    credited = select(credit.invoice_id).where(credit.known_until.is_(None), credit.payee_id.in_(mine))
    return tables.Invoice.invoice_id.in_(credited)


def _invoices(viewer: Viewer) -> Select[str]:
    """The ids of the invoices that somebody may look at."""
    invoice, reach = tables.Invoice, _in_reach(viewer)
    asked = select(invoice.invoice_id).where(invoice.known_until.is_(None))
    return asked if reach is None else asked.where(reach)


# Customers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer in the list: how credit grades them today, and what they owe on the viewer's invoices."""

    customer_id: str
    name: str
    country: str
    grade: str
    invoices: int
    owed: Amounts
    overdue: Amounts
    days_past_due: int


def customers(
    connection: Connection,
    viewer: Viewer,
    today: dt.date,
    *,
    search: str = "",
    sort: Sort = "name",
    after: Sequence[str] = (),
) -> Page[CustomerRow]:
    """A page of the customers that somebody may look at: by name, by id, or the riskiest grade first."""
    customer, invoice = tables.Customer, tables.Invoice
    grade = _grade(today)
    orders: dict[Sort, tuple[Any, ...]] = {
        "name": (func.lower(customer.name), customer.customer_id),
        "id": (customer.customer_id,),
        "grade": (grade, customer.customer_id),
    }
    keys = orders[sort]
    asked = select(customer.customer_id, customer.name, customer.country, grade, *keys)
    asked = asked.where(customer.known_until.is_(None))
    reach = _in_reach(viewer)
    if reach is not None:
        theirs = select(invoice.customer_id).where(invoice.known_until.is_(None), reach)
        asked = asked.where(customer.customer_id.in_(theirs))
    if search:
        asked = asked.where(
            or_(
                func.lower(customer.name).contains(search.lower(), autoescape=True),
                func.lower(customer.customer_id).startswith(search.lower(), autoescape=True),
            )
        )
    down = sort == "grade"
    if len(after) == len(keys):
        asked = asked.where(tuple_(*keys) < tuple_(*after) if down else tuple_(*keys) > tuple_(*after))
    asked = asked.order_by(*(key.desc() if down else key for key in keys)).limit(ROWS + 1)
    found = connection.execute(asked).all()
    stands = _stands_by_customer(connection, viewer, [row[0] for row in found[:ROWS]], today)
    rows = tuple(_customer_row(row[0], row[1], row[2], row[3], stands.get(row[0], ())) for row in found[:ROWS])
    return Page(rows, tuple(map(str, found[ROWS - 1][4:])) if len(found) > ROWS else None)


def _grade(today: dt.date) -> ColumnElement[str]:
    """The last grade that was given on or before a day."""
    record = tables.CreditRecord
    last = (
        select(record.risk_grade)
        .where(
            record.customer_id == tables.Customer.customer_id,
            record.known_until.is_(None),
            record.on <= today,
            record.risk_grade != "",
        )
        .order_by(record.on.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(last, "")


def _stands_by_customer(
    connection: Connection, viewer: Viewer, customer_ids: Collection[str], today: dt.date
) -> dict[str, list[tuple[Invoice, Stand]]]:
    ids = connection.execute(_invoices(viewer).where(tables.Invoice.customer_id.in_(customer_ids))).scalars().all()
    book = _book(connection, rules_in_force(connection), ids, today)
    found: dict[str, list[tuple[Invoice, Stand]]] = {}
    for invoice in book.facts.invoices:
        found.setdefault(invoice.customer_id, []).append((invoice, stand(book.timeline(invoice), today)))
    return found


def _customer_row(
    customer_id: str, name: str, country: str, grade: str, stands: Collection[tuple[Invoice, Stand]]
) -> CustomerRow:
    owed, overdue = _sums(stands)
    days = max((each.days_past_due for _, each in stands), default=0)
    return CustomerRow(customer_id, name, country, grade, len(stands), owed, overdue, days)


def _sums(stands: Iterable[tuple[Invoice, Stand]]) -> tuple[Amounts, Amounts]:
    """What is owed, and what of it is overdue, by currency."""
    owed: dict[str, int] = {}
    overdue: dict[str, int] = {}
    for invoice, each in stands:
        if each.is_owed:
            owed[invoice.currency] = owed.get(invoice.currency, 0) + each.open_minor
            if each.days_past_due:
                overdue[invoice.currency] = overdue.get(invoice.currency, 0) + each.open_minor
    return owed, overdue


@dataclass(frozen=True, slots=True)
class CreditGiven:
    """What credit decided about a customer from a day on, and who entered it when."""

    on: dt.date
    grade: str
    approval: str
    limit_minor: int | None
    security: str
    by: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice in a list."""

    invoice_id: str
    customer_id: str
    customer: str
    issued_on: dt.date
    currency: str
    gross_minor: int
    terms_days: int
    stand: Stand


@dataclass(frozen=True, slots=True)
class OfCustomer:
    """Everything that is known of a customer, as far as the viewer's invoices go; newest first."""

    customer_id: str
    name: str
    country: str
    currency: str
    credit: tuple[CreditGiven, ...]
    grade: str
    approval: str
    security: str
    limit_minor: int | None
    """What credit last said by today; each value stands until another one is given."""
    invoices: tuple[InvoiceRow, ...]
    owed: Amounts
    overdue: Amounts
    terms: tuple[tuple[int, int], ...]
    """Days from invoice to first due date, and how many invoices have them."""
    events: tuple[tuple[Event, str], ...]
    """With the invoice's currency; warnings and disputes among them."""
    events_count: int
    held: tuple[str, ...]
    """Why payment of commission on this customer is held back."""


def customer(connection: Connection, viewer: Viewer, customer_id: str, today: dt.date) -> OfCustomer:
    """The record of a customer. Raises :class:`~incentives.service.access.NotThere` out of reach."""
    reach_customer(connection, viewer, customer_id)
    rules = rules_in_force(connection)
    ids = connection.execute(_invoices(viewer).where(tables.Invoice.customer_id == customer_id)).scalars().all()
    book = _book(connection, rules, ids, today)
    row = tables.Customer
    asked = select(row.name, row.country).where(row.customer_id == customer_id, row.known_until.is_(None))
    name, country = connection.execute(asked).one()
    invoices = sorted(book.facts.invoices, key=lambda each: (each.issued_on, each.invoice_id), reverse=True)
    rows = tuple(_invoice_row(book, each, name, today) for each in invoices)
    owed, overdue = _sums((invoice, each.stand) for invoice, each in zip(invoices, rows, strict=True))
    terms: dict[int, int] = {}
    for each in rows:
        terms[each.terms_days] = terms.get(each.terms_days, 0) + 1
    events = [(moment.event, each.currency) for each in invoices for moment in book.timeline(each).moments]
    events.sort(key=lambda each: (each[0].occurred_on, each[0].event_id), reverse=True)
    credit = tuple(_credit_given(connection, customer_id))
    said = [each for each in credit if each.on <= today]
    return OfCustomer(
        customer_id,
        name,
        country,
        rules.company.currency,
        credit,
        next((each.grade for each in said if each.grade), ""),
        next((each.approval for each in said if each.approval), ""),
        next((each.security for each in said if each.security), ""),
        next((each.limit_minor for each in said if each.limit_minor is not None), None),
        rows,
        owed,
        overdue,
        tuple(sorted(terms.items())),
        tuple(events[:EVENTS]),
        len(events),
        tuple(
            each.reason
            for each in holds_in_force(connection)
            if (each.kind, each.subject) == ("customer", customer_id)
        ),
    )


def _credit_given(connection: Connection, customer_id: str) -> Iterator[CreditGiven]:
    record, act = tables.CreditRecord, tables.Act
    asked = (
        select(
            record.on,
            record.risk_grade,
            record.credit_approval,
            record.credit_limit_minor,
            record.security,
            act.actor,
            act.at,
        )
        .join(act, act.id == record.known_from)
        .where(record.customer_id == customer_id, record.known_until.is_(None))
        .order_by(record.on.desc())
    )
    names = _actors(connection)
    for on, grade, approval, limit_minor, security, by, at in connection.execute(asked):
        yield CreditGiven(on, grade, approval, limit_minor, security, names.get(by, by), at)


def _invoice_row(book: Book, invoice: Invoice, customer_name: str, today: dt.date) -> InvoiceRow:
    timeline = book.timeline(invoice)
    return InvoiceRow(
        invoice.invoice_id,
        invoice.customer_id,
        customer_name,
        invoice.issued_on,
        invoice.currency,
        timeline.gross,
        (invoice.due_on - invoice.issued_on).days,
        stand(timeline, today),
    )


# What it is worth to whom ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AtStake:
    """What a payee would earn on an open invoice if the rest of it were paid today."""

    name: str
    waiting: Waiting


def at_stake(
    connection: Connection, viewer: Viewer, today: dt.date, *, customer_id: str = "", invoice_id: str = ""
) -> tuple[AtStake, ...]:
    """What each payee in reach has at stake on a customer or an invoice, the oldest due date first.

    Only those who are credited themselves. Whoever sees nobody's pay sees nothing here.
    """
    rules, mine = rules_in_force(connection), viewer.payees()
    if invoice_id:
        ids = {reach_invoice(connection, viewer, invoice_id)}
    else:
        reach_customer(connection, viewer, customer_id)
        asked = _invoices(viewer).where(tables.Invoice.customer_id == customer_id)
        ids = set(connection.execute(asked).scalars())
    book = _book(connection, rules, ids, today)
    payees = {
        credit.payee_id
        for invoice in book.facts.invoices
        if stand(book.timeline(invoice), today).open_minor > 0
        for credit in invoice.credits
    }
    names = {each.payee_id: each.name for each in Known(connection).payees()}
    found = []
    for payee_id in sorted(payees if mine is None else payees & mine):
        facts, around = StoreSource(connection, rules).part(Wanted((payee_id,), (payee_id,)))
        calculation = Calculation(Book(facts, rules.plans, today, around))
        found += [
            AtStake(names.get(payee_id, payee_id), each)
            for each in waiting(calculation, payee_id)
            if each.invoice_id in ids
        ]
    return tuple(sorted(found, key=lambda each: (each.waiting.due_on, each.waiting.invoice_id, each.name)))


# Invoices --------------------------------------------------------------------------------------------------------


def invoices(
    connection: Connection,
    viewer: Viewer,
    today: dt.date,
    *,
    search: str = "",
    show: Show = "all",
    after: int | None = None,
) -> Page[InvoiceRow]:
    """A page of the invoices that somebody may look at, those that became known last first.

    ``show``: those on which something is owed, of these the overdue ones, or those in dispute. The database
    leaves out what is surely none of them; the calculation decides.
    """
    invoice, customer = tables.Invoice, tables.Customer
    asked = (
        select(invoice.id, invoice.invoice_id, customer.name)
        .outerjoin(customer, and_(customer.customer_id == invoice.customer_id, customer.known_until.is_(None)))
        .where(invoice.known_until.is_(None))
    )
    reach = _in_reach(viewer)
    if reach is not None:
        asked = asked.where(reach)
    if search:
        asked = asked.where(
            or_(
                func.lower(invoice.invoice_id).contains(search.lower(), autoescape=True),
                func.lower(customer.name).contains(search.lower(), autoescape=True),
            )
        )
    if show != "all":
        asked = asked.where(_perhaps(connection, show, today))
    rules = rules_in_force(connection)
    rows: list[InvoiceRow] = []
    while True:
        some = asked if after is None else asked.where(invoice.id < after)
        found = connection.execute(some.order_by(invoice.id.desc()).limit(ROWS + 1)).all()
        book = _book(connection, rules, [row[1] for row in found], today)
        for number, invoice_id, name in found:
            if len(rows) == ROWS:
                return Page(tuple(rows), (str(after),))
            after = number
            row = _invoice_row(book, book.invoices[invoice_id], name or "", today)
            if _is_shown(row.stand, show):
                rows.append(row)
        if len(found) <= ROWS:
            return Page(tuple(rows))


def _is_shown(each: Stand, show: Show) -> bool:
    if show == "open":
        return each.is_owed
    if show == "overdue":
        return each.is_owed and each.days_past_due > 0
    return show == "all" or each.state == "disputed"


def _perhaps(connection: Connection, show: Show, today: dt.date) -> ColumnElement[bool]:
    """A condition that every invoice to be shown meets: events that came in several versions meet any."""
    invoice, event = tables.Invoice, tables.Event

    def has(kind: str) -> ColumnElement[bool]:
        return exists().where(event.invoice_id == invoice.invoice_id, event.type == kind)

    if show == "disputed":
        wanted: ColumnElement[bool] = invoice.invoice_id.in_(
            select(event.invoice_id).where(event.type == "dispute_opened")
        )
    else:
        line = tables.InvoiceLine
        gross = (
            select(func.coalesce(func.sum(line.net_minor + line.tax_minor), 0))
            .where(line.invoice_id == invoice.invoice_id, line.known_until.is_(None))
            .scalar_subquery()
        )
        settled = (
            select(func.coalesce(func.sum(_SETTLES * event.amount_minor), 0))
            .where(
                event.invoice_id == invoice.invoice_id,
                event.occurred_on <= today,
                or_(event.currency == "", event.currency == invoice.currency),
            )
            .scalar_subquery()
        )
        wanted = settled < gross
        if show == "overdue":
            wanted = and_(wanted, or_(invoice.due_on < today, has("due_date_changed")))
    versions = {each.invoice_id for events in Known(connection).versions.values() for each in events}
    return or_(wanted, invoice.invoice_id.in_(versions)) if versions else wanted


_SETTLES = case(
    (tables.Event.type.in_(("payment", "chargeback_reversed", "credit_note", "discount")), 1),
    (tables.Event.type.in_(("refund", "payment_reversed", "chargeback")), -1),
    else_=0,
)
"""Which way an event moves what is owed. A refund of what was paid too much is taken for a debt here: the
calculation knows better."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of an invoice with what became of it: ``verdict`` is "" where it counts, else why it does not.

    ``counts_minor`` is how much of the invoice counts for pay after it: cash collected, less what earns nothing.
    """

    event: Event
    cause: str
    delivered_by: str
    delivered_at: dt.datetime | None
    verdict: str
    collectible_minor: int = 0
    collected_minor: int = 0
    counts_minor: int = 0


@dataclass(frozen=True, slots=True)
class Shared:
    """Somebody's share of an invoice."""

    payee_id: str
    name: str
    role: str
    share_ppm: int


@dataclass(frozen=True, slots=True)
class Caused:
    """A line that stands because of an invoice: what its entries come to."""

    payee_id: str
    name: str
    plan: str
    plan_name: str
    component: str
    kind: str
    cause: str
    earned_on: dt.date
    payable_on: dt.date
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class OfInvoice:
    """Everything that is known of an invoice, and what it brought to payees in the viewer's reach."""

    invoice: Invoice
    customer: str
    timeline: Timeline
    stand: Stand
    today: dt.date
    worth_minor: int
    """How much of its gross counts for pay when all is collected."""
    happened: tuple[Happened, ...]
    credits: tuple[Shared, ...]
    others_are_credited: bool
    lines: tuple[Caused, ...]
    held: tuple[tuple[str, str], ...]
    """What is held (invoice, customer or payee), and why."""
    conflicts: tuple[str, ...]
    """What came again with other content and waits for a person: the ids of events, or the invoice's own."""


def invoice(connection: Connection, viewer: Viewer, invoice_id: str, today: dt.date) -> OfInvoice:
    """The record of an invoice. Raises :class:`~incentives.service.access.NotThere` out of reach."""
    reach_invoice(connection, viewer, invoice_id)
    rules, mine = rules_in_force(connection), viewer.payees()
    book = _book(connection, rules, [invoice_id], today)
    found = book.invoices[invoice_id]
    names = {each.payee_id: each.name for each in Known(connection).payees()}
    customer_name = next((each.name for each in book.facts.customers), found.customer_id)
    timeline = book.timeline(found)
    credits = [each for each in found.credits if mine is None or each.payee_id in mine]
    return OfInvoice(
        found,
        customer_name,
        timeline,
        stand(timeline, today),
        today,
        _worth(book, found),
        tuple(_happened(connection, book, found)),
        tuple(Shared(e.payee_id, names.get(e.payee_id, e.payee_id), e.role, e.share_ppm) for e in credits),
        len(credits) < len(found.credits),
        tuple(_caused(connection, rules, viewer, invoice_id, names)),
        tuple(_held(connection, found, mine)),
        tuple(_conflicts(connection, found, book.facts.events)),
    )


def _worth(book: Book, invoice: Invoice) -> int:
    return sum(line.net_minor for line in invoice.lines if line.commissionable)


def _happened(connection: Connection, book: Book, invoice: Invoice) -> Iterator[Happened]:
    """Every event of an invoice in the order of the days; those that do not count with the reason."""
    delivered = _delivered(connection, invoice.invoice_id)
    moved = {each.cause: each.after for each in book.movements(invoice, PositionRule.of())}
    timeline, counts = book.timeline(invoice), 0
    found = []
    applied = set()
    for moment in timeline.moments:
        counts = moved.get(moment.cause, counts)
        by, at = delivered.get(moment.event.ref, ("", None))
        applied.add(moment.event.ref)
        found.append(
            Happened(moment.event, moment.cause, by, at, "", moment.collectible, moment.collected, counts)
        )
    reasons = {each.event_id: each.what for each in book.findings if each.event_id}
    for event in {each.ref: each for each in book.facts.events if each.invoice_id == invoice.invoice_id}.values():
        if event.ref not in applied:
            by, at = delivered.get(event.ref, ("", None))
            later = "later" if event.occurred_on > book.as_of else "conflict"
            found.append(Happened(event, event.event_id, by, at, reasons.get(event.event_id, later)))
    return iter(sorted(found, key=lambda each: each.event.occurred_on))


def _delivered(connection: Connection, invoice_id: str) -> dict[tuple[str, str], tuple[str, dt.datetime]]:
    """Who brought each event, and when."""
    event, act = tables.Event, tables.Act
    asked = (
        select(event.source, event.event_id, act.actor, act.at)
        .join(act, act.id == event.known_from)
        .where(event.invoice_id == invoice_id)
    )
    names = _actors(connection)
    rows = connection.execute(asked)
    return {(source, event_id): (names.get(actor, actor), at) for source, event_id, actor, at in rows}


def _caused(
    connection: Connection, rules: Rules, viewer: Viewer, invoice_id: str, names: Mapping[str, str]
) -> list[Caused]:
    """The lines of payees in reach. Only people who were credited, and those above them, can have any."""
    mine, credit = viewer.payees(), tables.Credit
    payees = set(connection.execute(select(credit.payee_id).where(credit.invoice_id == invoice_id)).scalars())
    payees |= _above(connection, payees)
    asked = select(*tables.table_of(tables.Entry).columns).where(
        tables.Entry.payee_id.in_(payees if mine is None else payees & mine), tables.Entry.invoice_id == invoice_id
    )
    by_key: dict[Any, list[Entry]] = {}
    for entry in (Entry(*row) for row in connection.execute(asked.order_by(tables.Entry.id))):
        by_key.setdefault(entry.key, []).append(entry)
    plans = {plan.plan: plan.name for plan in rules.plans}
    found = []
    for same in by_key.values():
        last, amount_minor = same[-1], sum(each.amount_minor for each in same)
        if amount_minor:
            found.append(
                Caused(
                    last.payee_id,
                    names.get(last.payee_id, last.payee_id),
                    last.plan,
                    plans.get(last.plan, last.plan),
                    last.component,
                    last.kind,
                    last.cause,
                    last.earned_on,
                    last.payable_on,
                    amount_minor,
                    last.currency,
                )
            )
    return sorted(found, key=lambda each: (each.earned_on, each.cause, each.name, each.plan, each.component))


def _above(connection: Connection, payees: Iterable[str]) -> set[str]:
    """Everybody above these people on any day, by however many steps."""
    above: dict[str, set[str]] = {}
    asked = select(tables.Reporting.payee_id, tables.Reporting.manager_id)
    for payee_id, manager_id in connection.execute(asked):
        above.setdefault(payee_id, set()).add(manager_id)
    found: set[str] = set()
    ask = list(payees)
    while ask:
        more = above.get(ask.pop(), set()) - found
        found |= more
        ask += more
    return found


def _held(connection: Connection, invoice: Invoice, mine: frozenset[str] | None) -> Iterator[tuple[str, str]]:
    payees = {each.payee_id for each in invoice.credits}
    held = {"invoice": {invoice.invoice_id}, "customer": {invoice.customer_id}}
    held["payee"] = payees if mine is None else payees & mine
    for each in holds_in_force(connection):
        if each.subject in held.get(each.kind, ()):
            yield each.kind, each.reason


def _conflicts(connection: Connection, invoice: Invoice, events: Iterable[Event]) -> Iterator[str]:
    """What waits for a decision about it."""
    conflict, decision = tables.Conflict, tables.Decision
    decided = select(decision.subject_id).where(decision.kind == "conflict")
    asked = select(conflict.kind, conflict.subject, conflict.content).where(conflict.id.not_in(decided))
    known = {each.event_id for each in events if each.invoice_id == invoice.invoice_id}
    for kind, subject, content in connection.execute(asked.order_by(conflict.id)):
        if kind == "invoice":
            if subject == invoice.invoice_id:
                yield subject
        elif subject in known or event_from(content).invoice_id == invoice.invoice_id:
            yield subject
