"""events.csv -> what happened to the invoices (docs/rules.md section 3).

The largest file by far: a row costs one look-up per repeating column and one short reading of its amount.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import get_args

from incentives.documents import written
from incentives.documents.written import Unreadable, shown
from incentives.errors import marked, told
from incentives.facts import Event, EventRef, EventType
from incentives.feeds import cells
from incentives.feeds.invoices import Invoices
from incentives.feeds.known import Known, Rows, foretold
from incentives.feeds.people import Payees
from incentives.feeds.tables import Sheet, maybe, needed

TYPES: tuple[str, ...] = get_args(EventType)
_NEED_AMOUNT = frozenset(
    ("payment", "refund", "payment_reversed", "chargeback", "chargeback_reversed", "credit_note", "discount")
)

_INVOICE_AT = 2

# In the order of the fields of Event.
EVENTS = (
    needed("event_id"),
    needed("type", cells.word(TYPES, "unknown-type", marked("%(found)s is not a type of event."))),
    needed("invoice_id"),
    needed("occurred_on", written.day),
    maybe("amount"),
    maybe("currency", written.currency),
    maybe("payment_id"),
    maybe("reverses"),
    maybe("new_due_on", written.day, None),
    maybe("payee_id"),
    maybe("reason"),
    maybe("fault", cells.word(("company", "customer"), "unknown-word", marked("%(found)s is not a known fault."))),
    maybe("source"),
    maybe("recorded_at", cells.timestamp, repeats=False),
)

Homes = dict[str, tuple[str, str]]
"""The invoices of events by id: the id again, one string for all events of an invoice, and the currency."""


def read_events(sheet: Sheet, invoices: Invoices, payees: Payees, known: Known | None = None) -> tuple[Event, ...]:
    """Every event in listed order. An identical row counts as a duplicate and appears once; rows with one id and
    other content all stay: that conflict is the calculation's to settle."""
    kept: list[Event] = []
    first_by_ref: dict[EventRef, Event] = {}
    others: defaultdict[EventRef, list[Event]] = defaultdict(list)
    homes = {key: (key, invoice.currency) for key, (_, invoice) in invoices.by_key.items()}
    some_rejected = bool(invoices.sheet.rejected)
    rows = sheet.rows(EVENTS)
    for line, values in _at_home(rows, homes, known) if known else rows:
        event_id, event_type, invoice_id, occurred_on, found, currency = values[:6]
        invoice_id, invoice_currency = homes.get(invoice_id) or (invoice_id, None)
        if invoice_currency is None or some_rejected:
            invoices.check(invoice_id, sheet, line, "invoice_id")
        amount_minor = _amount(sheet, line, event_type, found, currency or invoice_currency)
        event = Event(event_id, event_type, invoice_id, occurred_on, amount_minor, currency, *values[6:])
        if event_type != "payment" or event.payee_id:
            _refuse_misfits(sheet, line, event, payees)
        if line in sheet.rejected:
            continue
        ref = (event.source, event.event_id)
        first = first_by_ref.setdefault(ref, event)
        if first is not event:
            if event == first or event in others[ref]:
                sheet.repeats.append(line)
                continue
            others[ref].append(event)
        kept.append(event)
    return tuple(kept)


def _at_home(rows: Rows, homes: Homes, known: Known) -> Rows:
    """The rows; before a batch is looked at, the known invoices that its events belong to get their homes."""

    def invite(invoice_ids: Collection[str]) -> None:
        strangers = {invoice_id for invoice_id in invoice_ids if invoice_id not in homes}
        known.expect(strangers)
        for invoice_id in strangers:
            currency = known.invoice_currencies.get(invoice_id)
            if currency is not None:
                homes[invoice_id] = (invoice_id, currency)

    return foretold(rows, _INVOICE_AT, invite)


def _amount(sheet: Sheet, line: int, event_type: str, found: str, currency: str | None) -> int | None:
    """The amount, where there is one; the type gives the sign, so it is never negative."""
    if not found:
        if event_type in _NEED_AMOUNT:
            sentence = told("An event of type %(type)s needs an amount.", type=event_type)
            sheet.refuse(line, "amount", "missing-value", sentence, told("Fill it in."))
        return None
    try:
        amount_minor = cells.amount(found, currency)
    except Unreadable as error:
        sheet.refuse_cell(line, "amount", error)
        return None
    if amount_minor < 0:
        sentence = told("%(found)s is below 0.", found=shown(found))
        cure = told(
            "Write it without the minus: the type %(type)s says which way the money went.", type=event_type
        )
        sheet.refuse(line, "amount", "negative", sentence, cure)
    return amount_minor


def _refuse_misfits(sheet: Sheet, line: int, event: Event, payees: Payees) -> None:
    if event.type == "due_date_changed" and event.new_due_on is None:
        sentence = told("An event of type due_date_changed needs the new due date.")
        sheet.refuse(line, "new_due_on", "missing-value", sentence, told("Fill it in."))
    if event.payee_id:
        payees.check(event.payee_id, sheet, line, "payee_id")
