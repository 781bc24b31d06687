"""The store as a source of a run (:class:`incentives.engines.source.Source`): it answers a part at a time.

It travels into worker processes, where it opens a connection of its own. Nothing is written meanwhile: whoever
runs holds the books.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, TypeVar, overload

from sqlalchemy import Connection, and_, bindparam, except_, func, or_, select, union

from incentives.calculation.chunks import Scope, Wanted
from incentives.facts import Assignment, Event, EventRef, Facts, Membership, Surroundings
from incentives.store import tables
from incentives.store.engine import engine_for, read_url
from incentives.store.facts_out import Ids, Known, Rules, is_known
from incentives.store.queries import Query, one_of

Fact = TypeVar("Fact")


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
        now = known.is_now
        payees = union(
            select(tables.Payee.payee_id).where(is_known(tables.Payee, now)),
            select(assigned.payee_id).where(is_known(assigned, now)),
            select(credit.payee_id).where(is_known(credit, now)),
            select(tables.Entry.payee_id),
        )
        teams = select(assigned.team).where(is_known(assigned, now)).distinct()
        alone = except_(
            select(invoice.invoice_id).where(is_known(invoice, now)),
            select(credit.invoice_id).where(is_known(credit, now)),
        )  # a database that has not yet counted what came in may compare each with each to answer NOT IN
        self._two_sources = self._sources_of(None)
        return Scope(self._names(payees), self._names(teams), self._names(alone))

    def team_plans(self) -> frozenset[str]:
        """The plans that are assigned to any team."""
        return self._team_plans

    def assignments(self, plans: Collection[str]) -> Sequence[Assignment]:
        """Every assignment of these plans."""
        return list(self.known.assignments(self.rules, _OF_PLANS, plans=plans))

    def memberships(self) -> Sequence[Membership]:
        """Who is in which team."""
        return list(self.known.memberships())

    def part(self, wanted: Wanted) -> tuple[Facts, Surroundings]:
        """The facts of some payees and teams, and what surrounds them."""
        known, rules = self.known, self.rules
        below = self._below(wanted.managers) if wanted.managers else frozenset()
        memberships = list(known.memberships(_OF_TEAMS, teams=wanted.teams)) if wanted.teams else []
        people = {*wanted.payees, *(each.payee_id for each in memberships)}
        ids, whose = self._invoice_ids(wanted, below)
        invoices = known.invoices(ids, **whose)
        events = tuple(known.events(ids, {each.invoice_id for each in invoices}, **whose))
        customers = {each.customer_id for each in invoices}
        currencies = {each.currency for each in invoices}
        owners = {"payees": wanted.payees, "teams": wanted.teams}
        part = Facts(
            company=rules.company,
            payees=tuple(known.payees(_OF_PEOPLE, people=people)),
            reporting=tuple(known.reporting(_BELOW, people=below)) if below else (),
            memberships=tuple(memberships),
            customers=_Asked(lambda: known.customers(_CUSTOMERS, customers=customers)),
            credit_records=_Asked(lambda: known.credit_records(_OF_CUSTOMERS, customers=customers)),
            invoices=tuple(invoices),
            events=events,
            assignments=tuple(known.assignments(rules, _TO_OWNERS, **owners)),
            targets=tuple(known.targets(rules, _OF_OWNERS, **owners)),
            fx_rates=_Asked(lambda: known.fx_rates(_FROM_CURRENCIES, currencies=currencies)),
        )
        return part, self._around(wanted, customers, events)

    def _names(self, asked: Any) -> tuple[str, ...]:
        return tuple(sorted(name for (name,) in self.known.ask(Query(asked)) if name))

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

    def _invoice_ids(self, wanted: Wanted, below: Iterable[str]) -> tuple[Ids, dict[str, Collection[str]]]:
        """A query for the invoices of a part, and what it is asked with."""
        whose: dict[str, Collection[str]] = {"credited": {*wanted.payees, *below}}
        if not wanted.teams and not wanted.invoices:
            return _crediting(self.known.is_now), whose
        if not wanted.teams and not whose["credited"]:
            return _named(self.known.is_now), {"invoices": wanted.invoices}
        return _reaching(self.known.is_now), whose | {"teams": wanted.teams, "invoices": wanted.invoices}

    @cached_property
    def _team_plans(self) -> frozenset[str]:
        return frozenset(each.plan for each in self.known.assignments(self.rules, _TO_TEAMS))

    # What surrounds a part ---------------------------------------------------------------------------

    def _around(self, wanted: Wanted, customers: Collection[str], events: Iterable[Event]) -> Surroundings:
        known = self.known
        first = next(iter(known.ask(_first_of_all(known.is_now))))[0] if wanted.teams else None
        two_sources = self._two_sources
        if two_sources is None:
            two_sources = self._sources_of(events)
        return Surroundings(first, _FirstInvoices(known, customers), two_sources, self._conflicts)

    def _sources_of(self, events: Iterable[Event] | None) -> dict[str, dt.date]:
        """Which ids of these events (``None``: of all) stand under two sources, and from when on: the second of
        their first days."""
        if not self._are_ids_shared:
            return {}
        known = self.known
        first: dict[str, dict[str, dt.date]] = {}
        asked = {} if events is None else {"events": {each.event_id for each in events}}
        for event_id, source, stored in known.ask(_several(events is None, known.is_now), **asked):
            versions = known.versions.get((source, event_id))
            day = min(each.occurred_on for each in versions) if versions else stored
            first.setdefault(event_id, {})[source] = day
        return {name: sorted(days.values())[1] for name, days in first.items() if len(days) > 1}

    @cached_property
    def _are_ids_shared(self) -> bool:
        return _ANY_SHARED.one(self.known.connection) is not None

    @cached_property
    def _conflicts(self) -> dict[EventRef, dt.date]:
        """Events that wait in several versions, and from when on: the second of their days."""
        waiting = {ref: each for ref, each in self.known.versions.items() if len(each) > 1}
        return {ref: sorted(event.occurred_on for event in each)[1] for ref, each in waiting.items()}


class _Asked(Sequence[Fact]):
    """Facts that few rules look at: read when the first is asked for."""

    def __init__(self, read: Callable[[], Iterable[Fact]]) -> None:
        self._read = read

    @cached_property
    def _found(self) -> tuple[Fact, ...]:
        return tuple(self._read())

    @overload
    def __getitem__(self, at: int) -> Fact: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Fact]: ...

    def __getitem__(self, at: int | slice) -> Fact | Sequence[Fact]:
        return self._found[at]

    def __len__(self) -> int:
        return len(self._found)


class _FirstInvoices(Mapping[str, dt.date]):
    """The day of the first invoice of each of some customers: asked for where a rule looks at it, and few do."""

    def __init__(self, known: Known, customers: Collection[str]) -> None:
        self._known, self._customers = known, customers

    @cached_property
    def _found(self) -> dict[str, dt.date]:
        asked = _first_invoices(self._known.is_now)
        return dict(map(tuple, self._known.ask(asked, customers=self._customers)))

    def __getitem__(self, customer_id: str) -> dt.date:
        return self._found[customer_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


# Queries ---------------------------------------------------------------------------------------------

_TO_TEAMS = tables.Assignment.team != ""
_OF_PLANS = one_of(tables.Assignment.plan, "plans")
_TO_OWNERS = or_(one_of(tables.Assignment.payee_id, "payees"), one_of(tables.Assignment.team, "teams"))
_OF_OWNERS = or_(one_of(tables.Target.payee_id, "payees"), one_of(tables.Target.team, "teams"))
_OF_TEAMS = one_of(tables.Membership.team, "teams")
_OF_PEOPLE = one_of(tables.Payee.payee_id, "people")
_BELOW = one_of(tables.Reporting.payee_id, "people")
_CUSTOMERS = one_of(tables.Customer.customer_id, "customers")
_OF_CUSTOMERS = one_of(tables.CreditRecord.customer_id, "customers")
_FROM_CURRENCIES = one_of(tables.FxRate.from_currency, "currencies")


@cache
def _crediting(now: bool) -> Ids:
    """The invoices that credit somebody of ``credited``."""
    credit = tables.Credit
    return select(credit.invoice_id).where(is_known(credit, now), one_of(credit.payee_id, "credited"))


@cache
def _named(now: bool) -> Ids:
    """``invoices`` alone: found by their ids, where the longer question would look at every invoice."""
    invoice = tables.Invoice
    return select(invoice.invoice_id).where(is_known(invoice, now), one_of(invoice.invoice_id, "invoices"))


@cache
def _reaching(now: bool) -> Ids:
    """These too, and the portfolios of ``teams``, and ``invoices``."""
    credit, invoice, member = tables.Credit, tables.Invoice, tables.Membership
    members = select(member.payee_id).where(is_known(member, now), one_of(member.team, "teams"))
    of_members = select(credit.invoice_id).where(is_known(credit, now), credit.payee_id.in_(members))
    return select(invoice.invoice_id).where(
        is_known(invoice, now),
        or_(
            one_of(invoice.invoice_id, "invoices"),
            one_of(invoice.team, "teams"),
            invoice.invoice_id.in_(_crediting(now)),
            and_(invoice.team == "", invoice.invoice_id.in_(of_members)),
        ),
    )


@cache
def _first_invoices(now: bool) -> Query:
    """The day of the first invoice of each of ``customers``."""
    invoice = tables.Invoice
    asked = select(invoice.customer_id, func.min(invoice.issued_on)).group_by(invoice.customer_id)
    return Query(asked.where(is_known(invoice, now), one_of(invoice.customer_id, "customers")))


@cache
def _first_of_all(now: bool) -> Query:
    return Query(select(func.min(tables.Invoice.issued_on)).where(is_known(tables.Invoice, now)))


_ANY_SHARED = Query(select(tables.SharedId.event_id).limit(1))


@cache
def _several(of_all: bool, now: bool) -> Query:
    """Events whose id more than one event has, by source and day: of ``events`` or of all."""
    event, shared = tables.Event, tables.SharedId
    several = select(shared.event_id)
    if not of_all:
        several = several.where(one_of(shared.event_id, "events"))
    asked = select(event.event_id, event.source, event.occurred_on).where(event.event_id.in_(several))
    return Query(asked if now else asked.where(event.known_from <= bindparam("through")))
