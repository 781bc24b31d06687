"""Small worlds for the laws, drawn by hypothesis: valid facts and plans as records, full of corners.

A world has few things and many coincidences: days repeat, amounts are small enough that tiers and caps are
really crossed and single cents are fought over. A law that needs less says so: ``worlds(shares=ONE_EACH)``.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, Literal

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from incentives.calculation.earned import Earned, earned
from incentives.calculation.lines import Line
from incentives.calendar import Unit
from incentives.facts import (
    Assignment,
    Company,
    Credit,
    CreditRecord,
    Customer,
    Event,
    EventType,
    Facts,
    FxRate,
    Invoice,
    InvoiceLine,
    Membership,
    Payee,
    Reporting,
    Target,
)
from incentives.money import PPM
from incentives.rules.commission import (
    Cap,
    Clawback,
    Commission,
    DayMultiplier,
    Multiplier,
    Step,
    Tier,
    ValueMultiplier,
)
from incentives.rules.draw import Draw
from incentives.rules.measures import Gate, Measure, Scale, ScaleStep
from incentives.rules.plan import Component, Plan, RulesAsOf, Version
from incentives.rules.shared_bonus import Pool, SharedBonus
from incentives.rules.spiff import Spiff
from incentives.rules.target_bonus import Curve, Point, TargetBonus

TIMES = int(os.environ.get("LAW_TIMES", "1"))
"""How many times as many worlds as usual."""
SHRINK = os.environ.get("LAW_SHRINK") != "no"
"""Whether a failure is made as small as possible, which takes its time."""


def law(worlds: int) -> settings:
    """How a law is tried: on so many worlds; a failure prints how to see it again."""
    return settings(
        max_examples=worlds * TIMES,
        deadline=None,
        derandomize="CI" in os.environ,
        print_blob=True,
        phases=[phase for phase in Phase if phase is not Phase.shrink or SHRINK],
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
            HealthCheck.filter_too_much,
        ],
    )


# The calendar of a world ------------------------------------------------------------------------------------

LONG_AGO = dt.date(2025, 1, 1)
FIRST = dt.date(2026, 1, 1)
LAST = dt.date(2026, 12, 31)
"""Everything happens between the two, and nothing that is drawn on the last day itself."""


def day(number: int) -> dt.date:
    """One of forty days of the year: few enough to meet."""
    return FIRST + dt.timedelta(days=9 * number)


def later(on: dt.date, days: int) -> dt.date:
    return on + dt.timedelta(days=days)


DAYS = [day(number) for number in range(40)]
days = st.sampled_from(DAYS)
month_starts = [dt.date(year, month, 1) for year in (2025, 2026, 2027) for month in range(1, 13)]


# A world ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class World:
    """Facts, plans and a day to look at them."""

    facts: Facts
    plans: tuple[Plan, ...]
    as_of: dt.date = LAST

    def __repr__(self) -> str:
        """What is not as it always is, one thing a line."""
        facts = self.facts
        said = [
            f"as of {self.as_of}, fiscal year from month {facts.company.fiscal_year_starts}",
            *(f"{payee.payee_id} leaves on {payee.ends_on}" for payee in facts.payees if payee.ends_on),
            *map(_said, (*facts.reporting, *facts.memberships, *facts.credit_records, *facts.fx_rates)),
            *map(_said, facts.assignments),
        ]
        for plan in self.plans:
            said.append(f"plan {plan.plan}, rules as of {plan.rules_as_of}")
            for version in plan.versions:
                said += [f"  from {version.effective_from}: {_said(each)}" for each in version.components]
        for invoice in facts.invoices:
            said.append(_said(replace(invoice, lines=(), credits=())))
            said += [f"  {_said(each)}" for each in (*invoice.lines, *invoice.credits)]
        said += map(_said, facts.events)
        return "\n".join(("World:", *said))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How hypothesis prints it."""
        printer.text(repr(self))

    @cached_property
    def earned(self) -> Earned:
        return earned(self.facts, self.plans, self.as_of)

    @property
    def lines(self) -> list[Line]:
        return self.earned.lines

    def commission_lines(self) -> list[Line]:
        """The lines of commissions, which are all called cash, but for their caps."""
        return [line for line in self.lines if line.component == "cash" and line.kind != "cap"]

    def seen_on(self, as_of: dt.date) -> World:
        return replace(self, as_of=as_of)

    def given(self, **facts: Any) -> World:
        return replace(self, facts=replace(self.facts, **facts))

    def after(self, *events: Event) -> World:
        """With these events besides."""
        return self.given(events=(*self.facts.events, *events))

    def of(self, invoice: Invoice, *types: EventType) -> list[Event]:
        """The events of an invoice, of some types or of all."""
        return [
            each
            for each in self.facts.events
            if each.invoice_id == invoice.invoice_id and (not types or each.type in types)
        ]

    def cash(self, invoice: Invoice) -> int:
        """What is in of an invoice when everything has happened."""
        into, out = self.of(invoice, *CASH_IN), self.of(invoice, *CASH_OUT)
        return sum(each.amount_minor or 0 for each in into) - sum(each.amount_minor or 0 for each in out)


def _said(record: Any) -> str:
    """A record without what it leaves at its default."""
    given = []
    for each in fields(record):
        value = getattr(record, each.name)
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        if value != default:
            text = (
                _said(value) if is_dataclass(value) else str(value) if isinstance(value, dt.date) else repr(value)
            )
            given.append(f"{each.name}={text}")
    return f"{type(record).__name__}({', '.join(given)})"


CASH_IN: tuple[EventType, ...] = ("payment", "chargeback_reversed")
CASH_OUT: tuple[EventType, ...] = ("refund", "payment_reversed", "chargeback")


def gross(invoice: Invoice) -> int:
    return sum(line.net_minor + line.tax_minor for line in invoice.lines)


Row = tuple[Any, ...]


def row(line: Line) -> Row:
    """Everything a line says but its reasons."""
    return (
        line.plan,
        line.component,
        line.payee_id,
        line.invoice_id,
        line.cause,
        line.kind,
        line.earned_on,
        line.payable_on,
        line.amount_minor,
        line.currency,
        line.plan_version,
    )


def rows(lines: Sequence[Line]) -> list[Row]:
    """Lines in an order that says nothing about the one they came in."""
    return sorted(map(row, lines))


def sums(lines: Sequence[Line], *by: str) -> dict[Row, int]:
    """Amounts added up by some of the lines' words; sums of 0 are left out, as lines of 0 are."""
    found: dict[Row, int] = {}
    for line in lines:
        key = tuple(getattr(line, each) for each in by)
        found[key] = found.get(key, 0) + line.amount_minor
    return {key: amount_minor for key, amount_minor in found.items() if amount_minor}


# People and customers ---------------------------------------------------------------------------------------

REPS = ("ana", "ben", "cem")
MANAGER = "dia"
PEOPLE = (*REPS, MANAGER)
TEAM = "north"
SALES, CREDIT = "sales", "credit"
EXECUTIVE, ENGINEER = "executive", "engineer"

ENDS: tuple[tuple[dt.date | None, ...], ...] = (
    (None, None, None),
    (None, day(20), None),
    (day(8), None, day(30)),
)
"""Who leaves, of the reps."""
REPORTING = (
    (Reporting("ana", MANAGER, LONG_AGO), Reporting("ben", MANAGER, LONG_AGO), Reporting("cem", "ben", LONG_AGO)),
    (Reporting("ana", MANAGER, day(12)), Reporting("ben", MANAGER, LONG_AGO, day(18))),
    (
        Reporting("ana", MANAGER, LONG_AGO, day(10)),
        Reporting("ana", MANAGER, day(25)),
        Reporting("ben", "ana", day(5)),
        Reporting("cem", "ben", LONG_AGO, day(30)),
    ),
)
MEMBERSHIPS = (
    (Membership(TEAM, "ana", SALES, LONG_AGO), Membership(TEAM, "cem", CREDIT, LONG_AGO)),
    tuple(Membership(TEAM, each, SALES, LONG_AGO) for each in REPS),
    (
        Membership(TEAM, "ana", SALES, day(4), day(21)),
        Membership(TEAM, "ben", SALES, LONG_AGO),
        Membership(TEAM, "ben", CREDIT, day(9)),
        Membership(TEAM, "cem", CREDIT, LONG_AGO, day(16)),
        Membership(TEAM, "cem", CREDIT, day(28)),
        Membership(TEAM, "dia", SALES, LONG_AGO),
    ),
)
CUSTOMERS = (Customer("c1", "One", "DE"), Customer("c2", "Two", "NL"))
CREDIT_RECORDS = (
    (),
    (CreditRecord("c1", LONG_AGO, "A", security="insured"), CreditRecord("c2", LONG_AGO, "B")),
    (
        CreditRecord("c1", day(3), "B"),
        CreditRecord("c1", day(11), "", security="insured"),
        CreditRecord("c1", day(19), "A"),
        CreditRecord("c2", day(11), "C", security="lien"),
    ),
)


@st.composite
def people(draw: st.DrawFn) -> dict[str, Any]:
    """Payees, some of whom leave; who reports to whom; who is in the team."""
    ends = draw(st.sampled_from(ENDS))
    reps = (Payee(each, each.title(), ends_on=ends_on) for each, ends_on in zip(REPS, ends, strict=True))
    return {
        "payees": (*reps, Payee(MANAGER, "Dia")),
        "reporting": draw(st.sampled_from(REPORTING)),
        "memberships": draw(st.sampled_from(MEMBERSHIPS)),
        "credit_records": draw(st.sampled_from(CREDIT_RECORDS)),
    }


# Invoices and events ----------------------------------------------------------------------------------------

AWKWARD: tuple[tuple[int, ...], ...] = (
    (PPM,),
    (500_000, 500_000),
    (333_333, 333_333, 333_334),
    (333_333, 333_333, 333_333),
    (700_000, 200_000),
    (166_667, 500_000, 333_333),
)
"""Shares of a role, in listed order."""
WHOLE = AWKWARD[:3]
"""Shares that sum to 1."""
ONE_EACH: tuple[tuple[int, ...], ...] = ((PPM,), (500_000,), (333_333,))
"""One credit for a role, so that rounding never moves a credit against its event."""

FRACTIONS = ((1, 3), (1, 2), (1, 10), (2, 7), (1, 1), (1, 5), (11, 10), (1, 1000))
"""What an event moves, of the invoice's gross."""

TYPES: tuple[EventType, ...] = (
    *("payment",) * 10,
    *("refund",) * 3,
    "payment_reversed",
    *("chargeback", "chargeback_reversed"),
    *("credit_note", "discount"),
    *("due_date_changed", "write_off"),
    *("dispute_opened", "dispute_closed", "early_warning"),
)
SAMPLES = (5, 100, 999, 3_333, 10_000, 12_345, 17_777, 20_000, 31_415, 50_000)
"""Amounts in minor units."""


@dataclass(frozen=True)
class Asked:
    """What may occur in a world."""

    shares: Sequence[tuple[int, ...]] = AWKWARD
    currencies: Sequence[str] = ("EUR", "EUR", "EUR", "USD", "JPY")
    types: Sequence[EventType] = TYPES
    unit: int = 0
    """All amounts are multiples of it, and nothing but net counts; 0: any amounts, with tax and cost."""
    refs: bool = True
    faults: bool = True
    same_ids: bool = True
    """One id may stand under two sources."""
    max_invoices: int = 4


@st.composite
def invoice_lines(draw: st.DrawFn, asked: Asked, number: int) -> InvoiceLine:
    if asked.unit:
        return InvoiceLine(str(number), asked.unit * draw(st.integers(1, 9)))
    net = draw(st.sampled_from(SAMPLES))
    return InvoiceLine(
        str(number),
        net,
        net * draw(st.sampled_from([0, 0, 19, 21])) // 100,
        draw(st.sampled_from(["", "licence", "service"])),
        net * draw(st.sampled_from([0, 40, 40, 110])) // 100,
        draw(st.sampled_from([True, True, True, True, False])),
    )


@st.composite
def invoices(draw: st.DrawFn, asked: Asked, number: int) -> Invoice:
    issued_on = draw(days)
    signed_before = draw(st.sampled_from([None, 0, 18, 90]))
    lines = tuple(draw(invoice_lines(asked, each)) for each in range(draw(st.sampled_from([1, 2]))))
    credits = []
    for role in draw(st.sampled_from([(EXECUTIVE,), (EXECUTIVE, ENGINEER)])):
        first = draw(st.sampled_from(range(len(REPS))))
        for at, share_ppm in enumerate(draw(st.sampled_from(asked.shares))):
            credits.append(Credit(PEOPLE[(first + at) % len(PEOPLE)], role, share_ppm))
    return Invoice(
        f"i{number}",
        draw(st.sampled_from(CUSTOMERS)).customer_id,
        draw(st.sampled_from(asked.currencies)),
        issued_on,
        later(issued_on, draw(st.sampled_from([0, 14, 30]))),
        None if signed_before is None else later(issued_on, -signed_before),
        draw(st.sampled_from(["", "", TEAM])),
        lines,
        tuple(credits),
    )


def some_event(
    event_id: str, kind: EventType, invoice: Invoice, on: dt.date, amount_minor: int | None = None, **more: Any
) -> Event:
    return Event(event_id, kind, invoice.invoice_id, on, amount_minor, **more)


@st.composite
def events(draw: st.DrawFn, asked: Asked, among: Sequence[Invoice]) -> tuple[Event, ...]:
    """Four to fourteen events; references name something that was drawn before, perhaps of another invoice."""
    same_ids = asked.same_ids and draw(st.sampled_from([False, False, True]))
    found: list[Event] = []
    for number in range(draw(st.sampled_from(range(4, 15)))):
        kind = draw(st.sampled_from(asked.types))
        invoice = draw(st.sampled_from(among))
        more: dict[str, Any] = {"source": "bank"}
        event_id = f"e{number:02d}"
        if same_ids:
            event_id, more["source"] = f"e{number // 2:02d}", ("bank", "card")[number % 2]
        amount_minor = None
        if kind == "due_date_changed":
            more["new_due_on"] = draw(days)
        elif kind == "early_warning":
            more["payee_id"] = PEOPLE[0]
        elif kind not in ("dispute_opened", "dispute_closed"):
            amount_minor = draw(amounts(asked, invoice))
        if kind in CASH_OUT:
            more |= draw(take_back_words(asked, found))
        elif kind == "chargeback_reversed":
            more["reverses"] = draw(names(found, "chargeback"))
        found.append(some_event(event_id, kind, invoice, draw(days), amount_minor, **more))
    return tuple(found)


def amounts(asked: Asked, invoice: Invoice) -> st.SearchStrategy[int]:
    whole = gross(invoice)
    if asked.unit:
        return st.integers(1, whole // asked.unit).map(lambda units: units * asked.unit)
    return st.sampled_from(FRACTIONS).map(lambda part: max(1, whole * part[0] // part[1]))


def names(found: Sequence[Event], kind: EventType) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *(each.event_id for each in found if each.type == kind)])


@st.composite
def take_back_words(draw: st.DrawFn, asked: Asked, found: Sequence[Event]) -> dict[str, Any]:
    words: dict[str, Any] = {}
    if asked.refs:
        words["payment_id"] = draw(names(found, "payment"))
    if asked.faults:
        words["fault"] = draw(st.sampled_from(["", "", "company", "customer"]))
    return words


FX_RATES = (
    (FxRate("USD", "EUR", LONG_AGO, 900_000), FxRate("JPY", "EUR", LONG_AGO, 6_100)),
    (
        FxRate("USD", "EUR", LONG_AGO, 885_500),
        FxRate("USD", "EUR", day(15), 920_001),
        FxRate("USD", "EUR", day(30), 899_999),
        FxRate("JPY", "EUR", day(10), 6_033),
        FxRate("JPY", "EUR", day(20), 5_999),
    ),
)
"""What a unit is worth from a day on; before the first row there is no rate."""


# Plans ------------------------------------------------------------------------------------------------------

RATE = (40_000, 100_000, 25_000, 123_456, 333_333, 1_000_000, 0)


@st.composite
def tiers(draw: st.DrawFn, limits: Sequence[int] = SAMPLES[1:], rates: Sequence[int] = RATE) -> tuple[Tier, ...]:
    chosen = sorted(draw(st.lists(st.sampled_from(limits), max_size=3, unique=True)))
    return tuple(Tier(each, draw(st.sampled_from(rates))) for each in (0, *chosen))


def flat(rate_ppm: int) -> tuple[Tier, ...]:
    return (Tier(0, rate_ppm),)


LATENESS = (
    DayMultiplier("days_late", (Step(0, PPM), Step(1, 900_000), Step(31, 500_000))),
    DayMultiplier(
        "days_late",
        (Step(0, 1_250_000), Step(15, 333_333), Step(60, 0)),
        pause_while_disputed=True,
        forgive_if_warned=True,
    ),
    DayMultiplier("days_to_pay", (Step(0, PPM, 10_000), Step(40, PPM), Step(90, 700_000))),
)
STANDING = (
    DayMultiplier("terms_days", (Step(0, 1_100_000), Step(14, PPM), Step(30, 950_000))),
    DayMultiplier("customer_age_days", (Step(0, 1_500_000), Step(30, PPM))),
    ValueMultiplier("risk_grade", {"A": 1_200_000, "B": 800_000}, PPM),
    ValueMultiplier("security", {"insured": 900_000}),
    ValueMultiplier("category", {"licence": 1_050_000, "service": 600_000}, PPM),
    ValueMultiplier("country", {"DE": 1_010_000}, 990_000),
)
"""Multipliers that an invoice has once and for all."""

MULTIPLIERS: tuple[tuple[Multiplier, ...], ...] = (
    *((), (), ()),
    *((one,) for one in (*LATENESS, *STANDING)),
    *((one, other) for one in LATENESS for other in STANDING[:4]),
)
no_multipliers = st.just(())
multipliers = st.sampled_from(MULTIPLIERS)
CLAWBACKS = (
    Clawback(),
    Clawback("recalculate"),
    Clawback(window_days=60),
    Clawback(share_ppm={"refund": 500_000, "chargeback": 0}, company_fault="take_back"),
    Clawback(attainment="keep"),
    Clawback("recalculate", 120, {"refund": 333_333}),
    Clawback("recalculate", attainment="keep"),
    Clawback(share_ppm={"credit_note": 333_333}, attainment="keep"),
)
clawbacks = st.sampled_from(CLAWBACKS)
IN_FULL: st.SearchStrategy[Clawback] = st.just(Clawback(company_fault="take_back"))
"""What was earned is taken back whole."""

Excess = Literal["forfeit", "defer"]
UNITS: tuple[Unit, ...] = ("month", "quarter", "fiscal_year")
units = st.sampled_from(UNITS)


def caps(excess: Sequence[Excess] = ("forfeit", "defer"), unit: int = 1) -> st.SearchStrategy[Cap]:
    amounts_minor = (0, 1, 50, 400, 2_000)
    return st.sampled_from(
        [Cap(per, amount_minor * unit, each) for each in excess for per in UNITS for amount_minor in amounts_minor]
    )


COMMISSION: Mapping[str, st.SearchStrategy[Any]] = {
    "name": st.just("cash"),
    "tiers": tiers(),
    "roles": st.sampled_from([(), (), (), (EXECUTIVE,), (ENGINEER,)]),
    "base": st.sampled_from(["net", "net", "net", "margin"]),
    "categories": st.sampled_from([(), (), (), ("licence", "")]),
    "earns_on": st.sampled_from(["payment", "payment", "full_payment", "invoice", "contract"]),
    "release_at_ppm": st.sampled_from([PPM, 900_000, 400_000]),
    "suspend_after_days": st.sampled_from([None, 0, 20, 45]),
    "accumulates_over": st.sampled_from(["invoice", "month", "quarter", "fiscal_year", "ever"]),
    "tiers_apply": st.sampled_from(["marginal", "marginal", "whole_amount"]),
    "measure": st.sampled_from(["amount", "amount", "target"]),
    "hold_days": st.sampled_from([0, 0, 20, 45]),
    "after_leaving_days": st.sampled_from([None, 0, 60]),
    "multipliers": multipliers,
    "clawback": clawbacks,
    "cap": st.none() | caps(),
}
"""What each field of a commission may be."""


def commissions(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Commission]:
    """Any commission, but for the fields that are named."""
    return st.builds(Commission, **{**COMMISSION, **fields}).map(_fitting)


def _fitting(component: Commission) -> Commission:
    """Shares of a target stand where limits would, and an invoice has no target."""
    if component.measure == "amount":
        return component
    if component.accumulates_over == "invoice":
        return replace(component, measure="amount")
    shares = tuple(Tier(at * PPM // 2, tier.rate_ppm) for at, tier in enumerate(component.tiers))
    return replace(component, tiers=shares)


def spiffs(unit: int = 1) -> st.SearchStrategy[Spiff]:
    return st.builds(
        Spiff,
        name=st.just("spiff"),
        amount_minor=st.sampled_from([100, 2_500, 10_000]).map(lambda amount_minor: amount_minor * unit),
        roles=st.sampled_from([(), (EXECUTIVE,)]),
        hold_days=st.sampled_from([0, 30]),
        paid_in_full_within_days=st.sampled_from([None, 45, 200]),
        new_customer=st.booleans(),
        minimum_minor=st.sampled_from([None, 10_000 * unit]),
    )


def draws(unit: int = 1) -> st.SearchStrategy[Draw]:
    return st.builds(
        Draw,
        name=st.just("draw"),
        style=st.sampled_from(["top_up", "additive"]),
        recoverable=st.booleans(),
        amount_minor=st.sampled_from([500, 4_000]).map(lambda amount_minor: amount_minor * unit),
        covers=st.sampled_from([("cash",), ("cash", "spiff")]),
        from_month=st.sampled_from([dt.date(2026, 1, 1), dt.date(2026, 4, 1)]),
        to_month=st.sampled_from([None, dt.date(2026, 6, 1)]),
    )


def target_bonuses(name: str, unit: int = 1) -> st.SearchStrategy[TargetBonus]:
    pays = (0, 20_000 * unit, 50_000 * unit)
    points = tuple(Point(at_ppm, amount) for at_ppm, amount in zip((0, 500_000, PPM), pays, strict=True))
    shapes = ["steps"] if unit > 1 else ["steps", "lines"]
    return st.builds(
        TargetBonus,
        name=st.just(name),
        per=units,
        curve=st.sampled_from(shapes).map(lambda shape: Curve("lines" if shape == "lines" else "steps", points)),
        roles=st.sampled_from([(), (EXECUTIVE,)]),
        hold_days=st.sampled_from([0, 30]),
    )


ON_TIME = Measure("on_time_rate")
shared_bonuses = st.builds(
    SharedBonus,
    name=st.just("pool"),
    per=st.sampled_from(["month", "quarter"]),
    pool=st.sampled_from([Pool(rate_ppm=50_000), Pool(amount_minor=10_001), Pool(PPM, on_time_within_days=10)]),
    shares_ppm=st.sampled_from([{SALES: 600_000, CREDIT: 400_000}, {SALES: 333_333, CREDIT: 666_667}]),
    within_role=st.sampled_from(["equal", "by_credited_cash", "by_days"]),
    scale=st.sampled_from([None, Scale(ON_TIME, (ScaleStep(0, 500_000), ScaleStep(600_000, PPM)))]),
    gates=st.sampled_from([(), (), (Gate(Measure("overdue_ratio"), at_most_ppm=800_000),)]),
    hold_days=st.sampled_from([0, 15]),
)


@st.composite
def versions(
    draw: st.DrawFn,
    commission: st.SearchStrategy[Commission],
    others: Sequence[st.SearchStrategy[Component]],
    rules_as_of: RulesAsOf,
    second: bool,
) -> tuple[Version, ...]:
    """One version from long ago, perhaps another one in the year; what may not change does not."""
    first = draw(commission)
    more = tuple(draw(each) for each in others)
    found = [Version(LONG_AGO, "first letter", (first, *more))]
    if second and draw(st.booleans()):
        then = draw(commission)
        if rules_as_of == "payment":
            fixed = {key: getattr(first, key) for key in ("base", "categories", "earns_on", "release_at_ppm")}
            then = replace(then, **fixed)
        if first.cap and then.cap:
            then = replace(then, cap=replace(then.cap, per=first.cap.per))
        found.append(Version(draw(days), "second letter", (then, *more)))
    return tuple(found)


@st.composite
def worlds(
    draw: st.DrawFn,
    /,
    commission: st.SearchStrategy[Commission] | None = None,
    others: bool = True,
    teams: bool = True,
    second_versions: bool = True,
    rules: Sequence[RulesAsOf] = ("invoice", "payment", "contract"),
    **asked_for: Any,
) -> World:
    """A company's year: reps on a plan of their own, their manager on their credits, a pool of the team.

    ``others``: spiff, draw and target bonus beside the commission; ``teams``: the manager and the pool.
    """
    asked = Asked(**asked_for)
    unit = asked.unit or 1
    if commission is None:
        commission = commissions()
    beside: list[st.SearchStrategy[Any]] = []
    if others:
        possible = [spiffs(unit), draws(unit), target_bonuses("goal", unit)]
        beside = [each for each in possible if draw(st.booleans())]
    rules_as_of = draw(st.sampled_from(rules))
    plans = [
        Plan(
            "field", "Field", "EUR", rules_as_of, draw(versions(commission, beside, rules_as_of, second_versions))
        )
    ]
    assignments = [
        Assignment("field", "ana", "", LONG_AGO),
        Assignment("field", "ben", "", draw(st.sampled_from([LONG_AGO, LONG_AGO, day(14)]))),
        Assignment("field", "cem", "", LONG_AGO, draw(st.sampled_from([None, None, day(26)]))),
    ]
    if teams and draw(st.booleans()):
        of_team = commission.map(lambda each: replace(each, credits="team"))
        lead = draw(versions(of_team, [], rules_as_of, False))
        plans.append(Plan("lead", "Lead", "EUR", rules_as_of, lead))
        assignments.append(Assignment("lead", MANAGER, "", LONG_AGO))
    if teams and not asked.unit and draw(st.booleans()):
        pool = draw(shared_bonuses)
        shared = (pool, draw(target_bonuses("team goal"))) if draw(st.booleans()) else (pool,)
        plans.append(Plan("joint", "Joint", "EUR", "invoice", (Version(LONG_AGO, "joint letter", shared),)))
        assignments.append(Assignment("joint", "", TEAM, LONG_AGO))
    issued = tuple(
        draw(invoices(asked, number)) for number in range(draw(st.sampled_from(range(1, asked.max_invoices + 1))))
    )
    facts = Facts(
        Company("Company", "EUR", "UTC", draw(st.sampled_from([1, 4, 12]))),
        **draw(people()),
        customers=CUSTOMERS,
        invoices=issued,
        events=draw(events(asked, issued)),
        assignments=tuple(assignments),
        targets=_targets(plans, 20_000 * unit),
        fx_rates=draw(st.sampled_from(FX_RATES)) if set(asked.currencies) - {"EUR"} else (),
    )
    return World(facts, tuple(plans))


def _targets(plans: Sequence[Plan], amount_minor: int) -> tuple[Target, ...]:
    """For every window there could be; none for ``ever``, so that some money has none."""
    asking = {
        (plan.plan, each.name)
        for plan in plans
        for version in plan.versions
        for each in version.components
        if isinstance(each, TargetBonus) or (isinstance(each, Commission) and each.measure == "target")
    }
    return tuple(
        Target(plan, component, payee_id, team, start, amount_minor)
        for plan, component in sorted(asking)
        for payee_id, team in ([("", TEAM)] if plan == "joint" else [(each, "") for each in PEOPLE])
        for start in month_starts
    )
