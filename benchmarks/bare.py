"""The yardstick: the same lines with the least Python that makes them, for this one plan and nothing else.

One sort of all events, then one pass: position, share split, marginal tiers, lateness factor, a stack of
segments for money that goes back, rounding by running totals. It trusts its input (no duplicates, conflicts,
findings, currencies, versions, explanations) and knows only the shape of :mod:`benchmarks.world`.
"""

from __future__ import annotations

import datetime as dt
import gc
from bisect import bisect_right
from dataclasses import dataclass, field

from benchmarks.world import LATENESS, TIERS
from incentives.facts import Event, Facts
from incentives.money import EXACT, PPM

_RANK = {"payment": 0, "refund": 5, "payment_reversed": 6, "chargeback": 7}
_LIMITS = [limit for limit, _ in TIERS[1:]]
_RATES = [rate_ppm for _, rate_ppm in TIERS]
_LATE_FROM = [days for days, _ in LATENESS]
_FACTORS = [factor_ppm for _, factor_ppm in LATENESS]


@dataclass(slots=True)
class BareLine:
    """One amount that should stand."""

    payee_id: str
    kind: str
    cause: str
    invoice_id: str
    earned_on: dt.date
    amount_minor: int


@dataclass(slots=True)
class _Payee:
    payee_id: str
    attained: int = 0


@dataclass(slots=True)
class _Segment:
    cause: str
    size: int
    commission: int


@dataclass(slots=True)
class _Share:
    """One payee on one invoice: shares up to and including theirs, what they hold, what it earned."""

    payee: _Payee
    upto_ppm: int
    held: int = 0
    exact: int = 0
    booked_minor: int = 0
    segments: list[_Segment] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    """An invoice while its money comes in."""

    due_on: dt.date
    gross: int
    net: int
    shares: list[_Share]
    cash: int = 0
    base: int = 0


def bare_lines(facts: Facts) -> list[BareLine]:
    """Every line of the world's plan, in the order of the events."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        return _follow(_opened(facts), sorted(facts.events, key=_order))
    finally:
        if was_on:
            gc.enable()


def _order(event: Event) -> tuple[int, str]:
    return event.occurred_on.toordinal() * 10 + _RANK[event.type], event.event_id


def _opened(facts: Facts) -> dict[str, _Open]:
    payees = {each.payee_id: _Payee(each.payee_id) for each in facts.payees}
    found = {}
    for invoice in facts.invoices:
        gross = net = upto_ppm = 0
        for line in invoice.lines:
            gross += line.net_minor + line.tax_minor
            if line.commissionable:
                net += line.net_minor
        shares = []
        for credit in invoice.credits:
            upto_ppm += credit.share_ppm
            shares.append(_Share(payees[credit.payee_id], upto_ppm))
        found[invoice.invoice_id] = _Open(invoice.due_on, gross, net, shares)
    return found


def _follow(invoices: dict[str, _Open], events: list[Event]) -> list[BareLine]:
    lines: list[BareLine] = []
    for event in events:
        invoice = invoices[event.invoice_id]
        amount = event.amount_minor or 0
        invoice.cash += amount if event.type == "payment" else -amount
        gross = invoice.gross
        collected = max(0, min(invoice.cash, gross))
        base = (2 * collected * invoice.net + gross) // (2 * gross)
        if base == invoice.base:
            continue
        invoice.base = base
        on = event.occurred_on
        factor_ppm = _FACTORS[bisect_right(_LATE_FROM, max(0, (on - invoice.due_on).days)) - 1]
        before = 0
        for share in invoice.shares:
            after = (base * share.upto_ppm + 500_000) // PPM
            moved = after - before - share.held
            before = after
            if not moved:
                continue
            share.held += moved
            if moved > 0:
                kind = "earning"
                _earn(share, event.event_id, moved, factor_ppm)
            else:
                kind = "clawback"
                _take_back(share, event.payment_id, -moved)
            booked_minor = (share.exact + EXACT // 2) // EXACT
            amount_minor = booked_minor - share.booked_minor
            if amount_minor:
                share.booked_minor = booked_minor
                lines.append(
                    BareLine(share.payee.payee_id, kind, event.event_id, event.invoice_id, on, amount_minor)
                )
    return lines


def _earn(share: _Share, cause: str, size: int, factor_ppm: int) -> None:
    """Up along the tiers: one segment for each tier that the money lies in."""
    payee = share.payee
    attained = payee.attained
    after = payee.attained = attained + size
    tier = bisect_right(_LIMITS, attained)
    while tier < len(_LIMITS) and _LIMITS[tier] < after:
        part = _LIMITS[tier] - attained
        _push(share, cause, part, factor_ppm * _RATES[tier] * part)
        attained = _LIMITS[tier]
        tier += 1
    part = after - attained
    _push(share, cause, part, factor_ppm * _RATES[tier] * part)


def _push(share: _Share, cause: str, size: int, commission: int) -> None:
    share.segments.append(_Segment(cause, size, commission))
    share.exact += commission


def _take_back(share: _Share, named: str, size: int) -> None:
    """Down: the named payment's segments first, then the newest, each with its proportional commission."""
    share.payee.attained -= size
    newest_first = share.segments[::-1]
    if named:
        newest_first.sort(key=lambda segment: segment.cause != named)
    for segment in newest_first:
        part = min(segment.size, size)
        if not part:
            continue
        commission = segment.commission
        if part < segment.size:
            commission = (2 * commission * part + segment.size) // (2 * segment.size)
        segment.size -= part
        segment.commission -= commission
        share.exact -= commission
        size -= part
        if not size:
            return
