"""What waits on cash: open invoices of payees with what they would earn, and the early warning to credit."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine

from incentives.calculation.book import Book
from incentives.calculation.chunks import Wanted
from incentives.calculation.earned import Calculation
from incentives.calculation.waiting import waiting
from incentives.errors import Problem, Rejected, told
from incentives.facts import Event, Invoice
from incentives.service.deliveries import Delivered, deliver
from incentives.store.acts import Who
from incentives.store.facts_out import Rules
from incentives.store.source import StoreSource


@dataclass(frozen=True, slots=True)
class Warned:
    """Somebody told credit about an invoice."""

    on: dt.date
    payee_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that is not paid in full: what is open in its currency, since when, and what was said of it.

    ``would_earn`` has, by currency, what the rest would earn the payee if it were paid today; it is empty where
    that was not asked. ``disputed_since`` is ``None`` where nothing is disputed now.
    """

    invoice_id: str
    customer_id: str
    customer: str
    due_on: dt.date
    days_past_due: int
    open_minor: int
    currency: str
    payees: tuple[str, ...]
    would_earn: tuple[tuple[str, int], ...] = ()
    disputed_since: dt.date | None = None
    warnings: tuple[Warned, ...] = ()


def waiting_of(connection: Connection, rules: Rules, payee_id: str, today: dt.date) -> list[OpenInvoice]:
    """What waits on cash for a payee, oldest due date first. It follows the payee through all they ever had."""
    calculation, open_invoices = _open(connection, rules, (payee_id,), today)
    would_earn: dict[str, dict[str, int]] = {}
    for each in waiting(calculation, payee_id):
        would_earn.setdefault(each.invoice_id, {})[each.earns_in] = each.would_earn_minor
    return [_worth(each, would_earn[each.invoice_id]) for each in open_invoices if each.invoice_id in would_earn]


def open_of(connection: Connection, rules: Rules, payee_ids: Collection[str], today: dt.date) -> list[OpenInvoice]:
    """The open invoices that credit any of these payees, the oldest due date first; not what they would earn."""
    return _open(connection, rules, tuple(sorted(payee_ids)), today)[1]


def warn_credit(engine: Engine, who: Who, payee_id: str, invoice_id: str, on: dt.date) -> Delivered:
    """Tell credit early that a customer is in trouble; ``who.reason`` says how.

    It is an event of the invoice like any other. Its id says who told what on which day: sent twice, it is one
    warning. Raises :class:`Rejected` where nothing is said.
    """
    if not who.reason:
        cure = told("Write what credit should know.")
        raise Rejected([Problem("warning", 0, "reason", "missing", told("A reason is missing."), cure)])
    said = hashlib.sha256(who.reason.encode()).hexdigest()[:8]
    row = {
        "event_id": f"warning-{invoice_id}-{payee_id}-{on.isoformat()}-{said}",
        "type": "early_warning",
        "invoice_id": invoice_id,
        "occurred_on": on.isoformat(),
        "payee_id": payee_id,
        "reason": who.reason,
        "source": "pages",
        "recorded_at": who.at.isoformat(),
    }
    return deliver(engine, who, f"early warning about {invoice_id}", {"events.csv": [row]})


def _open(
    connection: Connection, rules: Rules, payee_ids: tuple[str, ...], today: dt.date
) -> tuple[Calculation, list[OpenInvoice]]:
    source = StoreSource(connection, rules)
    facts, around = source.part(Wanted(payee_ids, payee_ids))
    calculation = Calculation(Book(facts, rules.plans, today, around))
    names = {each.customer_id: each.name for each in facts.customers}
    warnings: dict[str, list[Event]] = {}
    for event in facts.events:
        if event.type == "early_warning" and event.occurred_on <= today:
            warnings.setdefault(event.invoice_id, []).append(event)
    invoices = {each.invoice_id: each for payee_id in payee_ids for each in calculation.invoices_of(payee_id)}
    found = (
        _open_invoice(calculation.book, each, names, warnings.get(each.invoice_id, ()))
        for each in invoices.values()
    )
    return calculation, sorted((each for each in found if each), key=lambda each: (each.due_on, each.invoice_id))


def _open_invoice(
    book: Book, invoice: Invoice, names: dict[str, str], warnings: Collection[Event]
) -> OpenInvoice | None:
    timeline = book.timeline(invoice)
    collectible, collected = timeline.at_end_of(book.as_of)
    if invoice.issued_on > book.as_of or collected >= collectible:
        return None
    due_on = timeline.due_on_at(book.as_of)
    disputed = [
        first for first, last in timeline.disputed if first <= book.as_of and (last is None or last > book.as_of)
    ]
    return OpenInvoice(
        invoice.invoice_id,
        invoice.customer_id,
        names.get(invoice.customer_id, invoice.customer_id),
        due_on,
        max(0, (book.as_of - due_on).days),
        collectible - collected,
        invoice.currency,
        tuple(each.payee_id for each in invoice.credits),
        disputed_since=disputed[0] if disputed else None,
        warnings=tuple(
            Warned(each.occurred_on, each.payee_id, each.reason)
            for each in sorted(warnings, key=lambda each: (each.occurred_on, each.event_id))
        ),
    )


def _worth(found: OpenInvoice, would_earn: dict[str, int]) -> OpenInvoice:
    return replace(found, would_earn=tuple(would_earn.items()))
