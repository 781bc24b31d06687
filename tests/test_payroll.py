"""The split of pay over earning codes (docs/rules.md section 11)."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incentives.calculation.explanation import Step, Why
from incentives.calculation.lines import Line, LineKind
from incentives.calendar import period_of
from incentives.errors import Rejected
from incentives.facts import Company
from incentives.ledger.pay import Payout, payouts
from incentives.ledger.payroll import PayrollLine, payroll_lines
from incentives.money import PPM

MARCH = period_of(dt.date(2026, 3, 1), "month", 1)
CODES = {
    "commission": "COM",
    "shared_bonus": "BON",
    "target_bonus": "BON",
    "spiff": "SPF",
    "draw": "DRW",
}
WITH_DEDUCTION = {**CODES, "deduction": "DED"}


class NoReason(Why):
    def step(self, line: Line) -> Step:
        return Step("test")


def line(
    component_kind: str, amount_minor: int, kind: LineKind = "earning", payee_id: str = "ana", month: int = 3
) -> Line:
    """A line of a component that is named after its kind."""
    day = dt.date(2026, month, 10)
    return Line(payee_id, "ae", component_kind, kind, "e1", "", day, day, amount_minor, "EUR", day, NoReason())


def kind_of(plan: str, component: str) -> str:
    return component


def company(**payroll: str) -> Company:
    return Company("Acme", "EUR", "Europe/Berlin", 1, payroll=payroll)


def march(lines: list[Line], cap_ppm: int = PPM) -> list[Payout]:
    return [payout for payout in payouts(lines, MARCH, cap_ppm) if payout.month == MARCH.first]


def split(lines: list[Line], payroll: dict[str, str] = CODES, cap_ppm: int = PPM) -> dict[str, int]:
    """What each earning code gets of ana's March."""
    found = payroll_lines(march(lines, cap_ppm), kind_of, company(**payroll))
    return {each.earning_code: each.amount_minor for each in found}


def test_each_component_kind_goes_out_under_its_code() -> None:
    assert split([line("commission", 1000), line("spiff", 300), line("draw", 50, "draw")]) == {
        "COM": 1000,
        "SPF": 300,
        "DRW": 50,
    }


def test_kinds_with_the_same_code_are_one_line() -> None:
    assert split([line("shared_bonus", 100, "bonus"), line("target_bonus", 200, "bonus")]) == {"BON": 300}


def test_a_cap_lowers_the_code_of_its_component() -> None:
    lines = [line("commission", 1000), line("commission", -400, "cap"), line("spiff", 300)]
    assert split(lines) == {"COM": 600, "SPF": 300}


def test_recovered_money_lowers_the_codes_in_proportion() -> None:
    lines = [line("commission", 600), line("spiff", 300), line("commission", -90, "clawback")]
    assert split(lines) == {"COM": 540, "SPF": 270}


def test_a_remaining_cent_is_taken_from_the_largest_remainder_and_from_the_first_code_in_a_tie() -> None:
    tie = [line(kind, 100) for kind in ("commission", "spiff", "shared_bonus")]
    assert split([*tie, line("commission", -100, "clawback")]) == {"BON": 66, "COM": 67, "SPF": 67}
    # two thirds of 100 are 66.67 and a third is 33.33: the cent goes to the first
    assert split([line("commission", 200), line("spiff", 100), line("spiff", -100, "clawback")]) == {
        "COM": 133,
        "SPF": 67,
    }


def test_debt_of_earlier_months_is_recovered_too() -> None:
    lines = [line("commission", -500, "clawback", month=1), line("commission", 800)]
    assert split(lines) == {"COM": 300}
    assert split(lines, cap_ppm=250_000) == {"COM": 600}


def test_a_deduction_code_takes_what_is_recovered_and_leaves_the_other_codes_whole() -> None:
    lines = [line("commission", 600), line("spiff", 300), line("commission", -90, "clawback")]
    assert split(lines, WITH_DEDUCTION) == {"COM": 600, "SPF": 300, "DED": -90}


def test_earnings_that_are_recovered_whole_go_out_only_where_there_is_a_deduction_code() -> None:
    lines = [line("commission", 600), line("commission", -700, "clawback")]
    assert split(lines) == {}
    assert split(lines, WITH_DEDUCTION) == {"COM": 600, "DED": -600}


def test_a_code_that_is_negative_in_the_month_lowers_the_others_in_proportion() -> None:
    lines = [
        line("commission", 100),
        line("commission", -160, "cap"),
        line("spiff", 400),
        line("shared_bonus", 200, "bonus"),
    ]
    assert split(lines) == {"SPF": 360, "BON": 180}
    with_debt = [*lines, line("spiff", -54, "clawback")]
    assert split(with_debt) == {"SPF": 324, "BON": 162}
    assert split(with_debt, WITH_DEDUCTION) == {"SPF": 360, "BON": 180, "DED": -54}


def test_a_code_whose_amount_is_zero_is_left_out() -> None:
    assert split([line("commission", 100), line("commission", -100, "cap"), line("spiff", 5)]) == {"SPF": 5}


def test_lines_are_in_order_of_payee_and_code() -> None:
    lines = [line("spiff", 2, payee_id="zoe"), line("spiff", 3), line("commission", 4)]
    assert payroll_lines(march(lines), kind_of, company(**CODES)) == [
        PayrollLine("ana", "COM", 4, "EUR"),
        PayrollLine("ana", "SPF", 3, "EUR"),
        PayrollLine("zoe", "SPF", 2, "EUR"),
    ]


def test_every_kind_without_a_code_is_said_at_once() -> None:
    lines = [line("commission", 1), line("spiff", 2), line("draw", 3, "draw")]
    with pytest.raises(Rejected) as rejected:
        split(lines, {"spiff": "SPF", "draw": ""})
    assert [str(problem) for problem in rejected.value.problems] == [
        "company.toml, payroll.commission: Lines of kind commission are to be paid but have no earning code. "
        'Add commission = "…" to [payroll].',
        "company.toml, payroll.draw: Lines of kind draw are to be paid but have no earning code. "
        'Add draw = "…" to [payroll].',
    ]


def test_a_kind_that_is_only_taken_back_needs_no_code() -> None:
    assert split([line("spiff", -10, "clawback"), line("commission", 30)], {"commission": "COM"}) == {"COM": 20}


some_lines = st.lists(
    st.builds(
        line,
        st.sampled_from(sorted(CODES)),
        st.integers(-50_000, 100_000).filter(bool),
        st.sampled_from(["earning", "clawback", "cap", "bonus"]),
        st.sampled_from(["ana", "zoe"]),
        st.integers(1, 3),
    ),
    max_size=25,
)


@given(some_lines, st.sampled_from([PPM, PPM // 3, 0]), st.sampled_from(["", "DED", "COM"]))
def test_the_lines_of_a_payout_sum_to_its_pay(lines: list[Line], cap_ppm: int, deduction: str) -> None:
    employer = company(**CODES, deduction=deduction)
    for payout in payouts(lines, MARCH, cap_ppm):
        found = payroll_lines([payout], kind_of, employer)
        assert sum(each.amount_minor for each in found) == payout.pay_minor
        assert all(each.amount_minor for each in found)
        below = {each.earning_code for each in found if each.amount_minor < 0}
        assert below <= {deduction}


@given(some_lines)
def test_the_order_of_lines_changes_nothing(lines: list[Line]) -> None:
    again = sorted(lines, key=lambda each: (each.amount_minor, each.component, each.kind, each.payee_id))
    assert payroll_lines(march(lines), kind_of, company(**CODES)) == payroll_lines(
        march(again), kind_of, company(**CODES)
    )
