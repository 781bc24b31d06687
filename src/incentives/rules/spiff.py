"""A fixed amount for an invoice while its conditions hold (docs/rules.md section 9)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

NEW_CUSTOMER_DAYS = 365
"""An invoice is a new customer's when issued at most this long after the customer's first (section 10)."""


@dataclass(frozen=True, slots=True)
class Spiff:
    """``when`` and ``between`` of the plan document, flat. Absent conditions ask nothing."""

    name: str
    amount_minor: int
    roles: tuple[str, ...] = ()
    hold_days: int = 0
    paid_in_full_within_days: int | None = None
    new_customer: bool = False
    categories: tuple[str, ...] = ()
    minimum_minor: int | None = None
    from_: dt.date | None = None
    to: dt.date | None = None
    kind: Literal["spiff"] = "spiff"
