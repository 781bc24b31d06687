"""Bonuses that work per period: the shared pool and the target bonus (docs/rules.md section 9)."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from incentives.calculation.book import Book
from incentives.calculation.cash import Cash, CashBook
from incentives.calculation.explanation import Step, Value, Why
from incentives.calculation.lines import Finding, Line
from incentives.calculation.metrics import Metrics
from incentives.calendar import Period, Unit, period_of, periods
from incentives.errors import told
from incentives.facts import Membership, covers
from incentives.money import EXACT, PPM, largest_remainder, rounded
from incentives.rules.measures import Gate, Measure, Scale
from incentives.rules.plan import Plan, Version
from incentives.rules.shared_bonus import SharedBonus
from incentives.rules.target_bonus import Curve, TargetBonus


@dataclass(frozen=True, slots=True)
class Passed:
    """A gate, the value it met and whether it holds; an undefined metric does not hold."""

    gate: Gate
    value_ppm: int | None
    holds: bool


@dataclass(frozen=True, slots=True)
class RoleShare:
    """What of a pool a role gets, and each member's weight and part in it."""

    role: str
    share_ppm: int
    amount_minor: int
    weights: Mapping[str, int]
    parts_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PoolOutcome:
    """A team's pool of one period: how it came about and how it is shared. Also made when nothing is paid."""

    plan: Plan
    version: Version
    component: SharedBonus
    team: str
    period: Period
    collected_minor: int
    before_factor_minor: int
    scale_value_ppm: int | None
    factor_ppm: int
    gates: tuple[Passed, ...]
    pool_minor: int
    roles: tuple[RoleShare, ...]


def _all_hold(gates: Iterable[Passed]) -> bool:
    return all(passed.holds for passed in gates)


class Bonuses:
    """The period components of all teams and payees of a book."""

    def __init__(self, book: Book, metrics: Metrics) -> None:
        self.book = book
        self.metrics = metrics
        self.cash = CashBook(book)

    # The shared pool -------------------------------------------------------------------------------

    def pools(self, team: str) -> Iterator[PoolOutcome]:
        """Every pool of a team whose period ended by the day of the book."""
        for plan in self.book.plans_of(team=team):
            for name in plan.component_names():
                for version, component, period in self._periods(plan, name, team=team):
                    if isinstance(component, SharedBonus):
                        yield self._pool(plan, version, component, team, period)

    def pools_within(self, team: str, within: Period) -> Iterator[PoolOutcome]:
        """The pools of a team whose periods begin in a longer one. One that the day of the book lies in is told as
        if it ended on that day: it pays nobody yet."""
        for plan in self.book.plans_of(team=team):
            for name in plan.component_names():
                for version, component, period in self._periods(plan, name, team=team, running=True):
                    if isinstance(component, SharedBonus) and period.first in within:
                        yield self._pool(plan, version, component, team, period)

    def shared_lines(self, outcome: PoolOutcome) -> Iterator[Line]:
        """The lines of one pool: one per payee, over all their roles."""
        amounts: dict[str, int] = {}
        for role in outcome.roles:
            for payee_id, part_minor in role.parts_minor.items():
                amounts[payee_id] = amounts.get(payee_id, 0) + part_minor
        for payee_id, amount_minor in amounts.items():
            if amount_minor:
                why = PoolWhy(outcome, payee_id)
                yield _bonus_line(
                    outcome.plan,
                    outcome.version,
                    outcome.component,
                    payee_id,
                    outcome.period,
                    amount_minor,
                    why,
                )

    def _pool(
        self, plan: Plan, version: Version, component: SharedBonus, team: str, period: Period
    ) -> PoolOutcome:
        pool = component.pool
        cash = self.cash.of_team(team, component.base, component.categories, plan.currency)
        counted = list(self._counted(cash, component, period))
        if pool.rate_ppm is not None:
            self._find_unconverted(counted)
        collected_minor = sum(each.amount_minor for each in counted)
        if pool.amount_minor is not None:
            before_factor_minor = pool.amount_minor
        else:
            assert pool.rate_ppm is not None
            before_factor_minor = rounded(pool.rate_ppm * collected_minor, PPM)
        value_ppm, factor_ppm = self._factor(component.scale, team, period)
        gates = self._gates(component.gates, team, period)
        pool_minor = max(0, rounded(before_factor_minor * factor_ppm, PPM))
        if not _all_hold(gates):
            pool_minor = 0
        roles = self._split(plan, component, team, period, pool_minor) if pool_minor else ()
        return PoolOutcome(
            plan,
            version,
            component,
            team,
            period,
            collected_minor,
            before_factor_minor,
            value_ppm,
            factor_ppm,
            gates,
            pool_minor,
            roles,
        )

    def _factor(self, scale: Scale | None, team: str, period: Period) -> tuple[int | None, int]:
        """The metric's value and the scale's factor: below the first step or undefined 0, no scale 1."""
        if scale is None:
            return None, PPM
        value_ppm = self.metrics.value(team, period, scale.measure)
        if value_ppm is None:
            return None, 0
        at = bisect_right(scale.steps, value_ppm, key=lambda step: step.from_ppm) - 1
        return value_ppm, scale.steps[at].factor_ppm if at >= 0 else 0

    def _gates(self, gates: tuple[Gate, ...], team: str, period: Period) -> tuple[Passed, ...]:
        found = []
        for gate in gates:
            value_ppm = self.metrics.value(team, period, gate.measure)
            holds = (
                value_ppm is not None
                and (gate.at_least_ppm is None or value_ppm >= gate.at_least_ppm)
                and (gate.at_most_ppm is None or value_ppm <= gate.at_most_ppm)
            )
            found.append(Passed(gate, value_ppm, holds))
        return tuple(found)

    def _find_unconverted(self, cash: Iterable[Cash]) -> None:
        self.book.findings.update(each.unconverted for each in cash if each.unconverted)

    @staticmethod
    def _counted(cash: list[Cash], component: SharedBonus, period: Period) -> Iterator[Cash]:
        """The cash of a period that a pool counts: all of it, or only what came in time."""
        within_days = component.pool.on_time_within_days
        for each in cash:
            if each.on in period and (within_days is None or each.days_late <= within_days):
                yield each

    def _split(
        self, plan: Plan, component: SharedBonus, team: str, period: Period, pool_minor: int
    ) -> tuple[RoleShare, ...]:
        """To roles by share, a role without members passing its share on; then to members; nothing is lost."""
        members = {role: self._members(team, role, period) for role in component.shares_ppm}
        present = [
            (role, share_ppm) for role, share_ppm in component.shares_ppm.items() if members[role] and share_ppm
        ]
        if not present:
            message = told(
                "Nobody of %(team)s shares the %(component)s pool of %(day)s.",
                team=team,
                component=component.name,
                day=period.first,
            )
            self.book.findings.add(Finding("no_members", message=message))
            return ()
        found = []
        for role, amount_minor in largest_remainder(pool_minor, present).items():
            weights = self._weights(plan, component, team, period, members[role])
            parts = largest_remainder(amount_minor, weights.items())
            found.append(RoleShare(role, component.shares_ppm[role], amount_minor, weights, parts))
        return tuple(found)

    def _members(self, team: str, role: str, period: Period) -> dict[str, list[Membership]]:
        """Who was in the team under the role on some day of the period and has not left before its end."""
        found: dict[str, list[Membership]] = {}
        for each in self.book.facts.memberships:
            inside = each.starts_on <= period.last and (each.ends_on is None or each.ends_on >= period.first)
            if each.team == team and each.role == role and inside and self._stays(each.payee_id, period.last):
                found.setdefault(each.payee_id, []).append(each)
        return found

    def _stays(self, payee_id: str, day: dt.date) -> bool:
        ends_on = self.book.payees[payee_id].ends_on
        return ends_on is None or ends_on >= day

    def _weights(
        self,
        plan: Plan,
        component: SharedBonus,
        team: str,
        period: Period,
        members: Mapping[str, list[Membership]],
    ) -> dict[str, int]:
        if component.within_role == "by_days":
            days = [period.first + dt.timedelta(days=at) for at in range(period.days)]
            return {
                payee_id: sum(any(covers(day, each.starts_on, each.ends_on) for each in rows) for day in days)
                for payee_id, rows in members.items()
            }
        weights = dict.fromkeys(members, 1)
        if component.within_role == "by_credited_cash":
            invoices = self.book.invoices_of_team(team)
            for payee_id in members:
                cash = self.cash.of_payee(
                    payee_id, invoices, (), component.base, component.categories, plan.currency, team
                )
                counted = self._counted(cash, component, period)
                weights[payee_id] = max(0, sum(each.amount_minor for each in counted))
            if not any(weights.values()):
                weights = dict.fromkeys(members, 1)
        return weights

    # The target bonus ------------------------------------------------------------------------------

    def target_lines(self, plan: Plan, name: str, payee_id: str = "", team: str = "") -> Iterator[Line]:
        """The target bonus of a payee, or of a team: to each of its members the whole amount."""
        for version, component, period in self._periods(plan, name, payee_id, team):
            if not isinstance(component, TargetBonus):
                continue
            if payee_id and not self._stays(payee_id, period.last):
                continue
            target_minor = self.book.target(plan, name, period.first, payee_id, team)
            if target_minor is None:
                message = told(
                    "There is no target for %(component)s of %(owner)s from %(day)s.",
                    component=name,
                    owner=payee_id or team,
                    day=period.first,
                )
                self.book.findings.add(Finding("missing_target", payee_id=payee_id, message=message))
                continue
            why = self._target_why(plan, version, component, period, target_minor, payee_id, team)
            for paid_id in [payee_id] if payee_id else self._members_on(team, period.last):
                if why.amount_minor:
                    own_why = replace(why, payee_id=paid_id)
                    yield _bonus_line(plan, version, component, paid_id, period, why.amount_minor, own_why)

    def _target_why(
        self,
        plan: Plan,
        version: Version,
        component: TargetBonus,
        period: Period,
        target_minor: int,
        payee_id: str,
        team: str,
    ) -> TargetWhy:
        if payee_id:
            invoices = self.book.invoices_of_payee.get(payee_id, [])
            cash = self.cash.of_payee(payee_id, invoices, component.roles, "net", (), plan.currency)
        else:
            cash = self.cash.of_team(team, "net", (), plan.currency)
        counted = [each for each in cash if each.on in period]
        self._find_unconverted(counted)
        collected_minor = sum(each.amount_minor for each in counted)
        gates = self._gates(component.gates, team, period)
        numerator, denominator = _paid(component.curve, collected_minor, target_minor)
        if component.at_target_minor is not None:
            numerator, denominator = numerator * component.at_target_minor, denominator * PPM
        amount_minor = rounded(numerator, denominator)
        if not _all_hold(gates):
            amount_minor = 0
        return TargetWhy(
            plan,
            version,
            component,
            team,
            period,
            collected_minor,
            target_minor,
            gates,
            amount_minor,
            payee_id,
        )

    def _members_on(self, team: str, day: dt.date) -> list[str]:
        return sorted(
            {
                each.payee_id
                for each in self.book.facts.memberships
                if each.team == team
                and covers(day, each.starts_on, each.ends_on)
                and self._stays(each.payee_id, day)
            }
        )

    # Periods ---------------------------------------------------------------------------------------

    def _periods(
        self, plan: Plan, name: str, payee_id: str = "", team: str = "", running: bool = False
    ) -> Iterator[tuple[Version, SharedBonus | TargetBonus, Period]]:
        """Every period that counts: its plan assigned on the last day, a version in force on the first.

        ``running``: also the one that the day of the book lies in, up to that day.
        """
        component = next(found for version in plan.versions if (found := version.component(name)) is not None)
        if not isinstance(component, SharedBonus | TargetBonus):
            return
        unit: Unit = component.per
        first_version = plan.versions[0].effective_from
        first_day = max(first_version, min(each.starts_on for each in self.book.assignments(plan, payee_id, team)))
        starts = self.book.company.fiscal_year_starts
        ended = periods(period_of(first_day, unit, starts).first, self.book.as_of, unit, starts)
        for period in chain(ended, self._running(unit) if running else ()):
            if not self.book.is_on_plan(plan, period.last, payee_id, team):
                continue
            version = plan.version_on(period.first)
            if version is None:
                continue
            found = version.component(name)
            if isinstance(found, SharedBonus | TargetBonus):
                yield version, found, period

    def _running(self, unit: Unit) -> Iterator[Period]:
        """The period that the day of the book lies in, up to that day, unless it ends on it."""
        day = self.book.as_of
        whole = period_of(day, unit, self.book.company.fiscal_year_starts)
        if day < whole.last:
            yield Period(whole.first, day)


def _paid(curve: Curve, collected_minor: int, target_minor: int) -> tuple[int, int]:
    """What the curve pays at collected / target, as a fraction; below the first point 0."""
    points = curve.points
    reached = bisect_right(points, collected_minor * PPM, key=lambda point: point.at_ppm * target_minor) - 1
    if reached < 0:
        return 0, 1
    lower = points[reached]
    if curve.shape == "steps" or reached == len(points) - 1:
        return lower.pays, 1
    upper = points[reached + 1]
    along = collected_minor * PPM - lower.at_ppm * target_minor
    whole = (upper.at_ppm - lower.at_ppm) * target_minor
    return lower.pays * whole + (upper.pays - lower.pays) * along, whole


def _bonus_line(
    plan: Plan,
    version: Version,
    component: SharedBonus | TargetBonus,
    payee_id: str,
    period: Period,
    amount_minor: int,
    why: PoolWhy | TargetWhy,
) -> Line:
    return Line(
        payee_id,
        plan.plan,
        component.name,
        "bonus",
        f"period:{period.first.isoformat()}",
        "",
        period.last,
        period.last + dt.timedelta(days=component.hold_days),
        amount_minor,
        plan.currency,
        version.effective_from,
        why,
    )


@dataclass(frozen=True, slots=True)
class PoolWhy(Why):
    """A payee's part of a pool."""

    outcome: PoolOutcome
    payee_id: str

    def step(self, line: Line) -> Step:
        """Cash, rate, scale, gates, the split to roles and the split inside the payee's roles."""
        outcome = self.outcome
        steps = [*_pool_steps(outcome), *_gate_steps(outcome.gates)]
        for role in outcome.roles:
            if self.payee_id in role.parts_minor:
                part_minor = role.parts_minor[self.payee_id]
                steps.append(
                    Step(
                        "pool_part",
                        {
                            "role": role.role,
                            "role_share_ppm": role.share_ppm,
                            "role_minor": role.amount_minor,
                            "within_role": outcome.component.within_role,
                            "weight": role.weights[self.payee_id],
                            "weights": sum(role.weights.values()),
                            "members": len(role.weights),
                            "part_minor": part_minor,
                            "currency": outcome.plan.currency,
                        },
                        part_minor * EXACT,
                    )
                )
        return _bonus_step("shared_bonus", outcome, line.amount_minor, tuple(steps))


def _pool_steps(outcome: PoolOutcome) -> Iterator[Step]:
    pool = outcome.component.pool
    values: dict[str, Value] = {
        "collected_minor": outcome.collected_minor,
        "rate_ppm": pool.rate_ppm,
        "on_time_within_days": pool.on_time_within_days,
        "before_factor_minor": outcome.before_factor_minor,
        "currency": outcome.plan.currency,
    }
    yield Step("pool_cash" if pool.rate_ppm is not None else "pool_amount", values)
    if outcome.component.scale is not None:
        measure = outcome.component.scale.measure
        yield Step(
            "pool_scale",
            {**_measured(measure), "value_ppm": outcome.scale_value_ppm, "factor_ppm": outcome.factor_ppm},
        )
    yield Step("pool", {"pool_minor": outcome.pool_minor, "currency": outcome.plan.currency})


def _gate_steps(gates: tuple[Passed, ...]) -> Iterator[Step]:
    for passed in gates:
        gate = passed.gate
        yield Step(
            "gate",
            {
                **_measured(gate.measure),
                "value_ppm": passed.value_ppm,
                "at_least_ppm": gate.at_least_ppm,
                "at_most_ppm": gate.at_most_ppm,
                "holds": "yes" if passed.holds else "no",
            },
        )


def _measured(measure: Measure) -> dict[str, Value]:
    return {"metric": measure.metric, "customers": measure.customers, "by": measure.by}


def _bonus_step(code: str, of: PoolOutcome | TargetWhy, amount_minor: int, steps: tuple[Step, ...]) -> Step:
    return Step(
        code,
        {
            "amount_minor": amount_minor,
            "currency": of.plan.currency,
            "team": of.team,
            "from": of.period.first,
            "to": of.period.last,
            "component": of.component.name,
            "plan": of.plan.name,
            "version": of.version.effective_from,
            "reference": of.version.reference,
        },
        amount_minor * EXACT,
        steps,
    )


@dataclass(frozen=True, slots=True)
class TargetWhy(Why):
    """What a target bonus was made from."""

    plan: Plan
    version: Version
    component: TargetBonus
    team: str
    period: Period
    collected_minor: int
    target_minor: int
    gates: tuple[Passed, ...]
    amount_minor: int
    payee_id: str

    def step(self, line: Line) -> Step:
        """Attainment, the curve's point, gates."""
        curve = self.component.curve
        attained: dict[str, Value] = {
            "collected_minor": self.collected_minor,
            "target_minor": self.target_minor,
            "currency": self.plan.currency,
        }
        paid: dict[str, Value] = {
            "shape": curve.shape,
            "at_target_minor": self.component.at_target_minor,
            "amount_minor": self.amount_minor,
            "currency": self.plan.currency,
        }
        steps = (
            Step("attained", attained),
            *_gate_steps(self.gates),
            Step("target_curve", paid, self.amount_minor * EXACT),
        )
        return _bonus_step("target_bonus", self, self.amount_minor, steps)
