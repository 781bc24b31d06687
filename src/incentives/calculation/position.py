"""How much of an invoice counts for pay, and every movement of it (docs/rules.md section 4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from incentives.calculation.timeline import CONTRACTS, INVOICES, SUSPENSIONS, Moment, OrderKey, Timeline
from incentives.facts import Event, Invoice
from incentives.money import PPM, rounded
from incentives.rules.commission import Base, Commission, EarnsOn

Value = TypeVar("Value")

Schedule = tuple[tuple[dt.date | None, int | None], ...]
"""From which day (``None``: from the first) how many days hold (``None``: never), oldest first."""


@dataclass(frozen=True, slots=True, eq=False)
class PositionRule:
    """Which part of an invoice is recognised, and when.

    Made by :meth:`of`, which returns the same rule for the same answer: rules are told apart by identity,
    and components with the same rule share their movements.
    """

    base: Base
    categories: tuple[str, ...]
    earns_on: EarnsOn
    release_at_ppm: int
    suspend_after_days: Schedule
    never_suspended: bool

    @staticmethod
    @cache
    def of(
        base: Base = "net",
        categories: tuple[str, ...] = (),
        earns_on: EarnsOn = "payment",
        release_at_ppm: int = PPM,
        suspend_after_days: Schedule = ((None, None),),
        never_suspended: bool = False,
    ) -> PositionRule:
        """The rule; defaults are cash collected, net of tax."""
        return PositionRule(base, categories, earns_on, release_at_ppm, suspend_after_days, never_suspended)


@dataclass(slots=True)
class Movement:
    """The recognised position before and after one cause; invoice currency, minor units."""

    key: OrderKey
    on: dt.date
    cause: str
    event: Event | None
    before: int
    after: int
    due_on: dt.date
    suspends: bool = False
    """This is the moment from which an advance follows the cash."""
    follows_cash: bool = False
    """An advance that was suspended by now."""


def position_rule(component: Commission, suspend_after_days: Schedule | None = None) -> PositionRule:
    """The part of a commission that decides the position; where versions change under it, so may the days
    after which an advance is suspended."""
    earns_on = component.earns_on
    advance = earns_on in ("invoice", "contract")
    schedule = suspend_after_days or ((None, component.suspend_after_days),)
    return PositionRule.of(
        component.base,
        component.categories,
        earns_on,
        component.release_at_ppm if earns_on == "full_payment" else PPM,
        schedule if advance else ((None, None),),
        component.never_suspended,
    )


def commissionable(invoice: Invoice, base: Base, categories: tuple[str, ...]) -> int:
    """N: net, or net less cost, of the commissionable lines that a component applies to; at least 0."""
    worth = 0
    for line in invoice.lines:
        if line.commissionable and (not categories or line.category in categories):
            worth += line.net_minor - (line.cost_minor if base == "margin" else 0)
    return max(0, worth)


def contract_day(invoice: Invoice) -> dt.date:
    """When the contract was signed; absent: when the invoice was issued."""
    return invoice.contract_signed_on or invoice.issued_on


def base_of(invoice: Invoice, gross: int, rule: PositionRule) -> Callable[[int], int]:
    """How much of the cash of an invoice counts: R(cash x N / gross)."""
    worth = commissionable(invoice, rule.base, rule.categories)

    def base(cash: int) -> int:
        return rounded(cash * worth, gross) if gross > 0 else 0

    return base


def movements(timeline: Timeline, rule: PositionRule, as_of: dt.date) -> list[Movement]:
    """Every movement of the recognised position up to and including a day, in order."""
    base = base_of(timeline.invoice, timeline.gross, rule)
    if rule.earns_on in ("invoice", "contract"):
        return list(_advance(timeline, rule, base, as_of))
    release_ppm = rule.release_at_ppm if rule.earns_on == "full_payment" else None
    return _cash(timeline, base, release_ppm)


def _cash(timeline: Timeline, base: Callable[[int], int], release_ppm: int | None) -> list[Movement]:
    found = []
    before = collected_before = 0
    for moment in timeline.moments:
        collected = moment.collected
        if release_ppm is None:
            if collected == collected_before:
                continue
            collected_before = collected
        elif collected <= 0 or collected * PPM < release_ppm * moment.collectible:
            collected = 0
        after = base(collected)
        if after != before:
            event = moment.event
            found.append(
                Movement(moment.key, event.occurred_on, moment.cause, event, before, after, moment.due_on)
            )
            before = after
    return found


def _advance(
    timeline: Timeline, rule: PositionRule, base: Callable[[int], int], as_of: dt.date
) -> Iterator[Movement]:
    """An advance stands at what is collectible until it is suspended, then at what was collected."""
    invoice = timeline.invoice
    happenings: list[tuple[OrderKey, Moment | None, str]] = [
        (moment.key, moment, moment.cause) for moment in timeline.moments
    ]
    if rule.earns_on == "contract":
        starts_on, phase, word = contract_day(invoice), CONTRACTS, "contract"
    else:
        starts_on, phase, word = invoice.issued_on, INVOICES, "invoice"
    start_key: OrderKey = (starts_on, phase, 0, invoice.invoice_id, "")
    suspend_key: OrderKey | None = None
    if starts_on <= as_of:
        happenings.append((start_key, None, f"{word}:{invoice.invoice_id}"))
    suspended_on = suspension_day(timeline, rule.suspend_after_days)
    if suspended_on is not None and suspended_on <= as_of:
        suspend_key = (suspended_on, SUSPENSIONS, 0, invoice.invoice_id, "")
        happenings.append((suspend_key, None, f"suspend:{invoice.invoice_id}"))
    happenings.sort(key=lambda happening: happening[0])

    before = collected = 0
    collectible, due_on = timeline.collectible_at_first, invoice.due_on
    started = follows_cash = False
    for key, moment, cause in happenings:
        suspends = False
        if moment is not None:
            collectible, collected, due_on = moment.collectible, moment.collected, moment.due_on
            suspends = moment.event.type == "write_off" and not (follows_cash or rule.never_suspended)
        elif key == start_key:
            started = True
        else:
            suspends = not follows_cash
        follows_cash = follows_cash or suspends
        after = base(collected) if follows_cash else base(collectible) if started else 0
        if after != before:
            event = moment.event if moment is not None else None
            yield Movement(key, key[0], cause, event, before, after, due_on, suspends, follows_cash)
            before = after


def suspension_day(timeline: Timeline, after_days: Schedule) -> dt.date | None:
    """The first day at whose end the due date in force lies as many days back as the rule in force says."""
    due_dates = list(timeline.due_dates())
    changes = {day for day, _ in (*due_dates, *after_days) if day is not None}
    starts = [dt.date.min, *sorted(changes)]
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        days = _in_force(after_days, start)
        if days is None:
            continue
        due_on = _in_force(due_dates, start)
        assert due_on is not None
        day = max(start, due_on + dt.timedelta(days=days))
        if end is None or day < end:
            return day
    return None


def _in_force(values: Iterable[tuple[dt.date | None, Value]], day: dt.date) -> Value | None:
    found = None
    for from_day, value in values:
        if from_day is not None and from_day > day:
            break
        found = value
    return found
