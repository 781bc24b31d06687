"""A pool that sales and credit share (docs/rules.md section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from incentives.rules.commission import Base
from incentives.rules.measures import Gate, Scale


@dataclass(frozen=True, slots=True)
class Pool:
    """A rate on the base collected (perhaps only on time), or a fixed amount: exactly one of the two."""

    rate_ppm: int | None = None
    amount_minor: int | None = None
    on_time_within_days: int | None = None


@dataclass(frozen=True, slots=True)
class SharedBonus:
    """Paid to a team's members by role; ``shares_ppm`` sum to 1."""

    name: str
    per: Literal["month", "quarter"]
    pool: Pool
    shares_ppm: Mapping[str, int]
    within_role: Literal["equal", "by_credited_cash", "by_days"] = "equal"
    scale: Scale | None = None
    gates: tuple[Gate, ...] = ()
    base: Base = "net"
    categories: tuple[str, ...] = ()
    hold_days: int = 0
    kind: Literal["shared_bonus"] = "shared_bonus"
