"""Everything that payees and teams should have: composes the rest of the room (docs/rules.md section 1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from incentives.calculation.bonuses import Bonuses, PoolOutcome
from incentives.calculation.book import Book, rule_day
from incentives.calculation.caps import cap_lines, is_capped
from incentives.calculation.commission import Follower
from incentives.calculation.credits import sizes
from incentives.calculation.draws import draw_lines
from incentives.calculation.explanation import Step, Value, Why
from incentives.calculation.lines import Finding, Line, MetricValue
from incentives.calculation.metrics import Metrics
from incentives.calculation.position import PositionRule
from incentives.calculation.spiffs import spiff_lines
from incentives.calculation.streams import Streams
from incentives.errors import Problem, Rejected, told
from incentives.facts import Facts, Invoice, covers
from incentives.money import EXACT, LIMIT_MINOR
from incentives.rules.plan import Plan

Progress = Callable[[int, int], None]
"""Told how many payees and teams are done, of how many."""


@dataclass(slots=True)
class Earned:
    """What a calculation returns: lines that should stand, findings, metric values, pools."""

    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    metrics: list[MetricValue] = field(default_factory=list)
    pools: list[PoolOutcome] = field(default_factory=list)


def earned(
    facts: Facts,
    plans: Sequence[Plan],
    as_of: dt.date,
    progress: Progress | None = None,
) -> Earned:
    """Everything that should stand on a day, for everybody."""
    calculation = Calculation(Book(facts, plans, as_of))
    found = Earned()
    payees, teams = calculation.book.owners()
    done, of = 0, len(payees) + len(teams)
    for payee_id in payees:
        found.lines += calculation.payee_lines(payee_id)
        done += 1
        if progress:
            progress(done, of)
    shared: list[Line] = []
    for name in teams:
        pools, lines = calculation.team_lines(name)
        found.pools += pools
        shared += lines
        done += 1
        if progress:
            progress(done, of)
    found.lines = merged([*found.lines, *shared]) if shared else found.lines
    check_reach(found.lines)
    found.metrics += calculation.metrics.quarters(calculation.book.teams())
    found.findings += calculation.findings()
    return found


def check_reach(lines: Sequence[Line]) -> None:
    """Amounts stay below 2^53 (section 2): a larger one is refused, whatever input made it."""
    problems = [
        Problem(
            f"{line.plan}, {line.component}",
            0,
            f"{line.payee_id}, {line.cause}",
            "out-of-reach",
            told("The amount would have %(number)s digits.", number=len(str(abs(line.amount_minor)))),
            told("Look for an amount, a rate or a factor that is far too large."),
        )
        for line in lines
        if not -LIMIT_MINOR < line.amount_minor < LIMIT_MINOR
    ]
    if problems:
        raise Rejected(problems)


class Calculation:
    """A book with everything that is calculated once and asked often."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.metrics = Metrics(book)
        self.bonuses = Bonuses(book, self.metrics)
        self.streams = Streams(book)

    def payee_lines(self, payee_id: str, from_day: dt.date | None = None) -> list[Line]:
        """Everything one payee should have from the plans assigned to them; what was earned before ``from_day``
        may be missing."""
        found: list[Line] = []
        for plan in self.book.plans_of(payee_id):
            of_plan: list[Line] = []
            names = plan.component_names()
            has_draw = any(plan.kind_of(name) == "draw" for name in names)  # a draw looks at every line
            for name in names:
                of_plan += self._component_lines(plan, name, payee_id, None if has_draw else from_day)
            for name in names:
                if plan.kind_of(name) == "draw":
                    found += draw_lines(self.book, plan, name, payee_id, of_plan)
            found += of_plan
        return found

    def invoices_of(self, payee_id: str) -> list[Invoice]:
        """Every invoice that may bring a payee something: their own credits, and those of people below them."""
        return self.book.invoices_crediting([payee_id, *self.book.people_of(payee_id)])

    def team_lines(self, name: str) -> tuple[list[PoolOutcome], list[Line]]:
        """The pools of a team and the lines of everything its plans pay."""
        pools = list(self.bonuses.pools(name))
        lines = [line for outcome in pools for line in self.bonuses.shared_lines(outcome)]
        for plan in self.book.plans_of(team=name):
            for component in plan.component_names():
                lines += self.bonuses.target_lines(plan, component, team=name)
        return pools, lines

    def _component_lines(self, plan: Plan, name: str, payee_id: str, from_day: dt.date | None) -> list[Line]:
        kind = plan.kind_of(name)
        lines: list[Line] = []
        if kind == "spiff":
            lines = spiff_lines(self.book, plan, name, payee_id)
        elif kind == "target_bonus":
            lines = list(self.bonuses.target_lines(plan, name, payee_id))
        elif kind == "commission":
            follower = Follower(self.book, plan, name, payee_id)
            day = None if is_capped(plan, name) else from_day
            lines = follower.follow(*self.streams.of(plan, name, payee_id, day))
            self.book.findings.update(follower.findings)
            starts = self.book.company.fiscal_year_starts
            lines += cap_lines(tuple(lines), plan, name, payee_id, self.book.as_of, starts)
        return lines

    # Findings ----------------------------------------------------------------------------------------

    def findings(self, payees: Iterable[str] | None = None) -> list[Finding]:
        """Everything a person should look at, in order; of a part, for the payees whose facts are all there."""
        asked = self.book.invoices_of_payee if payees is None else payees
        return sorted({*self.book.findings, *self._without_plan(asked)})

    def _without_plan(self, payees: Iterable[str]) -> Iterator[Finding]:
        """Credited cash that no plan of the payee covers: once per credit, under ``payment`` per event."""
        book = self.book
        for payee_id in payees:
            invoices = book.invoices_of_payee.get(payee_id, ())
            plans = book.plans_of(payee_id)
            per_event = [plan for plan in plans if plan.rules_as_of == "payment"]
            per_invoice = [
                (plan, [(each.starts_on, each.ends_on) for each in book.assignments(plan, payee_id)])
                for plan in plans
                if plan.rules_as_of != "payment"
            ]
            for invoice in invoices:
                for plan, spans in per_invoice:
                    day = rule_day(plan, invoice)
                    if day is not None and any(covers(day, first, last) for first, last in spans):
                        break
                else:
                    yield from self._credit_without_plan(payee_id, per_event, invoice)

    def _credit_without_plan(self, payee_id: str, per_event: list[Plan], invoice: Invoice) -> Iterator[Finding]:
        book = self.book
        work = book.work(invoice)
        movements = book.moved(work, _CASH)
        positions = [movement.after for movement in movements]
        for share in book.shares(work, ()):
            credit = share[0]
            if credit.payee_id != payee_id:
                continue
            for movement, amount in zip(movements, sizes(positions, share), strict=True):
                if amount <= 0 or any(book.is_on_plan(plan, movement.on, payee_id) for plan in per_event):
                    continue
                event_id = movement.event.event_id if per_event and movement.event else ""
                message = told(
                    "%(payee)s is credited as %(role)s but on no plan; the money earns nothing.",
                    payee=payee_id,
                    role=credit.role,
                )
                yield Finding("no_plan", invoice.invoice_id, payee_id, event_id, message)


_CASH = PositionRule.of()


@dataclass(frozen=True, slots=True)
class MergedWhy(Why):
    """The reasons of lines that share a key: a payee in two teams under one plan."""

    lines: tuple[Line, ...]

    def step(self, line: Line) -> Step:
        """One step for each."""
        steps = tuple(each.explained() for each in self.lines)
        values: dict[str, Value] = {"amount_minor": line.amount_minor, "currency": line.currency}
        return Step("together", values, line.amount_minor * EXACT, steps)


def merged(lines: Sequence[Line]) -> list[Line]:
    """One line per key: plan, component, payee, cause, kind (section 11)."""
    by_key: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        key = (line.plan, line.component, line.payee_id, line.cause, line.kind)
        by_key.setdefault(key, []).append(line)
    found = []
    for same in by_key.values():
        if len(same) == 1:
            found.append(same[0])
        else:
            amount_minor = sum(line.amount_minor for line in same)
            found.append(replace(same[0], amount_minor=amount_minor, why=MergedWhy(tuple(same))))
    return found
