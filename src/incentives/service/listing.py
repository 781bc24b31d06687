"""Facts as a program reads them: what is known now, within the viewer's reach, a page at a time.

A page goes on after the number of the last row; what somebody changes meanwhile comes again at the end. Rows are
told in the columns of the CSV files, in major units, so that what is read can be sent again.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from incentives.calendar import month_name
from incentives.documents.written import decimal
from incentives.facts import Event
from incentives.feeds.assignments import ASSIGNMENTS, FX_RATES, TARGETS
from incentives.feeds.events import EVENTS
from incentives.feeds.invoices import CREDITS, CUSTOMER_CREDIT, CUSTOMERS, INVOICES, LINES
from incentives.feeds.people import MEMBERSHIPS, PAYEES, REPORTING
from incentives.feeds.tables import Column
from incentives.money import major
from incentives.service.access import SEE_ALL_CUSTOMERS, NotThere, Viewer
from incentives.service.deliveries import standing
from incentives.service.runs import rules_in_force
from incentives.store import tables
from incentives.store.facts_out import EVENT_COLUMNS
from incentives.store.tables import Base, table_of

Said = dict[str, Any]
Reach = Callable[[Viewer], "ColumnElement[bool] | None"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fact: the file it would stand in, its columns, its table, and which rows a viewer may see.

    ``filters`` are the columns that a list can be asked for.
    """

    file: str
    columns: Sequence[Column]
    model: type[Base]
    filters: tuple[str, ...]
    reach: Reach


def page(
    connection: Connection, viewer: Viewer, noun: str, wanted: Mapping[str, str], after: int, limit: int
) -> list[tuple[int, Said]]:
    """Up to ``limit`` rows of a kind and one more, if there is one, each with its number, after a number."""
    kind = KINDS[noun]
    table = table_of(kind.model)
    asked = select(table).where(table.c.id > after).order_by(table.c.id).limit(limit + 1)
    if "known_until" in table.c:
        asked = asked.where(table.c.known_until.is_(None))
    asked = asked.where(*(table.c[name] == value for name, value in wanted.items()))
    reach = kind.reach(viewer)
    if reach is not None:
        asked = asked.where(reach)
    rows = connection.execute(asked).all()
    told = _TELLING.get(noun, _plainly)(connection, kind, rows)
    if noun == "invoices" and not viewer.has(*SEE_ALL_CUSTOMERS):
        mine = viewer.payees() or frozenset()
        told = [each | {"credits": [one for one in each["credits"] if one["payee_id"] in mine]} for each in told]
    return [(row.id, each) for row, each in zip(rows, told, strict=True)]


def invoices_with(connection: Connection, invoice_ids: Iterable[str]) -> dict[str, Said]:
    """The lines and credits of some invoices, by id."""
    ids = list(invoice_ids)
    found: dict[str, Said] = {each: {"lines": [], "credits": []} for each in ids}
    for noun, key in (("invoice_lines", "lines"), ("credits", "credits")):
        kind = KINDS[noun]
        table = table_of(kind.model)
        asked = select(table).where(table.c.known_until.is_(None), table.c.invoice_id.in_(ids))
        rows = connection.execute(asked.order_by(table.c.invoice_id, table.c.position)).all()
        for each in _TELLING.get(noun, _plainly)(connection, kind, rows):
            found[each.pop("invoice_id")][key].append(each)
    return found


def runs(connection: Connection, after: int, limit: int) -> list[Said]:
    """Up to ``limit`` runs and one more, if there is one, after a number."""
    run, act = table_of(tables.Run), tables.Act
    asked = select(run, act.at, act.actor).join(act, act.id == run.c.act_id).where(run.c.id > after)
    return [
        {
            "run": row.id,
            "month": month_name(row.month),
            "as_of": row.as_of.isoformat(),
            "scope": row.scope,
            "entries": row.entries,
            "at": instant(row.at),
            "by": row.actor,
        }
        for row in connection.execute(asked.order_by(run.c.id).limit(limit + 1))
    ]


def acts_page(
    connection: Connection, after: int, limit: int, wanted: Mapping[str, str], since: dt.date | None
) -> list[Said]:
    """Up to ``limit`` acts and one more, if there is one, after a number; ``wanted`` by column, from a day on."""
    act = table_of(tables.Act)
    asked = select(act).where(act.c.id > after, *(act.c[name] == value for name, value in wanted.items()))
    if since is not None:
        asked = asked.where(act.c.at >= dt.datetime(since.year, since.month, since.day, tzinfo=dt.UTC))
    names = ("actor", "what", "subject", "before", "after", "reason", "request")
    return [
        {"act": row.id, "at": instant(row.at)} | {name: _plain(row._mapping[name]) for name in names}
        for row in connection.execute(asked.order_by(act.c.id).limit(limit + 1))
    ]


def questions(
    connection: Connection,
    viewer: Viewer,
    after: int,
    limit: int,
    payee_id: str | None = None,
    state: str | None = None,
    only: int | None = None,
) -> list[Said]:
    """Up to ``limit`` questions about pay that the viewer sees, with answers, and one more, if there is one."""
    question, answer, act = table_of(tables.Question), table_of(tables.Answer), table_of(tables.Act)
    then = act.alias("then")
    asked = (
        select(question, act.c.actor, act.c.at, answer.c.answer, then.c.actor.label("by"), then.c.at.label("when"))
        .join(act, act.c.id == question.c.act_id)
        .outerjoin(answer, answer.c.question_id == question.c.id)
        .outerjoin(then, then.c.id == answer.c.act_id)
        .where(question.c.id > after)
    )
    mine = viewer.payees()
    conditions = (
        None if mine is None else question.c.payee_id.in_(mine),
        None if payee_id is None else question.c.payee_id == payee_id,
        None if only is None else question.c.id == only,
        None if state is None else answer.c.answer.is_(None) if state == "open" else answer.c.answer.is_not(None),
    )
    asked = asked.where(*(each for each in conditions if each is not None))
    return [
        {
            "question": row.id,
            "payee_id": row.payee_id,
            "plan": row.plan or None,
            "component": row.component,
            "kind": row.kind,
            "cause": row.cause,
            "text": row.question,
            "asked_by": row.actor,
            "asked_at": instant(row.at),
            "answer": row.answer,
            "answered_by": row.by,
            "answered_at": instant(row.when),
        }
        for row in connection.execute(asked.order_by(question.c.id).limit(limit + 1))
    ]


def statements(
    connection: Connection,
    viewer: Viewer,
    after: str,
    limit: int,
    payee_id: str | None = None,
    quarter: dt.date | None = None,
) -> list[tuple[str, Said]]:
    """Up to ``limit`` statements and one more, if there is one, by quarter and payee, each with its key."""
    table = table_of(tables.Statement)
    asked = select(table.c.quarter, table.c.payee_id, table.c.language, table.c.sha256)
    mine = viewer.payees()
    if mine is not None:
        asked = asked.where(table.c.payee_id.in_(mine))
    if payee_id is not None:
        asked = asked.where(table.c.payee_id == payee_id)
    if quarter is not None:
        asked = asked.where(table.c.quarter == quarter)
    month, _, last = after.partition(".")
    if _MONTH.fullmatch(month):
        day = dt.date(int(month[:4]), int(month[5:]), 1)
        asked = asked.where(or_(table.c.quarter > day, and_(table.c.quarter == day, table.c.payee_id > last)))
    return [
        (
            f"{month_name(row.quarter)}.{row.payee_id}",
            {
                "quarter": month_name(row.quarter),
                "payee_id": row.payee_id,
                "language": row.language,
                "sha256": row.sha256,
            },
        )
        for row in connection.execute(asked.order_by(table.c.quarter, table.c.payee_id).limit(limit + 1))
    ]


_MONTH = re.compile("[12][0-9]{3}-(0[1-9]|1[0-2])")


def statement(connection: Connection, quarter: dt.date, payee_id: str) -> tuple[str, str]:
    """A statement as it was fixed, and its SHA-256. Raises :class:`NotThere`."""
    row = tables.Statement
    asked = select(row.document, row.sha256).where(row.quarter == quarter, row.payee_id == payee_id)
    found = connection.execute(asked).one_or_none()
    if found is None:
        raise NotThere(payee_id)
    return str(found.document), str(found.sha256)


def acts(connection: Connection, numbers: Iterable[int]) -> dict[int, Any]:
    """Who did something when (``actor``, ``at``), by the number of the act."""
    act = tables.Act
    asked = select(act.id, act.at, act.actor).where(act.id.in_(list(numbers)))
    return {row.id: row for row in connection.execute(asked)}


def instant(at: dt.datetime | None) -> str | None:
    """An instant as RFC 3339, to the second."""
    return None if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# Reach -----------------------------------------------------------------------------------------------


def _of_invoices(column: Any) -> Reach:
    """Rows of invoices that the viewer may look at (:func:`incentives.service.access.reach_invoice`)."""

    def reach(viewer: Viewer) -> ColumnElement[bool] | None:
        if viewer.has(*SEE_ALL_CUSTOMERS):
            return None
        credit, mine = tables.Credit, viewer.payees() or frozenset()
        credited = select(credit.invoice_id).where(credit.known_until.is_(None), credit.payee_id.in_(mine))
        condition: ColumnElement[bool] = column.in_(credited)
        return condition

    return reach


def _of_customers(column: Any) -> Reach:
    def reach(viewer: Viewer) -> ColumnElement[bool] | None:
        if viewer.has(*SEE_ALL_CUSTOMERS):
            return None
        invoice = tables.Invoice
        seen = _of_invoices(invoice.invoice_id)(viewer)
        assert seen is not None
        theirs = select(invoice.customer_id).where(invoice.known_until.is_(None), seen)
        condition: ColumnElement[bool] = column.in_(theirs)
        return condition

    return reach


def _of_payees(column: Any, team: Any = None) -> Reach:
    """Rows of payees whose pay the viewer sees; of a team where one of these is in it."""

    def reach(viewer: Viewer) -> ColumnElement[bool] | None:
        mine = viewer.payees()
        if mine is None:
            return None
        condition: ColumnElement[bool] = column.in_(mine)
        if team is None:
            return condition
        member = tables.Membership
        teams = select(member.team).where(member.known_until.is_(None), member.payee_id.in_(mine))
        return or_(condition, team.in_(teams))

    return reach


def _of_everybody(viewer: Viewer) -> ColumnElement[bool] | None:
    return None


# Telling ---------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """A value of a column as a program reads it: what is absent is null."""
    if isinstance(value, dt.date):
        return value.isoformat()
    return None if value == "" else value


def _plainly(connection: Connection, kind: Kind, rows: Sequence[Any]) -> list[Said]:
    return [{column.name: _plain(row._mapping.get(column.name)) for column in kind.columns} for row in rows]


def _events(connection: Connection, kind: Kind, rows: Sequence[Any]) -> list[Said]:
    """Events as they count now: one that a person replaced as it was replaced."""
    events = [Event(*row[-len(EVENT_COLUMNS) :]) for row in rows]
    counting = standing(connection, events)
    events = [counting[each.ref] for each in events]
    homes = _currencies(connection, {each.invoice_id for each in events})
    told = []
    for event in events:
        said = {column.name: _plain(getattr(event, column.name, None)) for column in kind.columns}
        if event.amount_minor is not None:
            said["amount"] = major(event.amount_minor, event.currency or homes[event.invoice_id])
        told.append(said)
    return told


def _lines(connection: Connection, kind: Kind, rows: Sequence[Any]) -> list[Said]:
    homes = _currencies(connection, {row.invoice_id for row in rows})
    told = _plainly(connection, kind, rows)
    for row, said in zip(rows, told, strict=True):
        for name in ("net", "tax", "cost"):
            said[name] = major(getattr(row, f"{name}_minor"), homes[row.invoice_id])
        said["commissionable"] = bool(row.commissionable)
    return told


def _credits(connection: Connection, kind: Kind, rows: Sequence[Any]) -> list[Said]:
    told = _plainly(connection, kind, rows)
    return [said | {"share": decimal(row.share_ppm)} for row, said in zip(rows, told, strict=True)]


def _invoices(connection: Connection, kind: Kind, rows: Sequence[Any]) -> list[Said]:
    parts = invoices_with(connection, [row.invoice_id for row in rows])
    return [said | parts[said["invoice_id"]] for said in _plainly(connection, kind, rows)]


def _credit_records(connection: Connection, kind: Kind, rows: Sequence[Any]) -> list[Said]:
    currency = rules_in_force(connection).company.currency
    told = _plainly(connection, kind, rows)
    for row, said in zip(rows, told, strict=True):
        if row.credit_limit_minor is not None:
            said["credit_limit"] = major(row.credit_limit_minor, currency)
    return told


def _targets(connection: Connection, kind: Kind, rows: Sequence[Any]) -> list[Said]:
    rules = rules_in_force(connection)
    currencies = {plan.plan: plan.currency for plan in rules.plans}
    told = _plainly(connection, kind, rows)
    for row, said in zip(rows, told, strict=True):
        said["amount"] = major(row.amount_minor, currencies.get(row.plan, rules.company.currency))
    return told


def _rates(connection: Connection, kind: Kind, rows: Sequence[Any]) -> list[Said]:
    return [
        {
            "from": row.from_currency,
            "to": row.to_currency,
            "on": row.on.isoformat(),
            "rate": decimal(row.rate_ppm),
        }
        for row in rows
    ]


_TELLING: Mapping[str, Callable[[Connection, Kind, Sequence[Any]], list[Said]]] = {
    "events": _events,
    "invoices": _invoices,
    "invoice_lines": _lines,
    "credits": _credits,
    "customer_credit": _credit_records,
    "targets": _targets,
    "fx_rates": _rates,
}


def _currencies(connection: Connection, invoice_ids: Iterable[str]) -> dict[str, str]:
    invoice = tables.Invoice
    asked = select(invoice.invoice_id, invoice.currency)
    wanted = asked.where(invoice.known_until.is_(None), invoice.invoice_id.in_(list(invoice_ids)))
    return {row[0]: row[1] for row in connection.execute(wanted)}


KINDS: Mapping[str, Kind] = {
    "events": Kind(
        "events.csv",
        EVENTS,
        tables.Event,
        ("invoice_id", "event_id", "source", "type"),
        _of_invoices(tables.Event.invoice_id),
    ),
    "invoices": Kind(
        "invoices.csv",
        INVOICES,
        tables.Invoice,
        ("invoice_id", "customer_id", "team"),
        _of_invoices(tables.Invoice.invoice_id),
    ),
    "invoice_lines": Kind(
        "invoice_lines.csv",
        LINES,
        tables.InvoiceLine,
        ("invoice_id",),
        _of_invoices(tables.InvoiceLine.invoice_id),
    ),
    "credits": Kind(
        "credits.csv", CREDITS, tables.Credit, ("invoice_id", "payee_id"), _of_payees(tables.Credit.payee_id)
    ),
    "customers": Kind(
        "customers.csv", CUSTOMERS, tables.Customer, ("customer_id",), _of_customers(tables.Customer.customer_id)
    ),
    "customer_credit": Kind(
        "customer_credit.csv",
        CUSTOMER_CREDIT,
        tables.CreditRecord,
        ("customer_id",),
        _of_customers(tables.CreditRecord.customer_id),
    ),
    "payees": Kind("payees.csv", PAYEES, tables.Payee, ("payee_id",), _of_payees(tables.Payee.payee_id)),
    "reporting": Kind(
        "reporting.csv",
        REPORTING,
        tables.Reporting,
        ("payee_id", "manager_id"),
        _of_payees(tables.Reporting.payee_id),
    ),
    "memberships": Kind(
        "memberships.csv",
        MEMBERSHIPS,
        tables.Membership,
        ("payee_id", "team"),
        _of_payees(tables.Membership.payee_id),
    ),
    "assignments": Kind(
        "assignments.csv",
        ASSIGNMENTS,
        tables.Assignment,
        ("plan", "payee_id", "team"),
        _of_payees(tables.Assignment.payee_id, tables.Assignment.team),
    ),
    "targets": Kind(
        "targets.csv",
        TARGETS,
        tables.Target,
        ("plan", "payee_id", "team"),
        _of_payees(tables.Target.payee_id, tables.Target.team),
    ),
    "fx_rates": Kind("fx_rates.csv", FX_RATES, tables.FxRate, (), _of_everybody),
}
"""Every kind of fact, by the noun under which the API has it."""
