"""Nmbrs: the sheet of variable wage components (pay of one period, not of every period).

Columns A to G are debtor, company and personnel number, name (for information), period as ``2026-03``, and
two columns of days that stay empty. From column H on, row 2 holds a wage code per column (``L5100``: the
earning codes of ``[payroll]`` are those) and the values follow from row 3, one row per employee. A 0 would
be imported as an entry, so a code that an employee does not have is an empty cell. Decimals have a comma.
Semicolons and a byte order mark let a Dutch spreadsheet open the text as it is.

(Visma Nmbrs help, "Importsheet tab: Variabele Looncomponenten" and "Importing wage components".)
"""

from __future__ import annotations

from incentives.calendar import month_name
from incentives.papers.cells import Row, defused
from incentives.papers.profiles.batch import Batch, Entry, Profile, Written, written

_COLUMNS = ("Debiteurnr", "Bedrijfnr", "Persnr", "Naam", "Periode", "Dagen", "DagenVoorLC")


def _write(batch: Batch) -> Written:
    codes = batch.codes()
    headings = [
        [*_COLUMNS, *("" for _ in codes)],
        [*("" for _ in _COLUMNS), *map(defused, codes)],
    ]
    rows = [_row(batch, entries, codes) for entries in batch.by_payee()]
    return written(headings, rows, separator=";")


def _row(batch: Batch, entries: list[Entry], codes: list[str]) -> Row:
    amounts = {entry.earning_code: entry.amount_with_comma for entry in entries}
    return [
        defused(batch.settings["nmbrs_debtor"]),
        defused(batch.settings["nmbrs_company"]),
        defused(entries[0].employee_id),
        defused(entries[0].name),
        month_name(batch.month.first),
        "",
        "",
        *(amounts.get(code, "") for code in codes),
    ]


NMBRS = Profile("nmbrs", _write, settings=("nmbrs_debtor", "nmbrs_company"), encoding="utf-8-sig")
