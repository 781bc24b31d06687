"""Workday: rows for the Submit Payroll Input spreadsheet of an inbound EIB.

The spreadsheet key groups the rows of one worker, the row id counts them; dates are ``yyyy-mm-dd`` and span
the month; the batch id must belong to payroll input alone. (A public job aid, "Process Incentive
Payments Via EIB", on docest.com; erp-integrations.com, "Spreadsheet Guidelines for EIB Spreadsheet Templates
in Workday"; Workday web services, ``Import_Payroll_Input``.)
"""

from __future__ import annotations

from incentives.papers.cells import defused
from incentives.papers.profiles.batch import Batch, Profile, Written, written

_COLUMNS = (
    "Spreadsheet Key",
    "Row ID",
    "Batch ID",
    "Start Date",
    "End Date",
    "Worker",
    "Earning",
    "Amount",
)


def _write(batch: Batch) -> Written:
    rows = [
        (
            str(key),
            str(row_id),
            batch.batch_id,
            batch.month.first.isoformat(),
            batch.month.last.isoformat(),
            defused(entry.employee_id),
            defused(entry.earning_code),
            entry.amount,
        )
        for key, entries in enumerate(batch.by_payee(), start=1)
        for row_id, entry in enumerate(entries, start=1)
    ]
    return written([_COLUMNS], rows)


WORKDAY = Profile("workday", _write)
