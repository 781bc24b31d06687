"""Waiting on cash: open invoices with what they would earn at today's curve (docs/rules.md section 11).

The question is answered by the calculation itself: the rest of one invoice is assumed to be paid on the
day of the book, and the lines which that payment would cause are read off. It would be the last movement of
all, so a payee is followed up to it once, and asked about each invoice from there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from incentives.calculation.caps import cap_lines
from incentives.calculation.commission import Follower
from incentives.calculation.earned import Calculation
from incentives.calculation.lines import Line
from incentives.calculation.spiffs import spiff_lines
from incentives.calculation.timeline import AFTERWARDS
from incentives.facts import Invoice
from incentives.rules.plan import Plan

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
    followed: _Followed | None = None
    found = []
    for invoice in calculation.invoices_of(payee_id):
        timeline = book.timeline(invoice)
        collectible, collected = timeline.at_end_of(book.as_of)
        if invoice.issued_on > book.as_of or collected >= collectible:
            continue
        followed = followed or _Followed(calculation, payee_id)
        would_earn = dict.fromkeys(currencies, 0)
        for line in followed.assuming_paid(invoice):
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


class _Followed:
    """One payee, followed through everything that moves invoices: commissions with their caps, and spiffs."""

    def __init__(self, calculation: Calculation, payee_id: str) -> None:
        self.book, self.streams, self.payee_id = calculation.book, calculation.streams, payee_id
        self.spiffs: list[tuple[Plan, str]] = []
        self.commissions: list[_Commission] = []
        for plan in self.book.plans_of(payee_id):
            for name in plan.component_names():
                kind = plan.kind_of(name)
                if kind == "spiff":
                    self.spiffs.append((plan, name))
                elif kind == "commission":
                    self.commissions.append(_Commission(calculation, plan, name, payee_id))

    def assuming_paid(self, invoice: Invoice) -> Iterator[Line]:
        """The lines that the rest of an invoice would cause. It can be asked about once."""
        with self.book.assuming_paid(invoice, _ASSUMED):
            for plan, name in self.spiffs:
                yield from _caused(spiff_lines(self.book, plan, name, self.payee_id, [invoice]))
            for commission in self.commissions:
                yield from _caused(commission.assuming_paid(invoice))


def _caused(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.cause.removeprefix("cap:") == _ASSUMED]


class _Commission:
    """A payee under one component, up to the day of the book."""

    def __init__(self, calculation: Calculation, plan: Plan, name: str, payee_id: str) -> None:
        self.calculation, self.plan, self.name, self.payee_id = calculation, plan, name, payee_id
        stream, attained = calculation.streams.of(plan, name, payee_id)
        self.holdings = {holding.invoice.invoice_id: holding for _, holding, _ in stream}
        self.follower = Follower(calculation.book, plan, name, payee_id)
        self.lines = list(self.follower.follow(stream, attained))

    def assuming_paid(self, invoice: Invoice) -> list[Line]:
        """The lines of the payment's own movement, if it makes one, and beside them the caps'."""
        stream = self.calculation.streams.of_invoice(self.plan, self.name, self.payee_id, invoice)
        last = [
            (key, self.holdings.get(invoice.invoice_id, holding), credited)
            for key, holding, credited in stream
            if key[1] == AFTERWARDS
        ]
        if not last:
            return []
        lines, book = self.follower.assume(last), self.calculation.book
        starts = book.company.fiscal_year_starts
        caps = cap_lines((*self.lines, *lines), self.plan, self.name, self.payee_id, book.as_of, starts)
        return [*lines, *caps]
