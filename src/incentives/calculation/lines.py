"""What a calculation returns: ledger lines, findings and metric values (docs/rules.md section 11)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from incentives.calculation.explanation import Step, Why
from incentives.errors import NO_CURE, Told

LineKind = Literal[
    "earning",
    "clawback",
    "suspension",
    "restoration",
    "bonus",
    "cap",
    "draw",
    "draw_recovery",
    "adjustment",
]

FindingKind = Literal[
    "no_plan",
    "before_first_version",
    "no_match",
    "missing_fx_rate",
    "missing_target",
    "conflict",
    "unknown_reference",
    "wrong_currency",
    "no_members",
    "left",
]


@dataclass(slots=True)
class Line:
    """One amount that should stand. Its key is plan, component, payee, cause and kind.

    ``amount_minor`` is never 0; ``payable_on`` is never before ``earned_on``; ``plan_version`` is the day
    from which the version of the line's rule date is in force; of an adjustment, its own day. Not frozen for
    speed only: nothing changes a line once it is made.
    """

    payee_id: str
    plan: str
    component: str
    kind: LineKind
    cause: str
    invoice_id: str
    earned_on: dt.date
    payable_on: dt.date
    amount_minor: int
    currency: str
    plan_version: dt.date
    why: Why = field(compare=False, repr=False)

    def explained(self) -> Step:
        """Why this amount, as a tree of steps (section 13)."""
        return self.why.step(self)

    def headline(self) -> Step:
        """What happened: the root of that tree, for whoever does not ask how the amount came about."""
        return self.why.head(self)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Money that earned nothing, or a fact that could not be applied: an exception for a person to read."""

    what: FindingKind
    invoice_id: str = ""
    payee_id: str = ""
    event_id: str = ""
    message: Told = NO_CURE


@dataclass(frozen=True, slots=True, order=True)
class MetricValue:
    """A metric of a team and period, in millionths; ``None`` where it has no denominator (section 10)."""

    team: str
    period: dt.date
    metric: str
    customers: str
    value_ppm: int | None
