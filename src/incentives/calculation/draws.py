"""An advance on earnings, month by month, and its recovery (docs/rules.md section 9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from incentives.calculation.book import Book
from incentives.calculation.explanation import Step, Why
from incentives.calculation.lines import Line
from incentives.calendar import Period, periods
from incentives.money import EXACT
from incentives.rules.draw import Draw
from incentives.rules.plan import Plan, Version


@dataclass(frozen=True, slots=True)
class DrawWhy(Why):
    """What a draw or its recovery was made from."""

    plan: Plan
    version: Version
    draw: Draw
    month: Period
    earned_minor: int
    debt_before_minor: int
    pay_minor: int
    debt_after_minor: int

    def step(self, line: Line) -> Step:
        """Earned, owed, paid: the line is pay - earned."""
        currency = self.plan.currency
        steps = (
            Step(
                "draw_pay",
                {
                    "style": self.draw.style,
                    "draw_minor": self.draw.amount_minor,
                    "debt_minor": self.debt_before_minor,
                    "pay_minor": self.pay_minor,
                    "currency": currency,
                },
                self.pay_minor * EXACT,
            ),
            Step(
                "draw_earned",
                {"earned_minor": self.earned_minor, "currency": currency},
                -self.earned_minor * EXACT,
            ),
            Step("draw_debt", {"debt_minor": self.debt_after_minor, "currency": currency}),
        )
        return Step(
            line.kind,
            {
                "amount_minor": line.amount_minor,
                "currency": currency,
                "from": self.month.first,
                "to": self.month.last,
                "component": self.draw.name,
                "plan": self.plan.name,
                "version": self.version.effective_from,
                "reference": self.version.reference,
            },
            line.amount_minor * EXACT,
            steps,
        )


def draw_lines(book: Book, plan: Plan, component: str, payee_id: str, covered: Sequence[Line]) -> Iterator[Line]:
    """The draw of one payee, given the lines of the same plan: those of the covered components count in the
    month in which they are payable."""
    debt_minor = 0
    ends_on = book.payees[payee_id].ends_on
    first_day = max(
        plan.versions[0].effective_from, min(each.starts_on for each in book.assignments(plan, payee_id))
    )
    for month in periods(first_day, book.as_of, "month", 1):
        version = plan.version_on(month.first)
        draw = version.component(component) if version else None
        left = ends_on is not None and ends_on < month.last
        if version is None or not isinstance(draw, Draw) or left:
            continue
        if not book.is_on_plan(plan, month.last, payee_id):
            continue
        if draw.from_month is not None and month.first < draw.from_month:
            continue
        earned_minor = sum(
            line.amount_minor for line in covered if line.component in draw.covers and line.payable_on in month
        )
        pay_minor, debt_after_minor = _pay(draw, month.first, earned_minor, debt_minor)
        if pay_minor != earned_minor:
            why = DrawWhy(plan, version, draw, month, earned_minor, debt_minor, pay_minor, debt_after_minor)
            yield _line(plan, version, component, payee_id, month.last, pay_minor - earned_minor, why)
        debt_minor = debt_after_minor


def _pay(draw: Draw, month: dt.date, earned_minor: int, debt_minor: int) -> tuple[int, int]:
    """What is paid for the month, and the debt after it."""
    amount_minor = draw.amount_minor
    if draw.to_month is not None and month > draw.to_month:
        recovered = min(debt_minor, max(0, earned_minor))
        return earned_minor - recovered, debt_minor - recovered
    if draw.style == "additive":
        return earned_minor + amount_minor, debt_minor + (amount_minor if draw.recoverable else 0)
    if not draw.recoverable:
        return max(amount_minor, earned_minor), debt_minor
    pay_minor = max(amount_minor, earned_minor - debt_minor)
    return pay_minor, debt_minor + pay_minor - earned_minor


def _line(
    plan: Plan,
    version: Version,
    component: str,
    payee_id: str,
    day: dt.date,
    amount_minor: int,
    why: DrawWhy,
) -> Line:
    return Line(
        payee_id,
        plan.plan,
        component,
        "draw" if amount_minor > 0 else "draw_recovery",
        f"period:{why.month.first.isoformat()}",
        "",
        day,
        day,
        amount_minor,
        plan.currency,
        version.effective_from,
        why,
    )
