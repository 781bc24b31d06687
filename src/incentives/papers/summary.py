"""A calculation on one screen: who earned what, what went back and why, what waits, what is paid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from incentives.calculation.bonuses import PoolOutcome
from incentives.calculation.comparison import Compared
from incentives.calculation.earned import Earned
from incentives.calculation.lines import Line
from incentives.calculation.waiting import Waiting
from incentives.calendar import month_name
from incentives.facts import Facts
from incentives.ledger.pay import Payout
from incentives.papers.words import amount, day_name, grouped, metric_value, sentence
from incentives.rules.measures import Measure


@dataclass(frozen=True)
class Story:
    """Everything the screen tells."""

    facts: Facts
    earned: Earned
    payouts: Sequence[Payout]
    waiting: Sequence[Waiting]

    def name(self, payee_id: str) -> str:
        """The name of a payee."""
        return self._names[0].get(payee_id, payee_id)

    def customer(self, customer_id: str) -> str:
        """The name of a customer."""
        return self._names[1].get(customer_id, customer_id)

    @cached_property
    def _names(self) -> tuple[dict[str, str], dict[str, str]]:
        facts = self.facts
        return (
            {each.payee_id: each.name for each in facts.payees},
            {each.customer_id: each.name for each in facts.customers},
        )


def who_earned_what(story: Story) -> Iterator[str]:
    """Per payee and currency: earned, taken back, bonus, draws, what is still waiting on cash."""
    waits: dict[tuple[str, str], int] = {}
    for each in story.waiting:
        key = (each.payee_id, each.earns_in)
        waits[key] = waits.get(key, 0) + each.would_earn_minor
    by_owner: dict[tuple[str, str], dict[str, int]] = {}
    for line in story.earned.lines:
        sums = by_owner.setdefault((line.payee_id, line.currency), {})
        column = _COLUMN[line.kind]
        sums[column] = sums.get(column, 0) + line.amount_minor
    rows = [
        (
            story.name(payee_id),
            currency,
            *(grouped(sums.get(column, 0), currency) for column in _COLUMNS),
            grouped(sum(sums.values()), currency),
            grouped(waits.get((payee_id, currency), 0), currency),
        )
        for (payee_id, currency), sums in sorted(by_owner.items())
    ]
    yield from table(("", "", *_COLUMNS, "in all", "waiting on cash"), rows)


_COLUMNS = ("earned on cash", "taken back, net", "bonus", "capped", "draw")
_COLUMN = {
    "earning": "earned on cash",
    "restoration": "taken back, net",
    "clawback": "taken back, net",
    "suspension": "taken back, net",
    "bonus": "bonus",
    "cap": "capped",
    "draw": "draw",
    "draw_recovery": "draw",
}


def taken_back(story: Story) -> Iterator[str]:
    """Every take-back and what came back, with its reason."""
    lines = [line for line in story.earned.lines if line.kind in ("clawback", "suspension", "restoration")]
    for line in sorted(lines, key=lambda line: (line.earned_on, line.cause, line.payee_id)):
        yield f"  {story.name(line.payee_id)}: {sentence(line.explained(), story.customer)}"
    if not lines:
        yield "  Nothing was taken back."


def waits_on_cash(story: Story) -> Iterator[str]:
    """Open invoices, oldest due date first, with what each would earn."""
    rows = [
        (
            each.invoice_id,
            story.customer(each.customer_id),
            f"due {day_name(each.due_on)}",
            f"{each.days_past_due} days past due" if each.days_past_due else "not due yet",
            amount(each.open_minor, each.currency),
            f"{story.name(each.payee_id)} would earn {amount(each.would_earn_minor, each.earns_in)}",
        )
        for each in sorted(story.waiting, key=lambda each: (each.due_on, each.invoice_id, each.payee_id))
    ]
    yield from table(("", "", "", "", "open", ""), rows) if rows else ["  Nothing waits: every invoice is paid."]


def shared_bonus(pools: Iterable[PoolOutcome], story: Story) -> Iterator[str]:
    """Each pool: cash, metric, gates, and who got how much; also why a pool paid nothing."""
    told = False
    for outcome in pools:
        told = True
        currency = outcome.plan.currency
        yield (
            f"  {outcome.plan.name}, team {outcome.team}, {day_name(outcome.period.first)} to "
            f"{day_name(outcome.period.last)}: {amount(outcome.pool_minor, currency)}"
        )
        if outcome.component.pool.rate_ppm is not None:
            yield f"    {amount(outcome.collected_minor, currency)} collected that counts"
        scale = outcome.component.scale
        if scale is not None:
            value = metric_value(scale.measure.metric, outcome.scale_value_ppm)
            factor = metric_value("factor", outcome.factor_ppm)
            yield f"    {_measured(scale.measure)} is {value}, so × {factor}"
        for passed in outcome.gates:
            word = "the gate holds" if passed.holds else "the gate does not hold, so nothing is paid"
            value = metric_value(passed.gate.measure.metric, passed.value_ppm)
            yield f"    {_measured(passed.gate.measure)} is {value}: {word}"
        for role in outcome.roles:
            parts = ", ".join(
                f"{story.name(payee_id)} {grouped(part, currency)}" for payee_id, part in role.parts_minor.items()
            )
            yield f"    {role.role} gets {amount(role.amount_minor, currency)}: {parts}"
    if not told:
        yield "  No plan has a shared bonus for a period that has ended."


def _measured(measure: Measure) -> str:
    customers = " of new customers" if measure.customers == "new" else ""
    return measure.metric.replace("_", " ") + customers


def payout_of(month: Sequence[Payout], story: Story) -> Iterator[str]:
    """One month's pay with its control totals."""
    rows = [
        (
            story.name(each.payee_id),
            each.currency,
            *(
                grouped(value, each.currency)
                for value in (
                    each.positive_minor,
                    each.negative_minor,
                    each.brought_forward_minor,
                    each.recovered_minor,
                    each.pay_minor,
                    each.carried_forward_minor,
                )
            ),
        )
        for each in month
    ]
    columns = ("", "", "positive", "negative", "brought forward", "recovered", "pay", "carried forward")
    yield from table(columns, rows)
    totals: dict[str, int] = {}
    for each in month:
        totals[each.currency] = totals.get(each.currency, 0) + each.pay_minor
    for currency, total in sorted(totals.items()):
        rows_paid = sum(1 for each in month if each.currency == currency and each.pay_minor)
        yield f"  Control: {rows_paid} people are paid, {amount(total, currency)} in all."


def comparison(rows: Sequence[Compared], story: Story) -> Iterator[str]:
    """Signature against cash: each person in all, then month by month, then everybody."""
    if not rows:
        return
    people: dict[tuple[str, str], list[int]] = {}
    everybody: dict[str, list[int]] = {}
    for each in rows:
        mine = people.setdefault((each.payee_id, each.currency), [0, 0, 0])
        ours = everybody.setdefault(each.currency, [0, 0, 0])
        for at, value in enumerate((each.signature_minor, each.cash_minor, each.never_came_minor)):
            mine[at] += value
            ours[at] += value
    columns = ("", "", "on signature", "on cash", "on money that never came")
    in_all = [
        (story.name(payee_id), currency, *(grouped(value, currency) for value in values))
        for (payee_id, currency), values in people.items()
    ]
    yield from table(columns, in_all)
    yield ""
    by_month = [
        (
            month_name(each.month),
            story.name(each.payee_id),
            each.currency,
            grouped(each.signature_minor, each.currency),
            grouped(each.cash_minor, each.currency),
            grouped(each.never_came_minor, each.currency),
        )
        for each in rows
    ]
    yield from table(("month", *columns), by_month)
    yield ""
    for currency, (signature, cash, never_came) in sorted(everybody.items()):
        yield (
            f"  In all, signature would have paid {amount(signature, currency)} and cash pays "
            f"{amount(cash, currency)}; {amount(never_came, currency)} of the first would have been paid on "
            "money that is overdue or written off."
        )


def lines_of(lines: Iterable[Line]) -> list[Line]:
    """Lines in the order in which a reader expects them."""
    return sorted(lines, key=lambda line: (line.earned_on, line.plan, line.component, line.cause, line.kind))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns aligned: text to the left, amounts to the right."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    right = [bool(rows) and all(_is_number(row[at]) for row in rows) for at in range(len(columns))]
    for row in [*([columns] if any(columns) else []), *rows]:
        yield (
            "  "
            + "  ".join(
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(row, widths, right, strict=True)
            ).rstrip()
        )


def _is_number(cell: str) -> bool:
    return cell.removeprefix("\N{MINUS SIGN}").replace(",", "").replace(".", "", 1).isdigit()
