"""ADP, Paychex and Gusto.

**ADP** paydata import: a CSV with a heading per column; ``Co Code`` is the company code of 3 characters,
``Batch ID`` holds up to 25 characters, ``File #`` is the employee's number at ADP; an employee may have
many rows; an ``Earnings 3 Code`` is followed by its ``Earnings 3 Amount``, which may be negative. (isolved
"ADP Summary Export"; SuccessWare "Payroll ADP Export Spec". Both name the file EPI + company code + two
characters where it is dropped into a folder of ADP's own software: rename it there.)

**Paychex** Standard Payroll Import: 16 columns that must all be present in this order; client id (8
characters), worker id (10, letters and digits), pay component (20, the name set up at Paychex); a row has a
rate, a rate number or an amount, and an empty cell leaves what Paychex knows. (Paychex Flex help, "SPI
Specification Sheet" and "Standard Payroll Import Overview"; Deltek Costpoint "Export File Specifications"
for Paychex, columns 9 to 16.)

**Gusto** CSV upload: one row per employee, ``last_name`` and ``first_name`` required,
``gusto_employee_id`` optional, and a column for each amount, titled as in the company's own template
(``commission``, ``bonus``, ``correction_payment`` …), in any order; an empty cell leaves what Gusto has.
The earning codes of ``[payroll]`` are those titles. (Gusto help, "Run payroll with CSV upload" and "Upload
payroll data with a CSV".)
"""

from __future__ import annotations

from incentives.papers.cells import Row, defused
from incentives.papers.profiles.batch import Batch, Entry, Profile, Written, written

_ADP_COLUMNS = ("Co Code", "Batch ID", "File #", "Earnings 3 Code", "Earnings 3 Amount")
_PAYCHEX_COLUMNS = (
    "Client ID",
    "Worker ID",
    "Org",
    "Job Number",
    "Pay Component",
    "Rate",
    "Rate Number",
    "Hours",
    "Units",
    "Line Date",
    "Amount",
    "Check Seq Number",
    "Override State",
    "Override Local",
    "Override Local Jurisdiction",
    "Labor Assignment",
)
_GUSTO_COLUMNS = ("last_name", "first_name", "gusto_employee_id")


def _write_adp(batch: Batch) -> Written:
    company_code = defused(batch.settings["adp_company_code"])
    rows = [
        (
            company_code,
            batch.batch_id,
            defused(entry.employee_id),
            defused(entry.earning_code),
            entry.amount,
        )
        for entry in batch.entries
    ]
    return written([_ADP_COLUMNS], rows)


def _write_paychex(batch: Batch) -> Written:
    client = defused(batch.settings["paychex_client"])
    return written([_PAYCHEX_COLUMNS], [_paychex_row(client, entry) for entry in batch.entries])


def _paychex_row(client: str, entry: Entry) -> Row:
    filled = {
        "Client ID": client,
        "Worker ID": defused(entry.employee_id),
        "Pay Component": defused(entry.earning_code),
        "Amount": entry.amount,
    }
    return [filled.get(column, "") for column in _PAYCHEX_COLUMNS]


def _write_gusto(batch: Batch) -> Written:
    codes = batch.codes()
    headings = [*_GUSTO_COLUMNS, *map(defused, codes)]
    return written([headings], [_gusto_row(entries, codes) for entries in batch.by_payee()])


def _gusto_row(entries: list[Entry], codes: list[str]) -> Row:
    first_name, last_name = _names(entries[0].name)
    amounts = {entry.earning_code: entry.amount for entry in entries}
    return [
        defused(last_name),
        defused(first_name),
        defused(entries[0].employee_id),
        *(amounts.get(code, "") for code in codes),
    ]


def _names(name: str) -> tuple[str, str]:
    """First and last name: the last word is the last name, one word alone is a first name.

    >>> _names("Ana Maria Silva"), _names("Cher")
    (('Ana Maria', 'Silva'), ('Cher', ''))
    """
    *first, last = name.split() or [""]
    return (" ".join(first), last) if first else (last, "")


ADP = Profile("adp", _write_adp, settings=("adp_company_code",))
PAYCHEX = Profile("paychex", _write_paychex, settings=("paychex_client",))
GUSTO = Profile("gusto", _write_gusto)
