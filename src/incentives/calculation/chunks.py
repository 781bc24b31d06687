"""A piece of a run over many payees, calculated on its own (docs/rules.md section 1).

A payee needs the invoices that credit them, a manager also those of everybody below, a team its portfolio.
Given these facts and what surrounds them, a piece comes out as it would over all facts. Where payees and
teams meet in one line (a payee of two teams under one plan), the teams are calculated first and what they
pay is handed to the chunk of the payee.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from incentives.calculation.bonuses import PoolOutcome
from incentives.calculation.earned import Calculation, check_reach, merged
from incentives.calculation.lines import Finding, Line, MetricValue
from incentives.rules.commission import Commission
from incentives.rules.plan import Plan


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose numbers are asked for: payees, teams, and invoices that somebody should look at (findings)."""

    payees: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    invoices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the facts a chunk needs.

    Of payees: their row, assignments, targets, and every invoice that credits them; of those who are
    ``managers`` also every invoice that credits somebody below them on some day, and the reporting rows of
    these people. Of teams: memberships with the members' rows, assignments, targets, and the portfolio.
    Of every invoice all of it: lines, credits of everybody, events in every version, customer, credit records.
    Rates from these invoices' currencies.
    """

    payees: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    invoices: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.payees or self.teams or self.invoices)


@dataclass(frozen=True, slots=True)
class Task:
    """One chunk to be calculated.

    ``members`` are payees of whom the lines under the plans of teams are due; ``from_teams`` is what all
    their teams pay them. The others' lines under such plans are not told. ``team_pools`` says how the pools of
    the payees' teams came about.
    """

    wanted: Wanted
    members: tuple[str, ...] = ()
    from_teams: tuple[Line, ...] = ()
    team_pools: tuple[PoolOutcome, ...] = ()


@dataclass(slots=True)
class Chunk:
    """What came out. For these payees and teams nothing else should stand:

    - ``lines``: of ``payees`` everything, except under the plans of teams where they are not ``members``;
      of ``members`` who are not in ``payees`` everything under the plans of teams. Only where lines from a day on
      were asked for, earlier ones may be missing.
    - ``findings``: with a payee's id, everything of ``payees``; without, what is to be seen on ``invoices``,
      and of each of ``teams``.
    - ``metrics``, ``pools``: everything of ``teams``.
    """

    payees: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    invoices: tuple[str, ...] = ()
    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    metrics: list[MetricValue] = field(default_factory=list)
    pools: list[PoolOutcome] = field(default_factory=list)
    for_members: list[Line] = field(default_factory=list)
    """What the teams pay: not yet lines that stand, but handed to the chunks of their members."""
    team_pools: tuple[PoolOutcome, ...] = ()
    """The pools of the payees' teams, from the chunks of these teams: for whoever tells the payees about them."""
    calculation: Calculation | None = None
    """Where it came out: for whoever asks more of it while it is there. It does not travel."""


def chunk(calculation: Calculation | None, task: Task, from_day: dt.date | None = None) -> Chunk:
    """Calculate a task on the facts that it wanted (``None``: it wanted none); lines that were earned before
    ``from_day`` may be missing."""
    wanted = task.wanted
    found = Chunk(wanted.payees, task.members, wanted.teams, wanted.invoices, calculation=calculation)
    found.team_pools = task.team_pools
    lines: list[Line] = []
    if calculation is not None:
        found.invoices = tuple(calculation.book.invoices)
        for payee_id in wanted.payees:
            lines += calculation.payee_lines(payee_id, from_day)
        for name in wanted.teams:
            pools, of_team = calculation.team_lines(name)
            found.pools += pools
            found.for_members += of_team
        found.metrics += calculation.metrics.quarters(wanted.teams)
        found.findings += calculation.findings(wanted.payees)
    found.lines = merged([*lines, *task.from_teams]) if task.from_teams else lines
    check_reach(found.lines)
    return found


def lead_plans(plans: Iterable[Plan]) -> frozenset[str]:
    """The plans that pay somebody on the credits of those who report to them."""
    return frozenset(plan.plan for plan in plans if any(map(_pays_leads, _commissions(plan))))


def _commissions(plan: Plan) -> Sequence[Commission]:
    components = (each for version in plan.versions for each in version.components)
    return [each for each in components if isinstance(each, Commission)]


def _pays_leads(component: Commission) -> bool:
    return component.credits == "team"
