"""What sales and credit look at together: a team's quarter (docs/rules.md sections 9 and 10).

Metrics against the gates of the shared bonus, the pool so far, what is overdue, who warned and what became of it,
what is disputed, what went well. A quarter that has not ended is told as if it ended on the day of the book.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from incentives.calculation.bonuses import PoolOutcome, RoleShare
from incentives.calculation.book import Book
from incentives.calculation.earned import Calculation
from incentives.calculation.metrics import METRICS, Metrics
from incentives.calculation.stand import Stand, stand
from incentives.calendar import Period, period_of
from incentives.facts import Event, Invoice
from incentives.ledger.statement import SharedPool, shared_pool
from incentives.rules.measures import Measure

ROWS = 50
"""How many rows a list shows: it is for a meeting, not for the archive."""
WINS = 5
_AGES = ((None, 0), (1, 30), (31, 60), (61, 90), (91, None))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the quarter and of the one before, in millionths; ``None`` is undefined."""

    metric: str
    customers: str
    by: str
    value_ppm: int | None
    before_ppm: int | None


@dataclass(frozen=True, slots=True)
class TeamPool:
    """A pool with what each role gets of it. ``is_final``: its period has ended."""

    pool: SharedPool
    currency: str
    reference: str
    version: dt.date
    is_final: bool
    roles: tuple[RoleShare, ...]
    shares_ppm: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Age:
    """What is owed by days past due (``None``: no limit), in the company's currency."""

    from_days: int | None
    to_days: int | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Told:
    """An invoice that is talked about, as it stands; ``payees`` are credited on it, ``event`` is what happened
    to it (a warning, a dispute), with its last day where that has one."""

    invoice_id: str
    customer_id: str
    customer: str
    currency: str
    gross_minor: int
    stand: Stand
    payees: tuple[str, ...]
    is_new: bool
    event: Event | None = None
    until: dt.date | None = None
    in_time: bool = False
    """Of a warning: it came before the due date, so that lateness is forgiven where a plan says so."""


@dataclass(frozen=True, slots=True)
class TeamQuarter:
    """A team's quarter as of a day: its last one, or an earlier one while it runs."""

    team: str
    quarter: Period
    as_of: dt.date
    currency: str
    metrics: tuple[Metric, ...]
    pools: tuple[TeamPool, ...]
    ages: tuple[Age, ...]
    without_rate: tuple[str, ...]
    """Currencies without a rate: what is owed in them is in no age."""
    overdue: tuple[Told, ...]
    overdue_count: int
    overdue_minor: int
    warnings: tuple[Told, ...]
    disputes: tuple[Told, ...]
    wins: tuple[Told, ...]


def team_quarter(calculation: Calculation, team: str, quarter: Period) -> TeamQuarter:
    """The quarter of a team, on a book whose day lies in it."""
    book = calculation.book
    assert book.as_of in quarter, "a quarter is told as of one of its days"
    outcomes = tuple(calculation.bonuses.pools_within(team, quarter))
    looked_at = _LookedAt(book, team, quarter)
    owed = [each for each in looked_at.everything if each.stand.is_owed]
    overdue = sorted((each for each in owed if each.stand.days_past_due), key=looked_at.size, reverse=True)
    return TeamQuarter(
        team,
        quarter,
        book.as_of,
        book.company.currency,
        tuple(_metrics(calculation.metrics, team, Period(quarter.first, book.as_of), outcomes)),
        tuple(_pool(each, book.company.fiscal_year_starts) for each in outcomes),
        tuple(looked_at.ages(owed)),
        looked_at.without_rate(owed),
        tuple(overdue[:ROWS]),
        len(overdue),
        sum(looked_at.worth(each) for each in overdue),
        tuple(looked_at.warnings())[:ROWS],
        tuple(looked_at.disputes())[:ROWS],
        tuple(looked_at.wins()),
    )


# Metrics and the pool ---------------------------------------------------------------------------------------


def _metrics(metrics: Metrics, team: str, so_far: Period, outcomes: Iterable[PoolOutcome]) -> Iterator[Metric]:
    """All nine, and beside them those that a gate or a scale measures in a way of its own."""
    measures = {Measure(name): None for name in METRICS}
    for outcome in outcomes:
        component = outcome.component
        measures |= {gate.measure: None for gate in component.gates}
        if component.scale is not None:
            measures[component.scale.measure] = None
    starts = metrics.book.company.fiscal_year_starts
    before = period_of(so_far.first - dt.timedelta(days=1), "quarter", starts)
    for each in sorted(measures, key=lambda each: METRICS.index(each.metric)):
        values = (metrics.value(team, period, each) for period in (so_far, before))
        yield Metric(each.metric, each.customers, each.by, *values)


def _pool(outcome: PoolOutcome, starts: int) -> TeamPool:
    return TeamPool(
        shared_pool(outcome),
        outcome.plan.currency,
        outcome.version.reference,
        outcome.version.effective_from,
        outcome.period == period_of(outcome.period.first, outcome.component.per, starts),
        outcome.roles,
        tuple(outcome.component.shares_ppm.items()),
    )


# Invoices ----------------------------------------------------------------------------------------------------


class _LookedAt:
    """A team's invoices as they stand on the day of the book."""

    def __init__(self, book: Book, team: str, quarter: Period) -> None:
        self.book, self.quarter = book, quarter
        self._names = {each.customer_id: each.name for each in book.facts.customers}
        self.everything = [
            self._told(each) for each in book.invoices_of_team(team) if each.issued_on <= book.as_of
        ]

    def _told(self, invoice: Invoice) -> Told:
        timeline = self.book.timeline(invoice)
        return Told(
            invoice.invoice_id,
            invoice.customer_id,
            self._names.get(invoice.customer_id, invoice.customer_id),
            invoice.currency,
            timeline.gross,
            stand(timeline, self.book.as_of),
            tuple(dict.fromkeys(credit.payee_id for credit in invoice.credits)),
            self.book.customer_age_days(invoice) == 0,
        )

    def _converted(self, amount_minor: int, currency: str) -> int | None:
        return self.book.converted(amount_minor, currency, self.book.company.currency, self.book.as_of)

    def worth(self, told: Told) -> int:
        """What is owed, in the company's currency; 0 without a rate."""
        return self._converted(told.stand.open_minor, told.currency) or 0

    def size(self, told: Told) -> tuple[int, int, str]:
        """The larger the first: by what is owed, then by days past due."""
        return self.worth(told), told.stand.days_past_due, told.invoice_id

    def ages(self, owed: Iterable[Told]) -> Iterator[Age]:
        """What is owed by days past due."""
        sums = dict.fromkeys(_AGES, 0)
        for each in owed:
            late = each.stand.days_past_due
            age = next(age for age in _AGES if age[1] is None or late <= age[1])
            sums[age] += self.worth(each)
        return (Age(*age, amount_minor) for age, amount_minor in sums.items())

    def without_rate(self, owed: Iterable[Told]) -> tuple[str, ...]:
        """The currencies of what is owed that have no rate."""
        return tuple(sorted({each.currency for each in owed if self._converted(0, each.currency) is None}))

    def warnings(self) -> list[Told]:
        """Warnings of the quarter, and earlier ones on which money is still waited for; the newest first."""
        found = []
        for told, event in self._events("early_warning"):
            if event.occurred_on in self.quarter or told.stand.is_owed:
                due_on = self.book.timeline(self.book.invoices[told.invoice_id]).due_on_at(event.occurred_on)
                found.append(replace(told, event=event, in_time=event.occurred_on < due_on))
        return _newest_first(found)

    def disputes(self) -> list[Told]:
        """Disputes that were open on some day of the quarter; the newest first."""
        found = []
        for told, event in self._events("dispute_opened"):
            spans = self.book.timeline(self.book.invoices[told.invoice_id]).disputed
            until = next((until for since, until in spans if since == event.occurred_on), event.occurred_on)
            if until is None or until >= self.quarter.first:
                found.append(replace(told, event=event, until=until))
        return _newest_first(found)

    def wins(self) -> list[Told]:
        """The largest invoices that were paid in full in the quarter, by their due date."""
        found = [
            each
            for each in self.everything
            if each.stand.state == "paid"
            and each.stand.settled_on is not None
            and each.stand.settled_on in self.quarter
            and each.stand.settled_on <= each.stand.due_on
        ]
        found.sort(key=lambda each: each.invoice_id)
        found.sort(key=lambda each: self._converted(each.stand.collected_minor, each.currency) or 0, reverse=True)
        return found[:WINS]

    def _events(self, kind: str) -> Iterator[tuple[Told, Event]]:
        for told in self.everything:
            for moment in self.book.timeline(self.book.invoices[told.invoice_id]).moments:
                if moment.event.type == kind:
                    yield told, moment.event


def _newest_first(found: Iterable[Told]) -> list[Told]:
    def day(told: Told) -> tuple[dt.date, str]:
        assert told.event is not None
        return told.event.occurred_on, told.invoice_id

    return sorted(found, key=day, reverse=True)
