"""The plan letter's own examples, run (docs/formats.md): a version whose example fails must not be published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from incentives.calculation.curve import Curve
from incentives.money import PPM, rounded
from incentives.rules.commission import Commission
from incentives.rules.plan import Example, Plan, Version


@dataclass(frozen=True, slots=True)
class Failed:
    """An example that the rules do not bear out; positions count from 0, amounts in minor units."""

    version: int
    example: int
    expected_minor: int
    got_minor: int
    says: str


def failed_examples(plan: Plan) -> Iterator[Failed]:
    """Every example whose curve earns something else than the letter says."""
    for version_at, version in enumerate(plan.versions):
        for at, example in enumerate(version.examples):
            got_minor = earns(version, example)
            if got_minor != example.earns_minor:
                yield Failed(version_at, at, example.earns_minor, got_minor, example.says)


def earns(version: Version, example: Example) -> int:
    """What the example's amounts earn in one window, every factor 1, capped as the component says."""
    component = version.component(example.component)
    assert isinstance(component, Commission), "documents accept examples of commissions only"
    tiers = Curve(version.effective_from, replace(component, multipliers=())).tiers(None)
    collected_minor = sum(example.collected_minor)
    if component.tiers_apply == "whole_amount":
        worth_ppm = tiers.rate_at(collected_minor) * collected_minor
    else:
        worth_ppm = tiers.total(collected_minor)
    earned_minor = rounded(worth_ppm, PPM)
    return min(earned_minor, component.cap.amount_minor) if component.cap else earned_minor
