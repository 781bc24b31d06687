"""A fixed amount for an invoice while its conditions hold (calculation.md section 9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from incentives.calculation.book import Book, rule_day
from incentives.calculation.credits import listed, own, per_credit
from incentives.calculation.explanation import Step
from incentives.calculation.lines import Line
from incentives.calculation.position import Movement
from incentives.calculation.timeline import INVOICES, Moment, OrderKey, Timeline
from incentives.facts import Invoice, covers
from incentives.money import EXACT
from incentives.rules.plan import Plan, Version
from incentives.rules.spiff import NEW_CUSTOMER_DAYS, Spiff


@dataclass(slots=True)
class SpiffWhy:
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


def spiff_lines(book: Book, plan: Plan, component: str, payee_id: str) -> list[Line]:
    """The lines of one payee under one spiff, in the order of section 3: kinds bonus and clawback."""
    found = sorted(_lines(book, plan, component, payee_id), key=lambda pair: pair[0])
    return [line for _, line in found]


def _lines(book: Book, plan: Plan, component: str, payee_id: str) -> Iterator[tuple[OrderKey, Line]]:
    for invoice in book.invoices_of_payee.get(payee_id, ()):
        day = rule_day(plan, invoice) or invoice.issued_on
        version = plan.version_on(day)
        spiff = version.component(component) if version else None
        if version is None or not isinstance(spiff, Spiff) or not book.is_on_plan(plan, day, payee_id):
            continue
        if not _eligible(book, plan, spiff, invoice):
            continue
        movements = list(_movements(book.timeline(invoice), spiff, book.as_of))
        credits = listed(invoice.credits, spiff.roles)
        if not any(credit.payee_id == payee_id for credit in credits):
            continue
        payable_on = dt.date.min
        for credited in own(payee_id, movements, credits, per_credit(movements, credits)):
            movement, amount_minor = credited.movement, credited.amount
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


def _eligible(book: Book, plan: Plan, spiff: Spiff, invoice: Invoice) -> bool:
    """The conditions that no event can change."""
    lines = [line for line in invoice.lines if line.commissionable]
    if not covers(invoice.issued_on, spiff.from_, spiff.to):
        return False
    if spiff.new_customer and book.customer_age_days(invoice) > NEW_CUSTOMER_DAYS:
        return False
    if spiff.categories and not any(line.category in spiff.categories for line in lines):
        return False
    if spiff.minimum_minor is None:
        return True
    net = sum(line.net_minor for line in lines)
    net_minor = book.converted(net, invoice.currency, plan.currency, invoice.issued_on)
    return net_minor is not None and net_minor >= spiff.minimum_minor


def _movements(timeline: Timeline, spiff: Spiff, as_of: dt.date) -> Iterator[Movement]:
    """The position of ``amount`` or 0: while paid in full in time, or, nothing asked of payment, while owed."""
    invoice = timeline.invoice
    within_days = spiff.paid_in_full_within_days
    happenings: list[tuple[OrderKey, Moment | None]] = [(moment.key, moment) for moment in timeline.moments]
    if within_days is None and invoice.issued_on <= as_of:
        happenings.append(((invoice.issued_on, INVOICES, 0, invoice.invoice_id, ""), None))
        happenings.sort(key=lambda happening: happening[0])
    collectible = timeline.collectible_at_first
    started = False
    full_since: dt.date | None = None
    before = 0
    for key, moment in happenings:
        if moment is None:
            started = True
        else:
            collectible = moment.collectible
            full = moment.collected >= moment.collectible > 0
            full_since = (full_since or moment.event.occurred_on) if full else None
        if within_days is None:
            holds = started and collectible > 0
        else:
            holds = full_since is not None and (full_since - invoice.issued_on).days <= within_days
        after = spiff.amount_minor if holds else 0
        if after != before:
            event, cause = (moment.event, moment.cause) if moment else (None, f"invoice:{invoice.invoice_id}")
            yield Movement(key, key[0], cause, event, before, after, timeline.invoice.due_on)
            before = after
