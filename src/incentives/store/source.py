"""The store as a source of a run (:class:`incentives.engines.source.Source`): it answers a part at a time.

It travels into worker processes, where it opens a connection of its own. Nothing is written meanwhile: whoever
runs holds the books.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, union
from sqlalchemy.orm import aliased

from incentives.calculation.chunks import Scope, Wanted
from incentives.facts import Assignment, EventRef, Facts, Invoice, Membership, Surroundings
from incentives.store import tables
from incentives.store.engine import engine_for, read_url
from incentives.store.facts_out import Ids, Known, Rules


class StoreSource:
    """What is known now, or was at an act; the rules in force are given, since they were read for the run."""

    def __init__(self, connection: Connection, rules: Rules, through: int | None = None) -> None:
        self.url = connection.engine.url.render_as_string(hide_password=False)
        self.rules, self.through = rules, through
        self._connection: Connection | None = connection
        self._two_sources: dict[str, dt.date] | None = None

    def __getstate__(self) -> dict[str, Any]:
        kept = ("url", "rules", "through", "_two_sources")
        return {name: self.__dict__[name] for name in kept} | {"_connection": None}

    @cached_property
    def known(self) -> Known:
        """What is known, asked on this process's own connection."""
        if self._connection is None:
            self._connection = engine_for(read_url(self.url)).connect()
        return Known(self._connection, self.through)

    def everything(self) -> Scope:
        """Every payee that anything names, every team that a plan pays, and the invoices that credit nobody.

        Whoever has something in the ledger is among the payees: what stands for them may have to go. Teams that
        nothing pays have metrics, but no lines.
        """
        known = self.known
        credit, invoice, assigned = tables.Credit, tables.Invoice, tables.Assignment
        payees = union(
            select(tables.Payee.payee_id).where(known.is_known(tables.Payee)),
            select(assigned.payee_id).where(known.is_known(assigned)),
            select(credit.payee_id).where(known.is_known(credit)),
            select(tables.Entry.payee_id),
        )
        teams = select(assigned.team).where(known.is_known(assigned)).distinct()
        credited = select(credit.invoice_id).where(known.is_known(credit))
        alone = select(invoice.invoice_id).where(known.is_known(invoice), invoice.invoice_id.not_in(credited))
        self._two_sources = self._sources_of(None)
        return Scope(self._names(payees), self._names(teams), self._names(alone))

    def team_plans(self) -> frozenset[str]:
        """The plans that are assigned to any team."""
        return frozenset(each.plan for each in self.known.assignments(self.rules, tables.Assignment.team != ""))

    def assignments(self, plans: Collection[str]) -> Sequence[Assignment]:
        """Every assignment of these plans."""
        return list(self.known.assignments(self.rules, tables.Assignment.plan.in_(plans)))

    def memberships(self) -> Sequence[Membership]:
        """Who is in which team."""
        return list(self.known.memberships())

    def part(self, wanted: Wanted) -> tuple[Facts, Surroundings]:
        """The facts of some payees and teams, and what surrounds them."""
        known, rules = self.known, self.rules
        below = self._below(wanted.managers) if wanted.managers else frozenset()
        memberships = list(known.memberships(tables.Membership.team.in_(wanted.teams))) if wanted.teams else []
        people = {*wanted.payees, *(each.payee_id for each in memberships)}
        ids = self._invoice_ids(wanted, below)
        invoices = known.invoices(ids)
        customers = {each.customer_id for each in invoices}
        currencies = {each.currency for each in invoices}
        assignment, target = tables.Assignment, tables.Target
        of_owners = or_(assignment.payee_id.in_(wanted.payees), assignment.team.in_(wanted.teams))
        targeted = or_(target.payee_id.in_(wanted.payees), target.team.in_(wanted.teams))
        part = Facts(
            company=rules.company,
            payees=tuple(known.payees(tables.Payee.payee_id.in_(people))),
            reporting=tuple(known.reporting(tables.Reporting.payee_id.in_(below))) if below else (),
            memberships=tuple(memberships),
            customers=tuple(known.customers(tables.Customer.customer_id.in_(customers))),
            credit_records=tuple(known.credit_records(tables.CreditRecord.customer_id.in_(customers))),
            invoices=tuple(invoices),
            events=tuple(known.events(ids, {each.invoice_id for each in invoices})),
            assignments=tuple(known.assignments(rules, of_owners)),
            targets=tuple(known.targets(rules, targeted)),
            fx_rates=tuple(known.fx_rates(tables.FxRate.from_currency.in_(currencies))),
        )
        return part, self._around(wanted, ids, invoices, customers)

    def _names(self, asked: Any) -> tuple[str, ...]:
        assert self._connection is not None
        return tuple(sorted(name for (name,) in self._connection.execute(asked) if name))

    def _below(self, managers: Collection[str]) -> frozenset[str]:
        """Everybody under these managers on some day, by however many steps; a little more does no harm."""
        above: dict[str, list[str]] = {}
        for each in self.known.reporting():
            above.setdefault(each.manager_id, []).append(each.payee_id)
        found: set[str] = set()
        ask = list(managers)
        while ask:
            for payee_id in above.get(ask.pop(), ()):
                if payee_id not in found:
                    found.add(payee_id)
                    ask.append(payee_id)
        return frozenset(found)

    def _invoice_ids(self, wanted: Wanted, below: Iterable[str]) -> Ids:
        known = self.known
        credit, invoice, member = tables.Credit, tables.Invoice, tables.Membership
        credited = select(credit.invoice_id).where(
            known.is_known(credit), credit.payee_id.in_({*wanted.payees, *below})
        )
        if not wanted.teams and not wanted.invoices:
            return credited
        members = select(member.payee_id).where(known.is_known(member), member.team.in_(wanted.teams))
        of_members = select(credit.invoice_id).where(known.is_known(credit), credit.payee_id.in_(members))
        return select(invoice.invoice_id).where(
            known.is_known(invoice),
            or_(
                invoice.invoice_id.in_(wanted.invoices),
                invoice.team.in_(wanted.teams),
                invoice.invoice_id.in_(credited),
                and_(invoice.team == "", invoice.invoice_id.in_(of_members)),
            ),
        )

    # What surrounds a part ---------------------------------------------------------------------------

    def _around(
        self, wanted: Wanted, ids: Ids, invoices: Sequence[Invoice], customers: Collection[str]
    ) -> Surroundings:
        known, invoice = self.known, tables.Invoice
        asked = select(invoice.customer_id, func.min(invoice.issued_on)).where(
            known.is_known(invoice), invoice.customer_id.in_(customers)
        )
        first = {row[0]: row[1] for row in known.connection.execute(asked.group_by(invoice.customer_id))}
        first_of_all = None
        if wanted.teams:
            of_all = select(func.min(invoice.issued_on)).where(known.is_known(invoice))
            first_of_all = known.connection.execute(of_all).scalar()
        two_sources = self._two_sources
        if two_sources is None:
            two_sources = self._sources_of(ids)
        return Surroundings(first_of_all, first, two_sources, self._conflicts)

    def _sources_of(self, ids: Ids | None) -> dict[str, dt.date]:
        """Which event ids of these invoices (``None``: of all) stand under two sources, and from when on: the
        second of their first days."""
        event, other, known = tables.Event, aliased(tables.Event), self.known
        if ids is None:
            several = select(event.event_id).group_by(event.event_id).having(func.count() > 1)
        else:
            elsewhere = and_(other.event_id == event.event_id, other.source != event.source)
            several = select(event.event_id).join(other, elsewhere).where(event.invoice_id.in_(ids))
        asked = select(event.event_id, event.source, event.occurred_on).where(event.event_id.in_(several))
        if self.through is not None:
            asked = asked.where(event.known_from <= self.through)
        first: dict[str, dict[str, dt.date]] = {}
        for event_id, source, stored in known.connection.execute(asked):
            versions = known.versions.get((source, event_id))
            day = min(each.occurred_on for each in versions) if versions else stored
            first.setdefault(event_id, {})[source] = day
        return {name: sorted(days.values())[1] for name, days in first.items() if len(days) > 1}

    @cached_property
    def _conflicts(self) -> dict[EventRef, dt.date]:
        """Events that wait in several versions, and from when on: the second of their days."""
        waiting = {ref: each for ref, each in self.known.versions.items() if len(each) > 1}
        return {ref: sorted(event.occurred_on for event in each)[1] for ref, each in waiting.items()}
