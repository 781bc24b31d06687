"""Cash collected, signed and in a plan's currency, for components that work per period (section 9).

Which cash goes back follows section 8 (the named payment first, then the newest), so cash that came late
leaves as late cash; a chargeback won brings back the cash it took, with its lateness and its amount.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from incentives.calculation.book import Book
from incentives.calculation.credits import own
from incentives.calculation.lines import Finding
from incentives.calculation.position import Movement, PositionRule
from incentives.calculation.segments import Part, Pile, Segment, give_back
from incentives.errors import told
from incentives.facts import Event, EventRef, Invoice
from incentives.rules.commission import Base


@dataclass(frozen=True, slots=True)
class Cash:
    """Base collected (or given back: below 0) on a day, in minor units of the plan's currency."""

    on: dt.date
    amount_minor: int
    days_late: int
    """Days after the due date in force when the cash came; not above 0 is on time."""
    invoice_id: str
    unconverted: Finding | None = None
    """There was no rate, so it counts nothing."""


class CashBook:
    """Cash of a team's invoices or of a payee's credits; each list is made once."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._known: dict[tuple[object, ...], list[Cash]] = {}

    def of_team(self, team: str, base: Base, categories: tuple[str, ...], currency: str) -> list[Cash]:
        """The cash of a team's invoices, whoever is credited."""
        key = ("team", team, base, categories, currency)
        if key not in self._known:
            rule = PositionRule.of(base, categories)
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
            rule = PositionRule.of(base, categories)
            found: list[Cash] = []
            for invoice in invoices:
                work = self.book.work(invoice)
                credited = own(payee_id, self.book.moved(work, rule), self.book.shares(work, roles))
                if credited:
                    found += self._of(
                        invoice,
                        currency,
                        ((movement, amount) for movement, amount, _ in credited),
                        None if team else payee_id,
                    )
            self._known[key] = found
        return self._known[key]

    def _of(
        self, invoice: Invoice, currency: str, moved: Iterable[tuple[Movement, int]], payee_id: str | None = ""
    ) -> list[Cash]:
        pile = CashPile(self.book)
        found: list[Cash] = []
        for movement, amount in moved:
            event, on = movement.event, movement.on
            assert event is not None
            for segment, plan_minor in pile.moved(event, amount):
                found.append(Cash(on, plan_minor, segment.days_late, invoice.invoice_id))
            if pile.new:
                plan_minor, unconverted = self._converted(invoice, currency, event, pile.new, payee_id)
                days_late = (on - movement.due_on).days
                pile.add(event, plan_minor, days_late)
                found.append(Cash(on, plan_minor, days_late, invoice.invoice_id, unconverted))
        return found

    def _converted(
        self, invoice: Invoice, currency: str, event: Event, amount: int, payee_id: str | None
    ) -> tuple[int, Finding | None]:
        """Cash in the plan's currency; without a rate it counts nothing, and a finding says so."""
        plan_minor = self.book.converted(amount, invoice.currency, currency, event.occurred_on)
        if plan_minor is not None:
            return plan_minor, None
        if payee_id is None:
            return 0, None
        message = told(
            "There is no rate from %(before)s to %(now)s on %(day)s.",
            before=invoice.currency,
            now=currency,
            day=event.occurred_on,
        )
        return 0, Finding("missing_fx_rate", invoice.invoice_id, payee_id, event.event_id, message)


@dataclass(slots=True)
class Collected(Segment):
    """Cash with its lateness."""

    days_late: int = 0


class CashPile:
    """Cash of one invoice, piece by piece: which of it goes back, and which comes back (section 8)."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._pile: Pile[Collected] = Pile()
        self._taken: dict[EventRef, list[Part[Collected]]] = {}
        self.new = 0
        """What the last movement brought beyond what came back: the caller adds it."""

    def moved(self, event: Event, amount: int) -> Iterator[tuple[Collected, int]]:
        """The segments that a movement takes from or gives back to, each with its signed plan amount."""
        self.new = max(0, amount)
        if amount < 0:
            parts = list(self._pile.take(-amount, self._book.ref_named(event, event.payment_id)))
            self._taken.setdefault(event.ref, []).extend(parts)
            yield from [(part.segment, -part.plan_minor) for part in parts]
        elif event.type == "chargeback_reversed":
            ref = self._book.ref_named(event, event.reverses)
            for part in self._pile.newest_first(self._taken.get(ref, ())) if ref else ():
                size = min(part.size, self.new)
                if size:
                    self.new -= size
                    yield part.segment, give_back(part, size)

    def add(self, event: Event, plan_minor: int, days_late: int) -> None:
        """The new money of the last movement."""
        new = Collected(event.occurred_on, event, "", self.new, plan_minor, 0, days_late=days_late)
        self._pile.add(new)

    def latest_day(self) -> dt.date:
        """The day of the newest cash that is still there."""
        return max(segment.on for segment in self._pile.segments if segment.size)
