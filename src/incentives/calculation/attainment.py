"""What money attains of which no line is asked for (docs/rules.md section 5).

Where lines from a day on are asked for, an invoice that was only paid, and before that day, has none. Its money
counts for the tiers that later money reaches: how much that is takes no timeline, no movements and no pile.
"""

from __future__ import annotations

import datetime as dt
from itertools import accumulate

from incentives.calculation.book import Book
from incentives.calculation.credits import shares, together
from incentives.calculation.curve import Curve
from incentives.calculation.position import base_of
from incentives.calculation.timeline import MOVES_CASH, OrderKey, gross_of, order_key
from incentives.facts import Invoice

Attained = tuple[OrderKey, Curve, int]
"""Where a payment stands in the order of section 3, the curve of its money, and how much that attains: minor units
of the plan's currency."""


def attained(
    book: Book, payee_id: str, invoice: Invoice, curve: Curve, currency: str, before: dt.date
) -> list[Attained] | None:
    """What a payee's credits of an invoice attain with each payment, where it was only paid, and before a day.

    ``None`` where it has to be followed: something else moved its cash, rounding moved a credit against a payment,
    or there is no rate.
    """
    payments = []
    for event, _ in book.events_of(invoice):
        if event.occurred_on >= before or (event.type != "payment" and event.type in MOVES_CASH):
            return None
        if event.type == "payment":
            payments.append((order_key(event), event.amount_minor or 0))
    component = curve.component
    mine = [share for share in shares(invoice.credits, component.roles) if share[0].payee_id == payee_id]
    if not mine or component.accumulates_over == "invoice":
        return []
    payments.sort()
    gross = gross_of(invoice)
    base = base_of(invoice, gross, curve.rule)
    sums = accumulate(amount for _, amount in payments)
    moved = together([base(min(cash, gross)) for cash in sums], mine)
    if min(moved, default=0) < 0:
        return None
    if invoice.currency == currency:
        return [(key, curve, amount) for (key, _), amount in zip(payments, moved, strict=True)]
    found = []
    for (key, _), amount in zip(payments, moved, strict=True):
        plan_minor = book.converted(amount, invoice.currency, currency, key[0])
        if plan_minor is None:
            return None
        found.append((key, curve, plan_minor))
    return found
