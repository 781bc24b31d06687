"""A payroll file for whoever has no profile of their own: the columns of docs/formats.md, lines end in ``\\n``."""

from __future__ import annotations

from incentives.calendar import month_name
from incentives.papers.cells import defused
from incentives.papers.profiles.batch import Batch, Profile, Written, written

_COLUMNS = ("batch_id", "month", "employee_id", "payee_id", "earning_code", "amount", "currency")


def _write(batch: Batch) -> Written:
    rows = [
        (
            batch.batch_id,
            month_name(batch.month.first),
            defused(entry.employee_id),
            defused(entry.payee_id),
            defused(entry.earning_code),
            entry.amount,
            entry.currency,
        )
        for entry in batch.entries
    ]
    return written([_COLUMNS], rows, line_end="\n")


GENERIC = Profile("generic", _write, has_currency=True)
