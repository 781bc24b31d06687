"""One invoice as it stood after each of its events (docs/rules.md sections 3 and 4).

A timeline is made once per invoice and shared by every component that looks at it: which cash was in, how
much was still owed, which due date was in force, which days were disputed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from incentives.facts import EVENT_RANK, Event, Invoice

CONTRACTS, INVOICES, EVENTS, SUSPENSIONS, AFTERWARDS = range(5)
"""The order of a day (section 3): contracts, invoices, events, suspensions; cap windows open before them.

Afterwards comes only what somebody assumes.
"""

OrderKey = tuple[dt.date, int, int, str, str]
"""Day, phase, rank, id, source: one order over all invoices."""

_INTO_CASH = {"payment": 1, "chargeback_reversed": 1, "refund": -1, "payment_reversed": -1, "chargeback": -1}
_OFF_COLLECTIBLE = frozenset({"credit_note", "discount"})


@dataclass(slots=True)
class Moment:
    """An invoice after one of its events; amounts in minor units of the invoice's currency."""

    key: OrderKey
    event: Event
    cause: str
    collectible: int
    collected: int
    due_on: dt.date


@dataclass(slots=True)
class Timeline:
    """An invoice, its gross total and the moments at which something happened to it, in order."""

    invoice: Invoice
    gross: int
    moments: list[Moment]
    disputed: list[tuple[dt.date, dt.date | None]]
    """From the day of the opening to the day of the closing (``None``: still open)."""
    warned_on: dt.date | None
    """The first early warning."""

    @property
    def collectible_at_first(self) -> int:
        """What is collectible before any event."""
        return max(0, self.gross)

    def at_end_of(self, day: dt.date) -> tuple[int, int]:
        """Collectible and collected at the end of a day."""
        collectible, collected = self.collectible_at_first, 0
        for moment in self.moments:
            if moment.event.occurred_on > day:
                break
            collectible, collected = moment.collectible, moment.collected
        return collectible, collected

    def due_on_at(self, day: dt.date) -> dt.date:
        """The due date in force at the end of a day."""
        due_on = self.invoice.due_on
        for moment in self.moments:
            if moment.event.occurred_on > day:
                break
            due_on = moment.due_on
        return due_on

    def due_dates(self) -> Iterator[tuple[dt.date | None, dt.date]]:
        """Each due date with the day from which it is in force (``None``: from the first)."""
        yield None, self.invoice.due_on
        for moment in self.moments:
            if moment.event.type == "due_date_changed":
                yield moment.event.occurred_on, moment.due_on

    def days_late(self, on: dt.date, due_on: dt.date, pause_while_disputed: bool, forgive: bool) -> int:
        """Days after the due date up to and including a day, less disputed ones; 0 if forgiven (section 7)."""
        late = (on - due_on).days
        if late <= 0 or (forgive and self.warned_on is not None and self.warned_on < due_on):
            return 0
        if pause_while_disputed:
            for opened_on, closed_on in self.disputed:
                last = on if closed_on is None else min(closed_on, on)
                late -= max(0, (last - max(opened_on, due_on)).days)
        return late


def order_key(event: Event) -> OrderKey:
    """Where an event stands in the one order."""
    return event.occurred_on, EVENTS, EVENT_RANK[event.type], event.event_id, event.source


def gross_of(invoice: Invoice) -> int:
    """Net and tax of all lines."""
    gross = 0
    for line in invoice.lines:
        gross += line.net_minor + line.tax_minor
    return gross


def timeline(invoice: Invoice, events: Iterable[tuple[Event, str]]) -> Timeline:
    """Follow the applied events of an invoice, each with its cause, in the order of the day."""
    in_order = [(order_key(event), event, cause) for event, cause in events]
    in_order.sort(key=itemgetter(0))
    gross = gross_of(invoice)
    cash = taken_off = 0
    due_on = invoice.due_on
    collectible = max(0, gross)
    moments = []
    disputes: list[Event] = []
    warned_on: dt.date | None = None
    for key, event, cause in in_order:
        kind = event.type
        amount = event.amount_minor or 0
        sign = _INTO_CASH.get(kind)
        if sign is not None:
            cash += sign * amount
        elif kind in _OFF_COLLECTIBLE:
            taken_off += amount
            collectible = max(0, gross - taken_off)
        elif kind == "due_date_changed":
            assert event.new_due_on is not None
            due_on = event.new_due_on
        elif kind == "early_warning":
            warned_on = warned_on or event.occurred_on
        elif kind != "write_off":
            disputes.append(event)
        collected = max(0, min(cash, collectible))
        moments.append(Moment(key, event, cause, collectible, collected, due_on))
    return Timeline(invoice, gross, moments, _disputed(disputes), warned_on)


def paid_up(known: Timeline, day: dt.date, cause: str) -> Timeline:
    """The same invoice with the rest paid at the end of a day, after everything else that happened on it."""
    collectible, collected = known.at_end_of(day)
    invoice = known.invoice
    payment = Event(cause, "payment", invoice.invoice_id, day, amount_minor=collectible - collected)
    key = (day, AFTERWARDS, 0, cause, "")
    moment = Moment(key, payment, cause, collectible, collectible, known.due_on_at(day))
    return Timeline(invoice, known.gross, [*known.moments, moment], known.disputed, known.warned_on)


def _disputed(events: list[Event]) -> list[tuple[dt.date, dt.date | None]]:
    """Openings paired with the closings that follow them; a second opening adds nothing."""
    spans: list[tuple[dt.date, dt.date | None]] = []
    opened_on: dt.date | None = None
    for event in events:
        if event.type == "dispute_opened":
            opened_on = opened_on or event.occurred_on
        elif opened_on is not None:
            spans.append((opened_on, event.occurred_on))
            opened_on = None
    if opened_on is not None:
        spans.append((opened_on, None))
    return spans
