"""What should stand minus what was posted (docs/rules.md sections 1 and 11).

The ledger only grows. For every key (plan, component, payee, cause, kind) a run compares the line that should
stand with the entries that were posted, and posts the rest. What was already paid out is never moved again:
only the amount that is missing, or too much, follows it. What was posted and not yet paid moves whole when
one of its dates changes, so that it is paid in the month in which it should be.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from incentives.calculation.lines import Line, LineKind

EntryKind = LineKind | Literal["payout"]

Key = tuple[str, str, str, str, str, str]
"""Payee, plan, component, kind, cause, currency. A plan never changes its currency, so it decides nothing."""

Terms = tuple[str, dt.date, dt.date, dt.date]
"""What else a line says: invoice, earned_on, payable_on, plan version."""


@dataclass(slots=True)
class Entry:
    """One row of the ledger as it was posted; nothing changes it. ``month`` is the posting month's first day.

    ``stood_minor`` is what stood for its key before it: the entry makes ``stood_minor + amount_minor`` stand.
    ``entry_id`` counts upwards in the order of posting. The plan version of an
    adjustment or a payout is its own day.
    """

    entry_id: int
    run_id: int
    month: dt.date
    payee_id: str
    plan: str
    component: str
    kind: EntryKind
    cause: str
    invoice_id: str
    earned_on: dt.date
    payable_on: dt.date
    amount_minor: int
    currency: str
    plan_version: dt.date
    stood_minor: int

    @property
    def key(self) -> Key:
        """What identifies the line that it belongs to."""
        return (self.payee_id, self.plan, self.component, self.kind, self.cause, self.currency)

    @property
    def terms(self) -> Terms:
        """What else it says of the line."""
        return (self.invoice_id, self.earned_on, self.payable_on, self.plan_version)


class Draft(NamedTuple):
    """An entry to be posted; the posting month and the run are those of whoever posts it."""

    payee_id: str
    plan: str
    component: str
    kind: str
    cause: str
    invoice_id: str
    earned_on: dt.date
    payable_on: dt.date
    amount_minor: int
    currency: str
    plan_version: dt.date
    stood_minor: int


class Posted(NamedTuple):
    """What an earlier entry of a key says, and whether it was paid out."""

    terms: Terms
    amount_minor: int
    is_settled: bool

    @property
    def earned_on(self) -> dt.date:
        """The day that it was earned on."""
        _, earned_on, _, _ = self.terms
        return earned_on


def difference(
    should: Iterable[Line], posted: Mapping[Key, list[Posted]], from_day: dt.date | None = None
) -> Iterator[Draft]:
    """The entries that make what should stand stand; none if it stands already.

    ``posted`` holds the entries of each key in the order of posting, of the same payees as ``should``. An
    entry of amount 0 records that a line which was already paid carries other dates now: the last entry of a key
    has the dates of its line. With a day, ``should`` are the lines that were earned from it on, and nothing else
    has changed: a key that stood on an earlier day and has none of these lines stands as before.
    """
    met = set()
    for line in should:
        key: Key = (line.payee_id, line.plan, line.component, line.kind, line.cause, line.currency)
        earlier = posted.get(key)
        terms = (line.invoice_id, line.earned_on, line.payable_on, line.plan_version)
        if earlier is None:
            yield _draft(key, terms, line.amount_minor, 0)
        else:
            met.add(key)
            yield from _moved(key, earlier, terms, line.amount_minor)
    for key, earlier in posted.items():
        if key not in met and (from_day is None or earlier[-1].earned_on >= from_day):
            yield from _moved(key, earlier, None, 0)


def _moved(key: Key, earlier: list[Posted], terms: Terms | None, amount_minor: int) -> Iterator[Draft]:
    """What follows earlier entries: unpaid money under other terms goes, the rest of the amount comes."""
    settled_minor = sum(each.amount_minor for each in earlier if each.is_settled)
    standing: dict[Terms, int] = {}
    for each in earlier:
        if not each.is_settled:
            standing[each.terms] = standing.get(each.terms, 0) + each.amount_minor
    stood_minor = sum(each.amount_minor for each in earlier)
    wanted_minor = amount_minor - settled_minor
    last = earlier[-1].terms
    here = terms or last
    moves = {other: -unpaid_minor for other, unpaid_minor in standing.items() if other != here}
    moves[here] = wanted_minor - standing.get(here, 0)
    for moved, moved_minor in moves.items():
        if moved_minor:
            yield _draft(key, moved, moved_minor, stood_minor)
            stood_minor, last = stood_minor + moved_minor, moved
    if terms is not None and last != terms:
        yield _draft(key, terms, 0, stood_minor)


def _draft(key: Key, terms: Terms, amount_minor: int, stood_minor: int) -> Draft:
    payee_id, plan, component, kind, cause, currency = key
    invoice_id, earned_on, payable_on, plan_version = terms
    return Draft(
        payee_id,
        plan,
        component,
        kind,
        cause,
        invoice_id,
        earned_on,
        payable_on,
        amount_minor,
        currency,
        plan_version,
        stood_minor,
    )
