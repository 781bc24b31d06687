"""A bonus for reaching a target (docs/rules.md section 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from incentives.calendar import Unit
from incentives.rules.measures import Gate


@dataclass(frozen=True, slots=True)
class Point:
    """At this share of the target (ppm): an amount in minor units, or with ``at_target`` a share of it (ppm)."""

    at_ppm: int
    pays: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Steps or straight lines between points; below the first point 0, above the last the last."""

    shape: Literal["steps", "lines"]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class TargetBonus:
    """Attainment of a target in a period, turned into an amount by a curve. Gates need a team."""

    name: str
    per: Unit
    curve: Curve
    at_target_minor: int | None = None
    roles: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    hold_days: int = 0
    kind: Literal["target_bonus"] = "target_bonus"
