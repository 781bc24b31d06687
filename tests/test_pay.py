"""Pay for a month: what is positive, recovered and carried forward (docs/rules.md section 11)."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from incentives.calculation.explanation import Step, Why
from incentives.calculation.lines import Line, LineKind
from incentives.calendar import Period, period_of
from incentives.ledger.pay import Payout, payouts
from incentives.money import PPM

MARCH = period_of(dt.date(2026, 3, 1), "month", 1)


class NoReason(Why):
    def step(self, line: Line) -> Step:
        return Step("test")


def line(
    amount_minor: int,
    payable_on: str = "2026-01-31",
    kind: LineKind = "earning",
    payee_id: str = "ana",
    currency: str = "EUR",
) -> Line:
    day = dt.date.fromisoformat(payable_on)
    return Line(payee_id, "plan", "cash", kind, "e1", "i1", day, day, amount_minor, currency, day, NoReason())


def figures(payout: Payout) -> tuple[int, ...]:
    """The columns of payouts.csv from positive to carried_forward."""
    return (
        payout.positive_minor,
        payout.negative_minor,
        payout.brought_forward_minor,
        payout.recovered_minor,
        payout.pay_minor,
        payout.carried_forward_minor,
    )


def paid(lines: list[Line], last_month: Period = MARCH, cap_ppm: int = PPM) -> list[tuple[int, ...]]:
    return [figures(payout) for payout in payouts(lines, last_month, cap_ppm)]


def test_the_printed_example_is_paid_as_printed() -> None:
    """Earnings of -300, 200, 500, as docs/formats.md prints them."""
    lines = [line(-300, "2026-01-10", "clawback"), line(200, "2026-02-10"), line(500, "2026-03-10")]
    assert paid(lines) == [
        (0, -300, 0, 0, 0, -300),
        (200, 0, -300, 200, 0, -100),
        (500, 0, -100, 100, 400, 0),
    ]


def test_a_recovery_cap_leaves_part_of_the_pay() -> None:
    lines = [line(-300, "2026-01-10", "clawback"), line(201, "2026-02-10"), line(500, "2026-03-10")]
    assert paid(lines, cap_ppm=500_000) == [
        (0, -300, 0, 0, 0, -300),
        (201, 0, -300, 101, 100, -199),  # half of 2.01 is 1.01: half a cent rounds away from zero
        (500, 0, -199, 199, 301, 0),
    ]


def test_a_recovery_cap_of_zero_recovers_nothing() -> None:
    lines = [line(-300, "2026-01-10", "clawback"), line(200, "2026-02-10")]
    assert paid(lines, cap_ppm=0) == [
        (0, -300, 0, 0, 0, -300),
        (200, 0, -300, 0, 200, -300),
        (0, 0, -300, 0, 0, -300),
    ]


def test_a_cap_line_lowers_what_is_positive_and_is_no_debt() -> None:
    assert paid([line(1000), line(-400, kind="cap")], cap_ppm=0) == [(600, 0, 0, 0, 600, 0)]


def test_caps_beyond_what_is_positive_join_the_debt() -> None:
    lines = [line(100), line(-250, kind="cap"), line(-40, kind="clawback"), line(300, "2026-02-01")]
    assert paid(lines) == [(0, -190, 0, 0, 0, -190), (300, 0, -190, 190, 110, 0)]


def test_a_take_back_in_the_month_of_its_earning_is_recovered_at_once() -> None:
    assert paid([line(500), line(-200, kind="clawback")]) == [(500, -200, 0, 200, 300, 0)]


def test_a_month_without_lines_and_without_debt_has_no_row() -> None:
    months = [payout.month for payout in payouts([line(1), line(1, "2026-03-31")], MARCH, PPM)]
    assert months == [dt.date(2026, 1, 1), dt.date(2026, 3, 1)]


def test_a_line_payable_after_the_last_month_waits() -> None:
    assert paid([line(100, "2026-04-01")]) == []


def test_each_currency_is_paid_and_owed_on_its_own() -> None:
    found = payouts([line(-300, kind="clawback"), line(500, currency="USD")], MARCH, PPM)
    assert [(payout.currency, payout.pay_minor) for payout in found if payout.month.month == 1] == [
        ("EUR", 0),
        ("USD", 500),
    ]


amounts = st.integers(-100_000, 100_000).filter(bool)
kinds: st.SearchStrategy[LineKind] = st.sampled_from(["earning", "clawback", "cap", "draw"])
days = st.dates(dt.date(2026, 1, 1), dt.date(2026, 3, 31)).map(dt.date.isoformat)
some_lines = st.lists(st.builds(line, amounts, days, kinds), min_size=1, max_size=20)


@given(some_lines, st.integers(0, PPM))
def test_nothing_is_lost_between_lines_pay_and_debt(lines: list[Line], cap_ppm: int) -> None:
    found = payouts(lines, MARCH, cap_ppm)
    last = found[-1].carried_forward_minor if found and found[-1].month == MARCH.first else 0
    assert sum(payout.pay_minor for payout in found) + last == sum(each.amount_minor for each in lines)
    assert all(payout.pay_minor >= 0 and payout.recovered_minor >= 0 for payout in found)
    assert all(payout.carried_forward_minor <= 0 for payout in found)


@given(some_lines, st.integers(0, PPM))
def test_what_is_carried_out_of_a_month_is_brought_into_the_next(lines: list[Line], cap_ppm: int) -> None:
    by_month = {payout.month: payout for payout in payouts(lines, MARCH, cap_ppm)}
    for month in (dt.date(2026, 2, 1), MARCH.first):
        before = by_month.get(month.replace(month=month.month - 1))
        carried = before.carried_forward_minor if before else 0
        assert (by_month[month].brought_forward_minor if month in by_month else 0) == carried
