"""Comparisons as charts: paying on signature beside cash by quarter, a plan before and after a change by month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from incentives.calendar import period_of
from incentives.papers.charts import EARNED, PAID, TAKEN_BACK, Bar, Bars, bars_on_screen
from incentives.papers.languages import SPACE, Speaker, marked

Amounts = tuple[int, int, int]
"""Signature, cash, and what of the first stands on money that never came; minor units."""


def chart(says: Speaker, quarters: Sequence[tuple[dt.date, Amounts]], currency: str, starts: int) -> str:
    """Everybody's quarters, three bars each."""
    groups = []
    for first, (signature, cash, never_came) in quarters:
        bars = [
            Bar(signature, _label(says, marked("On signature"), signature, currency), PAID),
            Bar(cash, _label(says, marked("On cash"), cash, currency), EARNED),
        ]
        if never_came:
            label = _label(says, marked("Never came"), never_came, currency)
            bars.append(Bar(never_came, label, TAKEN_BACK))
        groups.append(Bars(short_quarter(says, first, starts), bars))
    return bars_on_screen(
        groups, says.say(marked("Pay on signature and on cash by quarter; the table has the figures"))
    )


def before_and_after(says: Speaker, months: Sequence[tuple[dt.date, int, int]], currency: str) -> str:
    """What a plan paid by month, and what it would have paid."""
    groups = [
        Bars(
            says.short_month(month) + SPACE + str(month.year),
            [
                Bar(before, _label(says, marked("Before"), before, currency), PAID),
                Bar(after, _label(says, marked("After"), after, currency), EARNED),
            ],
        )
        for month, before, after in months
    ]
    title = says.say(marked("Paid before and after by month; the table has the figures"))
    return bars_on_screen(groups, title)


def _label(says: Speaker, name: str, amount_minor: int, currency: str) -> str:
    return f"{says.say(name)} {says.number(amount_minor, currency)}"


def short_quarter(says: Speaker, first: dt.date, starts: int) -> str:
    """Q2 2026."""
    year = period_of(first, "fiscal_year", starts)
    number = ((first.year - year.first.year) * 12 + first.month - year.first.month) // 3 + 1
    named = says.say(marked("Q%(number)s %(year)s"), number=number, year=year.last.year)
    return named.replace(" ", SPACE)
