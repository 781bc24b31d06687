"""What a changed plan would have paid: calculated on the history in the books, before and after; nothing is kept.

Both sides are calculated alike for everybody whom the plan is assigned to, chunk by chunk, as of the day on which
the next run would calculate. A plan decides about no other plan's lines, so nobody else can differ.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from incentives.calculation.chunks import Chunk, Scope
from incentives.calculation.lines import Line
from incentives.calendar import Period, period_of
from incentives.engines.chunks import over
from incentives.ledger.entries import Key
from incentives.rules.plan import Plan
from incentives.service.runs import rules_in_force, today
from incentives.store.acts import Who
from incentives.store.closes import closes
from incentives.store.facts_out import Known, Rules
from incentives.store.ledger import open_month
from incentives.store.source import StoreSource


@dataclass(frozen=True, slots=True)
class Side:
    """A payee's lines of the plan in one month and currency, before and after; minor units."""

    payee_id: str
    month: dt.date
    currency: str
    before_minor: int
    after_minor: int

    @property
    def difference_minor(self) -> int:
        """What the change brings."""
        return self.after_minor - self.before_minor


@dataclass(frozen=True, slots=True)
class Preview:
    """Every month of everybody whom the plan pays, and where the books stand.

    ``open_month`` takes what is earned in closed months: what differs before its first day would be posted there.
    ``payees`` is how many people the plan is calculated for.
    """

    plan: str
    as_of: dt.date
    open_month: dt.date
    payees: int
    sides: tuple[Side, ...]

    def between(self, first: dt.date, last: dt.date) -> list[Side]:
        """Per payee and currency over some months; the largest difference first."""
        return _summed(each for each in self.sides if first <= each.month <= last)

    def by_month(self, currency: str, first: dt.date, last: dt.date) -> list[tuple[dt.date, int, int]]:
        """Everybody together in a currency: month, before and after."""
        found: dict[dt.date, tuple[int, int]] = {}
        for each in self.sides:
            if each.currency == currency and first <= each.month <= last:
                before, after = found.get(each.month, (0, 0))
                found[each.month] = before + each.before_minor, after + each.after_minor
        return [(month, before, after) for month, (before, after) in sorted(found.items())]

    def late(self) -> list[Side]:
        """What would be posted into the open month for closed ones, per payee and currency."""
        found = _summed(each for each in self.sides if each.month < self.open_month)
        return [each for each in found if each.difference_minor]

    @property
    def reaches_back_to(self) -> dt.date | None:
        """The first closed month in which something differs."""
        months = (each.month for each in self.sides if each.month < self.open_month and each.difference_minor)
        return min(months, default=None)


@dataclass(frozen=True, slots=True)
class Moved:
    """A line that is not the same before and after; ``None`` where it does not stand on that side."""

    before: Line | None
    after: Line | None

    @property
    def line(self) -> Line:
        """Either, for what both say."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def before_minor(self) -> int:
        """What stands."""
        return self.before.amount_minor if self.before else 0

    @property
    def after_minor(self) -> int:
        """What would stand."""
        return self.after.amount_minor if self.after else 0


def preview(connection: Connection, who: Who, changed: Plan) -> Preview:
    """The plan as it is in force beside the plan as it would be, over everything that the books know.

    Raises :class:`~incentives.errors.Rejected` where the books are empty. A plan that is not in force yet
    is paid to whoever it is assigned to; without an assignment nothing differs.
    """
    both = _Both.of(connection, who, changed)
    totals: dict[tuple[str, dt.date, str], list[int]] = {}
    for side, rules in enumerate((both.before, both.after)):
        for lines in both.lines(rules, both.scope):
            for line in lines:
                key = (line.payee_id, line.earned_on.replace(day=1), line.currency)
                totals.setdefault(key, [0, 0])[side] += line.amount_minor
    sides = tuple(Side(*key, *totals[key]) for key in sorted(totals))
    return Preview(changed.plan, both.as_of, both.month.first, both.people(sides), sides)


def moved(
    connection: Connection, who: Who, changed: Plan, payee_id: str, first: dt.date, last: dt.date
) -> list[Moved]:
    """The lines of a payee in some months that would not be the same, by day; with their reasons."""
    both = _Both.of(connection, who, changed)
    scope = both.scope_of(payee_id)
    sides = []
    for rules in (both.before, both.after):
        lines = (line for found in both.lines(rules, scope) for line in found if line.payee_id == payee_id)
        sides.append({_key(line): line for line in lines if first <= line.earned_on.replace(day=1) <= last})
    before, after = sides
    found = [Moved(before.get(key), after.get(key)) for key in before.keys() | after.keys()]
    differing = [each for each in found if each.before_minor != each.after_minor]
    return sorted(differing, key=lambda each: (each.line.earned_on, _key(each.line)))


def months(connection: Connection) -> tuple[list[dt.date], dt.date, dt.date]:
    """Every month that may be chosen, oldest first; and the first and last of the last closed quarter (of all,
    before one is closed)."""
    rules = rules_in_force(connection)
    starts = rules.company.fiscal_year_starts
    shut = [each.month for each in closes(connection)]
    open_now = open_month(connection, rules)
    found = [*shut, *([open_now.first] if open_now else [])]
    for month in reversed(shut):
        quarter = period_of(month, "quarter", starts)
        if quarter.last == period_of(month, "month", 1).last:
            return found, max(quarter.first, found[0]), month
    return found, found[0], found[-1]


def as_plain(found: Preview) -> dict[str, Any]:
    """A preview as a job keeps it."""
    return {
        "plan": found.plan,
        "as_of": found.as_of.isoformat(),
        "open_month": found.open_month.isoformat(),
        "payees": found.payees,
        "sides": [
            [each.payee_id, each.month.isoformat(), each.currency, each.before_minor, each.after_minor]
            for each in found.sides
        ],
    }


def from_plain(plain: dict[str, Any]) -> Preview:
    """And as it was."""
    sides = (Side(payee, dt.date.fromisoformat(month), *rest) for payee, month, *rest in plain["sides"])
    as_of, month = (dt.date.fromisoformat(plain[name]) for name in ("as_of", "open_month"))
    return Preview(plain["plan"], as_of, month, plain["payees"], tuple(sides))


# How both sides are calculated -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Both:
    """The rules in force, the same with the changed plan, and whom the plan is assigned to on some day."""

    connection: Connection
    before: Rules
    after: Rules
    month: Period
    as_of: dt.date
    scope: Scope
    plan: str

    @classmethod
    def of(cls, connection: Connection, who: Who, changed: Plan) -> _Both:
        before = rules_in_force(connection)
        others = tuple(each for each in before.plans if each.plan != changed.plan)
        after = Rules(before.company, (*others, changed))
        month = open_month(connection, before)
        if month is None:  # nothing has happened yet, so nothing differs
            month = period_of(today(before, who), "month", 1)
        assigned = [each for each in Known(connection).assignments(after) if each.plan == changed.plan]
        payees = tuple(sorted({each.payee_id for each in assigned if each.payee_id}))
        teams = tuple(sorted({each.team for each in assigned if each.team}))
        as_of = min(month.last, today(before, who))
        return cls(connection, before, after, month, as_of, Scope(payees, teams), changed.plan)

    def scope_of(self, payee_id: str) -> Scope:
        """What has to be calculated for one payee's lines."""
        return Scope((payee_id,) if payee_id in self.scope.payees else (), self.scope.teams)

    def lines(self, rules: Rules, scope: Scope) -> Iterator[list[Line]]:
        """The plan's lines, a chunk at a time."""
        if scope.payees or scope.teams:
            source = StoreSource(self.connection, rules)
            yield from over(source, rules.plans, self.as_of, _OfPlan(self.plan), scope)

    def people(self, sides: Iterable[Side]) -> int:
        return len({*self.scope.payees, *(each.payee_id for each in sides)})


@dataclass(frozen=True, slots=True)
class _OfPlan:
    """The lines of one plan in a chunk."""

    plan: str

    def __call__(self, chunk: Chunk) -> list[Line]:
        return [line for line in chunk.lines if line.plan == self.plan]


def _summed(sides: Iterable[Side]) -> list[Side]:
    totals: dict[tuple[str, str], list[int]] = {}
    first: dt.date | None = None
    for each in sides:
        first = min(first or each.month, each.month)
        total = totals.setdefault((each.payee_id, each.currency), [0, 0])
        total[0] += each.before_minor
        total[1] += each.after_minor
    if first is None:
        return []
    found = [Side(payee_id, first, currency, *total) for (payee_id, currency), total in totals.items()]
    return sorted(found, key=lambda each: (-abs(each.difference_minor), each.payee_id, each.currency))


def _key(line: Line) -> Key:
    return (line.payee_id, line.plan, line.component, line.kind, line.cause, line.currency)
