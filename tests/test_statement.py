"""A statement adds up, says where every amount belongs, and keeps what was told before."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from incentives.calculation.explanation import Step
from incentives.calendar import Period
from incentives.facts import Company, Payee
from incentives.ledger.statement import Section, Statement
from incentives.money import EXACT
from incentives.papers.statement.document import as_document, digest
from statements import SPRING, Desk, sample, sample_statement

WINTER = Period(dt.date(2026, 1, 1), dt.date(2026, 3, 31))
PEOPLE = ("P01", "P02", "P03", "P04", "P05", "P06", "P07", "P08", "P09")


def only(view: Statement) -> Section:
    assert len(view.sections) == 1
    return view.sections[0]


# It adds up -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payee_id", PEOPLE)
@pytest.mark.parametrize("quarter", [WINTER, SPRING])
def test_closing_is_opening_plus_lines_and_corrections_less_pay(payee_id: str, quarter: Period) -> None:
    section = only(sample_statement(payee_id, quarter))
    lines = sum(row.amount_minor for row in section.rows)
    corrections = sum(each.row.amount_minor for each in section.corrections)
    paid = sum(each.pay_minor for each in section.payouts)
    assert section.closing_minor == section.opening_minor + lines + corrections - paid


@pytest.mark.parametrize("payee_id", PEOPLE)
def test_a_quarter_opens_where_the_one_before_closed(payee_id: str) -> None:
    before, after = (only(sample_statement(payee_id, quarter)) for quarter in (WINTER, SPRING))
    assert after.opening_minor == before.closing_minor


@pytest.mark.parametrize("payee_id", PEOPLE)
def test_months_add_up_to_the_quarter_and_lines_to_the_sums(payee_id: str) -> None:
    section = only(sample_statement(payee_id))
    assert sum(month.sums.change for month in section.months) == section.sums.change
    assert len(section.months) == 3
    of_kind = {"earning": "earned", "restoration": "given_back", "bonus": "bonus", "cap": "cap"}
    for kind, name in of_kind.items():
        assert getattr(section.sums, name) == sum(row.amount_minor for row in section.rows if row.kind == kind)


def test_the_sample_company_second_quarter_of_joris() -> None:
    section = only(sample_statement("P02"))
    sums = section.sums
    assert (sums.earned, sums.given_back, sums.taken_back, sums.bonus) == (449_625, 51_200, -22_000, 105_672)
    assert (section.opening_minor, sums.paid, section.closing_minor) == (0, 454_147, 130_350)
    assert section.later_minor == 130_350
    assert section.waiting_minor == 66_176


def test_pay_that_was_not_posted_is_a_mistake_of_the_caller() -> None:
    desk = Desk()
    desk.post("pay-1", 10_000, "2026-04-02")
    desk.pay("2026-04", 10_000)
    desk.paid[0] = replace(desk.paid[0], pay_minor=9_999)
    with pytest.raises(AssertionError, match="posted"):
        desk.statement()


def test_entries_after_the_quarter_are_left_alone() -> None:
    desk = Desk()
    desk.post("pay-1", 10_000, "2026-04-02")
    desk.post("pay-2", 500, "2026-07-02")
    assert only(desk.statement()).closing_minor == 10_000


def test_each_currency_has_a_section_of_its_own_and_the_payee_own_comes_first() -> None:
    desk = Desk(payee=Payee("P1", "Ana", currency="USD"))
    desk.post("pay-1", 10_000, "2026-04-02", currency="EUR")
    desk.post("pay-2", 700, "2026-04-02", currency="USD")
    desk.pay("2026-04", 10_000, "EUR")
    sections = desk.statement().sections
    assert [(each.currency, each.closing_minor) for each in sections] == [("USD", 700), ("EUR", 0)]


def test_a_quarter_in_which_nothing_happened_still_says_so_in_the_payee_currency() -> None:
    section = only(Desk(payee=Payee("P1", "Ana", currency="JPY")).statement())
    assert (section.currency, section.opening_minor, section.closing_minor, section.rows) == ("JPY", 0, 0, ())


# Lines ------------------------------------------------------------------------------------------------------


def test_a_line_corrected_within_its_quarter_is_one_row_that_names_its_postings() -> None:
    desk = Desk()
    desk.post("pay-1", 10_000, "2026-04-02")
    desk.post("pay-1", -2_000, "2026-04-02", month="2026-05")
    (row,) = only(desk.statement()).rows
    assert (row.amount_minor, row.month) == (8_000, dt.date(2026, 4, 1))
    assert [(each.month.month, each.amount_minor) for each in row.postings] == [(4, 10_000), (5, -2_000)]


def test_a_line_learned_a_month_later_is_told_in_the_month_it_was_earned() -> None:
    desk = Desk()
    desk.post("pay-1", 10_000, "2026-04-02", month="2026-06")
    (row,) = only(desk.statement()).rows
    assert row.month == dt.date(2026, 4, 1)
    assert [each.month.month for each in row.postings] == [6]


def test_what_came_and_went_again_in_the_quarter_says_nothing() -> None:
    desk = Desk()
    desk.post("pay-1", 10_000, "2026-04-02")
    desk.post("pay-1", -10_000, "2026-04-02", month="2026-05")
    assert only(desk.statement()).rows == ()


def test_lines_stand_by_month_then_component_then_invoice() -> None:
    rows = only(sample_statement("P05")).rows
    place = [(row.month, row.component) for row in rows]
    assert [month for month, _ in place] == sorted(month for month, _ in place)
    assert len({*place}) == len(list(groupby(place)))


def test_every_line_names_the_plan_letter_it_came_from() -> None:
    for payee_id in PEOPLE:
        view = sample_statement(payee_id)
        for section in view.sections:
            for row in section.rows:
                assert view.rules[row.rule - 1].number == row.rule > 0
                assert view.rules[row.rule - 1].reference


def test_an_adjustment_says_what_a_person_wrote() -> None:
    desk = Desk(notes={"adjustment:7": "Agreed on 28 May"})
    desk.post("adjustment:7", 5_000, "2026-05-28", kind="adjustment", plan="", invoice_id="")
    section = only(desk.statement())
    (row,) = section.rows
    assert (row.happened.what, row.happened.reason, row.rule) == ("adjustment", "Agreed on 28 May", 0)
    assert section.sums.adjustment == 5_000


# Take-backs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payee_id", PEOPLE)
def test_every_take_back_names_what_it_undoes_and_its_parts_add_up(payee_id: str) -> None:
    for row in only(sample_statement(payee_id)).rows:
        if row.kind in ("clawback", "suspension", "restoration"):
            assert row.undone
            assert sum(each.amount_minor or 0 for each in row.undone) == row.amount_minor
            assert all(each.on <= row.earned_on for each in row.undone)
        else:
            assert row.undone == ()


def test_a_give_back_names_the_take_back_it_undoes() -> None:
    (back,) = [row for row in only(sample_statement("P02")).rows if row.kind == "restoration"]
    assert [(each.cause, each.take_back) for each in back.undone] == [("pay-26-006", "chargeback-26-006")]


def test_parts_of_a_take_back_are_rounded_as_a_running_total() -> None:
    desk = Desk()
    entry = desk.post("refund-1", -100, "2026-05-04", kind="clawback")
    thirds = [(dt.date(2026, 4, day), -(100 * EXACT) // 3) for day in (3, 2, 1)]
    steps = [Step("taken", {"on": on, "cause": "p", "undoes": ""}, exact) for on, exact in thirds]
    desk.told(entry, "clawback", "clawback", steps, event="refund", event_minor=2_500)
    (row,) = only(desk.statement()).rows
    assert [each.amount_minor for each in row.undone] == [-33, -34, -33]


def test_a_lost_extra_names_the_bonus_it_undoes() -> None:
    desk = Desk()
    won = desk.post("pay-1", 25_000, "2026-04-20", kind="bonus")
    desk.told(won, "bonus", "spiff")
    lost = desk.post("refund-1", -25_000, "2026-05-20", kind="clawback")
    desk.told(lost, "clawback", "spiff_lost")
    row = only(desk.statement()).rows[-1]
    assert [(each.cause, each.on, each.amount_minor) for each in row.undone] == [
        ("pay-1", dt.date(2026, 4, 20), -25_000)
    ]


def test_a_step_of_a_whole_window_gives_no_amount_to_one_payment() -> None:
    desk = Desk()
    entry = desk.post("refund-1", -9_000, "2026-05-04", kind="clawback")
    taken = Step("taken", {"on": dt.date(2026, 4, 3), "cause": "p", "undoes": ""}, 0)
    desk.told(entry, "clawback", "clawback", [taken, Step("whole_amount", {}, -9_000 * EXACT)], event="refund")
    (row,) = only(desk.statement()).rows
    assert [each.amount_minor for each in row.undone] == [None]


# Corrections ------------------------------------------------------------------------------------------------


def test_an_entry_earned_before_the_quarter_is_a_correction_that_says_what_stood_and_stands() -> None:
    desk = Desk()
    first = desk.post("pay-1", 10_000, "2026-02-02")
    desk.post("pay-1", -2_000, "2026-02-02", month="2026-04", run_id=2)
    desk.told(first, "earning", "earning", event="payment")
    section = only(desk.statement())
    (correction,) = section.corrections
    assert (correction.stood_minor, correction.stands_minor, correction.row.amount_minor) == (
        10_000,
        8_000,
        -2_000,
    )
    assert correction.is_known
    assert section.rows == ()
    assert section.sums.corrections == -2_000
    assert section.opening_minor == 10_000


def test_a_line_that_no_longer_stands_says_so() -> None:
    desk = Desk()
    desk.post("pay-1", 10_000, "2026-02-02")
    desk.post("pay-1", -10_000, "2026-02-02", month="2026-04", run_id=2)
    (correction,) = only(desk.statement()).corrections
    assert (correction.stands_minor, correction.is_known) == (0, False)


def test_a_line_that_moved_into_the_quarter_says_to_which_day() -> None:
    desk = Desk()
    desk.post("pay-1", 10_000, "2026-03-31")
    desk.post("pay-1", -10_000, "2026-03-31", month="2026-04", run_id=2)
    desk.post("pay-1", 10_000, "2026-04-01", run_id=2)
    section = only(desk.statement())
    assert [each.moved_to for each in section.corrections] == [dt.date(2026, 4, 1)]
    assert [row.amount_minor for row in section.rows] == [10_000]
    assert section.closing_minor == 10_000


@pytest.mark.parametrize(("day", "told"), [("2026-03-02", 1), ("2026-03-01", 0)])
def test_a_correction_of_nothing_is_told_only_where_the_day_changed(day: str, told: int) -> None:
    desk = Desk()
    desk.post("pay-1", 300, "2026-03-01")
    desk.post("pay-1", 0, day, month="2026-05", payable_on="2026-05-01", run_id=2)
    assert len(only(desk.statement()).corrections) == told


def test_what_was_posted_twice_by_one_run_is_one_correction() -> None:
    desk = Desk()
    desk.post("pay-1", 300, "2026-03-01", payable_on="2026-03-08")
    desk.post("pay-1", -300, "2026-03-01", month="2026-05", payable_on="2026-03-08", run_id=2)
    desk.post("pay-1", 450, "2026-03-01", month="2026-05", payable_on="2026-03-15", run_id=2)
    (correction,) = only(desk.statement()).corrections
    assert (correction.stood_minor, correction.stands_minor, correction.row.amount_minor) == (300, 450, 150)


# Bonuses and quarters ---------------------------------------------------------------------------------------


def test_a_shared_bonus_tells_its_metrics_and_the_reader_part_only() -> None:
    view = sample_statement("P08")
    (pool,) = only(view).pools
    assert pool.scale is not None and pool.scale.metric == "on_time_rate"
    assert [(gate.metric, gate.holds) for gate in pool.gates] == [
        ("overdue_ratio", True),
        ("bad_debt_ratio", True),
    ]
    (part,) = pool.parts
    bonus = [row.amount_minor for row in only(view).rows if row.component == "collected-together"]
    assert [part.part_minor] == bonus
    assert part.role == "credit" and part.part_minor < part.role_minor < pool.pool_minor


def test_a_pool_that_paid_nothing_is_told_to_its_team_with_the_gate_that_failed() -> None:
    (pool,) = only(sample_statement("P02", WINTER)).pools
    assert (pool.pool_minor, pool.parts) == (0, ())
    assert any(not gate.holds for gate in pool.gates)
    assert only(sample_statement("P07", WINTER)).pools == ()


def test_a_target_bonus_tells_what_was_collected_against_which_target() -> None:
    (target,) = only(sample_statement("P06")).targets
    assert (target.collected_minor, target.target_minor, target.amount_minor) == (14_900_000, 16_000_000, 124_219)


def test_a_quarter_knows_its_place_in_a_fiscal_year_that_starts_in_april() -> None:
    view = Desk(company=Company("V", "EUR", "Europe/Amsterdam", 4)).statement()
    assert (view.quarter.number, view.quarter.year_first, view.quarter.year_last) == (
        1,
        dt.date(2026, 4, 1),
        dt.date(2027, 3, 31),
    )


# The document -----------------------------------------------------------------------------------------------


def test_the_document_is_plain_and_says_the_same_after_a_trip_through_text() -> None:
    document = as_document(sample_statement("P02"))
    assert {type(each) for each in _leaves(document)} <= {str, int, bool, type(None)}
    again = json.loads(json.dumps(document))
    assert again == document
    assert digest(dict(reversed(again.items()))) == digest(document)


def test_another_cent_is_another_document() -> None:
    document = as_document(sample_statement("P02"))
    other = json.loads(json.dumps(document))
    other["sections"][0]["rows"][0]["amount_minor"] += 1
    assert digest(other) != digest(document)


def test_nobody_else_is_named_in_a_document() -> None:
    facts, _, _, _ = sample()
    text = json.dumps(as_document(sample_statement("P02")), ensure_ascii=False)
    others = [each for each in facts.payees if each.payee_id != "P02"]
    assert not [each.name for each in others if each.name in text]
    assert not [each.payee_id for each in others if f'"{each.payee_id}"' in text]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    else:
        yield value
