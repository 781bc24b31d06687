"""Cash collected, signed and in a plan's currency, for components that work per period (section 9).

Which cash goes back follows section 8 (the named payment first, then the newest), so cash that came late
leaves as late cash; a chargeback won brings back the cash it took, with its lateness and its amount.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from incentives.calculation.book import Book
from incentives.calculation.credits import own
from incentives.calculation.lines import Finding
from incentives.calculation.position import Movement, PositionRule
from incentives.calculation.segments import Part, Pile, Segment, give_back
from incentives.facts import EventRef, Invoice
from incentives.rules.commission import Base


@dataclass(frozen=True, slots=True)
class Cash:
    """Base collected (or given back: below 0) on a day, in minor units of the plan's currency."""

    on: dt.date
    amount_minor: int
    days_late: int
    """Days after the due date in force when the cash came; not above 0 is on time."""
    invoice_id: str


class CashBook:
    """Cash of a team's invoices or of a payee's credits; each list is made once."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._known: dict[tuple[object, ...], list[Cash]] = {}

    def of_team(self, team: str, base: Base, categories: tuple[str, ...], currency: str) -> list[Cash]:
        """The cash of a team's invoices, whoever is credited."""
        key = ("team", team, base, categories, currency)
        if key not in self._known:
            rule = PositionRule(base=base, categories=categories)
            self._known[key] = [
                cash
                for invoice in self.book.invoices_of_team(team)
                for cash in self._of(
                    invoice,
                    currency,
                    ((each, each.after - each.before) for each in self.book.movements(invoice, rule)),
                )
            ]
        return self._known[key]

    def of_payee(
        self,
        payee_id: str,
        invoices: Sequence[Invoice],
        roles: tuple[str, ...],
        base: Base,
        categories: tuple[str, ...],
        currency: str,
        team: str = "",
    ) -> list[Cash]:
        """The cash of a payee's credits of some roles (none: all) on some invoices."""
        key = ("payee", payee_id, team, roles, base, categories, currency)
        if key not in self._known:
            rule = PositionRule(base=base, categories=categories)
            found: list[Cash] = []
            for invoice in invoices:
                credits, sizes = self.book.credited_sizes(invoice, rule, roles)
                if any(credit.payee_id == payee_id for credit in credits):
                    credited = own(payee_id, self.book.movements(invoice, rule), credits, sizes)
                    found += self._of(
                        invoice,
                        currency,
                        ((each.movement, each.amount) for each in credited),
                        None if team else payee_id,
                    )
            self._known[key] = found
        return self._known[key]

    def _of(
        self, invoice: Invoice, currency: str, moved: Iterable[tuple[Movement, int]], payee_id: str | None = ""
    ) -> list[Cash]:
        pile: Pile[int] = Pile()
        taken: dict[EventRef, list[Part[int]]] = {}
        found: list[Cash] = []
        for movement, amount in moved:
            event, on = movement.event, movement.on
            assert event is not None
            if amount < 0:
                parts = list(pile.take(-amount, self.book.ref_named(event, event.payment_id)))
                taken.setdefault(event.ref, []).extend(parts)
                for part in parts:
                    found.append(Cash(on, -part.plan_minor, part.segment.earned, invoice.invoice_id))
                continue
            if event.type == "chargeback_reversed":
                ref = self.book.ref_named(event, event.reverses)
                for part in pile.newest_first(taken.get(ref, ())) if ref else ():
                    size = min(part.size, amount)
                    if size:
                        back_minor = give_back(part, size)
                        amount -= size
                        found.append(Cash(on, back_minor, part.segment.earned, invoice.invoice_id))
            if amount:
                plan_minor = self.book.converted(amount, invoice.currency, currency, on)
                if plan_minor is None:
                    plan_minor = 0
                    if payee_id is not None:
                        message = f"There is no rate from {invoice.currency} to {currency} on {on}."
                        self.book.findings.add(
                            Finding("missing_fx_rate", invoice.invoice_id, payee_id, event.event_id, message)
                        )
                days_late = (on - movement.due_on).days
                pile.add(Segment(on, event.ref, movement.cause, amount, plan_minor, 0, days_late))
                found.append(Cash(on, plan_minor, days_late, invoice.invoice_id))
        return found
