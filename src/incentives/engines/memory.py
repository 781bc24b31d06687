"""Facts in memory as a source: for tests and benchmarks, and the definition of what a part of the facts holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from incentives.calculation.book import Book
from incentives.calculation.chunks import Scope, Wanted
from incentives.facts import Assignment, Event, EventRef, Facts, Invoice, Membership, Surroundings


class Memory:
    """A source over facts that are all there."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        book = Book(replace(facts, events=()), (), dt.date.max)
        self._book = book
        self._teams = book.teams()
        self._events: dict[str, list[Event]] = {}
        for event in facts.events:
            self._events.setdefault(event.invoice_id, []).append(event)
        self._around = replace(
            book.around,
            two_sources_from=_from_when((e.event_id, e.source, e.occurred_on) for e in facts.events),
            conflicts_from=_conflicts_from(facts.events),
        )

    def __reduce__(self) -> tuple[type[Memory], tuple[Facts]]:
        """Into another process the facts alone travel."""
        return Memory, (self.facts,)

    def everything(self) -> Scope:
        """Every payee, every team, and the invoices that neither reaches."""
        facts, book = self.facts, self._book
        payees = {each.payee_id for each in facts.payees} | {each.payee_id for each in facts.assignments}
        payees |= book.invoices_of_payee.keys()
        of_teams = {each.invoice_id for team in self._teams for each in book.invoices_of_team(team)}
        alone = (each for each in facts.invoices if not each.credits and each.invoice_id not in of_teams)
        return Scope(tuple(sorted(payees - {""})), tuple(self._teams), tuple(each.invoice_id for each in alone))

    def team_plans(self) -> frozenset[str]:
        """The plans that are assigned to any team."""
        return frozenset(each.plan for each in self.facts.assignments if each.team)

    def assignments(self, plans: Collection[str]) -> Sequence[Assignment]:
        """Every assignment of these plans."""
        return [each for each in self.facts.assignments if each.plan in plans]

    def memberships(self) -> Sequence[Membership]:
        """Who is in which team."""
        return self.facts.memberships

    def part(self, wanted: Wanted) -> tuple[Facts, Surroundings]:
        """The facts of some payees and teams."""
        facts, payees, teams = self.facts, set(wanted.payees), set(wanted.teams)
        below = {payee_id for manager_id in wanted.managers for payee_id in self._book.people_of(manager_id)}
        memberships = [each for each in facts.memberships if each.team in teams]
        people = payees | {each.payee_id for each in memberships}
        invoices = self._invoices(wanted, below)
        customers = {each.customer_id for each in invoices}
        currencies = {each.currency for each in invoices}
        part = Facts(
            company=facts.company,
            payees=tuple(each for each in facts.payees if each.payee_id in people),
            reporting=tuple(each for each in facts.reporting if each.payee_id in below),
            memberships=tuple(memberships),
            customers=tuple(each for each in facts.customers if each.customer_id in customers),
            credit_records=tuple(each for each in facts.credit_records if each.customer_id in customers),
            invoices=tuple(invoices),
            events=tuple(event for each in invoices for event in self._events.get(each.invoice_id, ())),
            assignments=tuple(each for each in facts.assignments if each.payee_id in payees or each.team in teams),
            targets=tuple(each for each in facts.targets if each.payee_id in payees or each.team in teams),
            fx_rates=tuple(each for each in facts.fx_rates if each.from_currency in currencies),
        )
        return part, self._around

    def _invoices(self, wanted: Wanted, below: Iterable[str]) -> list[Invoice]:
        book = self._book
        found = {each.invoice_id: each for each in book.invoices_crediting([*wanted.payees, *below])}
        found |= {each.invoice_id: each for team in wanted.teams for each in book.invoices_of_team(team)}
        found |= {invoice_id: book.invoices[invoice_id] for invoice_id in wanted.invoices}
        return list(found.values())


def _from_when(told: Iterable[tuple[str, str, dt.date]]) -> dict[str, dt.date]:
    """From which day on something is told in two ways: the second of their first days."""
    first: dict[str, dict[str, dt.date]] = {}
    for what, way, day in told:
        ways = first.setdefault(what, {})
        ways[way] = min(day, ways.get(way, day))
    return {what: sorted(ways.values())[1] for what, ways in first.items() if len(ways) > 1}


def _conflicts_from(events: Iterable[Event]) -> dict[EventRef, dt.date]:
    versions: dict[EventRef, list[Event]] = {}
    for event in events:
        known = versions.setdefault(event.ref, [])
        if event not in known:
            known.append(event)
    return {
        ref: sorted(each.occurred_on for each in found)[1] for ref, found in versions.items() if len(found) > 1
    }
