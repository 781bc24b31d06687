"""A payee's credited movements under one component, in the one order of section 3.

Here a payee meets plan, version and invoices: which curve holds for whose money (sections 5 and 6). What
the money is worth is told by :mod:`commission`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from incentives.calculation.attainment import Attained, attained
from incentives.calculation.book import Book, Worked, rule_day
from incentives.calculation.credits import Credited, own, team
from incentives.calculation.curve import Curve
from incentives.calculation.holdings import Holding
from incentives.calculation.position import PositionRule, position_rule
from incentives.calculation.timeline import OrderKey
from incentives.facts import Invoice, covers
from incentives.rules.commission import Commission
from incentives.rules.plan import Plan, Version

Stream = list[tuple[OrderKey, Holding, Credited]]
"""Credited movements with the holding that each moves, and where it stands in the order of section 3."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose stream: a payee under a component of a plan, and for a team's credits the people below them."""

    plan: Plan
    component: str
    payee_id: str
    people: frozenset[str]
    spans: Sequence[tuple[dt.date, dt.date | None]]
    """When the plan is assigned to the payee."""
    commissions: Sequence[Commission]


class Streams:
    """The streams of a book; what is worked out of an invoice is shared by all of them."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._curves: dict[tuple[str, str, dt.date], Curve | None] = {}
        self._rules: dict[tuple[str, str, dt.date], tuple[bool, Curve | None]] = {}

    def of(
        self, plan: Plan, component: str, payee_id: str, from_day: dt.date | None = None
    ) -> tuple[Stream, list[Attained]]:
        """The stream of one payee under one component. Where only lines from a day on are asked for, what money
        only attains of which no such line tells comes apart from it."""
        asked = self._asked(plan, component, payee_id)
        stream: Stream = []
        counted: list[Attained] = []
        for invoice in self.invoices(asked):
            only_counts = None if from_day is None else self._only_counts(asked, invoice, from_day)
            if only_counts is None:
                stream += self._gathered(asked, invoice)
            else:
                counted += only_counts
        stream.sort(key=itemgetter(0))
        counted.sort(key=itemgetter(0))
        return stream, counted

    def of_invoice(self, plan: Plan, component: str, payee_id: str, invoice: Invoice) -> Stream:
        """What one invoice brings to that stream, in its order."""
        return self._gathered(self._asked(plan, component, payee_id), invoice)

    def _asked(self, plan: Plan, component: str, payee_id: str) -> Asked:
        found = (version.component(component) for version in plan.versions)
        commissions = [each for each in found if isinstance(each, Commission)]
        people = frozenset[str]()
        if any(each.credits == "team" for each in commissions):
            people = self.book.people_of(payee_id)
        spans = [(each.starts_on, each.ends_on) for each in self.book.assignments(plan, payee_id)]
        return Asked(plan, component, payee_id, people, spans, commissions)

    def invoices(self, asked: Asked) -> Iterable[Invoice]:
        """Every invoice that may bring something: of the payee's own credits, of their people's, or of both."""
        if not asked.people:
            return self.book.invoices_of_payee.get(asked.payee_id, ())
        return self.book.invoices_crediting([asked.payee_id, *asked.people])

    def _gathered(self, asked: Asked, invoice: Invoice) -> Stream:
        if asked.plan.rules_as_of == "payment":
            return self._by_event(asked, invoice)
        return self._by_invoice(asked, invoice)

    def _by_invoice(self, asked: Asked, invoice: Invoice) -> Stream:
        """The invoice's own date picks one version for all of its money (section 6)."""
        in_force, curve = self._ruling(asked, invoice)
        if curve is None:
            return []
        work = self.book.work(invoice)
        credited = self._credited(asked, curve.component, work, curve.rule, curve.component.roles)
        if not credited:
            return []
        holding = Holding(invoice, work.timeline, curve if in_force else None)
        return [(each[0].key, holding, each) for each in credited]

    def _only_counts(self, asked: Asked, invoice: Invoice, day: dt.date) -> list[Attained] | None:
        """What an invoice attains that is over by a day; ``None``: it has to be followed."""
        plan = asked.plan
        if plan.rules_as_of == "payment":
            return None
        in_force, curve = self._ruling(asked, invoice)
        if curve is None:
            return []
        leaves = self.book.payees[asked.payee_id].ends_on is not None
        if not (in_force and curve.counts_all) or (leaves and curve.component.after_leaving_days is not None):
            return None
        return attained(self.book, asked.payee_id, invoice, curve, plan.currency, day)

    def _ruling(self, asked: Asked, invoice: Invoice) -> tuple[bool, Curve | None]:
        """Whether a version is in force on the invoice's own date, and its curve; ``None``: it earns nothing."""
        day = rule_day(asked.plan, invoice)
        assert day is not None
        for starts_on, ends_on in asked.spans:
            if covers(day, starts_on, ends_on):
                return self._in_force(asked, day)
        return False, None

    def _by_event(self, asked: Asked, invoice: Invoice) -> Stream:
        """Each event's date picks its version; the pile holds the roles of all of them."""
        component = asked.commissions[0]
        listings = {each.roles for each in asked.commissions}
        every_role = dict.fromkeys(role for each in asked.commissions for role in each.roles)
        roles = () if () in listings else tuple(every_role)
        by_day: list[tuple[dt.date, Curve | None]] = []
        suspend_after_days: list[tuple[dt.date | None, int | None]] = [(None, None)]
        for version in asked.plan.versions:
            curve = self._curve(asked, version)
            by_day.append((version.effective_from, curve))
            days = curve.component.suspend_after_days if curve else None
            suspend_after_days.append((version.effective_from, days))
        rule = position_rule(component, tuple(suspend_after_days))
        work = self.book.work(invoice)
        holding = Holding(invoice, work.timeline, None, by_day)
        credited = self._credited(asked, component, work, rule, roles)
        if len(listings) > 1:
            credited = [self._listed_that_day(asked, each, holding, work, rule) for each in credited]
        return [(each[0].key, holding, each) for each in credited]

    def _listed_that_day(
        self, asked: Asked, credited: Credited, holding: Holding, work: Worked, rule: PositionRule
    ) -> Credited:
        """Money of roles that the version in force does not list moves the pile and earns nothing."""
        movement, amount, uncredited = credited
        _, curve = holding.curve_on(movement.on)
        if curve is None or not curve.component.roles or amount < 0:
            return credited
        now = self._credited(asked, curve.component, work, rule, curve.component.roles)
        worth = next((max(0, size - away) for other, size, away in now if other is movement), 0)
        return movement, amount, max(uncredited, amount - worth)

    def _credited(
        self, asked: Asked, component: Commission, work: Worked, rule: PositionRule, roles: tuple[str, ...]
    ) -> list[Credited]:
        """What an invoice's movements bring: over the payee's own credits, or those of their people."""
        movements, shares = self.book.moved(work, rule), self.book.shares(work, roles)
        if component.credits == "own":
            return own(asked.payee_id, movements, shares)

        def reports(member_id: str, day: dt.date) -> bool:
            return self.book.reports(asked.payee_id, member_id, day)

        return team(asked.people, reports, movements, shares)

    def _in_force(self, asked: Asked, day: dt.date) -> tuple[bool, Curve | None]:
        """Whether a version is in force on a rule date, and its curve; before the first version, the first's."""
        key = (asked.plan.plan, asked.component, day)
        found = self._rules.get(key)
        if found is None:
            version = asked.plan.version_on(day)
            curve = self._curve(asked, version or asked.plan.versions[0])
            found = self._rules[key] = (version is not None, curve)
        return found

    def _curve(self, asked: Asked, version: Version) -> Curve | None:
        """A version's commission, ready to be asked; ``None`` where the version has none of that name."""
        key = (asked.plan.plan, asked.component, version.effective_from)
        if key not in self._curves:
            found = version.component(asked.component)
            self._curves[key] = (
                Curve(version.effective_from, found, self.book) if isinstance(found, Commission) else None
            )
        return self._curves[key]
