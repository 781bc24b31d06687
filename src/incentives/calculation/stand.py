"""Where an invoice stands on a day: what is owed, how late it is, how it ended (docs/rules.md sections 3, 4)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from incentives.calculation.timeline import Timeline

State = Literal["paid", "credited", "written_off", "disputed", "overdue", "open", "not_issued"]


@dataclass(frozen=True, slots=True)
class Stand:
    """An invoice at the end of a day; minor units of its own currency.

    ``settled_on`` is the day since which nothing is owed, ``due_on`` the due date in force; due on a day is not
    yet overdue on it. ``days_past_due`` is that of an invoice on which something is owed, also a disputed one.
    What was written off is given up: it is neither open nor overdue, as in the metrics.
    """

    state: State
    collectible_minor: int
    collected_minor: int
    due_on: dt.date
    days_past_due: int
    settled_on: dt.date | None
    written_off_on: dt.date | None
    disputed_since: dt.date | None

    @property
    def open_minor(self) -> int:
        """What is owed."""
        return self.collectible_minor - self.collected_minor

    @property
    def is_owed(self) -> bool:
        """Whether somebody should still pay."""
        return self.state in ("disputed", "overdue", "open")


def stand(timeline: Timeline, day: dt.date) -> Stand:
    """Where an invoice stands at the end of a day."""
    collectible, collected = timeline.at_end_of(day)
    due_on = timeline.due_on_at(day)
    written_off_on = _written_off_on(timeline, day)
    disputed_since = next(
        (since for since, until in timeline.disputed if since <= day and (until is None or until > day)), None
    )
    settled_on = _settled_on(timeline, day)
    state: State
    if timeline.invoice.issued_on > day:
        state = "not_issued"
    elif settled_on is not None:
        state = "paid" if collected else "credited"
    elif written_off_on is not None:
        state = "written_off"
    elif disputed_since is not None:
        state = "disputed"
    else:
        state = "overdue" if due_on < day else "open"
    late = max(0, (day - due_on).days) if state in ("disputed", "overdue", "open") else 0
    return Stand(state, collectible, collected, due_on, late, settled_on, written_off_on, disputed_since)


def _written_off_on(timeline: Timeline, day: dt.date) -> dt.date | None:
    days = (each.event.occurred_on for each in timeline.moments if each.event.type == "write_off")
    return next((on for on in days if on <= day), None)


def _settled_on(timeline: Timeline, day: dt.date) -> dt.date | None:
    """Since when nothing is owed; a refund that was not credited opens it again."""
    since = timeline.invoice.issued_on if timeline.collectible_at_first == 0 else None
    for moment in timeline.moments:
        if moment.event.occurred_on > day:
            break
        if moment.collected < moment.collectible:
            since = None
        elif since is None:
            since = moment.event.occurred_on
    return since
