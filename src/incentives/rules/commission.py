"""A commission on movements of the recognised position (docs/rules.md sections 4 to 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from incentives.calendar import Unit

Base = Literal["net", "margin"]
EarnsOn = Literal["payment", "full_payment", "invoice", "contract"]
Window = Literal["invoice", "month", "quarter", "fiscal_year", "ever"]
TakeBackCause = Literal["refund", "payment_reversed", "chargeback", "credit_note", "discount"]

DayCount = Literal["days_late", "days_to_pay", "terms_days", "customer_age_days"]
Attribute = Literal["risk_grade", "credit_approval", "security", "category", "country"]


@dataclass(frozen=True, slots=True)
class Tier:
    """From here on this rate. ``from_``: minor units, or ppm of the target with ``measure = "target"``."""

    from_: int
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class Step:
    """From this many days on: this factor, and these rate points on top (section 7)."""

    from_days: int
    factor_ppm: int
    add_ppm: int = 0


@dataclass(frozen=True, slots=True)
class DayMultiplier:
    """A factor by a count of days: half-open steps."""

    by: DayCount
    steps: tuple[Step, ...]
    pause_while_disputed: bool = False
    forgive_if_warned: bool = False


@dataclass(frozen=True, slots=True)
class ValueMultiplier:
    """A factor by something known of the customer or of the lines; ``else_ppm`` where nothing else matches."""

    by: Attribute
    factors_ppm: Mapping[str, int]
    else_ppm: int | None = None


Multiplier = DayMultiplier | ValueMultiplier


@dataclass(frozen=True, slots=True)
class Clawback:
    """What happens to commission when money goes back (section 8)."""

    basis: Literal["original", "recalculate"] = "original"
    window_days: int | None = None
    share_ppm: Mapping[str, int] = field(default_factory=dict)
    """Per cause; a cause not named is taken in full."""
    company_fault: Literal["keep", "take_back"] = "keep"
    attainment: Literal["reduce", "keep"] = "reduce"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most this much of the component in a window; the excess is lost or moves to the next window."""

    per: Unit
    amount_minor: int
    excess: Literal["forfeit", "defer"] = "forfeit"


@dataclass(frozen=True, slots=True)
class Commission:
    """Commission along a curve. Empty ``roles`` and ``categories`` mean all of them."""

    name: str
    tiers: tuple[Tier, ...]
    roles: tuple[str, ...] = ()
    credits: Literal["own", "team"] = "own"
    base: Base = "net"
    categories: tuple[str, ...] = ()
    earns_on: EarnsOn = "payment"
    release_at_ppm: int = 1_000_000
    suspend_after_days: int | None = None
    never_suspended: bool = False
    """Not even by a write-off: no plan can say so, only the comparison with signature does (section 12)."""
    accumulates_over: Window = "invoice"
    tiers_apply: Literal["marginal", "whole_amount"] = "marginal"
    measure: Literal["amount", "target"] = "amount"
    hold_days: int = 0
    after_leaving_days: int | None = None
    multipliers: tuple[Multiplier, ...] = ()
    clawback: Clawback = Clawback()
    cap: Cap | None = None
    kind: Literal["commission"] = "commission"
