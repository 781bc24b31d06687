"""From which day on one plan says something else than another."""

from __future__ import annotations

import datetime as dt

from incentives.rules.plan import Plan


def first_changed_day(before: Plan | None, after: Plan) -> dt.date | None:
    """The first day on which other rules hold; ``None`` where the same ones hold on every day.

    Who assigned what, and what the versions are called, decides nothing here: only what they pay.
    """
    days = sorted({each.effective_from for plan in (before, after) if plan for each in plan.versions})
    if before is None or (before.currency, before.rules_as_of) != (after.currency, after.rules_as_of):
        return days[0]
    for day in days:
        was, will = before.version_on(day), after.version_on(day)
        if (was.components if was else ()) != (will.components if will else ()):
            return day
    return None
