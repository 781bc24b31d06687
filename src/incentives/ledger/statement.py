"""A payee's fiscal quarter: from opening to closing balance, and every line between (docs/rules.md section 11).

The ledger gives the amounts and when they were posted; the recalculated lines give the reasons. An entry
that was posted in the quarter and earned before it is a correction of an earlier quarter; everything else
that was posted is a line of the quarter. Amounts are minor units of the section's currency: nothing is
converted, a payee who is paid in two currencies has two sections.

Always true: closing = opening + lines + corrections - paid, in every section; an amount that was taken back
is negative; a month's sums add up to the quarter's.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

from incentives.calculation.bonuses import Passed, PoolOutcome
from incentives.calculation.explanation import Step, Value, total
from incentives.calculation.lines import Line
from incentives.calculation.waiting import Waiting
from incentives.calendar import Period, period_of, periods
from incentives.facts import Company, Membership, Payee
from incentives.ledger.entries import Entry, Key
from incentives.ledger.pay import Payout
from incentives.money import rounded_exact
from incentives.rules.measures import Measure
from incentives.rules.plan import Plan

# What a statement is made from ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Background:
    """What stands behind the entries of a payee: the reasons, and the names to say them with.

    ``lines`` are the payee's recalculated lines, ``pools`` the shared bonuses that concern the payee (see
    :func:`pools_of`), ``waiting`` what is open on the day ``as_of``. ``customers`` gives the customer's name by
    invoice id, ``notes`` what a person wrote of a cause (of an adjustment, for instance), ``contact`` where a
    question goes.
    """

    company: Company
    plans: Sequence[Plan]
    lines: Sequence[Line]
    as_of: dt.date
    pools: Sequence[PoolOutcome] = ()
    waiting: Sequence[Waiting] = ()
    customers: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""


def pools_of(
    payee_id: str, memberships: Iterable[Membership], pools: Iterable[PoolOutcome], quarter: Period
) -> list[PoolOutcome]:
    """The pools that end in a quarter and that a payee had a part in, or would have had if they had paid."""
    mine = [each for each in memberships if each.payee_id == payee_id]
    return [
        pool
        for pool in pools
        if pool.period.last in quarter
        and any(
            each.team == pool.team
            and each.role in pool.component.shares_ppm
            and each.starts_on <= pool.period.last
            and (each.ends_on is None or each.ends_on >= pool.period.first)
            for each in mine
        )
    ]


# What it says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Happened:
    """What caused a line: an event type, or the code of a step; "" where no reason stands any more.

    ``amount_minor`` is in ``currency``: the event's own amount, or the cap's. ``first`` and ``last`` are the days
    of a window or period. ``reason`` is what a person wrote.
    """

    what: str
    amount_minor: int | None = None
    currency: str = ""
    reason: str = ""
    team: str = ""
    first: dt.date | None = None
    last: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """What a take-back undoes, or a give-back restores: money of a day and what goes of its commission.

    ``amount_minor`` has the sign of the line, and the parts of a line sum to it; ``None`` where the line is a
    step of a whole window and no part of it belongs to this money alone. ``take_back`` is the cause of the
    take-back that a give-back undoes.
    """

    on: dt.date
    cause: str
    amount_minor: int | None
    take_back: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount and the month in which it was posted."""

    month: dt.date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Row:
    """What was posted for one key in the quarter. ``month`` is where it is told; ``rule`` a number of the
    statement's rules, 0 for none. ``postings`` are given where they say more than the amount and the month.
    """

    month: dt.date
    plan: str
    component: str
    kind: str
    cause: str
    invoice_id: str
    customer: str
    earned_on: dt.date
    payable_on: dt.date
    amount_minor: int
    rule: int
    happened: Happened
    undone: tuple[Undone, ...] = ()
    postings: tuple[Posting, ...] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """A line of an earlier quarter that stands differently now; the row's amount is the difference.

    ``dated`` is the day that the line was dated before, where it moved; ``moved_to`` the day inside this
    quarter that it moved to. ``is_known`` says whether the line still stands in the calculation.
    """

    posted: dt.date
    stood_minor: int
    stands_minor: int
    row: Row
    dated: dt.date | None = None
    moved_to: dt.date | None = None
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class GateMet:
    """A metric against its limits, in ppm; ``None`` is undefined, or no limit."""

    metric: str
    customers: str
    by: str
    value_ppm: int | None
    at_least_ppm: int | None
    at_most_ppm: int | None
    holds: bool


@dataclass(frozen=True, slots=True)
class ScaleMet:
    """The metric that a pool grows with, and the factor that it gives."""

    metric: str
    customers: str
    by: str
    value_ppm: int | None
    factor_ppm: int


@dataclass(frozen=True, slots=True)
class PoolPart:
    """The payee's part under one role. Nobody else's part is told: a statement is read by one person."""

    role: str
    role_share_ppm: int
    role_minor: int
    within_role: str
    weight: int
    weights: int
    members: int
    part_minor: int


@dataclass(frozen=True, slots=True)
class SharedPool:
    """A pool of a team: how it came about, and the payee's parts of it."""

    plan: str
    component: str
    team: str
    first: dt.date
    last: dt.date
    rule: int
    collected_minor: int
    rate_ppm: int | None
    on_time_within_days: int | None
    before_factor_minor: int
    scale: ScaleMet | None
    gates: tuple[GateMet, ...]
    pool_minor: int
    parts: tuple[PoolPart, ...]


@dataclass(frozen=True, slots=True)
class TargetMet:
    """A bonus for reaching a target: what was collected against it."""

    plan: str
    component: str
    team: str
    first: dt.date
    last: dt.date
    rule: int
    collected_minor: int
    target_minor: int
    gates: tuple[GateMet, ...]
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Paid:
    """Pay of one month, as :class:`incentives.ledger.pay.Payout` has it."""

    month: dt.date
    positive_minor: int
    negative_minor: int
    brought_forward_minor: int
    recovered_minor: int
    pay_minor: int
    carried_forward_minor: int


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that waits on cash: open in its currency, worth so much to the payee at today's curve."""

    invoice_id: str
    customer: str
    due_on: dt.date
    days_past_due: int
    open_minor: int
    currency: str
    would_earn_minor: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What a month or a quarter comes to. ``paid`` is >= 0, ``taken_back`` holds take-backs and suspensions."""

    earned: int = 0
    given_back: int = 0
    taken_back: int = 0
    bonus: int = 0
    draw: int = 0
    cap: int = 0
    adjustment: int = 0
    corrections: int = 0
    paid: int = 0

    @property
    def change(self) -> int:
        """By how much the balance moves."""
        lines = self.earned + self.given_back + self.taken_back + self.bonus + self.draw + self.cap
        return lines + self.adjustment + self.corrections - self.paid

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Sums)))


_SUM_OF = {
    "earning": "earned",
    "restoration": "given_back",
    "clawback": "taken_back",
    "suspension": "taken_back",
    "bonus": "bonus",
    "draw": "draw",
    "draw_recovery": "draw",
    "cap": "cap",
    "adjustment": "adjustment",
}


@dataclass(frozen=True, slots=True)
class MonthSums:
    """The sums of one month; corrections and pay count in the month in which they were posted."""

    month: dt.date
    sums: Sums


@dataclass(frozen=True, slots=True)
class Section:
    """Everything in one currency.

    ``later_minor`` is the part of the closing balance that is payable only after the quarter.
    """

    currency: str
    opening_minor: int
    closing_minor: int
    later_minor: int
    waiting_minor: int
    sums: Sums
    months: tuple[MonthSums, ...]
    rows: tuple[Row, ...]
    corrections: tuple[Correction, ...]
    pools: tuple[SharedPool, ...]
    targets: tuple[TargetMet, ...]
    payouts: tuple[Paid, ...]
    waiting: tuple[OpenInvoice, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A plan version that some line was made by, and the paragraph of the plan letter it comes from."""

    number: int
    plan: str
    version: dt.date
    reference: str


@dataclass(frozen=True, slots=True)
class Quarter:
    """A fiscal quarter: which of its year it is, and the first and last day of both."""

    number: int
    first: dt.date
    last: dt.date
    year_first: dt.date
    year_last: dt.date


@dataclass(frozen=True, slots=True)
class Statement:
    """A quarter of one payee, everything in words a renderer can say without asking anybody."""

    company: str
    contact: str
    payee_id: str
    name: str
    employee_id: str
    quarter: Quarter
    issued_on: dt.date
    waiting_on: dt.date
    sections: tuple[Section, ...]
    rules: tuple[Rule, ...]


# Making it --------------------------------------------------------------------------------------------------


def statement(
    payee: Payee,
    quarter: Period,
    entries: Iterable[Entry],
    payouts: Iterable[Payout],
    background: Background,
    issued_on: dt.date,
) -> Statement:
    """A payee's statement of a fiscal quarter (section 11).

    ``entries`` are all of the payee's up to the quarter's end, in any order; later ones are left alone.
    ``payouts`` are those of the quarter's months. It asserts that the payouts are the ones that were posted, and
    that every balance closes.
    """
    made = _Making(payee, quarter, background)
    posted = sorted((each for each in entries if each.month <= quarter.last), key=lambda each: each.entry_id)
    assert all(each.payee_id == payee.payee_id for each in posted), "a statement is of one payee"
    paid = [each for each in payouts if each.payee_id == payee.payee_id and each.month in quarter]
    sections = tuple(made.section(currency, posted, paid) for currency in made.currencies(posted, paid))
    return Statement(
        background.company.name,
        background.contact,
        payee.payee_id,
        payee.name,
        payee.employee_id,
        _quarter(quarter, background.company.fiscal_year_starts),
        issued_on,
        background.as_of,
        sections,
        tuple(made.rules.values()),
    )


def _quarter(quarter: Period, fiscal_year_starts: int) -> Quarter:
    assert period_of(quarter.first, "quarter", fiscal_year_starts) == quarter, "a fiscal quarter"
    year = period_of(quarter.first, "fiscal_year", fiscal_year_starts)
    of_year = list(periods(year.first, year.last, "quarter", fiscal_year_starts))
    return Quarter(of_year.index(quarter) + 1, quarter.first, quarter.last, year.first, year.last)


LineKey = tuple[str, str, str, str, str]
"""Plan, component, kind, cause, currency: what identifies a line of one payee."""


class _Making:
    """One statement while it is made: where the reasons are looked up and the rules get their numbers."""

    def __init__(self, payee: Payee, quarter: Period, background: Background) -> None:
        self.payee = payee
        self.quarter = quarter
        self.background = background
        self.plans = {plan.plan: plan for plan in background.plans}
        self.order = {
            (plan.plan, name): (at, below)
            for at, plan in enumerate(background.plans)
            for below, name in enumerate(plan.component_names())
        }
        self.lines: dict[LineKey, Line] = {
            (line.plan, line.component, line.kind, line.cause, line.currency): line
            for line in background.lines
            if line.payee_id == payee.payee_id
        }
        self.rules: dict[tuple[str, dt.date], Rule] = {}

    def currencies(self, posted: Sequence[Entry], paid: Sequence[Payout]) -> list[str]:
        """Every currency that there is something to say in, the payee's own first; at least one."""
        found = {each.currency for each in posted} | {each.currency for each in paid}
        found |= {each.earns_in for each in self.background.waiting if each.payee_id == self.payee.payee_id}
        own = self.payee.currency or self.background.company.currency
        return sorted(found or {own}, key=lambda currency: (currency != own, currency))

    def section(self, currency: str, posted: Sequence[Entry], paid: Sequence[Payout]) -> Section:
        """One currency: the balances, what lies between them, and what waits."""
        entries = [each for each in posted if each.currency == currency]
        before = [each for each in entries if each.month < self.quarter.first]
        within = [each for each in entries if each.month >= self.quarter.first]
        lines = [each for each in within if each.kind != "payout"]
        mine = [each for each in paid if each.currency == currency]
        payouts = tuple(_paid(each) for each in sorted(mine, key=lambda each: each.month))
        _assert_posted(payouts, [each for each in within if each.kind == "payout"])
        rows = self._rows([each for each in lines if each.earned_on >= self.quarter.first])
        late = [each for each in lines if each.earned_on < self.quarter.first]
        corrections = tuple(self._corrections(late, entries))
        months = self._months(rows, corrections, payouts)
        sums = Sums()
        for month in months:
            sums = sums.plus(month.sums)
        opening = sum(each.amount_minor for each in before)
        closing = sum(each.amount_minor for each in entries)
        assert closing == opening + sums.change, "every posted amount is told once"
        later = [each for each in entries if each.kind != "payout" and each.payable_on > self.quarter.last]
        waiting = tuple(self._waiting(currency))
        return Section(
            currency,
            opening,
            closing,
            sum(each.amount_minor for each in later),
            sum(each.would_earn_minor for each in waiting),
            sums,
            months,
            rows,
            corrections,
            tuple(self._pools(currency)),
            tuple(self._targets(rows, currency)),
            payouts,
            waiting,
        )

    # Lines of the quarter ---------------------------------------------------------------------------

    def _rows(self, entries: Sequence[Entry]) -> tuple[Row, ...]:
        """One row per key: what its entries of the quarter come to. What came and went again says nothing."""
        by_key: dict[Key, list[Entry]] = {}
        for entry in entries:
            by_key.setdefault(entry.key, []).append(entry)
        told = [same for same in by_key.values() if sum(each.amount_minor for each in same)]
        first_day: dict[tuple[object, ...], dt.date] = {}
        for *_, last in told:
            group = (_month(last), last.plan, last.component, last.invoice_id)
            first_day[group] = min(last.earned_on, first_day.get(group, last.earned_on))

        def place(same: Sequence[Entry]) -> tuple[object, ...]:
            last = same[-1]
            of_invoice = first_day[(_month(last), last.plan, last.component, last.invoice_id)]
            component = self.order.get((last.plan, last.component), (len(self.plans), 0))
            where = (_month(last), component, of_invoice, last.invoice_id)
            return (*where, last.earned_on, last.cause, last.kind)

        return tuple(self._row(same) for same in sorted(told, key=place))

    def _row(self, entries: Sequence[Entry], corrects: bool = False) -> Row:
        """Entries of one key, oldest first, as one row with the dates of the last. Rules get their numbers in
        the order in which rows are made, which is the order of reading. A correction is told where it was posted.
        """
        last = entries[-1]
        month = last.month if corrects else _month(last)
        amount = sum(each.amount_minor for each in entries)
        postings = tuple(Posting(each.month, each.amount_minor) for each in entries if each.amount_minor)
        says_more = not corrects and [each.month for each in postings] != [month]
        line = self._line(last)
        return Row(
            month=month,
            plan=last.plan,
            component=last.component,
            kind=last.kind,
            cause=last.cause,
            invoice_id=last.invoice_id,
            customer=self.background.customers.get(last.invoice_id, ""),
            earned_on=last.earned_on,
            payable_on=last.payable_on,
            amount_minor=amount,
            rule=self._rule(last.plan, last.plan_version),
            happened=self._happened(last, line),
            undone=tuple(self._undone(last, line, amount)),
            postings=postings if says_more else (),
        )

    def _rule(self, plan_id: str, version_day: dt.date) -> int:
        """The number of a plan version, a new one if it was not met before; 0 where no plan spoke."""
        plan = self.plans.get(plan_id)
        version = plan.version_on(version_day) if plan is not None else None
        if plan is None or version is None:
            return 0
        key = (plan_id, version.effective_from)
        if key not in self.rules:
            self.rules[key] = Rule(len(self.rules) + 1, plan.name, version.effective_from, version.reference)
        return self.rules[key].number

    def _line(self, entry: Entry) -> Line | None:
        return self.lines.get((entry.plan, entry.component, entry.kind, entry.cause, entry.currency))

    def _happened(self, entry: Entry, line: Line | None) -> Happened:
        note = self.background.notes.get(entry.cause, "")
        if line is None:
            return Happened("adjustment" if entry.kind == "adjustment" else "", reason=note)
        root = line.headline()
        values = root.values
        amount, currency = values.get("event_minor"), values.get("event_currency")
        if root.code == "cap":
            amount, currency = values.get("cap_minor"), values.get("currency")
        return Happened(
            str(values.get("event") or root.code),
            amount if isinstance(amount, int) else None,
            str(currency or ""),
            note or str(values.get("reason") or ""),
            str(values.get("team") or ""),
            _day(values.get("from")),
            _day(values.get("to")),
        )

    def _undone(self, entry: Entry, line: Line | None, amount_minor: int) -> Iterator[Undone]:
        """The money whose commission a take-back takes or a give-back returns, newest first as it was taken.

        The parts are differences of a rounded running total, as every amount is (section 2); the last one takes
        what rounding left.
        """
        if line is None or entry.kind not in ("clawback", "suspension", "restoration"):
            return
        root = line.explained()
        if root.code == "spiff_lost":
            yield from self._extra_lost(entry, amount_minor)
            return
        parts = [step for step in root.steps if step.code in ("taken", "given_back")]
        of_window = any(step.code == "whole_amount" for step in root.steps)
        running = told = 0
        for at, part in enumerate(parts):
            running += total(part)
            upto = amount_minor if at == len(parts) - 1 else rounded_exact(running)
            on = part.values["on"]
            assert isinstance(on, dt.date)
            cause, take_back = str(part.values["cause"]), str(part.values.get("undoes") or "")
            yield Undone(on, cause, None if of_window else upto - told, take_back)
            told = upto

    def _extra_lost(self, entry: Entry, amount_minor: int) -> Iterator[Undone]:
        """The extra that an invoice had earned before its conditions ended."""
        earlier = [
            line
            for line in self.lines.values()
            if (line.plan, line.component, line.invoice_id) == (entry.plan, entry.component, entry.invoice_id)
            and line.amount_minor > 0
            and line.earned_on <= entry.earned_on
        ]
        if earlier:
            last = max(earlier, key=lambda line: (line.earned_on, line.cause))
            yield Undone(last.earned_on, last.cause, amount_minor)

    # Corrections ------------------------------------------------------------------------------------

    def _corrections(self, late: Sequence[Entry], entries: Sequence[Entry]) -> Iterator[Correction]:
        """What was posted for days before the quarter, one correction per run and key.

        A correction of 0 changed dates only; it is told where the day on which the line counts is another.
        """
        of_key: dict[Key, list[Entry]] = {}
        for entry in entries:
            of_key.setdefault(entry.key, []).append(entry)
        for same in _chains(late):
            first, last = same[0], same[-1]
            earlier = [each for each in of_key[last.key] if each.entry_id < first.entry_id]
            dated = earlier[-1].earned_on if earlier else last.earned_on
            if dated == last.earned_on and not sum(each.amount_minor for each in same):
                continue
            moved_to = [
                each.earned_on
                for each in of_key[last.key]
                if each.run_id == last.run_id and each.earned_on >= self.quarter.first
            ]
            yield Correction(
                last.month,
                first.stood_minor,
                last.stood_minor + last.amount_minor,
                self._row(same, corrects=True),
                dated if dated != last.earned_on else None,
                moved_to[-1] if moved_to else None,
                self._line(last) is not None or last.kind == "adjustment",
            )

    # Sums -------------------------------------------------------------------------------------------

    def _months(
        self, rows: Iterable[Row], corrections: Iterable[Correction], payouts: Iterable[Paid]
    ) -> tuple[MonthSums, ...]:
        starts = [month.first for month in periods(self.quarter.first, self.quarter.last, "month", 1)]
        sums = {month: Counter[str]() for month in starts}
        for row in rows:
            sums[row.month][_SUM_OF[row.kind]] += row.amount_minor
        for correction in corrections:
            sums[correction.posted]["corrections"] += correction.row.amount_minor
        for payout in payouts:
            sums[payout.month]["paid"] += payout.pay_minor
        return tuple(MonthSums(month, Sums(**each)) for month, each in sums.items())

    # Bonuses and waiting ----------------------------------------------------------------------------

    def _pools(self, currency: str) -> Iterator[SharedPool]:
        for outcome in self.background.pools:
            if outcome.period.last not in self.quarter or outcome.plan.currency != currency:
                continue
            parts = tuple(_pool_parts(outcome, self.payee.payee_id))
            yield shared_pool(outcome, self._rule(outcome.plan.plan, outcome.version.effective_from), parts)

    def _targets(self, rows: Iterable[Row], currency: str) -> Iterator[TargetMet]:
        """The bonuses for a target, from the reasons of their lines."""
        for row in rows:
            line = self.lines.get((row.plan, row.component, row.kind, row.cause, currency))
            if row.kind == "bonus" and line is not None:
                root = line.explained()
                for step in (root, *root.steps):
                    if step.code == "target_bonus":
                        yield _target_met(step, row)

    def _waiting(self, currency: str) -> Iterator[OpenInvoice]:
        mine = [
            each
            for each in self.background.waiting
            if each.payee_id == self.payee.payee_id and each.earns_in == currency
        ]
        for each in sorted(mine, key=lambda each: (each.due_on, each.invoice_id)):
            yield OpenInvoice(
                each.invoice_id,
                self.background.customers.get(each.invoice_id, each.customer_id),
                each.due_on,
                each.days_past_due,
                each.open_minor,
                each.currency,
                each.would_earn_minor,
            )


def _month(entry: Entry) -> dt.date:
    """The month in which an entry of the quarter is told: the one it was earned in, or posted in if earlier."""
    return min(entry.earned_on.replace(day=1), entry.month)


def _chains(late: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries that follow one another: of one key and run, each beginning where the one before ended."""
    open_chains: dict[tuple[int, Key], list[Entry]] = {}
    chains: list[list[Entry]] = []
    for entry in late:
        chain = open_chains.get((entry.run_id, entry.key))
        if chain and chain[-1].stood_minor + chain[-1].amount_minor == entry.stood_minor:
            chain.append(entry)
        else:
            open_chains[(entry.run_id, entry.key)] = chain = [entry]
            chains.append(chain)
    yield from chains


def _paid(payout: Payout) -> Paid:
    return Paid(
        payout.month,
        payout.positive_minor,
        payout.negative_minor,
        payout.brought_forward_minor,
        payout.recovered_minor,
        payout.pay_minor,
        payout.carried_forward_minor,
    )


def _assert_posted(payouts: Iterable[Paid], entries: Iterable[Entry]) -> None:
    posted: dict[dt.date, int] = {}
    for entry in entries:
        posted[entry.month] = posted.get(entry.month, 0) - entry.amount_minor
    told = {payout.month: payout.pay_minor for payout in payouts if payout.pay_minor}
    assert {month: pay for month, pay in posted.items() if pay} == told, "the payouts are those that were posted"


def _day(value: Value) -> dt.date | None:
    return value if isinstance(value, dt.date) else None


def _whole(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _measured(measure: Measure) -> tuple[str, str, str]:
    return (measure.metric, measure.customers, measure.by)


def shared_pool(outcome: PoolOutcome, rule: int = 0, parts: tuple[PoolPart, ...] = ()) -> SharedPool:
    """How a pool came about, with some parts of it."""
    pool, scale = outcome.component.pool, outcome.component.scale
    return SharedPool(
        outcome.plan.plan,
        outcome.component.name,
        outcome.team,
        outcome.period.first,
        outcome.period.last,
        rule,
        outcome.collected_minor,
        pool.rate_ppm,
        pool.on_time_within_days,
        outcome.before_factor_minor,
        None
        if scale is None
        else ScaleMet(*_measured(scale.measure), outcome.scale_value_ppm, outcome.factor_ppm),
        tuple(_gate_met(passed) for passed in outcome.gates),
        outcome.pool_minor,
        parts,
    )


def _gate_met(passed: Passed) -> GateMet:
    gate = passed.gate
    return GateMet(*_measured(gate.measure), passed.value_ppm, gate.at_least_ppm, gate.at_most_ppm, passed.holds)


def _pool_parts(outcome: PoolOutcome, payee_id: str) -> Iterator[PoolPart]:
    for role in outcome.roles:
        if payee_id in role.parts_minor:
            yield PoolPart(
                role.role,
                role.share_ppm,
                role.amount_minor,
                outcome.component.within_role,
                role.weights[payee_id],
                sum(role.weights.values()),
                len(role.weights),
                role.parts_minor[payee_id],
            )


def _target_met(step: Step, row: Row) -> TargetMet:
    attained = next(each.values for each in step.steps if each.code == "attained")
    gates = [each.values for each in step.steps if each.code == "gate"]
    first, last = _day(step.values["from"]), _day(step.values["to"])
    assert first is not None and last is not None
    return TargetMet(
        row.plan,
        row.component,
        str(step.values["team"] or ""),
        first,
        last,
        row.rule,
        _whole(attained["collected_minor"]),
        _whole(attained["target_minor"]),
        tuple(
            GateMet(
                str(gate["metric"]),
                str(gate["customers"]),
                str(gate["by"]),
                None if gate["value_ppm"] is None else _whole(gate["value_ppm"]),
                None if gate["at_least_ppm"] is None else _whole(gate["at_least_ppm"]),
                None if gate["at_most_ppm"] is None else _whole(gate["at_most_ppm"]),
                gate["holds"] == "yes",
            )
            for gate in gates
        ),
        _whole(step.values["amount_minor"]),
    )
