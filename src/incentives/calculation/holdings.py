"""What one payee holds under one component: money on invoices, attainment in windows, exact totals.

The mutable state of a commission, and the only one: :mod:`commission` moves it, one event after the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from incentives.calculation.curve import NO_MULTIPLIERS, Curve, Factors, Tiers
from incentives.calculation.lines import Line
from incentives.calculation.segments import Part, Pile, Segment
from incentives.calculation.timeline import Timeline
from incentives.facts import EventRef, Invoice
from incentives.money import EXACT, PPM, rounded, rounded_exact

_HALF = EXACT // 2

WindowKey = tuple[str, str | dt.date | None]
"""The kind of window and what tells it apart: an invoice, a first day, nothing (``ever``)."""

Worth = dict[tuple[dt.date, int], tuple[int, int]]
"""Of a ``whole_amount`` window, by version and rate points: rate (ppm, points included) and exact worth."""

Stands = tuple[int, dict[tuple[dt.date, int], int], int, int]
"""A window's attainment, weights and total: all that the next amount depends on."""


@dataclass(slots=True)
class Total:
    """An exact running total, and what of it has been booked in minor units: lines are the difference."""

    exact: int = 0
    booked_minor: int = 0

    def book(self) -> int:
        """R(X after) - R(X before): the amount of a line (section 2)."""
        exact = self.exact
        now_minor = (exact + _HALF) // EXACT if exact >= 0 else rounded_exact(exact)  # a call less per line
        amount_minor = now_minor - self.booked_minor
        self.booked_minor = now_minor
        return amount_minor


@dataclass(slots=True)
class Window:
    """An attainment, the tiers of each version in it, and for ``whole_amount`` what the window is worth."""

    key: WindowKey
    attained: int = 0
    tiers: dict[dt.date, Tiers] = field(default_factory=dict)
    total: Total = field(default_factory=Total)
    weights: dict[tuple[dt.date, int], int] = field(default_factory=dict)
    """Σ m x movement at 10^-12, by version and rate points."""
    money: dict[int, tuple[Money, int]] = field(default_factory=dict)
    """What each segment has in that sum, by identity: what was kept for good stays in it."""

    def weigh(self, segment: Money, weight: int) -> None:
        """Put money into the sum, or take it out."""
        assert segment.curve is not None
        key = (segment.curve.version_from, segment.factors.add_ppm)
        self.weights[key] = self.weights.get(key, 0) + weight
        _, in_sum = self.money.get(id(segment), (segment, 0))
        self.money[id(segment)] = (segment, in_sum + weight)

    def stands(self) -> Stands:
        """How the window stands, but for whose money it is: what moves up does not ask for that."""
        return self.attained, dict(self.weights), self.total.exact, self.total.booked_minor

    def stand(self, stood: Stands) -> None:
        """Stand as before."""
        self.attained, self.weights, *total = stood
        self.total = Total(*total)

    def worth(self) -> Worth:
        """T, part by part, at the attainment reached."""
        found = {}
        for (version_from, add_ppm), weight in self.weights.items():
            rate_ppm = self.tiers[version_from].rate_at(self.attained) + add_ppm
            found[version_from, add_ppm] = (rate_ppm, rounded(rate_ppm * weight, PPM))
        return found


@dataclass(slots=True)
class Money(Segment):
    """Money with the terms it earned on: curve of its version (``None``: it earned nothing), factors, window."""

    curve: Curve | None = None
    factors: Factors = NO_MULTIPLIERS
    window: Window | None = None
    payable_on: dt.date = dt.date.min
    fx_rate_ppm: int = PPM


@dataclass(slots=True)
class Taken:
    """What one part lost to one take-back: enough to give exactly that back."""

    part: Part[Money]
    commission: list[tuple[Money, int]]
    """Exact commission taken, by the segment it came out of."""
    weight: int
    """What left the sum of a ``whole_amount`` window."""
    counted: bool
    """The attainment fell with it."""
    payable_on: dt.date
    line: Line | None = None

    @property
    def exact(self) -> int:
        """The commission taken, exact."""
        return sum(each for _, each in self.commission)


@dataclass(slots=True)
class Lost:
    """What was taken and may come back: by the event that took it, and by the suspension."""

    by_event: dict[EventRef, list[Taken]] = field(default_factory=dict)
    suspended: list[Taken] = field(default_factory=list)


@dataclass(slots=True)
class Holding:
    """One payee's money on one invoice: the pile, the running total, and what was lost and may come back."""

    invoice: Invoice
    timeline: Timeline
    curve: Curve | None
    """The one curve for all of its money, or ``None``: then each event's day says."""
    by_day: Sequence[tuple[dt.date, Curve | None]] = ()
    """From each version's first day on, its curve (``None``: it lacks the component)."""
    pile: Pile[Money] = field(default_factory=Pile)
    total: Total = field(default_factory=Total)
    left: int = 0
    """Commission in the segments, exact."""
    lost: Lost | None = None
    """``None`` as long as nothing was taken."""

    def curve_on(self, day: dt.date) -> tuple[dt.date | None, Curve | None]:
        """The version in force on the rule date of an event of that day (``None``: none yet), and its curve."""
        if self.curve is not None:
            return self.curve.version_from, self.curve
        found: tuple[dt.date | None, Curve | None] = (None, None)
        for version_from, curve in self.by_day:
            if version_from > day:
                break
            found = (version_from, curve)
        return found


@dataclass(slots=True)
class Before:
    """How a ``whole_amount`` window stood before an event."""

    window: Window
    attained: int
    worth: Worth


def before_of(window: Window) -> Before:
    """Remember how a window stands."""
    return Before(window, window.attained, window.worth())
