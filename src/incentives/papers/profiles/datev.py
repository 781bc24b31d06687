"""DATEV LODAS: an ASCII import of Bewegungsdaten.

A text of three sections: ``[Allgemein]`` says for whom (consultant and client number) and how dates and
numbers are spelled, ``[Satzbeschreibung]`` numbers a record type and lists its fields, ``[Bewegungsdaten]``
holds the records. Pay is ``u_lod_bwd_buchung_standard``: accounting month (its first day), personnel number,
own wage type (``la_eigene``), processing key (``bs_nr``) and value. Processing key 2 is a gross payment in
money; 1 would be hours. Fields end in a semicolon and are not quoted, decimals have a comma, lines end in
``\\r\\n``, the text is windows-1252. A deduction is a negative gross payment.

(MPDV HYDRA, "Interface Wage and Salary Programs", section DATEV (LODAS), for sections and fields; Personio,
"Export of one-time compensations with DATEV integration", for processing key 2; Lobster, "DatevLodasIU",
for which sections are required.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from incentives.errors import Problem, Told, told
from incentives.papers.cells import defused
from incentives.papers.profiles.batch import Batch, Profile, Written

_ENCODING = "windows-1252"
_FIELDS = ("abrechnung_zeitraum", "pnr", "la_eigene", "bs_nr", "bs_wert_butab")
_RECORD_TYPE = "1"
_GROSS_PAYMENT = "2"


def _write(batch: Batch) -> Written:
    records = [
        (
            _RECORD_TYPE,
            f"{batch.month.first:%d.%m.%Y}",
            defused(entry.employee_id),
            defused(entry.earning_code),
            _GROSS_PAYMENT,
            entry.amount_with_comma,
        )
        for entry in batch.entries
    ]
    description = (_RECORD_TYPE, "u_lod_bwd_buchung_standard", *(f"{field}#bwd" for field in _FIELDS))
    lines = [
        "[Allgemein]",
        "Ziel=LODAS",
        f"BeraterNr={batch.settings['datev_consultant']}",
        f"MandantenNr={batch.settings['datev_client']}",
        "Datumsformat=TT.MM.JJJJ",
        "Feldtrennzeichen=;",
        "Zahlenkomma=,",
        "",
        "[Satzbeschreibung]",
        _ended(description),
        "",
        "[Bewegungsdaten]",
        *map(_ended, records),
    ]
    return Written("".join(f"{line}\r\n" for line in lines), len(records))


def _ended(fields: Sequence[str]) -> str:
    return "".join(f"{field};" for field in fields)


def _check(
    settings: Mapping[str, str], employees: Sequence[tuple[str, str]], codes: Sequence[str]
) -> list[Problem]:
    """Numbers that are none, and texts that a format without quotes and beyond windows-1252 cannot hold."""
    numbers = [
        _unwritable("company.toml", f"payroll.{key}", settings[key], told("It is a number, digits only."))
        for key in ("datev_consultant", "datev_client")
        if settings.get(key) and not _is_number(settings[key])
    ]
    ids = [
        _unwritable(
            "payees.csv",
            "employee_id",
            employee_id,
            told("Give payee %(payee)s a personnel number.", payee=payee_id),
        )
        for payee_id, employee_id in employees
        if not _is_writable(employee_id)
    ]
    wage_types = [
        _unwritable("company.toml", "payroll", code, told("Give the number of the wage type."))
        for code in codes
        if not _is_writable(code)
    ]
    return numbers + ids + wage_types


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_writable(text: str) -> bool:
    if ";" in text or not text.isprintable():
        return False
    return text == text.encode(_ENCODING, errors="ignore").decode(_ENCODING)


def _unwritable(place: str, path: str, text: str, cure: Told) -> Problem:
    sentence = told("%(text)s cannot be written into a DATEV LODAS file.", text=repr(text))
    return Problem(place, 0, path, "unwritable", sentence, cure)


DATEV_LODAS = Profile(
    "datev_lodas",
    _write,
    settings=("datev_consultant", "datev_client"),
    ending="txt",
    encoding=_ENCODING,
    check=_check,
)
