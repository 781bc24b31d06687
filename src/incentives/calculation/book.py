"""Who, which plan, which rate, on which day: the facts arranged for asking (docs/rules.md sections 3, 5, 6).

A book is made once per calculation. It settles which events count (duplicates once, conflicts not at all,
nothing after ``as_of``) and answers every question that starts with "which … on this day".
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter

from incentives.calculation.credits import Share, shares
from incentives.calculation.lines import Finding, FindingKind
from incentives.calculation.position import Movement, PositionRule, contract_day, movements
from incentives.calculation.timeline import Timeline, paid_up, timeline
from incentives.errors import marked, told
from incentives.facts import (
    Assignment,
    CreditRecord,
    Event,
    EventRef,
    Facts,
    FxRate,
    Invoice,
    Payee,
    Reporting,
    Surroundings,
    covers,
)
from incentives.money import PPM, convert
from incentives.rules.plan import Plan


@dataclass(slots=True)
class Worked:
    """What was worked out of one invoice: made once, asked by every component."""

    timeline: Timeline
    movements: dict[PositionRule, list[Movement]] = field(default_factory=dict)
    shares: dict[tuple[str, ...], list[Share]] = field(default_factory=dict)


class Book:
    """The facts up to a day, arranged for asking."""

    def __init__(
        self, facts: Facts, plans: Sequence[Plan], as_of: dt.date, around: Surroundings | None = None
    ) -> None:
        """``around`` is given where the facts are a part: without it they are all there is."""
        self.facts = facts
        self.around = around or Surroundings(_first_issued_on(facts.invoices), _first_invoice_on(facts.invoices))
        self.company = facts.company
        self.as_of = as_of
        self.plans = {plan.plan: plan for plan in plans}
        self.invoices = {invoice.invoice_id: invoice for invoice in facts.invoices}
        self.payees: dict[str, Payee] = {payee.payee_id: payee for payee in facts.payees}
        self.findings: set[Finding] = set()

        self._events: dict[str, list[tuple[Event, str]]] = {}
        self._refs: dict[str, dict[str, list[str]]] = {}
        self._settle(facts.events)
        self._worked: dict[str, Worked] = {}

        self._targets = {
            (each.plan, each.component, each.payee_id, each.team, each.window_start): each.amount_minor
            for each in facts.targets
        }
        self._assigned: dict[tuple[str, str], dict[str, list[Assignment]]] = {}
        for each in facts.assignments:
            owner = (each.payee_id, each.team)
            self._assigned.setdefault(owner, {}).setdefault(each.plan, []).append(each)
        self.invoices_of_payee: dict[str, list[Invoice]] = {}
        for invoice in facts.invoices:
            for payee_id in dict.fromkeys(credit.payee_id for credit in invoice.credits):
                self.invoices_of_payee.setdefault(payee_id, []).append(invoice)
        self._invoices_of_team: dict[str, list[Invoice]] | None = None
        self._people_of: dict[str, frozenset[str]] | None = None
        self._reporting: dict[str, list[Reporting]] = {}
        for row in facts.reporting:
            self._reporting.setdefault(row.payee_id, []).append(row)
        self._above: dict[tuple[str, dt.date], frozenset[str]] = {}

    # Events --------------------------------------------------------------------------------------

    def _settle(self, events: Iterable[Event]) -> None:
        """The events that apply, by invoice and with their causes; and their sources, by invoice and id.

        Section 3: the same event twice counts once; the same id with other content is a conflict, and
        neither version applies.
        """
        once: dict[str, Event] = {}
        others: dict[EventRef, Event] = {}
        versions: list[Event] = []
        twice = {event_id for event_id, day in self.around.two_sources_from.items() if day <= self.as_of}
        conflicts = {ref for ref, day in self.around.conflicts_from.items() if day <= self.as_of}
        for event in events:
            if event.occurred_on > self.as_of:
                continue
            known = once.setdefault(event.event_id, event)
            if known is event:
                continue
            if known.source != event.source:
                twice.add(event.event_id)
                known = others.setdefault(event.ref, event)
            if known is not event and known != event:
                conflicts.add(event.ref)
                versions.append(event)

        naming: list[Event] = []
        for event in (*once.values(), *others.values(), *versions):
            if conflicts and event.ref in conflicts:
                text = marked("Event %(event)s has come in two versions; neither counts until one is chosen.")
                self._find("conflict", event, text)
                continue
            currency = self.invoices[event.invoice_id].currency
            if event.currency and event.currency != currency:
                text = marked("Event %(event)s is in %(currency)s, its invoice in %(other)s.")
                self._find("wrong_currency", event, text, currency=event.currency, other=currency)
                continue
            cause = f"{event.source}/{event.event_id}" if event.event_id in twice else event.event_id
            self._events.setdefault(event.invoice_id, []).append((event, cause))
            if event.payment_id or event.reverses:
                naming.append(event)
        for event in naming:
            for named in filter(None, (event.payment_id, event.reverses)):
                if self.ref_named(event, named) is None:
                    text = marked("Event %(event)s names %(named)s, which this invoice does not know.")
                    self._find("unknown_reference", event, text, named=named)

    def _find(self, what: FindingKind, event: Event, text: str, **values: str) -> None:
        message = told(text, event=event.event_id, **values)
        self.findings.add(Finding(what, event.invoice_id, "", event.event_id, message))

    def ref_named(self, event: Event, named: str) -> EventRef | None:
        """The event of the same invoice that an event names: of its own source if there is one by that id.

        No event names itself; where only others have the id, the first source counts.
        """
        if not named:
            return None
        refs = self._refs.get(event.invoice_id)
        if refs is None:
            refs = self._refs[event.invoice_id] = {}
            for each, _ in self._events.get(event.invoice_id, ()):
                refs.setdefault(each.event_id, []).append(each.source)
        sources = refs.get(named, ())
        others = [source for source in sources if (source, named) != event.ref]
        if not others:
            return None
        return (event.source if event.source in others else min(others), named)

    # Invoices ------------------------------------------------------------------------------------

    def events_of(self, invoice: Invoice) -> Sequence[tuple[Event, str]]:
        """The events of an invoice that apply, with their causes, in no order."""
        return self._events.get(invoice.invoice_id, ())

    def timeline(self, invoice: Invoice) -> Timeline:
        """The invoice after each of its events."""
        return self.work(invoice).timeline

    def work(self, invoice: Invoice) -> Worked:
        """What is worked out of an invoice, made when it is first asked for."""
        found = self._worked.get(invoice.invoice_id)
        if found is None:
            found = Worked(timeline(invoice, self.events_of(invoice)))
            self._worked[invoice.invoice_id] = found
        return found

    @contextmanager
    def assuming_paid(self, invoice: Invoice, cause: str) -> Iterator[None]:
        """What is still open is paid at the end of the day of the book, for as long as somebody asks "what if"."""
        kept, findings = self.work(invoice), self.findings
        self._worked[invoice.invoice_id] = Worked(paid_up(kept.timeline, self.as_of, cause))
        self.findings = set()
        try:
            yield
        finally:
            self._worked[invoice.invoice_id], self.findings = kept, findings

    def movements(self, invoice: Invoice, rule: PositionRule) -> list[Movement]:
        """The movements of an invoice under a position rule; components with equal rules share them."""
        return self.moved(self.work(invoice), rule)

    def moved(self, work: Worked, rule: PositionRule) -> list[Movement]:
        """The same of what was worked out."""
        found = work.movements.get(rule)
        if found is None:
            found = work.movements[rule] = movements(work.timeline, rule, self.as_of)
        return found

    def shares(self, work: Worked, roles: tuple[str, ...]) -> list[Share]:
        """The credits of some roles (none: all) with their running shares."""
        found = work.shares.get(roles)
        if found is None:
            found = work.shares[roles] = shares(work.timeline.invoice.credits, roles)
        return found

    @cached_property
    def _countries(self) -> dict[str, str]:
        return {each.customer_id: each.country for each in self.facts.customers}

    @cached_property
    def _credit_records(self) -> dict[str, list[CreditRecord]]:
        return _by_customer(self.facts.credit_records)

    def country(self, customer_id: str) -> str:
        """Where a customer is; ``""`` if nothing says."""
        return self._countries.get(customer_id, "")

    def customer_age_days(self, invoice: Invoice) -> int:
        """Days from the customer's first invoice to this one."""
        return (invoice.issued_on - self.around.first_invoice_on[invoice.customer_id]).days

    def last_given(self, customer_id: str, attribute: str, day: dt.date) -> str:
        """The last value of a credit record's attribute given on or before a day; ``""`` if none was."""
        value = ""
        for record in self._credit_records.get(customer_id, ()):
            if record.on > day:
                break
            value = getattr(record, attribute) or value
        return value

    def invoices_crediting(self, payee_ids: Iterable[str]) -> list[Invoice]:
        """Every invoice that credits any of these people, once."""
        of_payee = self.invoices_of_payee
        found = {each.invoice_id: each for payee_id in payee_ids for each in of_payee.get(payee_id, ())}
        return list(found.values())

    # People and teams ----------------------------------------------------------------------------

    def plans_of(self, payee_id: str = "", team: str = "") -> list[Plan]:
        """The plans ever assigned to a payee or a team."""
        return [self.plans[name] for name in sorted(self._assigned.get((payee_id, team), {}))]

    def is_on_plan(self, plan: Plan, day: dt.date, payee_id: str = "", team: str = "") -> bool:
        """Whether a plan is assigned to a payee or a team on a day."""
        return any(covers(day, each.starts_on, each.ends_on) for each in self.assignments(plan, payee_id, team))

    def assignments(self, plan: Plan, payee_id: str = "", team: str = "") -> list[Assignment]:
        """The assignments of a plan to a payee or a team."""
        return self._assigned.get((payee_id, team), {}).get(plan.plan, [])

    def owners(self) -> tuple[list[str], list[str]]:
        """The payees and the teams that any plan is assigned to."""
        return (
            sorted({payee_id for payee_id, team in self._assigned if not team}),
            sorted({team for _, team in self._assigned if team}),
        )

    def teams(self) -> list[str]:
        """Every team that memberships, invoices or assignments name."""
        facts = self.facts
        named = {each.team for each in facts.memberships}
        named |= {each.team for each in facts.invoices} | {each.team for each in facts.assignments}
        return sorted(named - {""})

    def invoices_of_team(self, team: str) -> list[Invoice]:
        """A team's portfolio: invoices that name it, or name none and credit a member of it on issued_on."""
        if self._invoices_of_team is None:
            self._invoices_of_team = {}
            teams_of: dict[str, list[tuple[str, dt.date, dt.date | None]]] = {}
            for each in self.facts.memberships:
                teams_of.setdefault(each.payee_id, []).append((each.team, each.starts_on, each.ends_on))
            for invoice in self.facts.invoices:
                teams = (
                    {invoice.team}
                    if invoice.team
                    else {
                        name
                        for credit in invoice.credits
                        for name, starts_on, ends_on in teams_of.get(credit.payee_id, ())
                        if covers(invoice.issued_on, starts_on, ends_on)
                    }
                )
                for name in teams:
                    self._invoices_of_team.setdefault(name, []).append(invoice)
        return self._invoices_of_team.get(team, [])

    def people_of(self, manager_id: str) -> frozenset[str]:
        """Everyone who reports to a manager, directly or through others, on some day of the data."""
        if self._people_of is None:
            self._people_of = self._everyone_reporting()
        return self._people_of.get(manager_id, frozenset())

    def _everyone_reporting(self) -> dict[str, frozenset[str]]:
        """Every chain upwards with the days on which all its rows hold together."""
        people: dict[str, set[str]] = {}
        for payee_id in self._reporting:
            seen = set()
            ask = [(payee_id, dt.date.min, dt.date.max)]
            while ask:
                asked, first, last = ask.pop()
                for each in self._reporting.get(asked, ()):
                    link = (each.manager_id, max(first, each.starts_on), min(last, each.ends_on or dt.date.max))
                    if link[1] <= link[2] and link not in seen:
                        seen.add(link)
                        people.setdefault(each.manager_id, set()).add(payee_id)
                        ask.append(link)
        return {manager_id: frozenset(found) for manager_id, found in people.items()}

    def reports(self, manager_id: str, payee_id: str, day: dt.date) -> bool:
        """Whether somebody reports to a manager, directly or through others, on a day."""
        above = self._above.get((payee_id, day))
        if above is None:
            above = self._above[payee_id, day] = self._chain(payee_id, day)
        return manager_id in above

    def _chain(self, payee_id: str, day: dt.date) -> frozenset[str]:
        """Everyone above somebody on a day."""
        above: set[str] = set()
        ask = [payee_id]
        while ask:
            asked = ask.pop()
            for each in self._reporting.get(asked, ()):
                if each.manager_id not in above and covers(day, each.starts_on, each.ends_on):
                    above.add(each.manager_id)
                    ask.append(each.manager_id)
        return frozenset(above)

    # Rates and targets ---------------------------------------------------------------------------

    @cached_property
    def _rates(self) -> dict[tuple[str, str], tuple[list[dt.date], list[int]]]:
        return _rates(self.facts.fx_rates)

    def rate_ppm(self, from_currency: str, to_currency: str, day: dt.date) -> int | None:
        """The rate in force: the last row on or before the day; no inverse, no crossing (section 5)."""
        if from_currency == to_currency:
            return PPM
        days, rates = self._rates.get((from_currency, to_currency), ((), ()))
        at = bisect_right(days, day)
        return rates[at - 1] if at else None

    def converted(self, amount_minor: int, from_currency: str, to_currency: str, day: dt.date) -> int | None:
        """R(amount x rate in force on the day); ``None`` without a rate."""
        rate_ppm = self.rate_ppm(from_currency, to_currency, day)
        return None if rate_ppm is None else convert(amount_minor, from_currency, to_currency, rate_ppm)

    def target(
        self, plan: Plan, component: str, window_start: dt.date | None, payee_id: str = "", team: str = ""
    ) -> int | None:
        """The target of a payee or a team for a window, plan currency; ``None`` if there is none."""
        return self._targets.get((plan.plan, component, payee_id, team, window_start))


def rule_day(plan: Plan, invoice: Invoice) -> dt.date | None:
    """The date of an invoice that picks the version; ``None`` where each event's own does (section 6)."""
    if plan.rules_as_of == "invoice":
        return invoice.issued_on
    return contract_day(invoice) if plan.rules_as_of == "contract" else None


def _first_issued_on(invoices: Iterable[Invoice]) -> dt.date | None:
    return min((invoice.issued_on for invoice in invoices), default=None)


def _first_invoice_on(invoices: Iterable[Invoice]) -> dict[str, dt.date]:
    first: dict[str, dt.date] = {}
    for invoice in invoices:
        known = first.get(invoice.customer_id)
        if known is None or invoice.issued_on < known:
            first[invoice.customer_id] = invoice.issued_on
    return first


def _by_customer(records: Iterable[CreditRecord]) -> dict[str, list[CreditRecord]]:
    found: dict[str, list[CreditRecord]] = {}
    for record in sorted(records, key=attrgetter("on")):
        found.setdefault(record.customer_id, []).append(record)
    return found


def _rates(fx_rates: Iterable[FxRate]) -> dict[tuple[str, str], tuple[list[dt.date], list[int]]]:
    found: dict[tuple[str, str], tuple[list[dt.date], list[int]]] = {}
    for rate in sorted(fx_rates, key=attrgetter("on")):
        days, rates = found.setdefault((rate.from_currency, rate.to_currency), ([], []))
        days.append(rate.on)
        rates.append(rate.rate_ppm)
    return found
