"""At most so much of a component per window (calculation.md section 9). Any component that earns may have one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from incentives.calendar import Unit


@dataclass(frozen=True, slots=True)
class Cap:
    """At most this much of the component in a window; the excess is lost or moves to the next window."""

    per: Unit
    amount_minor: int
    excess: Literal["forfeit", "defer"] = "forfeit"
