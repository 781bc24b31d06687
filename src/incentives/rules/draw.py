"""An advance on earnings, month by month (docs/rules.md section 9)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Draw:
    """Tops earnings up to an amount, or adds it. ``from_month`` and ``to_month`` are first days of months."""

    name: str
    style: Literal["top_up", "additive"]
    recoverable: bool
    amount_minor: int
    """The minimum of a top-up, the amount of an additive draw."""
    covers: tuple[str, ...]
    from_month: dt.date | None = None
    to_month: dt.date | None = None
    kind: Literal["draw"] = "draw"
