"""Facts out of the store, as they are known now or as they were known at any act.

Everything, or the part that hangs on some invoices. Rows become records without an object between.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import starmap
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, and_, bindparam, or_, select

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
from incentives.store.bulk import Row
from incentives.store.queries import Query, Value, one_of
from incentives.store.tables import Base

Condition = ColumnElement[bool]
"""Made once, with named values: a query is kept under the conditions that it was made with."""
Ids = Select[str]
"""Which invoices: a query that answers their ids, made once as well."""


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
        return {(kind, name): document for kind, name, document in self.ask(_documents(self.is_now))}

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

    def payees(self, where: Condition | None = None, **values: Value) -> Iterator[Payee]:
        """Payees."""
        return (Payee(*row) for row in self._rows(tables.Payee, where, values))

    def reporting(self, where: Condition | None = None, **values: Value) -> Iterator[Reporting]:
        """Who reports to whom."""
        return (Reporting(*row) for row in self._rows(tables.Reporting, where, values))

    def memberships(self, where: Condition | None = None, **values: Value) -> Iterator[Membership]:
        """Who is in which team."""
        return (Membership(*row) for row in self._rows(tables.Membership, where, values))

    def customers(self, where: Condition | None = None, **values: Value) -> Iterator[Customer]:
        """Customers."""
        return (Customer(*row) for row in self._rows(tables.Customer, where, values))

    def credit_records(self, where: Condition | None = None, **values: Value) -> Iterator[CreditRecord]:
        """What credit knew of customers."""
        return (CreditRecord(*row) for row in self._rows(tables.CreditRecord, where, values))

    def assignments(self, rules: Rules, where: Condition | None = None, **values: Value) -> Iterator[Assignment]:
        """Which plan in force holds for whom."""
        names = {plan.plan for plan in rules.plans}
        return (Assignment(*row) for row in self._rows(tables.Assignment, where, values) if row[0] in names)

    def targets(self, rules: Rules, where: Condition | None = None, **values: Value) -> Iterator[Target]:
        """Targets of plans in force."""
        names = {plan.plan for plan in rules.plans}
        return (_target(row) for row in self._rows(tables.Target, where, values) if row[0] in names)

    def fx_rates(self, where: Condition | None = None, **values: Value) -> Iterator[FxRate]:
        """Rates."""
        return (FxRate(*row) for row in self._rows(tables.FxRate, where, values))

    def invoices(self, ids: Ids | None = None, **values: Value) -> list[Invoice]:
        """Invoices with their lines and, in listed order, their credits."""
        lines: dict[str, list[InvoiceLine]] = {}
        of_invoices = self._of_invoices(tables.InvoiceLine, ids, values)
        for invoice_id, _, line, net, tax, category, cost, counts in of_invoices:
            made = InvoiceLine(line, net, tax, category, cost, bool(counts))
            lines.setdefault(invoice_id, []).append(made)
        credits: dict[str, list[Credit]] = {}
        for invoice_id, _, payee_id, role, share_ppm in self._of_invoices(tables.Credit, ids, values):
            credits.setdefault(invoice_id, []).append(Credit(payee_id, role, share_ppm))
        return [
            _invoice(row, lines.get(row[0], ()), credits.get(row[0], ()))
            for row in self._of_invoices(tables.Invoice, ids, values)
        ]

    def events(
        self, ids: Ids | None = None, held: Container[str] | None = None, **values: Value
    ) -> Iterator[Event]:
        """Events of some invoices; ``held`` are these invoices too.

        One in conflict comes in all its versions, one that was replaced in the version that was chosen.
        """
        versions = self.versions
        made = starmap(Event, self.ask(_events(ids, self.is_now), **values))
        yield from (event for event in made if event.ref not in versions) if versions else made
        for each in versions.values():
            for event in each:
                if held is None or event.invoice_id in held:
                    yield event

    @property
    def is_now(self) -> bool:
        """Whether it is what is known now that is asked for."""
        return self.through is None

    @property
    def _at(self) -> dict[str, int]:
        """The act with which a query is asked about then."""
        return {} if self.through is None else {"through": self.through}

    def ask(self, query: Query, **values: Value) -> Iterable[Row]:
        """The rows of a query about what is known (:func:`is_known`)."""
        return query.rows(self.connection, **self._at, **values)

    def _rows(self, model: type[Base], where: Condition | None, values: Mapping[str, Value]) -> Iterable[Row]:
        return self.ask(_contents(model, where, self.is_now), **values)

    def _of_invoices(self, model: type[Base], ids: Ids | None, values: Mapping[str, Value]) -> Iterable[Row]:
        return self.ask(_contents_of_invoices(model, ids, self.is_now), **values)

    # Conflicts ---------------------------------------------------------------------------------------

    @cached_property
    def versions(self) -> dict[EventRef, list[Event]]:
        """Of every event that came in several versions those that count as its content now: the one that was
        chosen, or that came first, and every one that waits for a decision."""
        others = list(self.ask(_conflicts(self.is_now)))
        found = {event.ref: [event] for event in self._first_versions({row[1] for row in others})}
        for source, subject, content, choice in others:
            event, standing = event_from(content), found[source, subject]
            if choice == "replace":
                standing[0] = event
            elif choice != "keep":
                standing.append(event)
        wanted = {(row[0], row[1]) for row in others}
        return {ref: events for ref, events in found.items() if ref in wanted}

    def _first_versions(self, event_ids: set[str]) -> Iterator[Event]:
        if event_ids:
            yield from (Event(*row) for row in EVENTS.rows(self.connection, events=event_ids))


# Queries ---------------------------------------------------------------------------------------------


def is_known(model: type[Base], now: bool) -> Condition:
    """Whether a versioned row is what is known now, or what was known at the act ``through``."""
    columns = tables.table_of(model).c
    until = columns.known_until
    if now:
        return until.is_(None)
    through: BindParameter[int] = bindparam("through")
    return and_(columns.known_from <= through, or_(until.is_(None), until > through))


@lru_cache(maxsize=256)
def _contents(model: type[Base], where: Condition | None, now: bool) -> Query:
    """The contents of a versioned table in the order in which they became known."""
    table = tables.table_of(model)
    content = [column for column in table.columns if column.name not in ("id", "known_from", "known_until")]
    asked = select(*content).where(is_known(model, now)).order_by(table.c.id)
    return Query(asked if where is None else asked.where(where))


@lru_cache(maxsize=256)
def _contents_of_invoices(model: type[Base], ids: Ids | None, now: bool) -> Query:
    return _contents(model, None if ids is None else tables.table_of(model).c.invoice_id.in_(ids), now)


EVENT_COLUMNS = list(tables.table_of(tables.Event).columns)[2:]
"""As :class:`incentives.facts.Event` has its fields, so that a row makes an event and an event a row."""
EVENTS = Query(select(*EVENT_COLUMNS).where(one_of(tables.Event.event_id, "events")))
"""The events of these ids as they came first."""


@lru_cache(maxsize=256)
def _events(ids: Ids | None, now: bool) -> Query:
    columns = tables.table_of(tables.Event).c
    asked = select(*EVENT_COLUMNS)
    if ids is not None:
        asked = asked.where(columns.invoice_id.in_(ids))
    return Query(asked if now else asked.where(columns.known_from <= bindparam("through")))


@lru_cache
def _documents(now: bool) -> Query:
    """Every approved revision of every rule, in the order in which they were approved."""
    revision, decision = tables.RuleRevision, tables.Decision
    asked = (
        select(revision.kind, revision.name, revision.document)
        .join(decision, and_(decision.kind == "rule", decision.subject_id == revision.id))
        .where(decision.choice == "approve")
        .order_by(decision.act_id, revision.id)
    )
    return Query(asked if now else asked.where(decision.act_id <= bindparam("through")))


@lru_cache
def _conflicts(now: bool) -> Query:
    """Every version of an event but the first, and what was decided about it."""
    conflict, decision = tables.Conflict, tables.Decision
    decided = and_(decision.kind == "conflict", decision.subject_id == conflict.id)
    asked = select(conflict.source, conflict.subject, conflict.content, decision.choice)
    if not now:
        asked = asked.where(conflict.act_id <= bindparam("through"))
        decided = and_(decided, decision.act_id <= bindparam("through"))
    asked = asked.outerjoin(decision, decided).where(conflict.kind == "event")
    return Query(asked.order_by(decision.act_id, conflict.id))


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
