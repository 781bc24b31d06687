"""A plan in plain words, and a changed plan in sentences: whatever pays differently is said, in both languages."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from incentives.documents.plans import read_plan
from incentives.facts import LANGUAGES, Language
from incentives.papers.languages import speaker
from incentives.papers.rule_words import Change, changes, told
from incentives.rules.changes import first_changed_day
from incentives.rules.commission import Cap, Clawback, Commission, DayMultiplier, Step, Tier, ValueMultiplier
from incentives.rules.measures import Gate, Measure, Scale, ScaleStep
from incentives.rules.plan import Component, Plan, Version
from incentives.rules.shared_bonus import Pool
from incentives.rules.target_bonus import Curve, Point

PLANS = Path(__file__).parent.parent / "sample_data" / "plans"
JULY = dt.date(2026, 7, 1)


def plan_of(name: str) -> Plan:
    plan, problems = read_plan((PLANS / f"{name}.toml").read_text(encoding="utf-8"), name)
    assert plan is not None, problems
    return plan


def with_version(plan: Plan, *components: Component) -> Plan:
    """The plan with a version of 1 July 2026 more."""
    return replace(plan, versions=(*plan.versions, Version(JULY, "", components)))


def said(found: list[Change]) -> list[str]:
    return [each.sentence.replace("\N{NO-BREAK SPACE}", " ") for each in found]


def difference(name: str, *, at: int = 0, language: Language = "en", **parts: Any) -> list[str]:
    """What is said of a version that changes some parts of a sample component."""
    plan = plan_of(name)
    components = list(plan.versions[-1].components)
    components[at] = replace(components[at], **parts)
    return said(changes(plan, with_version(plan, *components), speaker(language)))


def test_a_tier_that_starts_elsewhere_is_told_as_a_controller_would() -> None:
    tiers = (Tier(0, 40_000), Tier(12_000_000, 55_000), Tier(30_000_000, 70_000))
    assert difference("account-executive", tiers=tiers) == [
        "From 1 July 2026 the second tier starts at € 120,000 instead of € 150,000."
    ]
    assert difference("account-executive", tiers=tiers, language="nl") == [
        "Vanaf 1 juli 2026 begint de tweede schijf bij € 120.000 in plaats van bij € 150.000."
    ]


def test_a_rate_is_told_and_so_are_tiers_that_come_and_go() -> None:
    assert difference(
        "account-executive", tiers=(Tier(0, 40_000), Tier(15_000_000, 60_000), Tier(30_000_000, 70_000))
    ) == ["From 1 July 2026 the second tier earns 6 % instead of 5.5 %."]
    assert difference("account-executive", tiers=(Tier(0, 45_000), Tier(50_000_050, 70_000))) == [
        "From 1 July 2026 a new tier starts at € 500,000.50: 7 %.",
        "From 1 July 2026 the tier that starts at € 150,000 is gone: 5.5 %.",
        "From 1 July 2026 the tier that starts at € 300,000 is gone: 7 %.",
        "From 1 July 2026 the first tier earns 4.5 % instead of 4 %.",
    ]


def test_factors_are_told_by_what_they_look_at() -> None:
    late = DayMultiplier("days_late", (Step(0, 1_000_000), Step(30, 800_000, -10_000)), True, False)
    grade = ValueMultiplier("risk_grade", {"A": 1_000_000, "C": 500_000}, None)
    assert difference("account-executive", multipliers=(late, grade)) == [
        "From 1 July 2026 the factor by days late has a new step at 30 days: × 0.8, less 1 pp.",
        "From 1 July 2026 the step of the factor by days late that starts at 15 days is gone: × 0.8.",
        "From 1 July 2026 the step of the factor by days late that starts at 61 days is gone: × 0.5.",
        "From 1 July 2026 the step of the factor by days late that starts at 91 days is gone: × 0.",
        "From 1 July 2026 lateness that credit was warned of is counted instead of forgiven.",
        "From 1 July 2026 the factor for risk grade C is × 0.5 instead of × 0.8.",
        "From 1 July 2026 the factor for any other risk grade is none, it earns nothing instead of × 0.5.",
        "From 1 July 2026 one rule is gone: the factor for risk grade B was × 1.",
    ]


def test_taking_back_and_caps_are_told() -> None:
    clawback = Clawback("recalculate", 180, {"refund": 500_000}, "take_back", "keep")
    cap = Cap("quarter", 2_500_000, "defer")
    assert difference("account-executive", clawback=clawback, cap=cap) == [
        "From 1 July 2026 the size of a take-back is what the total loses by it instead of what this very money "
        "earned.",
        "From 1 July 2026 the time in which money is taken back is 180 days instead of 365 days.",
        "From 1 July 2026 the part taken back after a refund is 50 % instead of 100 %.",
        "From 1 July 2026 what is taken back when the company is at fault is the same as otherwise instead of "
        "nothing.",
        "From 1 July 2026 the total after a take-back is as high as before instead of lower by what went back.",
        "From 1 July 2026 the cap is € 25,000 per quarter; what is above moves on to the next instead of none.",
    ]


def test_a_pool_its_gates_and_its_shares_are_told() -> None:
    gates = (Gate(Measure("overdue_ratio"), at_most_ppm=250_000),)
    scale = Scale(Measure("on_time_rate", "new"), (ScaleStep(0, 0), ScaleStep(750_000, 500_000)))
    assert difference(
        "collected-together",
        pool=Pool(amount_minor=600_000),
        gates=gates,
        scale=scale,
        shares_ppm={"sales": 500_000, "credit": 500_000},
    ) == [
        "From 1 July 2026 the step of the scale that starts at 85 % is gone: × 1.",
        "From 1 July 2026 the step of the scale that starts at 95 % is gone: × 1.25.",
        "From 1 July 2026 the pool is € 6,000 instead of 1 % of what is collected by the due date.",
        "From 1 July 2026 the limit for “Overdue share of what is open” is at most 25 % instead of at most 30 %.",
        "From 1 July 2026 the share of sales is 50 % instead of 60 %.",
        "From 1 July 2026 the share of credit is 50 % instead of 40 %.",
        "From 1 July 2026 one rule is gone: the limit for “Bad debt” was at most 3 %.",
    ]


def test_components_that_come_and_go_are_told_by_name() -> None:
    plan = plan_of("solution-engineer")
    margin, target = plan.versions[0].components
    found = changes(plan, with_version(plan, margin, replace(target, name="half-year-target")), speaker("en"))
    assert [(each.component, each.sentence.replace("\N{NO-BREAK SPACE}", " ")) for each in found] == [
        ("quarter-target", "From 1 July 2026 this component is gone."),
        ("half-year-target", "From 1 July 2026 this component is new."),
    ]


def test_a_version_that_stands_is_compared_with_itself_and_one_that_goes_is_named() -> None:
    plan = plan_of("account-executive")
    first, second, third = plan.versions
    commission = first.components[0]
    assert isinstance(commission, Commission)
    other = replace(first, components=(replace(commission, hold_days=7),))
    found = changes(plan, replace(plan, versions=(other, second)), speaker("en"))
    assert said(found) == [
        "From 1 January 2025 the wait after earning is 7 days instead of none.",
        "The version of 1 April 2026 is taken away.",
    ]
    assert first_changed_day(plan, replace(plan, versions=(other, second))) == first.effective_from
    assert first_changed_day(plan, replace(plan, versions=(first, second))) == third.effective_from
    assert first_changed_day(plan, with_version(plan, *third.components)) is None
    assert said(changes(plan, with_version(plan, *third.components), speaker("en"))) == []


OTHERS: dict[str, Any] = {
    "name": None,  # another name is another component
    "kind": None,
    "never_suspended": None,  # no document can say it
    "tiers": (Tier(0, 1),),
    "roles": ("other",),
    "credits": "team",
    "base": "margin",
    "categories": ("other",),
    "earns_on": "contract",
    "release_at_ppm": 900_000,
    "suspend_after_days": 45,
    "accumulates_over": "ever",
    "tiers_apply": "whole_amount",
    "measure": "target",
    "hold_days": 99,
    "after_leaving_days": 99,
    "multipliers": (ValueMultiplier("country", {"NL": 1}),),
    "clawback": Clawback(window_days=1),
    "cap": Cap("month", 1),
    "per": "month",
    "pool": Pool(rate_ppm=1),
    "shares_ppm": {"other": 1_000_000},
    "within_role": "by_days",
    "scale": Scale(Measure("dso"), (ScaleStep(1, 1),)),
    "gates": (Gate(Measure("dso", "new", new_for_days=30), at_least_ppm=1),),
    "curve": Curve("steps", (Point(1, 1),)),
    "at_target_minor": 77,
    "amount_minor": 77,
    "paid_in_full_within_days": 77,
    "new_customer": False,
    "minimum_minor": 77,
    "from_": dt.date(2020, 1, 1),
    "to": dt.date(2020, 1, 1),
    "style": "additive",
    "recoverable": False,
    "covers": ("other",),
    "from_month": None,
    "to_month": None,
}
"""For every part of every component something that no sample says."""

COMPONENTS = [
    pytest.param(plan, at, field.name, id=f"{component.name}-{field.name}")
    for plan, at in (
        ("account-executive", 0),
        ("collected-together", 0),
        ("solution-engineer", 1),
        ("spring-spiff", 0),
        ("account-executive-starter", 1),
    )
    for component in [plan_of(plan).versions[-1].components[at]]
    for field in fields(component)
    if field.name not in ("name", "kind", "never_suspended")
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("plan", "at", "part"), COMPONENTS)
def test_nothing_that_pays_differently_goes_unsaid(plan: str, at: int, part: str, language: Language) -> None:
    assert difference(plan, at=at, language=language, **{part: OTHERS[part]})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(path.stem for path in PLANS.glob("*.toml")))
def test_every_sample_plan_is_told_in_words(name: str, language: Language) -> None:
    plan = plan_of(name)
    for component in plan.versions[-1].components:
        words = told(component, plan.currency, speaker(language))
        assert words.said or words.ladders
        assert all(each.says and each.label for each in words.facets)
        assert len({each.key for each in words.facets}) == len(words.facets)
