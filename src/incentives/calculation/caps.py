"""At most so much per window; the excess is lost or waits for the next one (docs/rules.md section 9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from incentives.calculation.explanation import Step, Value, Why
from incentives.calculation.lines import Line
from incentives.calendar import Period, Unit, period_of
from incentives.money import EXACT
from incentives.rules.commission import Cap, Commission
from incentives.rules.plan import Plan, Version


@dataclass(slots=True)
class DeferredWhy(Why):
    """What a deferred line was made from: the excess of the window before."""

    plan: Plan
    version: Version
    window: Period

    def step(self, line: Line) -> Step:
        """The excess that enters the window."""
        return Step(
            "deferred", _values(line, self.plan, self.version, self.window, None), line.amount_minor * EXACT
        )


def _values(line: Line, plan: Plan, version: Version, window: Period, cap_minor: int | None) -> dict[str, Value]:
    return {
        "amount_minor": line.amount_minor,
        "currency": plan.currency,
        "from": window.first,
        "to": window.last,
        "cap_minor": cap_minor,
        "plan": plan.name,
        "version": version.effective_from,
        "reference": version.reference,
    }


@dataclass(slots=True)
class CapWhy(Why):
    """What a cap line was made from: the window's sum before and after, and the limit."""

    plan: Plan
    version: Version
    window: Period
    before_minor: int
    after_minor: int
    cap: Cap

    def step(self, line: Line) -> Step:
        """``min(cap, Y) - Y`` after, less the same before."""
        cap_minor = self.cap.amount_minor
        values = _values(line, self.plan, self.version, self.window, cap_minor)
        over_before = min(cap_minor, self.before_minor) - self.before_minor
        over_after = min(cap_minor, self.after_minor) - self.after_minor
        steps = (
            Step(
                "cap_before",
                {"sum_minor": self.before_minor, "over_minor": -over_before, "currency": self.plan.currency},
                -over_before * EXACT,
            ),
            Step(
                "cap_after",
                {"sum_minor": self.after_minor, "over_minor": -over_after, "currency": self.plan.currency},
                over_after * EXACT,
            ),
        )
        return Step("cap", values, line.amount_minor * EXACT, steps)


def cap_lines(
    lines: Sequence[Line], plan: Plan, component: str, payee_id: str, as_of: dt.date, fiscal_year_starts: int
) -> Iterator[Line]:
    """The cap lines beside one component's lines of one payee, which come in the order of section 3."""
    per = _per(plan, component)
    if per is None or not lines:
        return
    capped = _Capped(plan, component, payee_id, per, fiscal_year_starts, lines[0].earned_on)
    for cause, of_cause in groupby(lines, key=lambda line: line.cause):
        caused = tuple(of_cause)
        yield from capped.move_to(caused[0].earned_on)
        yield from capped.add(cause, caused)
    yield from capped.move_to(as_of)


def is_capped(plan: Plan, component: str) -> bool:
    """Whether a cap holds for a component in any version: its lines then depend on all earlier ones."""
    return _per(plan, component) is not None


def _per(plan: Plan, component: str) -> Unit | None:
    for version in plan.versions:
        found = version.component(component)
        if isinstance(found, Commission) and found.cap:
            return found.cap.per
    return None


class _Capped:
    """One component's window after window: its sum Y and the cap that holds."""

    def __init__(
        self, plan: Plan, component: str, payee_id: str, per: Unit, fiscal_year_starts: int, day: dt.date
    ) -> None:
        self.plan = plan
        self.component = component
        self.payee_id = payee_id
        self.per = per
        self.fiscal_year_starts = fiscal_year_starts
        self._open(day)

    def _open(self, day: dt.date) -> None:
        self.window = period_of(day, self.per, self.fiscal_year_starts)
        first = self.plan.versions[0]
        self.version = self.plan.version_on(self.window.first)
        if self.version is None and first.effective_from in self.window:
            self.version = first
        found = self.version.component(self.component) if self.version else None
        self.cap = found.cap if isinstance(found, Commission) else None
        self.sum_minor = 0

    def move_to(self, day: dt.date) -> Iterator[Line]:
        """Close windows until the day lies in the open one; what they defer opens the next."""
        while day > self.window.last:
            excess_minor = self._over() if self.cap and self.cap.excess == "defer" else 0
            if not excess_minor:
                self._open(day)
                return
            self._open(self.window.last + dt.timedelta(days=1))
            first, cause = self.window.first, f"period:{self.window.first.isoformat()}"
            version = self.version or self.plan.versions[0]
            why = DeferredWhy(self.plan, version, self.window)
            deferred = self._line(cause, "", first, first, excess_minor, version, why)
            yield deferred
            yield from self.add(cause, (deferred,))

    def add(self, cause: str, lines: tuple[Line, ...]) -> Iterator[Line]:
        """Add lines of one cause to the window; where that changes what is over the cap, a cap line follows."""
        before_minor, over_before = self.sum_minor, self._over()
        self.sum_minor += sum(line.amount_minor for line in lines)
        change_minor = over_before - self._over()
        if change_minor:
            assert self.version is not None and self.cap is not None
            why = CapWhy(self.plan, self.version, self.window, before_minor, self.sum_minor, self.cap)
            payable_on = max(line.payable_on for line in lines)
            first = lines[0]
            yield self._line(
                f"cap:{cause}", first.invoice_id, first.earned_on, payable_on, change_minor, self.version, why
            )

    def _over(self) -> int:
        return max(0, self.sum_minor - self.cap.amount_minor) if self.cap else 0

    def _line(
        self,
        cause: str,
        invoice_id: str,
        earned_on: dt.date,
        payable_on: dt.date,
        amount_minor: int,
        version: Version,
        why: CapWhy | DeferredWhy,
    ) -> Line:
        return Line(
            self.payee_id,
            self.plan.plan,
            self.component,
            "cap",
            cause,
            invoice_id,
            earned_on,
            payable_on,
            amount_minor,
            self.plan.currency,
            version.effective_from,
            why,
        )
