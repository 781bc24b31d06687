"""What a movement is worth: tiers and multipliers (docs/rules.md sections 6 and 7)."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from incentives.calculation.position import Movement, PositionRule, position_rule
from incentives.calculation.timeline import Timeline
from incentives.facts import Invoice
from incentives.money import PPM, rounded
from incentives.rules.commission import Commission, DayMultiplier, ValueMultiplier


class Customers(Protocol):
    """Knows what multipliers ask of customers."""

    def customer_age_days(self, invoice: Invoice) -> int:
        """Days from the customer's first invoice to this one."""
        ...

    def last_given(self, customer_id: str, attribute: str, day: dt.date) -> str:
        """The last value of a credit record's attribute given on or before a day."""
        ...

    def country(self, customer_id: str) -> str:
        """Where the customer is."""
        ...


Looked = int | str | tuple[tuple[str, int], ...]
"""A count of days, a value, or the net of each category."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One multiplier's answer: numerator / denominator, and rate points on top."""

    by: str
    looked_at: Looked
    numerator: int
    denominator: int = PPM
    add_ppm: int = 0


@dataclass(frozen=True, slots=True)
class Factors:
    """The product of all multipliers, rounded once to ppm, and the sum of the rate points."""

    m_ppm: int = PPM
    add_ppm: int = 0
    each: tuple[Factor, ...] = ()


NO_MULTIPLIERS = Factors()


@dataclass(slots=True)
class Tiers:
    """Limits in minor units of the plan's currency, with the rate from each on."""

    limits: list[int]
    rates_ppm: list[int]

    def tier_at(self, attained: int) -> int:
        """The tier that an attainment has reached; below 0 the first."""
        return bisect_right(self.limits, attained, 1) - 1

    def rate_at(self, attained: int) -> int:
        """The rate of the tier that an attainment has reached, ppm."""
        return self.rates_ppm[self.tier_at(attained)]

    def total(self, attained: int) -> int:
        """F(A), in ppm of a minor unit: each part of A at its tier's rate; a negative A at the first rate."""
        if attained <= 0:
            return attained * self.rates_ppm[0]
        worth = 0
        for at, lower in enumerate(self.limits):
            if attained <= lower:
                break
            upper = self.limits[at + 1] if at + 1 < len(self.limits) else attained
            worth += (min(attained, upper) - lower) * self.rates_ppm[at]
        return worth

    def pieces(self, before: int, after: int) -> list[tuple[int, int]]:
        """The upward way from one attainment to another, cut at the limits: (part, rate), lowest tier first."""
        at = self.tier_at(before)
        last = len(self.limits) - 1
        found = []
        while at < last and self.limits[at + 1] < after:
            at += 1
            if self.limits[at] > before:
                found.append((self.limits[at] - before, self.rates_ppm[at - 1]))
                before = self.limits[at]
        found.append((after - before, self.rates_ppm[at]))
        return found


@dataclass(slots=True, eq=False)
class Curve:
    """A commission of one plan version, ready to be asked often."""

    version_from: dt.date
    component: Commission
    customers: Customers | None = None
    """Asked by multipliers: a curve without them needs nobody."""
    rule: PositionRule = field(init=False)
    counts_all: bool = field(init=False)
    """Whether all of a payee's own cash counts as it comes: no target or multiplier may be missing."""
    _lookers: tuple[Looker, ...] = field(init=False)
    _answers: dict[tuple[Looked, ...], Factors | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rule = position_rule(self.component)
        component = self.component
        self._lookers = tuple(_looker(each, component, self.customers) for each in component.multipliers)
        self.counts_all = (
            (component.earns_on, component.credits, component.tiers_apply) == ("payment", "own", "marginal")
            and component.measure == "amount"
            and all(map(_always_matches, component.multipliers))
        )

    def tiers(self, target_minor: int | None) -> Tiers:
        """The tiers of a window; with ``measure = "target"`` limits are R(share x target)."""
        component = self.component
        rates = [tier.rate_ppm for tier in component.tiers]
        if component.measure == "amount":
            return Tiers([tier.from_ for tier in component.tiers], rates)
        assert target_minor is not None
        return Tiers([rounded(tier.from_ * target_minor, PPM) for tier in component.tiers], rates)

    def factors(self, timeline: Timeline, movement: Movement) -> Factors | None:
        """The multipliers at an event; ``None`` where one of them has no match."""
        looked_at: tuple[Looked, ...]
        if not self._lookers:
            return NO_MULTIPLIERS
        if len(self._lookers) == 1:
            looked_at = (self._lookers[0](timeline, movement),)
        else:
            looked_at = tuple([look(timeline, movement) for look in self._lookers])
        try:
            return self._answers[looked_at]
        except KeyError:
            factors = self._answers[looked_at] = _product(self.component, looked_at)
            return factors


def _always_matches(multiplier: DayMultiplier | ValueMultiplier) -> bool:
    if isinstance(multiplier, DayMultiplier):
        return multiplier.by in ("days_late", "days_to_pay") and multiplier.steps[0].from_days <= 0
    return multiplier.by != "category" and multiplier.else_ppm is not None


Looker = Callable[[Timeline, Movement], Looked]
"""Looks at what one multiplier depends on (section 7)."""


def _looker(
    multiplier: DayMultiplier | ValueMultiplier, component: Commission, customers: Customers | None
) -> Looker:
    if isinstance(multiplier, DayMultiplier):
        return _day_looker(multiplier, customers)
    if multiplier.by == "category":
        return lambda timeline, _: _net_by_category(timeline.invoice, component)
    assert customers is not None
    if multiplier.by == "country":
        return lambda timeline, _: customers.country(timeline.invoice.customer_id)
    attribute = multiplier.by

    def last_given(timeline: Timeline, movement: Movement) -> str:
        invoice = timeline.invoice
        return customers.last_given(invoice.customer_id, attribute, invoice.issued_on)

    return last_given


def _day_looker(multiplier: DayMultiplier, customers: Customers | None) -> Looker:
    if multiplier.by == "days_late":
        pause, forgive = multiplier.pause_while_disputed, multiplier.forgive_if_warned

        def days_late(timeline: Timeline, movement: Movement) -> int:
            if movement.on <= movement.due_on:
                return 0
            return timeline.days_late(movement.on, movement.due_on, pause, forgive)

        return days_late
    if multiplier.by == "days_to_pay":
        return lambda timeline, movement: max(0, (movement.on - timeline.invoice.issued_on).days)
    if multiplier.by == "terms_days":
        return lambda timeline, _: (timeline.invoice.due_on - timeline.invoice.issued_on).days
    assert customers is not None
    return lambda timeline, _: customers.customer_age_days(timeline.invoice)


def _net_by_category(invoice: Invoice, component: Commission) -> tuple[tuple[str, int], ...]:
    wanted = component.categories
    net: dict[str, int] = {}
    for line in invoice.lines:
        if line.commissionable and (not wanted or line.category in wanted):
            net[line.category] = net.get(line.category, 0) + line.net_minor
    return tuple(sorted(net.items()))


def _product(component: Commission, looked_at: Sequence[Looked]) -> Factors | None:
    numerator, denominator, add_ppm = PPM, 1, 0
    each = []
    for multiplier, looked in zip(component.multipliers, looked_at, strict=True):
        factor = _answer(multiplier, looked)
        if factor is None:
            return None
        each.append(factor)
        numerator *= factor.numerator
        denominator *= factor.denominator
        add_ppm += factor.add_ppm
    return Factors(rounded(numerator, denominator), add_ppm, tuple(each))


def _answer(multiplier: DayMultiplier | ValueMultiplier, looked: Looked) -> Factor | None:
    if isinstance(multiplier, DayMultiplier):
        assert isinstance(looked, int)
        at = bisect_right(multiplier.steps, looked, key=lambda step: step.from_days) - 1
        if at < 0:
            return None
        step = multiplier.steps[at]
        return Factor(multiplier.by, looked, step.factor_ppm, add_ppm=step.add_ppm)
    if isinstance(looked, tuple):
        return _average(multiplier, looked)
    assert isinstance(looked, str)
    factor_ppm = multiplier.factors_ppm.get(looked, multiplier.else_ppm)
    return None if factor_ppm is None else Factor(multiplier.by, looked, factor_ppm)


def _average(multiplier: ValueMultiplier, net_by_category: tuple[tuple[str, int], ...]) -> Factor | None:
    """Averaged by net: a line without a match, or nothing to weigh by, is no match."""
    numerator = whole = 0
    for category, net in net_by_category:
        factor_ppm = multiplier.factors_ppm.get(category, multiplier.else_ppm)
        if factor_ppm is None:
            return None
        numerator += factor_ppm * net
        whole += net
    if whole <= 0:
        return None
    return Factor(multiplier.by, net_by_category, numerator, PPM * whole)


Cut = tuple[int, int, tuple[tuple[int, int], ...]]
"""A piece of a movement inside one tier: its size, its plan amount, and the rates with the part of the plan
amount at each: more than one where a piece without size joined it. Plain, because there are millions."""


def cut_at_limits(tiers: Tiers, attained: int, size: int, plan_minor: int) -> list[Cut]:
    """A movement cut where it crosses tier limits, lowest tier first (section 5).

    A converted movement is cut at R(movement x plan amount so far / plan amount); a piece of size 0 joins
    the next one, at the end the one before.
    """
    limits = tiers.limits
    at = bisect_right(limits, attained, 1)
    if at == len(limits) or limits[at] >= attained + plan_minor:
        return [(size, plan_minor, ((plan_minor, tiers.rates_ppm[at - 1]),))]
    tier_parts = tiers.pieces(attained, attained + plan_minor)
    cuts: list[Cut] = []
    so_far = done = 0
    for part_minor, rate_ppm in tier_parts:
        so_far += part_minor
        upto = size if so_far == plan_minor else rounded(size * so_far, plan_minor)
        cut: Cut = (upto - done, part_minor, ((part_minor, rate_ppm),))
        done = upto
        cuts.append(_joined(cuts.pop(), cut) if cuts and not cuts[-1][0] else cut)
    if len(cuts) > 1 and not cuts[-1][0]:
        last = cuts.pop()
        cuts.append(_joined(cuts.pop(), last))
    return cuts


def _joined(one: Cut, other: Cut) -> Cut:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
