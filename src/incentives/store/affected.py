"""Whom a change can affect: the payees and teams whose numbers an event, a rule or a credit may have moved.

A little too many do no harm, they cost time. One too few would be wrong pay: where it is not plain who is
affected, everybody is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, and_, func, literal, or_, select, union_all

from incentives.calculation.chunks import Scope
from incentives.store import tables
from incentives.store.bulk import batches
from incentives.store.facts_out import event_from
from incentives.store.tables import Base


def affected(connection: Connection, since: int) -> Scope | None:
    """Who is affected by what became known after an act; ``None``: everybody."""
    return _Affected(connection, since).scope()


class _Affected:
    def __init__(self, connection: Connection, since: int) -> None:
        self.connection, self.since = connection, since
        self.payees: set[str] = set()
        self.teams: set[str] = set()
        self.invoices: set[str] = set()
        self.changed = self._changed_tables()

    def scope(self) -> Scope | None:
        if self._everybody():
            return None
        self._rules()
        self._people()
        self._customers()
        self._invoices()
        self._events()
        self._of_invoices()
        self._above()
        paying = self._texts(select(tables.Assignment.team).distinct())
        return Scope(tuple(sorted(self.payees - {""})), tuple(sorted(self.teams & paying - {""})))

    def _everybody(self) -> bool:
        """Rates and the company's settings reach everybody."""
        settings = self._approved(tables.RuleRevision.id).where(tables.RuleRevision.kind == "company")
        return "fx_rates" in self.changed or bool(self._texts(settings))

    def _rules(self) -> None:
        plans = self._texts(self._approved(tables.RuleRevision.name))
        if plans:
            self._assigned(tables.Assignment.plan.in_(plans))

    def _people(self) -> None:
        payee, reporting, target, member = tables.Payee, tables.Reporting, tables.Target, tables.Membership
        if "assignments" in self.changed:
            self._assigned(self._is_news(tables.Assignment))
        for model, asked in (
            (payee, select(payee.payee_id, literal(""))),
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
        found: set[str] = set()
        for some in batches(customers, 1000):
            earliest = select(invoice.customer_id, func.min(invoice.issued_on)).where(
                invoice.customer_id.in_(some), invoice.known_until.is_(None)
            )
            before = earliest.where(invoice.known_from <= self.since).group_by(invoice.customer_id)
            now = earliest.group_by(invoice.customer_id)
            stood: dict[str, Any] = dict(self._rows(before))
            found |= {customer_id for customer_id, day in self._rows(now) if stood.get(customer_id, day) != day}
        return found

    def _invoices(self) -> None:
        for model in (tables.Invoice, tables.InvoiceLine, tables.Credit):
            if model.__tablename__ in self.changed:
                table = tables.table_of(model)
                self.invoices |= self._texts(select(table.c.invoice_id).where(self._is_news(model)))

    def _events(self) -> None:
        """New events, those that share their id (causes then name the source), and both sides of conflicts."""
        event, conflict, decision = tables.Event, tables.Conflict, tables.Decision
        new = select(event.event_id).where(event.known_from > self.since)
        self.invoices |= self._texts(select(event.invoice_id).where(event.event_id.in_(new)))
        decided = select(decision.subject_id).where(decision.kind == "conflict", decision.act_id > self.since)
        asked = select(conflict.kind, conflict.subject, conflict.content).where(
            or_(conflict.act_id > self.since, conflict.id.in_(decided))
        )
        for kind, subject, content in self._rows(asked):
            if kind == "event":
                self.invoices.add(event_from(content).invoice_id)
                self.invoices |= self._texts(select(event.invoice_id).where(event.event_id == subject))

    def _of_invoices(self) -> None:
        """Those whom these invoices credit, or credited until now, and the teams they count for."""
        credit, invoice, member = tables.Credit, tables.Invoice, tables.Membership
        credited: set[str] = set()
        for some in batches(self.invoices, 5000):
            standing = or_(credit.known_until.is_(None), credit.known_until > self.since)
            credited |= self._texts(select(credit.payee_id).where(credit.invoice_id.in_(some), standing))
            self.teams |= self._texts(select(invoice.team).where(invoice.invoice_id.in_(some)))
        self.payees |= credited
        for some in batches(credited, 5000):
            self.teams |= self._texts(select(member.team).where(member.payee_id.in_(some)))

    def _above(self) -> None:
        """Everybody above those affected, on whatever days."""
        reporting = tables.Reporting
        managers: dict[str, set[str]] = {}
        for payee_id, manager_id in self._rows(select(reporting.payee_id, reporting.manager_id)):
            managers.setdefault(payee_id, set()).add(manager_id)
        ask = list(self.payees) if managers else []
        while ask:
            for manager_id in managers.get(ask.pop(), ()):
                if manager_id not in self.payees:
                    self.payees.add(manager_id)
                    ask.append(manager_id)

    def _changed_tables(self) -> frozenset[str]:
        """The versioned tables in which anything is news: mostly none, and asked of all at once."""
        models = {each.class_.__tablename__: each.class_ for each in Base.registry.mappers}
        asked = [
            select(literal(name)).where(select(models[name].id).where(self._is_news(models[name])).exists())
            for name in tables.VERSIONED
        ]
        return frozenset(self.connection.execute(union_all(*asked)).scalars())

    def _is_news(self, model: type[Base]) -> Any:
        columns = tables.table_of(model).c
        return or_(columns.known_from > self.since, columns.known_until > self.since)

    def _approved(self, column: Any) -> Select[Any]:
        decision, revision = tables.Decision, tables.RuleRevision
        decided = and_(decision.kind == "rule", decision.subject_id == revision.id)
        approved = and_(decided, decision.choice == "approve", decision.act_id > self.since)
        return select(column).join(decision, approved)

    def _texts(self, asked: Any) -> set[str]:
        return set(self.connection.execute(asked).scalars())

    def _rows(self, asked: Any) -> Iterable[Any]:
        return self.connection.execute(asked)
