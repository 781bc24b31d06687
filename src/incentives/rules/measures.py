"""Metrics as rules refer to them: what is measured, for which customers, against which limit (section 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MetricName = Literal[
    "on_time_rate",
    "dso",
    "best_possible_dso",
    "average_days_delinquent",
    "cei",
    "overdue_ratio",
    "bad_debt_ratio",
    "average_days_to_pay",
    "low_risk_growth",
]


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of a team and period. ``by`` matters to ``on_time_rate`` only."""

    metric: MetricName
    customers: Literal["all", "new"] = "all"
    by: Literal["value", "count"] = "value"
    new_for_days: int = 365


@dataclass(frozen=True, slots=True)
class ScaleStep:
    """From this value of the metric on (ppm), this factor."""

    from_ppm: int
    factor_ppm: int


@dataclass(frozen=True, slots=True)
class Scale:
    """A factor by a metric: half-open steps; below the first one, or undefined: 0."""

    measure: Measure
    steps: tuple[ScaleStep, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit that a metric must keep; an undefined metric does not keep it."""

    measure: Measure
    at_least_ppm: int | None = None
    at_most_ppm: int | None = None
