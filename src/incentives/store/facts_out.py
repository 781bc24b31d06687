"""Facts out of the store, as they are known now or as they were known at any act.

Everything, or the part that hangs on some invoices. Rows become records without an object between.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from incentives.documents.company import read_company
from incentives.documents.plans import read_plan
from incentives.facts import (
    Assignment,
    Company,
    Credit,
    CreditRecord,
    Customer,
    Event,
    EventRef,
    Facts,
    FxRate,
    Invoice,
    InvoiceLine,
    Membership,
    Payee,
    Reporting,
    Target,
)
from incentives.rules.plan import Plan
from incentives.store import tables
from incentives.store.bulk import rows
from incentives.store.tables import Base

Condition = ColumnElement[bool]
Ids = Select[str]
"""Which invoices: a query that answers their ids."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The company's settings and the plans, approved and in force by an act."""

    company: Company
    plans: tuple[Plan, ...]


class Known:
    """What is known now (``through`` is ``None``), or was known at an act."""

    def __init__(self, connection: Connection, through: int | None = None) -> None:
        self.connection, self.through = connection, through

    # Rules -------------------------------------------------------------------------------------------

    def rules(self) -> Rules | None:
        """The rules in force; ``None`` where none was ever approved."""
        company, plans = None, []
        for (kind, _), document in sorted(self.documents().items()):
            if kind == "company":
                company = _company(document)
            else:
                plans.append(_plan(document))
        if company is None:
            return None
        return Rules(company, tuple(plans))

    def documents(self) -> dict[tuple[str, str], str]:
        """The last approved revision of each rule as it was written, by kind and name."""
        revision, decision = tables.RuleRevision, tables.Decision
        asked = (
            select(revision.kind, revision.name, revision.document)
            .join(decision, and_(decision.kind == "rule", decision.subject_id == revision.id))
            .where(decision.choice == "approve")
            .order_by(decision.act_id, revision.id)
        )
        if self.through is not None:
            asked = asked.where(decision.act_id <= self.through)
        return {(kind, name): document for kind, name, document in self.connection.execute(asked)}

    # Facts -------------------------------------------------------------------------------------------

    def facts(self, rules: Rules) -> Facts:
        """Everything. Assignments and targets of plans that are not in force are left out."""
        return Facts(
            company=rules.company,
            payees=tuple(self.payees()),
            reporting=tuple(self.reporting()),
            memberships=tuple(self.memberships()),
            customers=tuple(self.customers()),
            credit_records=tuple(self.credit_records()),
            invoices=tuple(self.invoices()),
            events=tuple(self.events()),
            assignments=tuple(self.assignments(rules)),
            targets=tuple(self.targets(rules)),
            fx_rates=tuple(self.fx_rates()),
        )

    def payees(self, *where: Condition) -> Iterator[Payee]:
        """Payees."""
        return (Payee(*row) for row in self._rows(tables.Payee, *where))

    def reporting(self, *where: Condition) -> Iterator[Reporting]:
        """Who reports to whom."""
        return (Reporting(*row) for row in self._rows(tables.Reporting, *where))

    def memberships(self, *where: Condition) -> Iterator[Membership]:
        """Who is in which team."""
        return (Membership(*row) for row in self._rows(tables.Membership, *where))

    def customers(self, *where: Condition) -> Iterator[Customer]:
        """Customers."""
        return (Customer(*row) for row in self._rows(tables.Customer, *where))

    def credit_records(self, *where: Condition) -> Iterator[CreditRecord]:
        """What credit knew of customers."""
        return (CreditRecord(*row) for row in self._rows(tables.CreditRecord, *where))

    def assignments(self, rules: Rules, *where: Condition) -> Iterator[Assignment]:
        """Which plan in force holds for whom."""
        names = {plan.plan for plan in rules.plans}
        return (Assignment(*row) for row in self._rows(tables.Assignment, *where) if row[0] in names)

    def targets(self, rules: Rules, *where: Condition) -> Iterator[Target]:
        """Targets of plans in force."""
        names = {plan.plan for plan in rules.plans}
        return (_target(row) for row in self._rows(tables.Target, *where) if row[0] in names)

    def fx_rates(self, *where: Condition) -> Iterator[FxRate]:
        """Rates."""
        return (FxRate(*row) for row in self._rows(tables.FxRate, *where))

    def invoices(self, ids: Ids | None = None) -> list[Invoice]:
        """Invoices with their lines and, in listed order, their credits."""
        lines: dict[str, list[InvoiceLine]] = {}
        for invoice_id, _, line, net, tax, category, cost, counts in self._of_invoices(tables.InvoiceLine, ids):
            made = InvoiceLine(line, net, tax, category, cost, bool(counts))
            lines.setdefault(invoice_id, []).append(made)
        credits: dict[str, list[Credit]] = {}
        for invoice_id, _, payee_id, role, share_ppm in self._of_invoices(tables.Credit, ids):
            credits.setdefault(invoice_id, []).append(Credit(payee_id, role, share_ppm))
        return [
            _invoice(row, lines.get(row[0], ()), credits.get(row[0], ()))
            for row in self._of_invoices(tables.Invoice, ids)
        ]

    def events(self, ids: Ids | None = None, held: Container[str] | None = None) -> Iterator[Event]:
        """Events of some invoices; ``held`` are these invoices too.

        One in conflict comes in all its versions, one that was replaced in the version that was chosen.
        """
        table = tables.table_of(tables.Event)
        asked = select(*list(table.columns)[2:])
        if self.through is not None:
            asked = asked.where(table.c.known_from <= self.through)
        if ids is not None:
            asked = asked.where(table.c.invoice_id.in_(ids))
        versions = self.versions
        made = (Event(*row) for row in rows(self.connection, asked))
        yield from (event for event in made if event.ref not in versions) if versions else made
        for each in versions.values():
            for event in each:
                if held is None or event.invoice_id in held:
                    yield event

    def is_known(self, model: type[Base]) -> Condition:
        """Whether a versioned row is what is known."""
        columns = tables.table_of(model).c
        if self.through is None:
            return columns.known_until.is_(None)
        until = columns.known_until
        return and_(columns.known_from <= self.through, or_(until.is_(None), until > self.through))

    def _rows(self, model: type[Base], *where: Condition) -> Iterable[Any]:
        """The contents of a versioned table in the order in which they became known."""
        table = tables.table_of(model)
        content = [column for column in table.columns if column.name not in ("id", "known_from", "known_until")]
        asked = select(*content).where(self.is_known(model), *where).order_by(table.c.id)
        return rows(self.connection, asked)

    def _of_invoices(self, model: type[Base], ids: Ids | None) -> Iterable[Any]:
        return self._rows(model) if ids is None else self._rows(model, model.__table__.c.invoice_id.in_(ids))

    # Conflicts ---------------------------------------------------------------------------------------

    @cached_property
    def versions(self) -> dict[EventRef, list[Event]]:
        """Of every event that came in several versions those that count as its content now: the one that was
        chosen, or that came first, and every one that waits for a decision."""
        conflict, decision = tables.Conflict, tables.Decision
        decided = and_(decision.kind == "conflict", decision.subject_id == conflict.id)
        asked = select(conflict.source, conflict.subject, conflict.content, decision.choice)
        if self.through is not None:
            asked = asked.where(conflict.act_id <= self.through)
            decided = and_(decided, decision.act_id <= self.through)
        asked = asked.outerjoin(decision, decided).where(conflict.kind == "event")
        others = list(self.connection.execute(asked.order_by(decision.act_id, conflict.id)))
        found = {event.ref: [event] for event in self._first_versions({row.subject for row in others})}
        for source, subject, content, choice in others:
            event, standing = event_from(content), found[source, subject]
            if choice == "replace":
                standing[0] = event
            elif choice != "keep":
                standing.append(event)
        wanted = {(row.source, row.subject) for row in others}
        return {ref: events for ref, events in found.items() if ref in wanted}

    def _first_versions(self, event_ids: set[str]) -> Iterator[Event]:
        table = tables.table_of(tables.Event)
        if event_ids:
            asked = select(*list(table.columns)[2:]).where(table.c.event_id.in_(event_ids))
            yield from (Event(*row) for row in self.connection.execute(asked))


@lru_cache(maxsize=1024)
def _plan(document: str) -> Plan:
    plan, _ = read_plan(document, "plan")
    assert plan is not None, "what was approved had been read"
    return plan


@lru_cache(maxsize=64)
def _company(document: str) -> Company:
    company, _ = read_company(document, "company.toml")
    assert company is not None, "what was approved had been read"
    return company


def _invoice(row: Any, lines: Iterable[InvoiceLine], credits: Iterable[Credit]) -> Invoice:
    invoice_id, customer_id, currency, issued_on, due_on, signed_on, team = row
    return Invoice(
        invoice_id, customer_id, currency, issued_on, due_on, signed_on, team, tuple(lines), tuple(credits)
    )


def event_from(content: str) -> Event:
    """An event from the text in which a conflict keeps it."""
    said = json.loads(content)
    for name in ("occurred_on", "new_due_on"):
        said[name] = said[name] and dt.date.fromisoformat(said[name])
    return Event(**said)


def invoice_from(content: str) -> Invoice:
    """An invoice, without its credits, from the text in which a conflict keeps it."""
    said = json.loads(content)
    for name in ("issued_on", "due_on", "contract_signed_on"):
        said[name] = said[name] and dt.date.fromisoformat(said[name])
    lines = [{key: value for key, value in line.items() if key not in _PLACE} for line in said.pop("lines")]
    made = (InvoiceLine(**line | {"commissionable": bool(line["commissionable"])}) for line in lines)
    return Invoice(**said, lines=tuple(made))


_PLACE = ("invoice_id", "position")


def _target(row: Any) -> Target:
    plan, component, payee_id, team, window_start, amount_minor = row
    day = dt.date.fromisoformat(window_start) if window_start else None
    return Target(plan, component, payee_id, team, day, amount_minor)
