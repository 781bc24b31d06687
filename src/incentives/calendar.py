"""Months, fiscal quarters and fiscal years: the only user of pendulum.

Days are dates in the company's time zone (docs/rules.md section 2); periods include both ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import pendulum

Unit = Literal["month", "quarter", "fiscal_year"]

_MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "fiscal_year": 12}
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A month, quarter or fiscal year: first and last day, both inside."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last


@lru_cache(maxsize=65536)
def period_of(day: dt.date, unit: Unit, fiscal_year_starts: int) -> Period:
    """The month, fiscal quarter or fiscal year that a day lies in.

    >>> period_of(dt.date(2026, 2, 14), "quarter", 4).first
    datetime.date(2026, 1, 1)
    """
    months = _MONTHS[unit]
    into_year = (day.month - fiscal_year_starts) % 12
    first = pendulum.date(day.year, day.month, 1).subtract(months=into_year % months)
    return _period(first, months)


def periods(first_day: dt.date, last_day: dt.date, unit: Unit, fiscal_year_starts: int) -> Iterator[Period]:
    """Every period from the one that holds the first day to the last one that ended by the last day."""
    period = period_of(first_day, unit, fiscal_year_starts)
    while period.last <= last_day:
        yield period
        period = period_of(period.last + _ONE_DAY, unit, fiscal_year_starts)


def year_earlier(period: Period) -> Period:
    """The same months one year before, to the last day of the last of them.

    >>> year_earlier(Period(dt.date(2023, 12, 1), dt.date(2024, 2, 29))).last
    datetime.date(2023, 2, 28)
    """
    first = _pendulum(period.first)
    after = _pendulum(period.last).add(days=1)
    last = after.subtract(years=1).subtract(days=1)
    return Period(_plain(first.subtract(years=1)), _plain(last))


def month_name(day: dt.date) -> str:
    """A month as it is written in files: ``2026-03``."""
    return f"{day.year:04d}-{day.month:02d}"


def _period(first: pendulum.Date, months: int) -> Period:
    return Period(_plain(first), _plain(first.add(months=months).subtract(days=1)))


def _pendulum(day: dt.date) -> pendulum.Date:
    return pendulum.date(day.year, day.month, day.day)


def _plain(day: pendulum.Date) -> dt.date:
    return dt.date(day.year, day.month, day.day)
