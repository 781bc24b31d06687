"""What commission lines were made from, and how that reads as steps (docs/rules.md section 13).

The records are filled while the amount is calculated; nothing here calculates an amount again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from incentives.calculation.credits import listed
from incentives.calculation.explanation import Step, Value, Why
from incentives.calculation.position import commissionable
from incentives.money import EXACT

if TYPE_CHECKING:
    from incentives.calculation.curve import Cut
    from incentives.calculation.holdings import Money, Worth
    from incentives.calculation.lines import Line
    from incentives.calculation.position import Movement
    from incentives.facts import Credit, Invoice
    from incentives.rules.plan import Plan


@dataclass(slots=True)
class Undone:
    """A part of a segment that was taken or given back: its money, what moved, what its share was."""

    on: dt.date
    cause: str
    size: int
    exact: int
    proportional: int
    undoes: Line | None


@dataclass(slots=True)
class StepTaken:
    """A ``whole_amount`` window before and after: attainment, and per version rate and worth."""

    window: str | dt.date | None
    attained_before: int
    attained_after: int
    worth_before: Worth
    worth_after: Worth


@dataclass(slots=True)
class CommissionWhy(Why):
    """Everything an earning, take-back, suspension or restoration was made from."""

    invoice: Invoice
    movement: Movement
    plan: Plan
    before_exact: int
    after_exact: int
    parts: Sequence[Cut] | Sequence[Undone]
    windows: Sequence[StepTaken] | None
    money: Money | None
    """For an earning, a segment that it left: curve, factors and window are the same in all of them."""
    attained: int

    def step(self, line: Line) -> Step:
        """The tree: what happened, position, share, attainment, factors, pieces, rounding, rule."""
        steps = [*self._money(line), *self._parts(line), *self._whole_amount()]
        before, after = self._totals()
        rounding = line.amount_minor * EXACT - (after - before)
        if rounding:
            totals: dict[str, Value] = {"before": before, "after": after, "currency": self.plan.currency}
            steps.append(Step("rounding", totals, rounding))
        steps.append(Step("payable", {"on": line.payable_on}))
        return replace(self.head(line), steps=tuple(steps))

    def head(self, line: Line) -> Step:
        """The event, the invoice and the rule."""
        movement, event = self.movement, self.movement.event
        version = self.plan.version_on(line.plan_version)
        return Step(
            line.kind,
            {
                "amount_minor": line.amount_minor,
                "currency": self.plan.currency,
                "on": movement.on,
                "invoice": self.invoice.invoice_id,
                "customer": self.invoice.customer_id,
                "event": event.type if event else movement.cause.partition(":")[0],
                "event_id": event.event_id if event else "",
                "event_minor": event.amount_minor if event else None,
                "event_currency": self.invoice.currency,
                "reason": event.reason if event else "",
                "plan": self.plan.name,
                "version": version.effective_from if version else None,
                "reference": version.reference if version else "",
            },
            line.amount_minor * EXACT,
        )

    def _totals(self) -> tuple[int, int]:
        """The exact running totals that the line is the rounded difference of, as they were booked."""
        before = sum(worth for window in self.windows or () for _, worth in window.worth_before.values())
        after = sum(worth for window in self.windows or () for _, worth in window.worth_after.values())
        return self.before_exact + before, self.after_exact + after

    def _moved(self, line: Line) -> int:
        """The payee's part of the movement, signed; money that earned nothing is not in it."""
        if self.money is not None:
            return sum(part[0] for part in self.parts if not isinstance(part, Undone))
        size = sum(part.size for part in self.parts if isinstance(part, Undone))
        return size if line.kind == "restoration" else -size

    def _credits(self) -> Sequence[Credit]:
        """The credits of the roles that the component lists, where the money says which component it was."""
        curve = self.money.curve if self.money is not None else None
        return listed(self.invoice.credits, curve.component.roles) if curve is not None else self.invoice.credits

    def _money(self, line: Line) -> Iterator[Step]:
        movement, currency = self.movement, self.invoice.currency
        position: dict[str, Value] = {
            "before_minor": movement.before,
            "after_minor": movement.after,
            "currency": currency,
        }
        if self.money is not None and self.money.curve is not None:
            component = self.money.curve.component
            position["gross_minor"] = sum(line.net_minor + line.tax_minor for line in self.invoice.lines)
            position["base"] = component.base
            position["worth_minor"] = commissionable(self.invoice, component.base, component.categories)
        yield Step("position", position)
        moved = self._moved(line)
        if moved != movement.after - movement.before:
            mine = [each for each in self._credits() if each.payee_id == line.payee_id]
            share: dict[str, Value] = {
                "moved_minor": moved,
                "currency": currency,
                "share_ppm": mine[0].share_ppm if len(mine) == 1 else None,
                "role": ", ".join(each.role for each in mine),
            }
            yield Step("share", share)
        if self.money is None:
            return
        window = self.money.window
        into = sum(part[1] for part in self.parts if not isinstance(part, Undone))
        if currency != self.plan.currency:
            rate: dict[str, Value] = {"into_minor": into, "currency": self.plan.currency}
            yield Step("converted", rate | {"fx_rate_ppm": self.money.fx_rate_ppm})
        yield Step(
            "attainment",
            {
                "window": window.key[1] if window else None,
                "before_minor": self.attained,
                "after_minor": self.attained + into,
                "currency": self.plan.currency,
            },
        )
        for factor in self.money.factors.each:
            looked_at = factor.looked_at
            if isinstance(looked_at, tuple):
                looked_at = ", ".join(category or "-" for category, _ in looked_at)
            yield Step(
                "factor",
                {
                    "by": factor.by,
                    "looked_at": looked_at,
                    "raw_days": (movement.on - movement.due_on).days,
                    "numerator": factor.numerator,
                    "denominator": factor.denominator,
                    "add_ppm": factor.add_ppm,
                },
            )

    def _parts(self, line: Line) -> Iterator[Step]:
        sign = 1 if line.kind == "restoration" else -1
        for part in self.parts:
            if isinstance(part, Undone):
                values: dict[str, Value] = {
                    "on": part.on,
                    "cause": part.cause,
                    "size_minor": part.size,
                    "currency": self.invoice.currency,
                    "earned_in": self.plan.currency,
                    "proportional": part.proportional,
                    "undoes": part.undoes.cause if part.undoes else "",
                }
                yield Step("given_back" if sign > 0 else "taken", values, sign * part.exact)
            elif not self.windows:
                assert self.money is not None
                for part_minor, rate_ppm in part[2]:
                    m_ppm, add_ppm = self.money.factors.m_ppm, self.money.factors.add_ppm
                    yield Step(
                        "piece",
                        {
                            "part_minor": part_minor,
                            "currency": self.plan.currency,
                            "rate_ppm": rate_ppm,
                            "add_ppm": add_ppm,
                            "m_ppm": m_ppm,
                        },
                        m_ppm * (rate_ppm + add_ppm) * part_minor,
                    )

    def _whole_amount(self) -> Iterator[Step]:
        for window in self.windows or ():
            for key, (rate_ppm, worth) in window.worth_after.items():
                rate_before, worth_before = window.worth_before.get(key, (0, 0))
                yield Step(
                    "whole_amount",
                    {
                        "window": window.window,
                        "currency": self.plan.currency,
                        "before_minor": window.attained_before,
                        "after_minor": window.attained_after,
                        "rate_before_ppm": rate_before,
                        "rate_ppm": rate_ppm,
                        "worth_before": worth_before,
                        "worth": worth,
                    },
                    worth - worth_before,
                )
