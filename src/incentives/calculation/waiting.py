"""Waiting on cash: open invoices with what they would earn at today's curve (docs/rules.md section 11).

The question is answered by the calculation itself: the rest of one invoice is assumed to be paid on the
day of the book, and the lines which that payment would cause are read off.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from incentives.calculation.earned import Calculation

_ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One open invoice of one payee: what is open in its currency, what the payee would earn for it."""

    payee_id: str
    invoice_id: str
    customer_id: str
    due_on: dt.date
    days_past_due: int
    open_minor: int
    currency: str
    would_earn_minor: int
    earns_in: str


def waiting(calculation: Calculation, payee_id: str) -> Iterator[Waiting]:
    """A payee's open invoices, oldest due date first; one row per currency that is earned, 0 if nothing is."""
    book = calculation.book
    currencies = [plan.currency for plan in book.plans_of(payee_id)]
    found = []
    for invoice in calculation.invoices_of(payee_id):
        timeline = book.timeline(invoice)
        collectible, collected = timeline.at_end_of(book.as_of)
        if invoice.issued_on > book.as_of or collected >= collectible:
            continue
        with book.assuming_paid(invoice, _ASSUMED):
            lines = calculation.invoice_lines(payee_id)
        would_earn = dict.fromkeys(currencies, 0)
        for line in lines:
            if line.cause.removeprefix("cap:") == _ASSUMED:
                would_earn[line.currency] += line.amount_minor
        due_on = timeline.due_on_at(book.as_of)
        earned = {currency: amount_minor for currency, amount_minor in would_earn.items() if amount_minor}
        for currency, amount_minor in (earned or dict([*would_earn.items()][:1])).items():
            found.append(
                Waiting(
                    payee_id,
                    invoice.invoice_id,
                    invoice.customer_id,
                    due_on,
                    max(0, (book.as_of - due_on).days),
                    collectible - collected,
                    invoice.currency,
                    amount_minor,
                    currency,
                )
            )
    yield from sorted(found, key=lambda each: (each.due_on, each.invoice_id))
