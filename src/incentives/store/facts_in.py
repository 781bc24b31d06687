"""Facts into the store: what is new is added, what is known is left, what differs waits or begins a new version.

An event or an invoice with other content under a known id is a conflict: a person decides. Everything else that
people maintain gets a new version, known from this act on. The list of an invoice's credits is replaced whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection, Select, bindparam, except_, func, insert, select, update
from sqlalchemy.orm import aliased

from incentives.facts import Credit, Event, Facts, Invoice
from incentives.store import tables
from incentives.store.acts import next_id, said
from incentives.store.bulk import Row, batches, insert_rows
from incentives.store.facts_out import EVENT_COLUMNS, EVENTS, Ids, Known
from incentives.store.queries import Query
from incentives.store.tables import Base

Unit = tuple[Any, ...]


@dataclass(slots=True)
class Count:
    """What became of the rows of one kind; ``waiting`` for a person's decision, ``gone`` no longer listed."""

    new: int = 0
    same: int = 0
    changed: int = 0
    waiting: int = 0
    gone: int = 0


@dataclass(frozen=True)
class _Kind:
    """How one kind of maintained fact is kept: the columns that tell its units apart, and its rows."""

    file: str
    model: type[Base]
    unit: tuple[str, ...]

    @cached_property
    def content(self) -> list[Column[Any]]:
        """The columns that hold what was said."""
        return [column for column in tables.table_of(self.model).columns if column.name not in _FRAME]

    @cached_property
    def unit_of(self) -> Callable[[Row], Unit]:
        """The unit that a row belongs to."""
        names = [column.name for column in self.content]
        return _picker([names.index(name) for name in self.unit])


_KINDS = (
    _Kind("payees.csv", tables.Payee, ("payee_id",)),
    _Kind("reporting.csv", tables.Reporting, ("payee_id", "manager_id", "starts_on")),
    _Kind("memberships.csv", tables.Membership, ("team", "payee_id", "role", "starts_on")),
    _Kind("customers.csv", tables.Customer, ("customer_id",)),
    _Kind("customer_credit.csv", tables.CreditRecord, ("customer_id", "on")),
    _Kind("assignments.csv", tables.Assignment, ("plan", "payee_id", "team", "starts_on")),
    _Kind("targets.csv", tables.Target, ("plan", "component", "payee_id", "team", "window_start")),
    _Kind("fx_rates.csv", tables.FxRate, ("from_currency", "to_currency", "on")),
)
_CREDITS = _Kind("credits.csv", tables.Credit, ("invoice_id",))
_INVOICES = _Kind("invoices.csv", tables.Invoice, ("invoice_id",))
_LINES = _Kind("invoice_lines.csv", tables.InvoiceLine, ("invoice_id",))


def save(
    connection: Connection,
    act_id: int,
    facts: Facts,
    credits_of: Iterable[tuple[str, Sequence[Credit]]] = (),
    complete: frozenset[str] = frozenset(),
) -> dict[str, Count]:
    """Everything of a delivery but its rules; what became of it, by file.

    ``credits_of`` are new lists for invoices that were delivered earlier. Of the files in ``complete``, what is
    no longer listed ends.
    """
    counts = {kind.file: _Saving(connection, act_id, kind) for kind in _KINDS}
    found: dict[str, Count] = {}
    for file, saving in counts.items():
        found[file] = saving.save(_rows_of(file, facts), file in complete)
    found |= _save_invoices(connection, act_id, facts.invoices)
    lists = [*((each.invoice_id, each.credits) for each in facts.invoices), *credits_of]
    found[_CREDITS.file] = _Saving(connection, act_id, _CREDITS).save(_credit_rows(lists), False)
    found["events.csv"] = save_events(connection, act_id, facts.events)
    return found


def _rows_of(file: str, facts: Facts) -> Iterator[Row]:
    """The rows of a file in the order of its table's own columns."""
    match file:
        case "payees.csv":
            for p in facts.payees:
                yield (p.payee_id, p.name, p.email, p.employee_id, p.currency, p.starts_on, p.ends_on, p.language)
        case "reporting.csv":
            for r in facts.reporting:
                yield (r.payee_id, r.manager_id, r.starts_on, r.ends_on)
        case "memberships.csv":
            for m in facts.memberships:
                yield (m.team, m.payee_id, m.role, m.starts_on, m.ends_on)
        case "customers.csv":
            for c in facts.customers:
                yield (c.customer_id, c.name, c.country)
        case "customer_credit.csv":
            for k in facts.credit_records:
                yield (k.customer_id, k.on, k.risk_grade, k.credit_approval, k.credit_limit_minor, k.security)
        case "assignments.csv":
            for a in facts.assignments:
                yield (a.plan, a.payee_id, a.team, a.starts_on, a.ends_on)
        case "targets.csv":
            for t in facts.targets:
                yield (t.plan, t.component, t.payee_id, t.team, _window(t.window_start), t.amount_minor)
        case "fx_rates.csv":
            for f in facts.fx_rates:
                yield (f.from_currency, f.to_currency, f.on, f.rate_ppm)
        case _:
            raise AssertionError(f"{file} is kept in a way of its own")


def _window(day: dt.date | None) -> str:
    return "" if day is None else day.isoformat()


def _credit_rows(lists: Iterable[tuple[str, Sequence[Credit]]]) -> Iterator[Row]:
    for invoice_id, credits in lists:
        for position, credit in enumerate(credits):
            yield (invoice_id, position, credit.payee_id, credit.role, credit.share_ppm)


def _line_rows(invoice: Invoice) -> Iterator[Row]:
    for position, line in enumerate(invoice.lines):
        yield (
            invoice.invoice_id,
            position,
            line.line,
            line.net_minor,
            line.tax_minor,
            line.category,
            line.cost_minor,
            int(line.commissionable),
        )


def _head(invoice: Invoice) -> Row:
    return (
        invoice.invoice_id,
        invoice.customer_id,
        invoice.currency,
        invoice.issued_on,
        invoice.due_on,
        invoice.contract_signed_on,
        invoice.team,
    )


# Versioned rows --------------------------------------------------------------------------------------


class _Saving:
    """One kind of maintained fact on its way into the store."""

    def __init__(self, connection: Connection, act_id: int, kind: _Kind) -> None:
        self.connection, self.act_id, self.kind = connection, act_id, kind
        self.table = tables.table_of(kind.model)

    def save(self, rows: Iterable[Row], complete: bool) -> Count:
        """Add what is new, end and replace what changed, and count."""
        units = self._by_unit(rows)
        known = self.known(None if complete else list(units))
        count, ended, added = Count(), list[int](), list[Row]()
        for unit, wanted in units.items():
            numbers, standing = known.pop(unit, ((), ()))
            if list(standing) == wanted:
                count.same += len(wanted)
                continue
            ended += numbers
            added += wanted
            if numbers:
                count.changed += len(wanted)
            else:
                count.new += len(wanted)
        if complete:
            for numbers, standing in known.values():
                ended += numbers
                count.gone += len(standing)
        self.end(ended)
        self.add(added)
        return count

    def _by_unit(self, rows: Iterable[Row]) -> dict[Unit, list[Row]]:
        units: dict[Unit, list[Row]] = {}
        for row in rows:
            units.setdefault(self.kind.unit_of(row), []).append(row)
        return units

    def known(self, units: list[Unit] | None) -> dict[Unit, tuple[list[int], list[Row]]]:
        """What stands now, by unit: row numbers and contents. ``None``: of every unit there is."""
        found: dict[Unit, tuple[list[int], list[Row]]] = {}
        if units == []:  # most deliveries are a few events, and bring nothing of the other kinds
            return found
        asked = select(self.table.c.id, *self.kind.content).where(self.table.c.known_until.is_(None))
        asked = asked.order_by(self.table.c.id)
        for query in self._asking(asked, units):
            for number, *content in self.connection.execute(query):
                row = tuple(content)
                numbers, standing = found.setdefault(self.kind.unit_of(row), ([], []))
                numbers.append(number)
                standing.append(row)
        return found

    def _asking(self, asked: Select[Any], units: list[Unit] | None) -> Iterator[Select[Any]]:
        if self.connection.execute(select(self.table.c.id).limit(1)).first() is None:
            return
        if units is None:
            yield asked
            return
        first = self.table.c[self.kind.unit[0]]
        for values in batches(dict.fromkeys(unit[0] for unit in units), 5000):
            yield asked.where(first.in_(values))

    def end(self, numbers: list[int]) -> None:
        """These rows are known until this act."""
        for some in batches(numbers, 5000):
            self.connection.execute(
                update(self.table).where(self.table.c.id.in_(some)).values(known_until=self.act_id)
            )

    def add(self, rows: Sequence[Row]) -> None:
        """These rows are known from this act on."""
        if rows:
            first = next_id(self.connection, self.kind.model)
            framed = ((number, self.act_id, None, *row) for number, row in enumerate(rows, first))
            insert_rows(self.connection, self.kind.model, self._ordered(framed))

    def _ordered(self, framed: Iterable[Row]) -> Iterable[Row]:
        """Rows in the order of the table's columns, wherever the frame stands among them."""
        names = ["id", "known_from", "known_until", *(column.name for column in self.kind.content)]
        order = [names.index(column.name) for column in self.table.columns]
        if order == list(range(len(order))):
            return framed
        pick = _picker(order)
        return (pick(row) for row in framed)


_FRAME = ("id", "known_from", "known_until")


def _picker(places: list[int]) -> Callable[[Row], Unit]:
    if len(places) == 1:
        place = places[0]
        return lambda row: (row[place],)
    return itemgetter(*places)


# Invoices --------------------------------------------------------------------------------------------


def _save_invoices(connection: Connection, act_id: int, invoices: Sequence[Invoice]) -> dict[str, Count]:
    heads, lines = _Saving(connection, act_id, _INVOICES), _Saving(connection, act_id, _LINES)
    of_heads, of_lines = Count(), Count()
    units: list[Unit] = [(each.invoice_id,) for each in invoices]
    known_heads, known_lines = heads.known(units), lines.known(units)
    new: list[Invoice] = []
    for invoice in invoices:
        unit = (invoice.invoice_id,)
        if unit not in known_heads:
            new.append(invoice)
            of_heads.new += 1
            of_lines.new += len(invoice.lines)
            continue
        standing = [*known_heads[unit][1], *known_lines.get(unit, ((), ()))[1]]
        if standing == [_head(invoice), *_line_rows(invoice)] or _stood_before(connection, invoice):
            of_heads.same += 1
            of_lines.same += len(invoice.lines)
        elif add_conflict(connection, act_id, "invoice", "", invoice.invoice_id, invoice_text(invoice)):
            of_heads.waiting += 1
            of_lines.waiting += len(invoice.lines)
        else:
            of_heads.same += 1
            of_lines.same += len(invoice.lines)
    heads.add([_head(each) for each in new])
    lines.add([row for each in new for row in _line_rows(each)])
    return {_INVOICES.file: of_heads, _LINES.file: of_lines}


def _stood_before(connection: Connection, invoice: Invoice) -> bool:
    """Whether an invoice is what a person replaced: that delivery once more is no news."""
    acts: set[int] = set()
    for model in (tables.Invoice, tables.InvoiceLine):
        table = tables.table_of(model)
        acts |= set(
            connection.execute(
                select(table.c.known_from).where(table.c.invoice_id == invoice.invoice_id)
            ).scalars()
        )
    content = replace(invoice, credits=())
    return any(
        replace(stood, credits=()) == content
        for act_id in acts
        for stood in Known(connection, act_id).invoices(_THIS, this=invoice.invoice_id)
    )


_THIS: Ids = select(tables.Invoice.invoice_id).where(tables.Invoice.invoice_id == bindparam("this"))


def replace_invoice(connection: Connection, act_id: int, invoice: Invoice) -> None:
    """A person decided that an invoice is what came later."""
    _Saving(connection, act_id, _INVOICES).save([_head(invoice)], False)
    _Saving(connection, act_id, _LINES).save(_line_rows(invoice), False)


# Events ----------------------------------------------------------------------------------------------


def event_row(event: Event) -> Row:
    """An event as the columns of its table (``EVENT_COLUMNS``)."""
    return (
        event.event_id,
        event.type,
        event.invoice_id,
        event.occurred_on,
        event.amount_minor,
        event.currency,
        event.payment_id,
        event.reverses,
        event.new_due_on,
        event.payee_id,
        event.reason,
        event.fault,
        event.source,
        event.recorded_at,
    )


def save_events(connection: Connection, act_id: int, events: Sequence[Event]) -> Count:
    """Events: each stored once, whatever comes twice; other content under a known id waits."""
    count = Count()
    number = next_id(connection, tables.Event)
    is_empty = number == 1
    seen: dict[tuple[str, str], Event] = {}
    for some in batches(events, 5000):
        known = {} if is_empty else _known_events(connection, some)
        added: list[Row] = []
        for event in some:
            earlier = seen.get(event.ref) or known.get(event.ref)
            if earlier is None:
                seen[event.ref] = event
                added.append((number, act_id, *event_row(event)))
                number += 1
                count.new += 1
            elif earlier == event:
                count.same += 1
            elif add_conflict(connection, act_id, "event", event.source, event.event_id, event_text(event)):
                count.waiting += 1
            else:
                count.same += 1
        insert_rows(connection, tables.Event, added)
    insert_rows(connection, tables.SharedId, list(_SHARED.rows(connection, act=act_id)))
    return count


def _shared() -> Query:
    event, new = tables.Event, aliased(tables.Event)
    of_act = select(new.event_id).where(new.known_from == bindparam("act"))
    several = select(event.event_id).where(event.event_id.in_(of_act)).group_by(event.event_id)
    return Query(except_(several.having(func.count() > 1), select(tables.SharedId.event_id)))


_SHARED = _shared()
"""The ids of an act's events that stand under several sources now, and did not before."""


def _known_events(connection: Connection, events: Iterable[Event]) -> dict[tuple[str, str], Event]:
    found = (Event(*row) for row in EVENTS.rows(connection, events={each.event_id for each in events}))
    return {event.ref: event for event in found}


def add_conflict(connection: Connection, act_id: int, kind: str, source: str, subject: str, content: str) -> bool:
    """Keep other content under a known id for a person to decide; whether it was not there yet."""
    table = tables.Conflict
    same = select(table.id).where(
        table.kind == kind, table.source == source, table.subject == subject, table.content == content
    )
    if connection.execute(same).first() is not None:
        return False
    values = {"kind": kind, "source": source, "subject": subject, "content": content}
    connection.execute(insert(table).values(id=next_id(connection, table), act_id=act_id, **values))
    return True


def event_text(event: Event) -> str:
    """The content of an event, to keep and to compare: when we learned it is not content."""
    names = [column.name for column in EVENT_COLUMNS]
    content = dict(zip(names, event_row(event), strict=True))
    del content["recorded_at"]
    return said(content)


def invoice_text(invoice: Invoice) -> str:
    """The content of an invoice with its lines; its credits are kept apart."""
    head_names = [c.name for c in tables.table_of(tables.Invoice).columns if c.name not in _FRAME]
    line_names = [c.name for c in tables.table_of(tables.InvoiceLine).columns if c.name not in _FRAME]
    lines = [dict(zip(line_names, row, strict=True)) for row in _line_rows(invoice)]
    return said(dict(zip(head_names, _head(invoice), strict=True)) | {"lines": lines})
