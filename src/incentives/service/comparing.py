"""Paying on signature against paying on cash, for everybody, by quarter (docs/rules.md section 12)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from incentives.calculation.book import Book
from incentives.calculation.chunks import Wanted, lead_plans
from incentives.calculation.comparison import Compared, compare, on_signature
from incentives.calculation.earned import Calculation
from incentives.calendar import period_of
from incentives.engines.chunks import PAYEES_AT_ONCE
from incentives.engines.inprocess import collector_paused
from incentives.service.kept import Kept
from incentives.service.runs import rules_in_force
from incentives.store.facts_out import Known
from incentives.store.source import StoreSource

Progress = Callable[[int, int], None]
"""Told how many payees are done, of how many."""


@dataclass(frozen=True, slots=True)
class Quarter:
    """A payee's quarter in one currency, minor units; the columns are those of :class:`Compared`."""

    quarter: dt.date
    payee_id: str
    name: str
    currency: str
    signature_minor: int
    cash_minor: int
    never_came_minor: int


_kept: Kept[tuple[Quarter, ...]] = Kept(at_most=2)


def compared(connection: Connection, as_of: dt.date, progress: Progress | None = None) -> tuple[Quarter, ...]:
    """Everybody's quarters, in order of quarter and name: what everything that is known makes of them by a day."""
    return _kept.get(connection, as_of, lambda: tuple(_calculated(connection, as_of, progress)))


def _calculated(connection: Connection, as_of: dt.date, progress: Progress | None) -> Iterator[Quarter]:
    starts = rules_in_force(connection).company.fiscal_year_starts
    names = {each.payee_id: each.name for each in Known(connection).payees()}
    sums: dict[tuple[dt.date, str, str], list[int]] = {}
    for each in _months(connection, as_of, progress):
        key = (period_of(each.month, "quarter", starts).first, each.payee_id, each.currency)
        found = sums.setdefault(key, [0, 0, 0])
        for at, minor in enumerate((each.signature_minor, each.cash_minor, each.never_came_minor)):
            found[at] += minor
    quarters = (
        Quarter(first, payee_id, names.get(payee_id, payee_id), currency, *sums[first, payee_id, currency])
        for first, payee_id, currency in sums
    )
    return iter(sorted(quarters, key=lambda each: (each.quarter, each.name, each.payee_id, each.currency)))


def _months(connection: Connection, as_of: dt.date, progress: Progress | None) -> Iterator[Compared]:
    """Some payees at a time, so that memory does not grow with the history."""
    rules = rules_in_force(connection)
    source = StoreSource(connection, rules)
    signed = [on_signature(plan) for plan in rules.plans]
    commissions = {(plan.plan, name) for plan in signed for name in plan.component_names()}
    assigned = source.assignments({plan for plan, _ in commissions})
    leads = {each.payee_id for each in source.assignments(lead_plans(rules.plans))}
    payees = sorted({each.payee_id for each in assigned} - {""})
    for done, some in _batches(payees):
        with collector_paused():
            wanted = Wanted(some, tuple(each for each in some if each in leads))
            facts, around = source.part(wanted)
            book = Book(facts, rules.plans, as_of, around)
            cash, signature = Calculation(book), Calculation(Book(facts, signed, as_of, around))
            found = compare(
                book,
                (line for each in some for line in cash.payee_lines(each)),
                (line for each in some for line in signature.payee_lines(each)),
                commissions,
            )
        yield from found
        if progress:
            progress(done, len(payees))


def _batches(payees: Iterable[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    rest, done = iter(payees), 0
    while some := tuple(islice(rest, PAYEES_AT_ONCE)):
        done += len(some)
        yield done, some


# As plain rows, for a job to keep ---------------------------------------------------------------------------


def as_plain(quarters: Iterable[Quarter]) -> list[dict[str, Any]]:
    """Quarters as JSON has them."""
    return [asdict(each) | {"quarter": each.quarter.isoformat()} for each in quarters]


def from_plain(rows: Sequence[Mapping[str, Any]]) -> tuple[Quarter, ...]:
    """The same back."""
    return tuple(Quarter(**{**row, "quarter": dt.date.fromisoformat(row["quarter"])}) for row in rows)


# Sums ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sums:
    """What some quarters come to."""

    signature_minor: int
    cash_minor: int
    never_came_minor: int

    @property
    def more_minor(self) -> int:
        """What signature would have cost beyond cash."""
        return self.signature_minor - self.cash_minor


def summed(quarters: Iterable[Quarter]) -> Sums:
    """The sum of quarters of one currency."""
    signature = cash = never_came = 0
    for each in quarters:
        signature += each.signature_minor
        cash += each.cash_minor
        never_came += each.never_came_minor
    return Sums(signature, cash, never_came)
