"""What money attains of which no line is asked for (docs/rules.md section 5).

Where lines from a day on are asked for, an invoice that was only paid, and before that day, has none. Its money
counts for the tiers that later money reaches: how much that is takes no timeline, no movements and no pile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from incentives.calculation.book import Book
from incentives.calculation.credits import shares, together
from incentives.calculation.curve import Curve
from incentives.calculation.position import base_of
from incentives.calculation.timeline import MOVES_CASH, OrderKey, gross_of, order_key
from incentives.facts import Event, Invoice

Attained = tuple[OrderKey, Curve, int]
"""Where a payment stands in the order of section 3, the curve of its money, and how much that attains: minor units
of the plan's currency."""


def only_paid(events: Iterable[tuple[Event, str]], before: dt.date) -> bool:
    """Whether an invoice was only paid, and before a day: no cash went back, and nothing came off what is owed."""
    for event, _ in events:
        if event.occurred_on >= before or (event.type != "payment" and event.type in MOVES_CASH):
            return False
    return True


def attained(book: Book, payee_id: str, invoice: Invoice, curve: Curve, currency: str) -> list[Attained] | None:
    """What a payee's credits of an invoice that was only paid attain with each payment.

    ``None`` where it has to be followed: rounding moved a credit against a payment, or there is no rate.
    """
    component = curve.component
    mine = [share for share in shares(invoice.credits, component.roles) if share[0].payee_id == payee_id]
    if not mine or component.accumulates_over == "invoice":
        return []
    gross = gross_of(invoice)
    base = base_of(invoice, gross, curve.rule)
    payments = [event for event, _ in book.events_of(invoice) if event.type == "payment"]
    in_order = sorted((order_key(event), event.amount_minor or 0) for event in payments)
    positions, cash = [], 0
    for _, amount in in_order:
        cash += amount
        positions.append(base(min(cash, gross)))
    found = []
    for (key, _), size in zip(in_order, together(positions, mine), strict=True):
        plan_minor: int | None = size
        if invoice.currency != currency:
            plan_minor = book.converted(size, invoice.currency, currency, key[0])
        if size < 0 or plan_minor is None:
            return None
        found.append((key, curve, plan_minor))
    return found
