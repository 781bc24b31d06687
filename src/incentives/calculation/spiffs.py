"""A fixed amount for an invoice while its conditions hold (docs/rules.md section 9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from incentives.calculation.book import Book, rule_day
from incentives.calculation.cash import CashPile
from incentives.calculation.credits import own, shares
from incentives.calculation.explanation import Step, Why
from incentives.calculation.lines import Finding, Line
from incentives.calculation.position import Movement
from incentives.calculation.timeline import INVOICES, OrderKey
from incentives.errors import told
from incentives.facts import Event, Invoice, covers
from incentives.money import EXACT
from incentives.rules.plan import Plan, Version
from incentives.rules.spiff import NEW_CUSTOMER_DAYS, Spiff


@dataclass(slots=True)
class SpiffWhy(Why):
    """What a spiff line was made from."""

    spiff: Spiff
    plan: Plan
    version: Version
    invoice: Invoice
    movement: Movement

    def step(self, line: Line) -> Step:
        """The conditions, the position before and after, and the payee's share of it."""
        spiff, movement = self.spiff, self.movement
        asked = {
            "paid_in_full_within_days": spiff.paid_in_full_within_days,
            "new_customer": "yes" if spiff.new_customer else None,
            "categories": ", ".join(spiff.categories) or None,
            "minimum_minor": spiff.minimum_minor,
            "from": spiff.from_,
            "to": spiff.to,
            "currency": self.plan.currency,
        }
        return Step(
            "spiff" if line.amount_minor > 0 else "spiff_lost",
            {
                "amount_minor": line.amount_minor,
                "currency": self.plan.currency,
                "on": movement.on,
                "invoice": self.invoice.invoice_id,
                "customer": self.invoice.customer_id,
                "plan": self.plan.name,
                "version": self.version.effective_from,
                "reference": self.version.reference,
            },
            line.amount_minor * EXACT,
            (
                Step("spiff_conditions", asked),
                Step(
                    "spiff_position",
                    {
                        "before_minor": movement.before,
                        "after_minor": movement.after,
                        "currency": self.plan.currency,
                    },
                ),
                Step(
                    "spiff_share",
                    {"moved_minor": line.amount_minor, "currency": self.plan.currency},
                    line.amount_minor * EXACT,
                ),
                Step("payable", {"on": line.payable_on}),
            ),
        )


def spiff_lines(
    book: Book, plan: Plan, component: str, payee_id: str, invoices: Iterable[Invoice] | None = None
) -> list[Line]:
    """The lines of one payee under one spiff, in the order of section 3: kinds bonus and clawback.

    Of some ``invoices``, or of all that credit the payee: no invoice changes what another brings.
    """
    if invoices is None:
        invoices = book.invoices_of_payee.get(payee_id, ())
    found = sorted(_lines(book, plan, component, payee_id, invoices), key=lambda pair: pair[0])
    return [line for _, line in found]


def _lines(
    book: Book, plan: Plan, component: str, payee_id: str, invoices: Iterable[Invoice]
) -> Iterator[tuple[OrderKey, Line]]:
    for invoice in invoices:
        day = rule_day(plan, invoice) or invoice.issued_on
        version = plan.version_on(day)
        spiff = version.component(component) if version else None
        if version is None or not isinstance(spiff, Spiff) or not book.is_on_plan(plan, day, payee_id):
            continue
        credited_by = shares(invoice.credits, spiff.roles)
        if not any(credit.payee_id == payee_id for credit, _, _ in credited_by):
            continue
        movements = list(_movements(book, invoice, spiff)) if _eligible(book, spiff, invoice) else []
        if not movements or not _reaches_minimum(book, plan, spiff, invoice, payee_id):
            continue
        payable_on = dt.date.min
        for movement, amount_minor, _ in own(payee_id, movements, credited_by):
            if amount_minor > 0:
                payable_on = movement.on + dt.timedelta(days=spiff.hold_days)
            else:
                payable_on = max(movement.on, payable_on)
            why = SpiffWhy(spiff, plan, version, invoice, movement)
            yield (
                movement.key,
                Line(
                    payee_id,
                    plan.plan,
                    component,
                    "bonus" if amount_minor > 0 else "clawback",
                    movement.cause,
                    invoice.invoice_id,
                    movement.on,
                    payable_on,
                    amount_minor,
                    plan.currency,
                    version.effective_from,
                    why,
                ),
            )


def _eligible(book: Book, spiff: Spiff, invoice: Invoice) -> bool:
    """Issued in time, a new customer, a line of the right category: what no event can change."""
    if not covers(invoice.issued_on, spiff.from_, spiff.to):
        return False
    if spiff.new_customer and book.customer_age_days(invoice) > NEW_CUSTOMER_DAYS:
        return False
    if not spiff.categories:
        return True
    return any(line.commissionable and line.category in spiff.categories for line in invoice.lines)


def _reaches_minimum(book: Book, plan: Plan, spiff: Spiff, invoice: Invoice, payee_id: str) -> bool:
    """Net of all commissionable lines, in plan currency at the rate on issued_on."""
    if spiff.minimum_minor is None:
        return True
    net = sum(line.net_minor for line in invoice.lines if line.commissionable)
    net_minor = book.converted(net, invoice.currency, plan.currency, invoice.issued_on)
    if net_minor is None:
        message = told(
            "There is no rate from %(currency)s on %(day)s to compare with the minimum.",
            currency=invoice.currency,
            day=invoice.issued_on,
        )
        book.findings.add(Finding("missing_fx_rate", invoice.invoice_id, payee_id, "", message))
        return False
    return net_minor >= spiff.minimum_minor


def _movements(book: Book, invoice: Invoice, spiff: Spiff) -> Iterator[Movement]:
    """The position of ``amount`` or 0, event by event."""
    if spiff.paid_in_full_within_days is None:
        happenings = _while_owed(book, invoice)
    else:
        last_day = invoice.issued_on + dt.timedelta(days=spiff.paid_in_full_within_days)
        happenings = _while_full_since(book, invoice, last_day)
    before = 0
    for key, event, cause, holds in happenings:
        after = spiff.amount_minor if holds else 0
        if after != before:
            yield Movement(key, key[0], cause, event, before, after, invoice.due_on)
            before = after


Happening = tuple[OrderKey, Event | None, str, bool]
"""Where it stands in the order, its event and cause, and whether the conditions hold after it."""


def _while_owed(book: Book, invoice: Invoice) -> Iterator[Happening]:
    """Nothing asked about payment: from issued_on, while collectible > 0."""
    timeline = book.timeline(invoice)
    issued: OrderKey = (invoice.issued_on, INVOICES, 0, invoice.invoice_id, "")
    collectible, is_issued = timeline.collectible_at_first, False
    for moment in timeline.moments:
        if not is_issued and moment.key > issued:
            is_issued = True
            yield issued, None, f"invoice:{invoice.invoice_id}", collectible > 0
        collectible = moment.collectible
        yield moment.key, moment.event, moment.cause, is_issued and collectible > 0
    if not is_issued and invoice.issued_on <= book.as_of:
        yield issued, None, f"invoice:{invoice.invoice_id}", collectible > 0


def _while_full_since(book: Book, invoice: Invoice, last_day: dt.date) -> Iterator[Happening]:
    """Paid in full by a day, and without a break since.

    Broken and paid again is paid later; but a chargeback won brings back the cash it took with its days.
    """
    pile = CashPile(book)
    since = full_before = None
    collected = 0
    for moment in book.timeline(invoice).moments:
        event = moment.event
        for _ in pile.moved(event, moment.collected - collected):
            pass
        if pile.new:
            pile.add(event, 0, 0)
        collected = moment.collected
        if not collected >= moment.collectible > 0:
            since = None
        elif since is None:
            since = event.occurred_on
            if event.type == "chargeback_reversed" and full_before is not None:
                since = max(full_before, pile.latest_day())
        full_before = since or full_before
        yield moment.key, event, moment.cause, since is not None and since <= last_day
