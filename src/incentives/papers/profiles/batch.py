"""What goes into one payroll file, before any payroll system's own spelling of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from incentives.calendar import Period
from incentives.errors import Problem
from incentives.money import major
from incentives.papers.cells import Row, csv_text


@dataclass(frozen=True, slots=True)
class Entry:
    """One payroll line with the person it is for: texts as they came, the amount in minor units."""

    payee_id: str
    employee_id: str
    name: str
    earning_code: str
    amount_minor: int
    currency: str

    @property
    def amount(self) -> str:
        """The amount in major units, ``1234.50``."""
        return major(self.amount_minor, self.currency)

    @property
    def amount_with_comma(self) -> str:
        """The amount in major units with a decimal comma, ``1234,50``."""
        return self.amount.replace(".", ",")


@dataclass(frozen=True, slots=True)
class Batch:
    """The entries of one file, in order of payee, currency and earning code.

    ``settings`` are the keys of ``[payroll]`` in company.toml; those of the profile are there, perhaps empty.
    """

    batch_id: str
    month: Period
    entries: tuple[Entry, ...]
    settings: Mapping[str, str]

    def by_payee(self) -> list[list[Entry]]:
        """The entries of each payee, payees in order."""
        return [list(entries) for _, entries in groupby(self.entries, key=lambda each: each.payee_id)]

    def codes(self) -> list[str]:
        """Every earning code of the batch, in order."""
        return sorted({entry.earning_code for entry in self.entries})


@dataclass(frozen=True, slots=True)
class Written:
    """The text of a payroll file and how many rows of pay it holds (headings are none)."""

    text: str
    rows: int


Check = Callable[[Mapping[str, str], Sequence[tuple[str, str]], Sequence[str]], list[Problem]]
"""What a profile cannot write: from the settings, payee and employee ids, and earning codes."""


def nothing_to_check(
    settings: Mapping[str, str], employees: Sequence[tuple[str, str]], codes: Sequence[str]
) -> list[Problem]:
    """For profiles that can write any text."""
    return []


@dataclass(frozen=True, slots=True)
class Profile:
    """A payroll system's import: its name, the settings it writes, how its files are spelled.

    A profile without a currency column gets one file per currency.
    """

    name: str
    write: Callable[[Batch], Written]
    settings: tuple[str, ...] = ()
    has_currency: bool = False
    ending: str = "csv"
    encoding: str = "utf-8"
    check: Check = nothing_to_check


def written(headings: Sequence[Row], rows: Sequence[Row], separator: str = ",", line_end: str = "\r\n") -> Written:
    """Headings and rows as a separated text. Most payroll systems were born on Windows: ``\\r\\n``."""
    return Written("".join(csv_text([*headings, *rows], separator, line_end)), len(rows))
