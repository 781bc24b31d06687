"""Pay for a month (docs/rules.md section 11).

Per payee and currency, over the lines payable in the month: what is positive, less caps, may be paid; what
is negative, with the debt brought forward, is recovered from it up to the recovery cap; the rest is carried
forward. Pay is never negative.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from incentives.calculation.explanation import Step, Value
from incentives.calculation.lines import Line
from incentives.calendar import Period, month_name, periods
from incentives.ledger.entries import Draft, Entry
from incentives.money import EXACT, PPM, rounded


class Payable(Protocol):
    """What pay is made from: a line that should stand, or an entry of the ledger."""

    plan: str
    component: str
    amount_minor: int

    @property
    def kind(self) -> str:
        """What kind of line it is; ``cap`` lines count with what is positive."""
        ...


@dataclass(frozen=True, slots=True)
class Payout:
    """One payee's pay for one month in one currency; ``month`` is its first day.

    ``negative``, ``brought_forward`` and ``carried_forward`` are <= 0, ``recovered`` >= 0 and
    ``pay = positive - recovered``.
    """

    month: dt.date
    payee_id: str
    currency: str
    positive_minor: int
    negative_minor: int
    brought_forward_minor: int
    recovered_minor: int
    pay_minor: int
    carried_forward_minor: int
    lines: tuple[Payable, ...] = ()


@dataclass(slots=True)
class Net:
    """What some entries of one line come to."""

    plan: str
    component: str
    kind: str
    amount_minor: int


def net(entries: Iterable[Entry | Draft]) -> list[Net]:
    """What entries of one payee and currency come to, line by line; those that come to nothing are left out.

    Pay is made from lines. What one run posted and another corrected before it was paid was never earned and
    taken back: pay does not depend on how often somebody ran.
    """
    sums: dict[tuple[str, str, str, str], int] = {}
    for entry in entries:
        line = (entry.plan, entry.component, entry.kind, entry.cause)
        sums[line] = sums.get(line, 0) + entry.amount_minor
    return [Net(*line[:3], amount_minor) for line, amount_minor in sums.items() if amount_minor]


def payouts(lines: Iterable[Line], last_month: Period, recovery_cap_ppm: int) -> list[Payout]:
    """Pay of every month up to the last one, in order of month, payee and currency.

    A month has a row when something was payable in it or a debt was brought into it.
    """
    by_owner: dict[tuple[str, str], dict[dt.date, list[Line]]] = {}
    for line in lines:
        if line.payable_on <= last_month.last:
            months = by_owner.setdefault((line.payee_id, line.currency), {})
            months.setdefault(line.payable_on.replace(day=1), []).append(line)
    found = []
    for (payee_id, currency), months in by_owner.items():
        carried = 0
        for month in periods(min(months), last_month.last, "month", 1):
            payout = payout_of(
                month.first, payee_id, currency, months.get(month.first, []), carried, recovery_cap_ppm
            )
            carried = payout.carried_forward_minor
            if payout.positive_minor or payout.negative_minor or payout.brought_forward_minor:
                found.append(payout)
    return sorted(found, key=lambda each: (each.month, each.payee_id, each.currency))


def payout_of(
    month: dt.date, payee_id: str, currency: str, lines: Sequence[Payable], brought_forward: int, cap_ppm: int
) -> Payout:
    """Pay for one month over what is payable and not yet paid, with the debt brought into it."""
    positive = sum(line.amount_minor for line in lines if line.kind == "cap" or line.amount_minor > 0)
    negative = sum(line.amount_minor for line in lines if line.kind != "cap" and line.amount_minor < 0)
    if positive < 0:
        positive, negative = 0, negative + positive
    debt = -(negative + brought_forward)
    recovered = min(debt, rounded(cap_ppm * positive, PPM))
    return Payout(
        month=month,
        payee_id=payee_id,
        currency=currency,
        positive_minor=positive,
        negative_minor=negative,
        brought_forward_minor=brought_forward,
        recovered_minor=recovered,
        pay_minor=positive - recovered,
        carried_forward_minor=recovered - debt,
        lines=tuple(lines),
    )


@dataclass(frozen=True, slots=True)
class PayoutWhy:
    """Why a month paid what it paid: the lines, the debt, the cap on its recovery."""

    payout: Payout
    recovery_cap_ppm: int

    def step(self) -> Step:
        """``pay = positive - recovered``; each payable line is named, and explains itself."""
        payout = self.payout
        money: dict[str, Value] = {"currency": payout.currency}
        steps = (
            Step("positive", {"amount_minor": payout.positive_minor} | money, payout.positive_minor * EXACT),
            Step("negative", {"amount_minor": payout.negative_minor} | money),
            Step("brought_forward", {"amount_minor": payout.brought_forward_minor} | money),
            Step(
                "recovered",
                {"amount_minor": payout.recovered_minor, "cap_ppm": self.recovery_cap_ppm} | money,
                -payout.recovered_minor * EXACT,
            ),
            Step("carried_forward", {"amount_minor": payout.carried_forward_minor} | money),
            Step(
                "payable_lines",
                {"count": len(payout.lines)},
                steps=tuple(
                    replace(line.headline(), exact=None) for line in payout.lines if isinstance(line, Line)
                ),
            ),
        )
        values: dict[str, Value] = {"amount_minor": payout.pay_minor, "month": month_name(payout.month)}
        return Step("payout", values | money, payout.pay_minor * EXACT, steps)
