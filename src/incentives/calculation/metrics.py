"""What sales and credit are measured by together (docs/rules.md section 10).

Per team and period, gross, in the company's currency at the rate in force on the period's last day,
unrounded. One pass over a team's invoices collects every sum; a metric is a fraction of sums.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

from incentives.calculation.book import Book
from incentives.calculation.lines import MetricValue
from incentives.calculation.position import PositionRule
from incentives.calculation.timeline import Timeline
from incentives.calendar import Period, periods, year_earlier
from incentives.facts import Invoice
from incentives.money import EXPONENTS, PPM, rounded
from incentives.rules.measures import Measure, MetricName

METRICS: tuple[MetricName, ...] = get_args(MetricName)

_CASH = PositionRule.of()


@dataclass(slots=True)
class Sum:
    """A sum in the company's currency; ``None`` once an invoice without a rate was in it."""

    amount: int | None = 0

    def add(self, amount: int, scale: int | None) -> None:
        """Add an amount of an invoice; ``scale`` is its currency's rate, ``None`` without one."""
        if self.amount is not None:
            self.amount = None if scale is None else self.amount + amount * scale


@dataclass(slots=True)
class Sums:
    """Everything the nine metrics are made of."""

    receivable_before: Sum = field(default_factory=Sum)
    receivable: Sum = field(default_factory=Sum)
    overdue: Sum = field(default_factory=Sum)
    not_overdue: Sum = field(default_factory=Sum)
    invoiced: Sum = field(default_factory=Sum)
    due: Sum = field(default_factory=Sum)
    due_collected: Sum = field(default_factory=Sum)
    due_count: int = 0
    due_collected_count: int = 0
    bad_debt: Sum = field(default_factory=Sum)
    days_weighted: Sum = field(default_factory=Sum)
    weight: Sum = field(default_factory=Sum)
    low_risk: Sum = field(default_factory=Sum)
    low_risk_year_earlier: Sum = field(default_factory=Sum)


class Metrics:
    """The metrics of every team, each calculated once."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._sums: dict[tuple[str, Period, int | None], Sums] = {}

    def value(self, team: str, period: Period, measure: Measure) -> int | None:
        """A metric in millionths, rounded half away from zero; ``None``: undefined."""
        new_for_days = measure.new_for_days if measure.customers == "new" else None
        key = (team, period, new_for_days)
        if key not in self._sums:
            self._sums[key] = self._collect(team, period, new_for_days)
        fraction = _FRACTIONS[measure.metric](self._sums[key], period, measure)
        if fraction is None:
            return None
        numerator, denominator = fraction
        if denominator < 0:
            numerator, denominator = -numerator, -denominator
        return rounded(numerator * PPM, denominator) if denominator else None

    def quarters(self, teams: Sequence[str]) -> Iterator[MetricValue]:
        """Of these teams, every fiscal quarter that ended since the first invoice, all nine, all and new."""
        book = self.book
        first_day = book.around.first_issued_on
        if first_day is None:
            return
        for quarter in periods(first_day, book.as_of, "quarter", book.company.fiscal_year_starts):
            for team in teams:
                for metric in METRICS:
                    for measure in (Measure(metric, "all"), Measure(metric, "new")):
                        value = self.value(team, quarter, measure)
                        yield MetricValue(team, quarter.first, metric, measure.customers, value)

    def _collect(self, team: str, period: Period, new_for_days: int | None) -> Sums:
        sums, before = Sums(), year_earlier(period)
        scales: dict[str, int | None] = {}
        for invoice in self.book.invoices_of_team(team):
            if new_for_days is not None and self.book.customer_age_days(invoice) > new_for_days:
                continue
            if invoice.currency not in scales:
                scales[invoice.currency] = self._scale(invoice.currency, period.last)
            scale = scales[invoice.currency]
            timeline = self.book.timeline(invoice)
            _receivables(sums, timeline, period, scale)
            _dues(sums, timeline, period, scale)
            _bad_debt(sums, timeline, period, scale)
            _days_to_pay(sums, timeline, period, scale)
            if self._is_low_risk(invoice):
                for movement in self.book.movements(invoice, _CASH):
                    if movement.on in period:
                        sums.low_risk.add(movement.after - movement.before, scale)
                    elif movement.on in before:
                        sums.low_risk_year_earlier.add(movement.after - movement.before, scale)
        return sums

    def _is_low_risk(self, invoice: Invoice) -> bool:
        grade = self.book.last_given(invoice.customer_id, "risk_grade", invoice.issued_on)
        return grade in self.book.company.low_risk_grades

    def _scale(self, currency: str, day: dt.date) -> int | None:
        """An integer that brings minor units of any currency to one common measure; ratios do not see it."""
        company = self.book.company.currency
        rate_ppm = self.book.rate_ppm(currency, company, day)
        if rate_ppm is None:
            return None
        return int(rate_ppm * 10 ** (max(EXPONENTS.values()) + EXPONENTS[company] - EXPONENTS[currency]))


def _receivables(sums: Sums, timeline: Timeline, period: Period, scale: int | None) -> None:
    """AR(d): collectible less collected of invoices issued by then and not written off; gross invoiced."""
    issued_on = timeline.invoice.issued_on
    if issued_on > period.last:
        return
    if issued_on in period:
        sums.invoiced.add(timeline.gross, scale)
    written_off_on = next(
        (moment.event.occurred_on for moment in timeline.moments if moment.event.type == "write_off"), None
    )
    if issued_on < period.first and (written_off_on is None or written_off_on >= period.first):
        collectible, collected = timeline.at_end_of(period.first - dt.timedelta(days=1))
        sums.receivable_before.add(collectible - collected, scale)
    if written_off_on is None or written_off_on > period.last:
        collectible, collected = timeline.at_end_of(period.last)
        sums.receivable.add(collectible - collected, scale)
        is_overdue = timeline.due_on_at(period.last) < period.last
        (sums.overdue if is_overdue else sums.not_overdue).add(collectible - collected, scale)


def _dues(sums: Sums, timeline: Timeline, period: Period, scale: int | None) -> None:
    """Invoices whose due date in force at the period's end lies in it, as they stood at the end of that day."""
    due_on = timeline.due_on_at(period.last)
    if due_on not in period:
        return
    collectible, collected = timeline.at_end_of(due_on)
    sums.due.add(collectible, scale)
    sums.due_collected.add(collected, scale)
    sums.due_count += collectible > 0
    sums.due_collected_count += collected >= collectible > 0


def _bad_debt(sums: Sums, timeline: Timeline, period: Period, scale: int | None) -> None:
    """Written off in the period, less what was collected in it after a write-off; the first one counts."""
    written_off = False
    collected = 0
    for moment in timeline.moments:
        on = moment.event.occurred_on
        if written_off and on in period and moment.collected != collected:
            sums.bad_debt.add(collected - moment.collected, scale)
        collected = moment.collected
        if moment.event.type == "write_off" and not written_off:
            written_off = True
            amount = moment.event.amount_minor
            if on in period:
                sums.bad_debt.add(moment.collectible - collected if amount is None else amount, scale)


def _days_to_pay(sums: Sums, timeline: Timeline, period: Period, scale: int | None) -> None:
    """Days from issued_on, weighted by what each payment of the period brought to collected."""
    collected = 0
    for moment in timeline.moments:
        if moment.event.type == "payment" and moment.event.occurred_on in period:
            brought = moment.collected - collected
            days = max(0, (moment.event.occurred_on - timeline.invoice.issued_on).days)
            sums.days_weighted.add(days * brought, scale)
            sums.weight.add(brought, scale)
        collected = moment.collected


_Fraction = tuple[int, int] | None


def _over(numerator: int | None, denominator: int | None) -> _Fraction:
    return None if numerator is None or denominator is None else (numerator, denominator)


def _less(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other


def _on_time_rate(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    if measure.by == "count":
        return sums.due_collected_count, sums.due_count
    return _over(sums.due_collected.amount, sums.due.amount)


def _dso(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    return _days_of_sales(sums.receivable.amount, sums, period)


def _best_possible_dso(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    return _days_of_sales(sums.not_overdue.amount, sums, period)


def _average_days_delinquent(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    """dso - best_possible_dso: only what is overdue is left of the difference."""
    if sums.receivable.amount is None:
        return None
    return _days_of_sales(sums.overdue.amount, sums, period)


def _days_of_sales(amount: int | None, sums: Sums, period: Period) -> _Fraction:
    return None if amount is None else _over(amount * period.days, sums.invoiced.amount)


def _cei(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    before, invoiced, after = sums.receivable_before.amount, sums.invoiced.amount, sums.receivable.amount
    not_overdue = sums.not_overdue.amount
    if before is None or invoiced is None or after is None or not_overdue is None:
        return None
    return (before + invoiced - after) * 100, before + invoiced - not_overdue


def _overdue_ratio(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    return _over(sums.overdue.amount, sums.receivable.amount)


def _bad_debt_ratio(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    return _over(sums.bad_debt.amount, sums.invoiced.amount)


def _average_days_to_pay(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    return _over(sums.days_weighted.amount, sums.weight.amount)


def _low_risk_growth(sums: Sums, period: Period, measure: Measure) -> _Fraction:
    before = sums.low_risk_year_earlier.amount
    return _over(_less(sums.low_risk.amount, before), before)


_FRACTIONS = {
    "on_time_rate": _on_time_rate,
    "dso": _dso,
    "best_possible_dso": _best_possible_dso,
    "average_days_delinquent": _average_days_delinquent,
    "cei": _cei,
    "overdue_ratio": _overdue_ratio,
    "bad_debt_ratio": _bad_debt_ratio,
    "average_days_to_pay": _average_days_to_pay,
    "low_risk_growth": _low_risk_growth,
}
