"""Whom a change can affect: the payees and teams whose numbers an event, a rule or a credit may have moved.

A little too many do no harm, they cost time. One too few would be wrong pay: where it is not plain who is
affected, everybody is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    bindparam,
    except_,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import aliased

from incentives.calculation.chunks import Scope
from incentives.store import tables
from incentives.store.bulk import batches
from incentives.store.facts_out import event_from
from incentives.store.queries import Query, Value, one_of
from incentives.store.tables import Base


class Affected(NamedTuple):
    """Who is affected, and from which day on their lines may differ; ``None``: from the first."""

    scope: Scope
    from_day: dt.date | None


def affected(connection: Connection, since: int) -> Affected | None:
    """Who is affected by what became known after an act; ``None``: everybody."""
    found = _Affected(connection, since)
    scope = found.scope()
    return None if scope is None else Affected(scope, found.from_day())


class _Affected:
    def __init__(self, connection: Connection, since: int) -> None:
        self.connection, self.since = connection, since
        self.payees: set[str] = set()
        self.teams: set[str] = set()
        self.invoices: set[str] = set()
        self.changed = self._changed_tables()

    def scope(self) -> Scope | None:
        if self.changed:
            if self._everybody():
                return None
            self._rules()
            self._people()
            self._customers()
            self._invoices()
        self._events()
        paying = self._ask(_paying())
        self._of_invoices(are_teams_paid=bool(paying))
        self._above()
        return Scope(tuple(sorted(self.payees - {""})), tuple(sorted(self.teams & paying)))

    def from_day(self) -> dt.date | None:
        """The day of the first new event, where nothing else is new: an event changes no line that was earned
        before its day. One whose id stands under another source too changes causes of any day."""
        if self.changed:
            return None
        ((day, is_shared),) = _first_day().rows(self.connection, since=self.since)
        return None if is_shared else day

    def _everybody(self) -> bool:
        """Rates and the company's settings reach everybody; who is in a team no more is not found by asking who
        is."""
        settings = self._approved(tables.RuleRevision.id).where(tables.RuleRevision.kind == "company")
        member, assigned = tables.Membership, tables.Assignment
        return (
            "fx_rates" in self.changed
            or bool(self._texts(settings))
            or self._is_gone(member, member.team, member.payee_id)
            or self._is_gone(assigned, assigned.plan, assigned.payee_id, assigned.team)
        )

    def _is_gone(self, model: type[Base], *pair: Any) -> bool:
        """Whether two that belonged together, on whatever days, do so no more on any."""
        until = tables.table_of(model).c.known_until
        if model.__tablename__ not in self.changed:
            return False
        gone = except_(select(*pair).where(until > self.since), select(*pair).where(until.is_(None)))
        return self.connection.execute(gone).first() is not None

    def _rules(self) -> None:
        plans = self._texts(self._approved(tables.RuleRevision.name))
        if plans:
            self._assigned(tables.Assignment.plan.in_(plans))

    def _people(self) -> None:
        """Those of whom something is said; who leaves also leaves their share of a bonus to their teams."""
        payee, reporting, target, member = tables.Payee, tables.Reporting, tables.Target, tables.Membership
        if "assignments" in self.changed:
            self._assigned(self._is_news(tables.Assignment))
        for model, asked in (
            (payee, select(payee.payee_id, literal(""))),
            (payee, select(payee.payee_id, member.team).join(member, member.payee_id == payee.payee_id)),
            (reporting, select(reporting.payee_id, literal(""))),
            (reporting, select(reporting.manager_id, literal(""))),
            (target, select(target.payee_id, target.team)),
            (member, select(member.payee_id, member.team)),
        ):
            if model.__tablename__ in self.changed:
                self._owners(asked.where(self._is_news(model)))

    def _assigned(self, where: Any) -> None:
        self._owners(select(tables.Assignment.payee_id, tables.Assignment.team).where(where))

    def _owners(self, asked: Any) -> None:
        for payee_id, team in self._rows(asked):
            self.payees.add(payee_id)
            self.teams.add(team)

    def _customers(self) -> None:
        """A customer's country or grade may be a factor on any of their invoices; so may the day of the first."""
        invoice = tables.Invoice
        changed: set[str] = set()
        for model in (tables.Customer, tables.CreditRecord):
            if model.__tablename__ in self.changed:
                table = tables.table_of(model)
                changed |= self._texts(select(table.c.customer_id).where(self._is_news(model)))
        if "invoices" in self.changed:
            of_new = self._texts(select(invoice.customer_id).where(self._is_news(invoice)))
            changed |= self._begins_elsewhere(of_new)
        for some in batches(changed, 1000):
            self.invoices |= self._texts(select(invoice.invoice_id).where(invoice.customer_id.in_(some)))

    def _begins_elsewhere(self, customers: set[str]) -> set[str]:
        """Those of these customers whose first invoice is of another day than it was."""
        invoice = tables.Invoice
        stands = invoice.known_until.is_(None)
        stood = and_(invoice.known_from <= self.since, or_(stands, invoice.known_until > self.since))
        found: set[str] = set()
        for some in batches(customers, 1000):
            first = select(invoice.customer_id, func.min(invoice.issued_on)).group_by(invoice.customer_id)
            first = first.where(invoice.customer_id.in_(some))
            before = {row[0]: row[1] for row in self._rows(first.where(stood))}
            now = {row[0]: row[1] for row in self._rows(first.where(stands))}
            found |= {customer_id for customer_id, day in before.items() if now.get(customer_id) != day}
        return found

    def _invoices(self) -> None:
        for model in (tables.Invoice, tables.InvoiceLine, tables.Credit):
            if model.__tablename__ in self.changed:
                table = tables.table_of(model)
                self.invoices |= self._texts(select(table.c.invoice_id).where(self._is_news(model)))

    def _events(self) -> None:
        """New events, those that share their id (causes then name the source), and both sides of conflicts."""
        self.invoices |= self._ask(_invoices_of_events())
        self.invoices |= {event_from(content).invoice_id for content in self._ask(_other_versions())}

    def _of_invoices(self, are_teams_paid: bool) -> None:
        """Those whom these invoices credit, or credited until now, and the teams they count for."""
        credited: set[str] = set()
        for some in batches(self.invoices, 5000):
            for query in self._standing(tables.Credit, "payee_id"):
                credited |= self._ask(query, invoices=some)
        self.payees |= credited
        if not are_teams_paid:
            return
        for some in batches(self.invoices, 5000):
            for query in self._standing(tables.Invoice, "team"):
                self.teams |= self._ask(query, invoices=some)
        for some in batches(credited, 5000):
            self.teams |= self._ask(_teams_of(), members=some)

    def _standing(self, model: type[Base], column: str) -> Iterator[Query]:
        """What stands, and what stood until the news: one after the other, since each has an index of its own."""
        yield _of_invoices(model, column, stands=True)
        if model.__tablename__ in self.changed:
            yield _of_invoices(model, column, stands=False)

    def _above(self) -> None:
        """Everybody above those affected, on whatever days."""
        managers: dict[str, set[str]] = {}
        for payee_id, manager_id in _managers().rows(self.connection):
            managers.setdefault(payee_id, set()).add(manager_id)
        ask = list(self.payees) if managers else []
        while ask:
            for manager_id in managers.get(ask.pop(), ()):
                if manager_id not in self.payees:
                    self.payees.add(manager_id)
                    ask.append(manager_id)

    def _changed_tables(self) -> frozenset[str]:
        """The tables besides events in which anything is news: mostly none, and asked of all at once."""
        return frozenset(self._ask(_changed()))

    def _is_news(self, model: type[Base]) -> Any:
        columns = tables.table_of(model).c
        return or_(columns.known_from > self.since, columns.known_until > self.since)

    def _approved(self, column: Any) -> Select[Any]:
        decision, revision = tables.Decision, tables.RuleRevision
        decided = and_(decision.kind == "rule", decision.subject_id == revision.id)
        approved = and_(decided, decision.choice == "approve", decision.act_id > self.since)
        return select(column).join(decision, approved)

    def _ask(self, query: Query, **values: Value) -> set[str]:
        """The texts that a query about the news answers."""
        return {row[0] for row in query.rows(self.connection, since=self.since, **values)}

    def _texts(self, asked: Any) -> set[str]:
        return set(self.connection.execute(asked).scalars())

    def _rows(self, asked: Any) -> Iterable[Any]:
        return self.connection.execute(asked)


# What every event asks, and of everything ``since`` an act ------------------------------------------------


@cache
def _changed() -> Query:
    """Which tables besides events have news, asked of all of them at once."""
    since = _since()
    asked = []
    for name in tables.VERSIONED:
        columns = Base.metadata.tables[name].c
        news = or_(columns.known_from > since, columns.known_until > since)
        asked.append(select(literal(name)).where(select(columns.id).where(news).exists()))
    for model in (tables.Decision, tables.Conflict):
        table = tables.table_of(model)
        is_news = select(table.c.id).where(table.c.act_id > since).exists()
        asked.append(select(literal(model.__tablename__)).where(is_news))
    return Query(union_all(*asked))


def _told() -> Select[Any]:
    """The ids of new events, and of those in whose conflict something is new."""
    event, conflict, decision = tables.Event, tables.Conflict, tables.Decision
    decided = select(decision.subject_id).where(decision.kind == "conflict", decision.act_id > _since())
    news = select(conflict.subject).where(
        conflict.kind == "event", or_(conflict.act_id > _since(), conflict.id.in_(decided))
    )
    ids = union(select(event.event_id).where(event.known_from > _since()), news).subquery()
    return select(ids.c.event_id)


@cache
def _invoices_of_events() -> Query:
    return Query(select(tables.Event.invoice_id).where(tables.Event.event_id.in_(_told())))


@cache
def _other_versions() -> Query:
    conflict = tables.Conflict
    return Query(select(conflict.content).where(conflict.kind == "event", conflict.subject.in_(_told())))


@cache
def _first_day() -> Query:
    """The day of the first new event, and whether any new event's id stands under another source, too."""
    new, event, shared = aliased(tables.Event), tables.Event, tables.SharedId
    is_new = select(event.id).where(event.event_id == shared.event_id, event.known_from > _since())
    is_shared = select(shared.event_id).where(is_new.exists()).exists()
    return Query(select(func.min(new.occurred_on), is_shared).where(new.known_from > _since()))


@cache
def _of_invoices(model: type[Base], column: str, stands: bool) -> Query:
    """A column of what stands, or stood until the news, of ``invoices``."""
    columns = tables.table_of(model).c
    standing = columns.known_until.is_(None) if stands else columns.known_until > _since()
    return Query(select(columns[column]).where(one_of(columns.invoice_id, "invoices"), standing))


@cache
def _teams_of() -> Query:
    """Every team that ``members`` ever were in, also by rows that ended: what they took from it may have to go."""
    return Query(select(tables.Membership.team).where(one_of(tables.Membership.payee_id, "members")))


@cache
def _managers() -> Query:
    """Everybody who ever reported to somebody, likewise."""
    return Query(select(tables.Reporting.payee_id, tables.Reporting.manager_id))


@cache
def _paying() -> Query:
    """Every team that a plan ever paid, likewise."""
    return Query(select(tables.Assignment.team).where(tables.Assignment.team > "").distinct())


def _since() -> Any:
    return bindparam("since", type_=BigInteger)
