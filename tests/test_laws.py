"""Laws of the calculation: what is true of every plan and every history, tried on random worlds (``worlds.py``).

``LAW_TIMES=20`` tries twenty times as many worlds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from incentives.calculation.book import Book
from incentives.calculation.credits import shares, sizes, together
from incentives.calculation.earned import Calculation
from incentives.calculation.explanation import total
from incentives.calculation.lines import Line
from incentives.calculation.waiting import waiting
from incentives.calendar import Unit, period_of, periods
from incentives.facts import (
    Assignment,
    Company,
    Credit,
    Customer,
    Event,
    EventType,
    Facts,
    FxRate,
    Invoice,
    InvoiceLine,
    Payee,
    Reporting,
)
from incentives.ledger.pay import Payout, PayoutWhy, payouts
from incentives.money import EXACT, PPM, convert, held, largest_remainder, rounded, rounded_exact
from incentives.rules.commission import Cap, Clawback, Commission, DayMultiplier, Multiplier, Tier
from incentives.rules.commission import Step as DayStep
from incentives.rules.draw import Draw
from incentives.rules.plan import Component, Plan, RulesAsOf, Version
from incentives.rules.spiff import Spiff
from incentives.rules.target_bonus import TargetBonus
from worlds import (
    CASH_OUT,
    CUSTOMERS,
    EXECUTIVE,
    FIRST,
    IN_FULL,
    LAST,
    LONG_AGO,
    MANAGER,
    ONE_EACH,
    PEOPLE,
    REPS,
    TEAM,
    TYPES,
    UNITS,
    WHOLE,
    Row,
    World,
    caps,
    commissions,
    days,
    draws,
    flat,
    gross,
    later,
    law,
    multipliers,
    no_multipliers,
    row,
    rows,
    some_event,
    sums,
    tiers,
    worlds,
)

MARGINAL = st.just("marginal")
ON_CASH = st.sampled_from(["payment", "payment", "full_payment"])
ON_PAPER = st.sampled_from(["invoice", "contract"])
NEVER: st.SearchStrategy[None] = st.none()
EURO = ("EUR",)
OWNER = ("plan", "component", "payee_id", "invoice_id")


def result(world: World) -> tuple[Any, ...]:
    """Everything a calculation says, reasons included, in an order of its own."""
    earned = world.earned
    in_order = sorted(earned.lines, key=row)
    reasons = [line.explained() for line in in_order]
    return rows(in_order), reasons, earned.findings, sorted(earned.metrics, key=repr)


# The order and the number of things -------------------------------------------------------------------------


def shuffled(world: World, rng: Random) -> World:
    """The same facts and plans in another order; the credits of an invoice keep theirs, which means something."""

    def mixed(some: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(rng.sample(some, len(some)))

    facts = world.facts
    return replace(world, plans=mixed(world.plans)).given(
        payees=mixed(facts.payees),
        reporting=mixed(facts.reporting),
        memberships=mixed(facts.memberships),
        customers=mixed(facts.customers),
        credit_records=mixed(facts.credit_records),
        invoices=mixed([replace(each, lines=mixed(each.lines)) for each in facts.invoices]),
        events=mixed(facts.events),
        assignments=mixed(facts.assignments),
        targets=mixed(facts.targets),
        fx_rates=mixed(facts.fx_rates),
    )


@law(60)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_in_which_facts_arrive_changes_nothing(world: World, rng: Random) -> None:
    assert result(shuffled(world, rng)) == result(world)


@law(30)
@given(worlds(), st.data())
def test_an_event_that_comes_twice_counts_once(world: World, data: st.DataObject) -> None:
    events = world.facts.events
    again = data.draw(st.lists(st.sampled_from(events), min_size=1))
    twice = world.after(*(replace(each, recorded_at="2026-12-30T08:00:00Z") for each in again))
    assert result(twice) == result(world)


@law(30)
@given(worlds(same_ids=False), st.data())
def test_an_event_in_two_versions_counts_as_if_it_had_not_come(world: World, data: st.DataObject) -> None:
    event = data.draw(st.sampled_from(world.facts.events))
    conflicting = world.after(replace(event, reason="another version"))
    without = world.given(events=tuple(each for each in world.facts.events if each != event))
    assert rows(conflicting.lines) == rows(without.lines)
    assert [each.event_id for each in conflicting.earned.findings if each.what == "conflict"] == [event.event_id]


@law(40)
@given(worlds(same_ids=False), days)
def test_a_later_day_adds_lines_and_changes_none(world: World, as_of: dt.date) -> None:
    then = rows(world.seen_on(as_of).lines)
    assert then == rows([line for line in world.lines if line.earned_on <= as_of])


@law(60)
@given(worlds(), days | st.just(LAST))
def test_an_open_invoice_waits_with_what_a_whole_calculation_gives_its_payment(
    world: World, as_of: dt.date
) -> None:
    calculation = Calculation(Book(world.facts, world.plans, as_of))
    for payee_id in PEOPLE:
        for each in list(waiting(calculation, payee_id)):
            with calculation.book.assuming_paid(calculation.book.invoices[each.invoice_id], "rest"):
                lines = calculation.payee_lines(payee_id)
            caused = [line for line in lines if line.cause.removeprefix("cap:") == "rest"]
            assert each.would_earn_minor == sums(caused, "currency").get((each.earns_in,), 0)


# What is somebody else's, or of another time ----------------------------------------------------------------


@law(80)
@given(worlds(), st.sampled_from([15_000, 90_000]), st.just(FIRST) | days)
def test_an_invoice_of_somebody_else_changes_nothing(world: World, amount_minor: int, on: dt.date) -> None:
    facts = world.facts
    line = InvoiceLine("1", amount_minor, category="licence")
    theirs = Invoice("i9", "c9", "EUR", on, on, lines=(line,), credits=(Credit("abe", EXECUTIVE, PPM),))
    more = world.given(
        payees=(Payee("abe", "Abe"), *facts.payees),
        customers=(Customer("c9", "Nine", "DE"), *facts.customers),
        invoices=(theirs, *facts.invoices),
        assignments=(Assignment("field", "abe", "", LONG_AGO), *facts.assignments),
    ).after(some_event("e0", "payment", theirs, on, amount_minor))
    assert rows([line for line in more.lines if line.payee_id != "abe"]) == rows(world.lines)


@law(30)
@given(worlds())
def test_a_version_that_begins_after_every_day_changes_nothing(world: World) -> None:
    plans = []
    for plan in world.plans:
        now = plan.versions[-1].components
        components = tuple(_with_tiers(each, flat(PPM)) for each in now)
        coming = Version(dt.date(2027, 1, 1), "a letter of next year", components)
        plans.append(replace(plan, versions=(*plan.versions, coming)))
    assert result(replace(world, plans=tuple(plans))) == result(world)


def _with_tiers(component: Component, its_tiers: tuple[Tier, ...]) -> Component:
    return replace(component, tiers=its_tiers) if isinstance(component, Commission) else component


@law(20)
@given(worlds(currencies=("EUR", "USD", "JPY")))
def test_a_rate_of_a_later_day_changes_nothing(world: World) -> None:
    coming = [FxRate(currency, "EUR", dt.date(2027, 1, 1), 1) for currency in ("USD", "JPY")]
    assert result(world.given(fx_rates=(*coming, *world.facts.fx_rates))) == result(world)


# Payments in parts ------------------------------------------------------------------------------------------


@law(50)
@given(
    worlds(commissions(earns_on=ON_CASH), shares=ONE_EACH, currencies=EURO, refs=False, same_ids=False),
    st.data(),
)
def test_three_part_payments_of_one_day_earn_what_one_payment_earns(world: World, data: st.DataObject) -> None:
    whole = [each for each in world.facts.events if each.type == "payment" and (each.amount_minor or 0) >= 3]
    assume(whole)
    payment = data.draw(st.sampled_from(whole))
    amount = payment.amount_minor or 0
    cuts = sorted(data.draw(st.lists(st.integers(1, amount - 1), min_size=2, max_size=2, unique=True)))
    sizes = [after - before for before, after in pairwise([0, *cuts, amount])]
    parts = tuple(
        replace(payment, event_id=payment.event_id + end, amount_minor=size)
        for end, size in zip(("", "+", "++"), sizes, strict=True)
    )
    others = tuple(each for each in world.facts.events if each is not payment)
    in_parts = world.given(events=(*others, *parts))

    def brought(each: World) -> dict[Row, int]:
        causes = {part.event_id for part in parts}
        return sums([line for line in each.commission_lines() if line.cause in causes], *OWNER)

    assert brought(in_parts) == brought(world)


# Money that goes back ---------------------------------------------------------------------------------------


def undone(world: World, by: EventType) -> World:
    """On the last day everything goes back: all cash to the customer, or all of the debt off."""
    events = []
    for invoice in world.facts.invoices:
        amount_minor = world.cash(invoice) if by == "refund" else gross(invoice)
        if amount_minor > 0:
            events.append(some_event(f"all-{invoice.invoice_id}", by, invoice, LAST, amount_minor))
    return world.after(*events)


RECALCULATED = st.just(Clawback("recalculate", company_fault="take_back"))
BACK: st.SearchStrategy[EventType] = st.sampled_from(["refund", "credit_note"])


@law(40)
@given(worlds(commissions(clawback=IN_FULL, tiers_apply=MARGINAL, earns_on=ON_CASH)), BACK)
def test_commission_on_money_that_went_back_is_exactly_zero(world: World, by: EventType) -> None:
    assert sums(undone(world, by).commission_lines(), *OWNER) == {}


@law(40)
@given(worlds(commissions(clawback=IN_FULL, tiers_apply=MARGINAL, earns_on=ON_PAPER)))
def test_an_advance_on_an_invoice_that_is_credited_whole_is_exactly_zero(world: World) -> None:
    assert sums(undone(world, "credit_note").commission_lines(), *OWNER) == {}


@law(40)
@given(worlds(commissions(clawback=IN_FULL, tiers_apply=st.just("whole_amount")), second_versions=False))
def test_a_whole_amount_window_that_is_empty_again_is_worth_exactly_zero(world: World) -> None:
    assert sums(undone(world, "credit_note").commission_lines(), "plan", "component", "payee_id") == {}


@law(40)
@given(
    worlds(
        commissions(clawback=RECALCULATED, tiers_apply=MARGINAL, suspend_after_days=NEVER),
        types=[each for each in TYPES if each not in ("chargeback_reversed", "write_off")],
        max_invoices=1,
        refs=False,
    )
)
def test_recalculated_newest_first_a_full_reversal_is_exactly_zero(world: World) -> None:
    """Where nothing came back (restored money keeps what it earned, in whatever tier it is put back) and nothing
    was converted: plan amounts of converted parts are rounded, and so is what they lose on the curve."""
    currencies = {each.currency for each in world.facts.invoices} | {plan.currency for plan in world.plans}
    assume(len(currencies) == 1)
    assert sums(undone(world, "credit_note").commission_lines(), *OWNER) == {}


@law(60)
@given(worlds(commissions(tiers_apply=MARGINAL)))
def test_no_take_back_exceeds_what_it_undoes(world: World) -> None:
    in_order = sorted(world.commission_lines(), key=lambda line: line.earned_on)
    for on in {line.earned_on for line in in_order}:
        by_then = sums([line for line in in_order if line.earned_on <= on], *OWNER)
        assert all(amount_minor > 0 for amount_minor in by_then.values()), (on, by_then)


@law(40)
@given(worlds(commissions(tiers_apply=MARGINAL), same_ids=False), st.data())
def test_a_chargeback_that_is_won_restores_exactly_what_it_took(world: World, data: st.DataObject) -> None:
    invoice = data.draw(st.sampled_from(world.facts.invoices))
    amount_minor = data.draw(st.integers(1, gross(invoice)))
    lost = some_event("lost", "chargeback", invoice, later(LAST, -1), amount_minor)
    elsewhere = [
        some_event(f"p-{each.invoice_id}", "payment", each, LAST, gross(each))
        for each in world.facts.invoices
        if each is not invoice
    ]
    won = some_event("won", "chargeback_reversed", invoice, LAST, amount_minor, reverses="lost")
    lines = world.after(lost, *elsewhere, won).commission_lines()
    assert sums([line for line in lines if line.cause in ("lost", "won")], *OWNER) == {}


# Small worlds of one invoice --------------------------------------------------------------------------------


def single(
    component: Commission | Draw | Spiff,
    amount_minor: int,
    events: Sequence[Event] = (),
    more: Sequence[Draw] = (),
    **invoice: Any,
) -> World:
    """Ana, credited whole with one invoice of a net amount that is issued on the first day."""
    issued = Invoice("i0", "c1", "EUR", FIRST, later(FIRST, 30), lines=(InvoiceLine("1", amount_minor),))
    issued = replace(issued, credits=(Credit("ana", EXECUTIVE, PPM),), **invoice)
    plan = Plan("field", "Field", "EUR", "invoice", (Version(LONG_AGO, "letter", (component, *more)),))
    facts = Facts(
        Company("Company", "EUR", "UTC", 1),
        payees=(Payee("ana", "Ana"),),
        customers=CUSTOMERS,
        invoices=(issued,),
        events=tuple(events),
        assignments=(Assignment("field", "ana", "", LONG_AGO),),
    )
    return World(facts, (plan,))


def paid(event_id: str, amount_minor: int, on: dt.date = FIRST) -> Event:
    return Event(event_id, "payment", "i0", on, amount_minor)


rates = st.integers(0, PPM)
minor = st.integers(1, 100_000)
SPEED = DayMultiplier("days_to_pay", (DayStep(0, 1_200_000, 10_000), DayStep(30, PPM), DayStep(90, 500_000)))
PLAIN: Mapping[str, st.SearchStrategy[Any]] = {
    "earns_on": st.just("payment"),
    "tiers": tiers([1_000, 3_333, 10_000, 20_000]),
    "measure": st.just("amount"),
    "base": st.just("net"),
    "categories": st.just(()),
    "roles": st.just(()),
}
"""Commission on cash that needs no targets and pays on all of an invoice's money."""
TAKING_ALL = (Clawback(), Clawback("recalculate"), Clawback(window_days=60))
"""Of money that goes back on the day on which it came."""
some_payments = st.lists(st.tuples(days, st.integers(1, 15_000)), min_size=1, max_size=5)


def in_turn(payments: Sequence[tuple[dt.date, int]]) -> list[Event]:
    return [paid(f"p{number}", amount_minor, on) for number, (on, amount_minor) in enumerate(payments)]


@law(100)
@given(commissions(**PLAIN), some_payments, st.integers(1, 15_000), st.sampled_from(CASH_OUT), st.data())
def test_money_that_goes_back_is_the_newest(
    component: Commission,
    payments: list[tuple[dt.date, int]],
    newest: int,
    by: EventType,
    data: st.DataObject,
) -> None:
    world = single(component, 100_000, [*in_turn(payments), paid("newest", newest, later(LAST, -1))])
    back = Event("back", by, "i0", LAST, data.draw(st.integers(1, newest)))
    assert rows(world.after(replace(back, payment_id="newest")).lines) == rows(world.after(back).lines)


@law(60)
@given(some_payments, st.integers(1, 9), days, st.lists(st.integers(1, 9), min_size=1, max_size=3), st.data())
def test_a_refund_that_names_its_payment_undoes_that_payment(
    others: list[tuple[dt.date, int]], hundreds: int, on: dt.date, parts: list[int], data: st.DataObject
) -> None:
    limits = (Tier(0, 40_000), Tier(30_000, 60_000), Tier(80_000, 100_000))
    component = Commission("cash", limits, multipliers=(SPEED,), accumulates_over="quarter")
    events = [replace(each, amount_minor=100 * (each.amount_minor or 0)) for each in in_turn(others)]
    named = paid("named", 100_000 * hundreds, on)
    refund = Event("back", "refund", "i0", LAST, named.amount_minor, payment_id="named")
    lines = single(component, 100_000_000, [*events, named, refund]).lines
    assert sum(line.amount_minor for line in lines if line.cause in ("named", "back")) == 0


@law(100)
@given(
    commissions(
        **PLAIN, clawback=st.sampled_from([Clawback(), Clawback("recalculate"), Clawback(window_days=60)])
    ),
    some_payments,
    days,
    st.integers(1, 15_000),
    st.sampled_from(CASH_OUT),
)
def test_money_that_came_and_went_on_one_day_changes_nothing_of_other_money(
    component: Commission, payments: list[tuple[dt.date, int]], on: dt.date, amount_minor: int, by: EventType
) -> None:
    assume(on not in {each for each, _ in payments})
    world = single(component, 100_000, in_turn(payments))
    came = paid("came", amount_minor, on)
    went = Event("went", by, "i0", on, amount_minor, payment_id="came")
    lines = [line for line in world.after(came, went).commission_lines() if line.cause not in ("came", "went")]
    assert rows(lines) == rows(world.commission_lines())


@law(30)
@given(minor, days, st.sampled_from(CASH_OUT))
def test_payments_of_a_day_come_before_its_refunds(amount_minor: int, on: dt.date, by: EventType) -> None:
    back = Event("a", by, "i0", on, amount_minor)
    lines = single(Commission("cash", flat(PPM)), amount_minor, [paid("p", amount_minor, on), back]).lines
    assert [(line.kind, line.amount_minor) for line in lines] == [
        ("earning", amount_minor),
        ("clawback", -amount_minor),
    ]


@law(30)
@given(minor, minor, rates)
def test_tax_earns_nothing(net_minor: int, tax_minor: int, rate_ppm: int) -> None:
    line = InvoiceLine("1", net_minor, tax_minor)
    world = single(Commission("cash", flat(rate_ppm)), 1, [paid("p", net_minor + tax_minor)], lines=(line,))
    assert sum(line.amount_minor for line in world.lines) == rounded(net_minor * rate_ppm, PPM)


@law(30)
@given(minor, minor)
def test_full_payment_is_released_by_the_last_cent(amount_minor: int, more: int) -> None:
    component = Commission("cash", flat(PPM), earns_on="full_payment")
    world = single(component, amount_minor + more, [paid("p", amount_minor), paid("q", more - 1)])
    assert world.lines == []
    released = world.after(paid("r", 1)).lines
    assert [(line.cause, line.amount_minor) for line in released] == [("r", amount_minor + more)]


@law(30)
@given(days, st.integers(-2, 2), st.sampled_from(["invoice", "payment", "contract"]))
def test_a_version_holds_from_its_first_day(on: dt.date, away: int, rules_as_of: RulesAsOf) -> None:
    world = single(Commission("cash", flat(0)), 100, [paid("p", 100, on)], issued_on=on, contract_signed_on=on)
    then = Version(later(on, away), "second letter", (Commission("cash", flat(PPM)),))
    plan = replace(world.plans[0], rules_as_of=rules_as_of, versions=(*world.plans[0].versions, then))
    assert sum(line.amount_minor for line in replace(world, plans=(plan,)).lines) == (100 if away <= 0 else 0)


@law(60)
@given(
    some_payments,
    st.integers(1, 20_000),
    st.sampled_from(UNITS),
    st.integers(1, 12),
    st.sampled_from(["marginal", "whole_amount"]),
)
def test_each_window_of_the_fiscal_calendar_earns_on_the_sum_of_its_money(
    payments: list[tuple[dt.date, int]], limit: int, over: Unit, starts: int, tiers_apply: str
) -> None:
    component = Commission("cash", (Tier(0, 0), Tier(limit, PPM)), accumulates_over=over)
    component = replace(component, tiers_apply="marginal" if tiers_apply == "marginal" else "whole_amount")
    world = single(component, 100_000, in_turn(payments))
    company = replace(world.facts.company, fiscal_year_starts=starts)
    collected: dict[dt.date, int] = {}
    for on, amount_minor in payments:
        start = period_of(on, over, starts).first
        collected[start] = collected.get(start, 0) + amount_minor
    reached = [each for each in collected.values() if each >= limit]
    expected = sum(reached) - (limit * len(reached) if tiers_apply == "marginal" else 0)
    assert sum(line.amount_minor for line in world.given(company=company).lines) == expected


@law(60)
@given(minor, rates, rates, st.integers(1, 1_000))
def test_a_tier_begins_with_its_limit(limit: int, lower_ppm: int, upper_ppm: int, beyond: int) -> None:
    two = (Tier(0, lower_ppm), Tier(limit, upper_ppm))
    whole = Commission("cash", two, tiers_apply="whole_amount")
    reached, short = single(whole, limit, [paid("p", limit)]), single(whole, limit, [paid("p", limit - 1)])
    assert sum(line.amount_minor for line in reached.lines) == rounded(limit * upper_ppm, PPM)
    assert sum(line.amount_minor for line in short.lines) == rounded((limit - 1) * lower_ppm, PPM)
    worth = limit * lower_ppm + beyond * upper_ppm
    for events in ([paid("p", limit), paid("q", beyond)], [paid("p", limit + beyond)]):
        marginal = single(Commission("cash", two), limit + beyond, events)
        assert sum(line.amount_minor for line in marginal.lines) == rounded(worth, PPM)


@law(40)
@given(st.sampled_from([10_000, 123_456, PPM]), multipliers, tiers(), st.data())
def test_limits_between_equal_rates_change_nothing(
    rate_ppm: int, factors: tuple[Multiplier, ...], cut: tuple[Tier, ...], data: st.DataObject
) -> None:
    component = commissions(tiers=st.just(flat(rate_ppm)), multipliers=st.just(factors), measure=st.just("amount"))
    world = data.draw(worlds(component, currencies=EURO, second_versions=False))
    plans = []
    for plan in world.plans:
        version = plan.versions[0]
        same_rates = tuple(replace(tier, rate_ppm=rate_ppm) for tier in cut)
        components = tuple(_with_tiers(each, same_rates) for each in version.components)
        plans.append(replace(plan, versions=(replace(version, components=components),)))
    assert rows(replace(world, plans=tuple(plans)).lines) == rows(world.lines)


@law(40)
@given(minor, rates, st.integers(0, 60), st.integers(0, 29), st.integers(0, 120))
def test_an_advance_is_suspended_by_the_due_date_in_force_and_restored_whole_by_the_cash(
    amount_minor: int, rate_ppm: int, after_days: int, moved_on: int, due_in: int
) -> None:
    component = Commission("advance", flat(rate_ppm), earns_on="invoice", suspend_after_days=after_days)
    new_due_on = later(FIRST, due_in)
    moved = Event("m", "due_date_changed", "i0", later(FIRST, moved_on), new_due_on=new_due_on)
    world = single(component, amount_minor, [moved, paid("p", amount_minor, LAST)])
    worth = rounded(amount_minor * rate_ppm, PPM)
    expected = [
        ("invoice:i0", FIRST, worth),
        ("suspend:i0", max(moved.occurred_on, later(new_due_on, after_days)), -worth),
        ("p", LAST, worth),
    ]
    lines = sorted(world.lines, key=lambda line: line.earned_on)
    assert [(line.cause, line.earned_on, line.amount_minor) for line in lines] == (expected if worth else [])


@law(40)
@given(
    st.dictionaries(days, st.sampled_from([900_000, 920_001, 1_100_000]), max_size=3),
    st.lists(st.tuples(days, st.integers(1, 20_000)), min_size=1, max_size=5),
    st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_money_is_converted_at_the_last_rate_on_or_before_its_day(
    rate_of: dict[dt.date, int], payments: list[tuple[dt.date, int]], currency: str
) -> None:
    events = [paid(f"p{number}", amount_minor, on) for number, (on, amount_minor) in enumerate(payments)]
    whole = sum(amount_minor for _, amount_minor in payments)
    world = single(Commission("cash", flat(PPM)), whole, events, currency=currency)
    world = world.given(fx_rates=tuple(FxRate(currency, "EUR", on, rate) for on, rate in rate_of.items()))
    expected: dict[str, int] = {}
    for event in events:
        known = [on for on in rate_of if on <= event.occurred_on]
        if known and event.amount_minor:
            into = convert(event.amount_minor, currency, "EUR", rate_of[max(known)])
            expected |= {event.event_id: into} if into else {}
    assert {line.cause: line.amount_minor for line in world.lines} == expected


@law(30)
@given(
    draws(), st.lists(st.tuples(days, st.integers(1, 30_000)), min_size=1, max_size=8), st.sampled_from([0, 40])
)
def test_a_draw_pays_its_minimum_and_recovers_no_more_than_was_drawn(
    drawn: Draw, payments: list[tuple[dt.date, int]], hold_days: int
) -> None:
    events = [paid(f"p{number}", amount_minor, on) for number, (on, amount_minor) in enumerate(payments)]
    whole = sum(amount_minor for _, amount_minor in payments)
    drawn = replace(drawn, covers=("cash",))
    world = single(Commission("cash", flat(400_000), hold_days=hold_days), whole, events, more=[drawn])
    debt_minor = 0
    for month in periods(drawn.from_month or FIRST, LAST, "month", 1):
        of_month = sums([line for line in world.lines if line.payable_on in month], "component")
        covered, line_minor = of_month.get(("cash",), 0), of_month.get(("draw",), 0)
        if drawn.to_month is not None and month.first > drawn.to_month:
            assert line_minor == -min(debt_minor, covered)
        elif drawn.style == "additive":
            assert line_minor == drawn.amount_minor
        else:
            assert covered + line_minor == max(drawn.amount_minor, covered - debt_minor)
        debt_minor += line_minor if drawn.recoverable else 0
        assert debt_minor >= 0


@law(30)
@given(st.integers(0, 23), minor, st.integers(0, 100))
def test_what_is_due_on_a_day_is_not_yet_overdue_on_it(month: int, amount_minor: int, before: int) -> None:
    quarter = period_of(dt.date(2025 + month // 12, month % 12 + 1, 1), "quarter", 1)
    issued_on = max(quarter.first, later(quarter.last, -before))
    component = Commission("cash", flat(0))
    world = single(component, amount_minor, issued_on=issued_on, due_on=quarter.last, team=TEAM)
    found = {each.metric: each.value_ppm for each in world.earned.metrics if each.period == quarter.first}
    assert (found["overdue_ratio"], found["average_days_delinquent"]) == (0, 0)
    late = single(component, amount_minor, issued_on=issued_on, due_on=later(quarter.last, -1), team=TEAM)
    found = {each.metric: each.value_ppm for each in late.earned.metrics if each.period == quarter.first}
    assert found["overdue_ratio"] == PPM


# Shares -----------------------------------------------------------------------------------------------------


def with_everybody(world: World) -> World:
    """Everybody on the reps' plan for good, and everybody reports to the manager."""
    assigned = [Assignment("field", each, "", LONG_AGO) for each in PEOPLE]
    lead = [each for each in world.facts.assignments if each.plan != "field"]
    return world.given(
        payees=tuple(Payee(each, each.title()) for each in PEOPLE),
        assignments=(*assigned, *lead),
        reporting=tuple(Reporting(each, MANAGER, LONG_AGO) for each in REPS),
    )


AT_FACE_VALUE = commissions(
    tiers=st.just(flat(PPM)),
    tiers_apply=MARGINAL,
    measure=st.just("amount"),
    multipliers=no_multipliers,
    clawback=IN_FULL,
    cap=NEVER,
    roles=st.just((EXECUTIVE,)),
    after_leaving_days=NEVER,
)
"""Commission of all the money: a line is the very movement it pays for."""


@law(40)
@given(worlds(AT_FACE_VALUE, others=False, teams=False, second_versions=False, shares=WHOLE, currencies=EURO))
def test_shares_that_sum_to_one_pay_together_what_one_credit_pays(world: World) -> None:
    shared = with_everybody(world)
    alone = shared.given(
        invoices=tuple(replace(each, credits=(Credit("ana", EXECUTIVE, PPM),)) for each in shared.facts.invoices)
    )
    by = ("invoice_id", "cause")
    assert sums(shared.commission_lines(), *by) == sums(alone.commission_lines(), *by)


@law(40)
@given(worlds(AT_FACE_VALUE, others=False, second_versions=False, currencies=EURO, rules=("invoice",)))
def test_a_manager_is_credited_with_what_is_credited_to_their_people(world: World) -> None:
    world = with_everybody(world)
    assume(len(world.plans) > 1 and world.plans[1].plan == "lead")
    own = world.plans[0].versions[0].components[0]
    assert isinstance(own, Commission)
    of_team = Version(LONG_AGO, "lead letter", (replace(own, credits="team"),))
    world = replace(world, plans=(world.plans[0], replace(world.plans[1], versions=(of_team,)), *world.plans[2:]))
    theirs = [line for line in world.commission_lines() if line.plan == "field" and line.payee_id != MANAGER]
    managed = [line for line in world.commission_lines() if line.plan == "lead"]
    assert sums(managed, "invoice_id", "cause") == sums(theirs, "invoice_id", "cause")


@law(40)
@given(some_payments, days, days)
def test_a_manager_is_credited_while_the_payee_reports_to_them_both_ends_included(
    payments: list[tuple[dt.date, int]], one: dt.date, other: dt.date
) -> None:
    first, last = sorted([one, other])
    of_team = Version(LONG_AGO, "lead letter", (Commission("cash", flat(PPM), credits="team"),))
    world = single(Commission("cash", flat(PPM)), 100_000, in_turn(payments))
    managed = replace(world, plans=(*world.plans, Plan("lead", "Lead", "EUR", "invoice", (of_team,)))).given(
        payees=(*world.facts.payees, Payee(MANAGER, "Dia")),
        reporting=(Reporting("ana", MANAGER, first, last),),
        assignments=(*world.facts.assignments, Assignment("lead", MANAGER, "", LONG_AGO)),
    )
    found = {line.cause: line.amount_minor for line in managed.lines if line.payee_id == MANAGER}
    meanwhile = {f"p{number}": amount for number, (on, amount) in enumerate(payments) if first <= on <= last}
    assert found == meanwhile


positions = st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=6)
ppm_shares = st.lists(st.integers(1, 400_000), min_size=1, max_size=5).map(
    lambda some: [*some, PPM - sum(some)] if sum(some) < PPM else [500_000, 500_000]
)


@law(100)
@given(positions, ppm_shares)
def test_credited_movements_sum_to_the_movement(stands: list[int], shares_ppm: list[int]) -> None:
    credits = [Credit(str(at), EXECUTIVE, share) for at, share in enumerate(shares_ppm)]
    columns = [sizes(stands, share) for share in shares(credits, ())]
    moved = [after - before for before, after in pairwise([0, *stands])]
    assert [sum(each) for each in zip(*columns, strict=True)] == moved == together(stands, shares(credits, ()))


# Size -------------------------------------------------------------------------------------------------------

UNIT = 100_000_000
"""So large a unit that no rate, factor or share of the worlds below leaves a fraction of a minor unit."""
EVEN = commissions(
    tiers=tiers([3 * UNIT, 7 * UNIT, 20 * UNIT], [0, 10_000, 40_000, 250_000]),
    multipliers=st.sampled_from([(), (SPEED,)]),
    clawback=st.sampled_from([Clawback(), Clawback(share_ppm={"refund": 500_000}), Clawback(attainment="keep")]),
    cap=st.none() | caps(unit=UNIT // 100),
)


def doubled(world: World) -> World:
    """Every amount twice: invoices, events, limits of tiers, caps, targets, spiffs, draws, curves of bonuses."""
    facts = world.facts
    invoices = []
    for invoice in facts.invoices:
        lines = tuple(replace(each, net_minor=2 * each.net_minor) for each in invoice.lines)
        invoices.append(replace(invoice, lines=lines))
    plans = []
    for plan in world.plans:
        versions = [replace(each, components=tuple(map(_doubled, each.components))) for each in plan.versions]
        plans.append(replace(plan, versions=tuple(versions)))
    return replace(world, plans=tuple(plans)).given(
        invoices=tuple(invoices),
        events=tuple(replace(each, amount_minor=2 * (each.amount_minor or 0) or None) for each in facts.events),
        targets=tuple(replace(each, amount_minor=2 * each.amount_minor) for each in facts.targets),
    )


def _doubled(component: Any) -> Any:
    match component:
        case Commission():
            if component.cap is not None:
                cap = replace(component.cap, amount_minor=2 * component.cap.amount_minor)
                component = replace(component, cap=cap)
            limit = 2 if component.measure == "amount" else 1
            limits = tuple(Tier(limit * each.from_, each.rate_ppm) for each in component.tiers)
            return replace(component, tiers=limits)
        case Spiff():
            least = None if component.minimum_minor is None else 2 * component.minimum_minor
            return replace(component, amount_minor=2 * component.amount_minor, minimum_minor=least)
        case Draw():
            return replace(component, amount_minor=2 * component.amount_minor)
        case TargetBonus():
            points = tuple(replace(each, pays=2 * each.pays) for each in component.curve.points)
            return replace(component, curve=replace(component.curve, points=points))
    raise AssertionError(component)


@law(40)
@given(worlds(EVEN, unit=UNIT, shares=((PPM,), (500_000, 500_000), (250_000, 750_000)), currencies=EURO))
def test_twice_every_amount_is_twice_every_line(world: World) -> None:
    twice = [replace(line, amount_minor=2 * line.amount_minor) for line in world.lines]
    assert rows(doubled(world).lines) == rows(twice)


# Caps, leavers, holds ---------------------------------------------------------------------------------------


def windows(world: World, per: Unit, lines: Sequence[Line]) -> dict[Row, list[Line]]:
    found: dict[Row, list[Line]] = {}
    for line in lines:
        start = period_of(line.earned_on, per, world.facts.company.fiscal_year_starts).first
        found.setdefault((line.payee_id, start), []).append(line)
    return found


def capped(world: World) -> list[tuple[Cap, Sequence[Line]]]:
    """The lines of every capped component, with its cap: all versions have the same one."""
    found: list[tuple[Cap, Sequence[Line]]] = []
    for plan in world.plans:
        for component in plan.versions[0].components:
            if isinstance(component, Commission) and component.cap:
                of = [line for line in world.lines if (line.plan, line.component) == (plan.plan, component.name)]
                found.append((component.cap, of))
    return found


@law(40)
@given(worlds(commissions(cap=caps()), second_versions=False))
def test_a_cap_holds_in_every_window(world: World) -> None:
    for cap, lines in capped(world):
        for of_window in windows(world, cap.per, lines).values():
            assert sum(line.amount_minor for line in of_window) <= cap.amount_minor


@law(40)
@given(worlds(commissions(cap=caps(["forfeit"])), second_versions=False))
def test_a_cap_takes_what_is_over_it_and_nothing_else(world: World) -> None:
    for cap, lines in capped(world):
        if cap.excess == "forfeit":
            for of_window in windows(world, cap.per, lines).values():
                made = sum(line.amount_minor for line in of_window if line.kind != "cap")
                assert sum(line.amount_minor for line in of_window) == min(cap.amount_minor, made)


@law(30)
@given(worlds(commissions(cap=caps(["defer"])), second_versions=False))
def test_a_cap_that_defers_loses_nothing(world: World) -> None:
    """What is not paid yet is what the window of the day still holds over its cap."""
    for cap, lines in capped(world):
        if cap.excess == "defer":
            over = -sums([line for line in lines if line.kind == "cap"], "payee_id").get(("ana",), 0)
            now = period_of(world.as_of, cap.per, world.facts.company.fiscal_year_starts)
            of_ana = [line for line in lines if line.payee_id == "ana" and line.earned_on in now]
            held = -sum(line.amount_minor for line in of_ana if line.cause.startswith("cap:"))
            assert over == held >= 0


@law(30)
@given(worlds(commissions(after_leaving_days=st.sampled_from([0, 30])), second_versions=False, teams=False))
def test_cash_too_long_after_a_payee_left_earns_nothing(world: World) -> None:
    component = world.plans[0].versions[0].components[0]
    assert isinstance(component, Commission) and component.after_leaving_days is not None
    ends = {each.payee_id: each.ends_on for each in world.facts.payees}
    for line in world.lines:
        ends_on = ends[line.payee_id]
        if line.kind == "earning" and ends_on is not None:
            assert line.earned_on <= later(ends_on, component.after_leaving_days)


@law(40)
@given(
    worlds(commissions(hold_days=st.sampled_from([0, 45]), tiers_apply=MARGINAL, cap=NEVER), second_versions=False)
)
def test_only_earnings_are_held(world: World) -> None:
    """The rest is payable on its own day, or with the money of the invoice that loses or returns by it."""
    held = {
        plan.plan: component.hold_days
        for plan in world.plans
        for component in plan.versions[0].components
        if isinstance(component, Commission)
    }
    earnings: dict[Row, set[dt.date]] = {}
    lines = world.commission_lines()
    for line in lines:
        if line.kind == "earning":
            assert line.payable_on == later(line.earned_on, held[line.plan])
            earnings.setdefault((line.plan, line.payee_id, line.invoice_id), set()).add(line.payable_on)
    for line in lines:
        if line.kind != "earning":
            with_money = earnings[line.plan, line.payee_id, line.invoice_id]
            assert line.payable_on == line.earned_on or line.payable_on in with_money
            assert line.payable_on >= line.earned_on


# Reasons and metrics ----------------------------------------------------------------------------------------


@law(60)
@given(worlds(), st.sampled_from([PPM, 333_333, 0]))
def test_every_amount_is_the_sum_of_its_explanation(world: World, recovery_cap_ppm: int) -> None:
    for line in world.lines:
        step = line.explained()
        assert total(step) == line.amount_minor * EXACT
        codes = [each.code for each in step.steps]
        rounding = sum(each.exact or 0 for each in step.steps if each.code == "rounding")
        assert abs(rounding) <= EXACT * max(1, codes.count("whole_amount")), "rounding is no more than rounding"
        assert line.amount_minor != 0 and line.payable_on >= line.earned_on
    for payout in payouts(world.lines, period_of(LAST, "month", 1), recovery_cap_ppm):
        assert total(PayoutWhy(payout, recovery_cap_ppm).step()) == payout.pay_minor * EXACT


@law(30)
@given(worlds())
def test_every_line_has_a_key_of_its_own(world: World) -> None:
    keys = [(line.plan, line.component, line.payee_id, line.cause, line.kind) for line in world.lines]
    assert len(keys) == len(set(keys))


@law(30)
@given(worlds())
def test_metrics_keep_their_bounds(world: World) -> None:
    by_team: dict[Row, dict[str, int | None]] = {}
    for each in world.earned.metrics:
        by_team.setdefault((each.team, each.period, each.customers), {})[each.metric] = each.value_ppm
    for found in by_team.values():
        for metric in ("on_time_rate", "overdue_ratio"):
            assert 0 <= (found[metric] or 0) <= PPM
        dso, best, late = (found[name] for name in ("dso", "best_possible_dso", "average_days_delinquent"))
        if dso is not None and best is not None and late is not None:
            assert abs(best + late - dso) <= 1


# Pay --------------------------------------------------------------------------------------------------------


@law(60)
@given(worlds(), st.sampled_from([PPM, 500_000, 333_333, 0]), st.sampled_from([1, 6, 10, 12]))
def test_pay_and_debt_hold_every_line_and_pay_is_never_negative(
    world: World, recovery_cap_ppm: int, month: int
) -> None:
    last_month = period_of(dt.date(2026, month, 1), "month", 1)
    found = payouts(world.lines, last_month, recovery_cap_ppm)
    chains: dict[str, list[Payout]] = {}
    for payout in found:
        assert payout.pay_minor >= 0 and payout.recovered_minor >= 0 >= payout.carried_forward_minor
        assert payout.pay_minor + payout.recovered_minor == payout.positive_minor
        assert payout.recovered_minor <= rounded(recovery_cap_ppm * payout.positive_minor, PPM)
        chains.setdefault(payout.payee_id, []).append(payout)
    payable = sums([line for line in world.lines if line.payable_on <= last_month.last], "payee_id")
    for payee_id, chain in chains.items():
        for before, after in pairwise(chain):
            next_month = period_of(later(before.month, 31), "month", 1).first
            assert after.brought_forward_minor == before.carried_forward_minor
            assert not before.carried_forward_minor or after.month == next_month
        left = chain[-1].carried_forward_minor
        assert not left or chain[-1].month == last_month.first
        assert sum(each.pay_minor for each in chain) + left == payable.pop((payee_id,), 0)
    assert payable == {}


# Money and calendar -----------------------------------------------------------------------------------------

numbers = st.integers(-(10**18), 10**18) | st.integers(-30, 30)


@law(200)
@given(numbers, st.integers(1, 10**13) | st.integers(1, 10))
def test_rounding_is_to_the_nearest_and_the_same_on_both_sides_of_zero(numerator: int, denominator: int) -> None:
    found = rounded(numerator, denominator)
    assert rounded(-numerator, denominator) == -found
    assert 2 * abs(found * denominator - numerator) <= denominator
    assert rounded_exact(numerator) == rounded(numerator, EXACT)


@law(50)
@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_a_half_rounds_away_from_zero(whole: int, denominator: int) -> None:
    assert rounded((2 * whole + 1) * denominator, 2 * denominator) == whole + 1
    assert rounded_exact(whole * EXACT + EXACT // 2) == whole + 1
    assert rounded_exact(-whole * EXACT - EXACT // 2) == -whole - 1


@law(100)
@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 300_000), min_size=1, max_size=6))
def test_a_cascade_holds_what_its_shares_hold_together(position_minor: int, shares_ppm: list[int]) -> None:
    running = [0, *accumulate(shares_ppm)]
    pieces = [piece for span in pairwise(running) for piece in held([position_minor], *span)]
    assert sum(pieces) == rounded(position_minor * sum(shares_ppm), PPM)
    assert [held([-position_minor], *span) for span in pairwise(running)] == [[-piece] for piece in pieces]
    for piece, share_ppm in zip(pieces, shares_ppm, strict=True):
        assert abs(piece * PPM - position_minor * share_ppm) <= PPM


@law(100)
@given(
    st.integers(0, 10**9),
    st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 10**6), min_size=1),
    st.randoms(use_true_random=False),
)
def test_a_split_by_largest_remainder_loses_nothing_and_favours_the_largest_remainder(
    amount_minor: int, weights: dict[str, int], rng: Random
) -> None:
    whole = sum(weights.values())
    assume(whole)
    found = largest_remainder(amount_minor, weights.items())
    assert sum(found.values()) == amount_minor and found.keys() == weights.keys()
    rank = {name: (-(amount_minor * weight % whole), name) for name, weight in weights.items()}
    extra = {name: found[name] - amount_minor * weight // whole for name, weight in weights.items()}
    assert [extra[name] for name in sorted(weights, key=lambda name: rank[name])] == sorted(
        extra.values(), reverse=True
    )
    assert set(extra.values()) <= {0, 1}
    assert largest_remainder(amount_minor, rng.sample(sorted(weights.items()), len(weights))) == found


@pytest.mark.parametrize("unit", UNITS)
@law(30)
@given(st.dates(dt.date(1999, 1, 1), dt.date(2100, 1, 1)), st.integers(1, 12))
def test_periods_tile_the_years(unit: Unit, on: dt.date, starts: int) -> None:
    mine = period_of(on, unit, starts)
    assert on in mine and period_of(mine.first, unit, starts) == period_of(mine.last, unit, starts) == mine
    found = list(periods(on, later(on, 1500), unit, starts))
    assert found[0] == mine and all(after.first == later(before.last, 1) for before, after in pairwise(found))
    in_year = [each for each in found if each.first in period_of(found[-1].first, "fiscal_year", starts)]
    assert in_year[0].first.month == starts or unit == "fiscal_year" or len(found) < 12
