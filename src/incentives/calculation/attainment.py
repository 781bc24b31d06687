"""What money attains of which no line is asked for (docs/rules.md section 5).

Where lines from a day on are asked for, an invoice on which nothing happens from that day on has none. Its
money counts for the tiers that later money reaches. How much that is takes no pile, and where it was only paid no
timeline.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import accumulate

from incentives.calculation.book import Book
from incentives.calculation.credits import of_payee, shares, together
from incentives.calculation.curve import Curve
from incentives.calculation.position import base_of
from incentives.calculation.timeline import OrderKey, gross_of, order_key
from incentives.calendar import period_of
from incentives.facts import Invoice

Attained = tuple[OrderKey, Curve, int]
"""Where money stands in the order of section 3, its curve, and how much it attains: minor units of the plan's
currency, less than 0 where it went back."""


def attained(
    book: Book, payee_id: str, invoice: Invoice, curve: Curve, currency: str, before: dt.date
) -> list[Attained] | None:
    """What a payee's credits of an invoice attain with each movement, where all that happened was before a day.

    ``None`` where it has to be followed: something happens later, money went back that had counted for another
    window, counts for good or is converted, or there is no rate.
    """
    for event, _ in book.events_of(invoice):
        if event.occurred_on >= before:
            return None
    component = curve.component
    mine = of_payee(payee_id, shares(invoice.credits, component.roles))
    if not mine or component.accumulates_over == "invoice":
        return []
    keys, positions = _positions(book, invoice, curve)
    moved = together(positions, mine)
    went_back = min(moved, default=0) < 0
    if invoice.currency == currency:
        if went_back and not (component.clawback.attainment == "reduce" and _in_one_window(book, curve, keys)):
            return None
        return [(key, curve, amount) for key, amount in zip(keys, moved, strict=True)]
    found = []
    for key, amount in zip(keys, moved, strict=True):
        plan_minor = book.converted(amount, invoice.currency, currency, key[0])
        if went_back or plan_minor is None:
            return None
        found.append((key, curve, plan_minor))
    return found


def _positions(book: Book, invoice: Invoice, curve: Curve) -> tuple[list[OrderKey], list[int]]:
    """The position after each movement; cash that only came in needs nothing but to be added up."""
    payments = []
    for event, _ in book.events_of(invoice):
        if event.type != "payment":
            movements = book.movements(invoice, curve.rule)
            return [each.key for each in movements], [each.after for each in movements]
        payments.append((order_key(event), event.amount_minor or 0))
    payments.sort()
    gross = gross_of(invoice)
    base = base_of(invoice, gross, curve.rule)
    sums = accumulate(amount for _, amount in payments)
    return [key for key, _ in payments], [base(min(cash, gross)) for cash in sums]


def _in_one_window(book: Book, curve: Curve, keys: Sequence[OrderKey]) -> bool:
    """Whether all of it, in order, happened in one window: what went back had counted in it then."""
    over, starts = curve.component.accumulates_over, book.company.fiscal_year_starts
    if over == "invoice" or over == "ever":  # an invoice is a window of its own
        return True
    return period_of(keys[0][0], over, starts) == period_of(keys[-1][0], over, starts)
