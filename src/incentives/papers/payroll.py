"""Payroll files: a month's pay in the words of a payroll system, each with a control file beside it.

The same month gives the same bytes for ever: nothing in a file but the pay, the people, the settings and
the month. A batch id tells two different contents apart: company, month and a short digest of what is paid.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from incentives.calendar import Period, month_name, period_of
from incentives.errors import Problem, Rejected, told
from incentives.facts import Company, Payee
from incentives.ledger.pay import Payout
from incentives.ledger.payroll import (
    PROFILE_SETTINGS,
    Kinds,
    goes_out,
    missing_codes,
    missing_setting,
    payroll_lines,
)
from incentives.money import major
from incentives.papers.profiles.batch import Batch, Entry, Profile
from incentives.papers.profiles.datev import DATEV_LODAS
from incentives.papers.profiles.generic import GENERIC
from incentives.papers.profiles.nmbrs import NMBRS
from incentives.papers.profiles.united_states import ADP, GUSTO, PAYCHEX
from incentives.papers.profiles.workday import WORKDAY
from incentives.papers.together import written_together

PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (GENERIC, ADP, PAYCHEX, GUSTO, WORKDAY, DATEV_LODAS, NMBRS)
}


@dataclass(frozen=True, slots=True)
class Control:
    """What a payroll file must hold, for whoever imports it to check.

    ``rows`` are rows of pay, headings are none; sums are minor units per currency; ``sha256`` is of the
    file's bytes.
    """

    file: str
    batch_id: str
    month: dt.date
    profile: str
    rows: int
    sums_minor: Mapping[str, int]
    sha256: str

    def text(self) -> str:
        """The control file: JSON, keys always in this order, sums in major units."""
        sums = {currency: major(self.sums_minor[currency], currency) for currency in sorted(self.sums_minor)}
        content = {
            "file": self.file,
            "batch_id": self.batch_id,
            "month": month_name(self.month),
            "profile": self.profile,
            "rows": self.rows,
            "sums": sums,
            "sha256": self.sha256,
        }
        return json.dumps(content, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class PayrollFile:
    """A payroll file and its control, not yet written anywhere."""

    name: str
    content: bytes
    control: Control


def write_payroll(
    profile: str,
    month: dt.date,
    payouts: Iterable[Payout],
    kinds: Kinds,
    company: Company,
    payees: Iterable[Payee],
    out: Path,
) -> list[Control]:
    """Write a month's payroll files and beside each ``<file>.control.json``: all of them or none.

    Takes the payouts of the month that the day lies in and leaves others alone; see
    :func:`payroll_files` for what is refused.
    """
    files = payroll_files(profile, month, payouts, kinds, company, payees)
    with written_together(out) as beside:
        for file in files:
            (beside / file.name).write_bytes(file.content)
            (beside / f"{file.name}.control.json").write_bytes(file.control.text().encode())
    return [file.control for file in files]


def payroll_files(
    profile: str,
    month: dt.date,
    payouts: Iterable[Payout],
    kinds: Kinds,
    company: Company,
    payees: Iterable[Payee],
) -> list[PayrollFile]:
    """A month's payroll files: one, or one per currency where the profile has no column for it.

    A month without pay gives a file without rows. Raises :class:`Rejected` with everything that is
    missing at once: earning codes, employee ids, texts the profile cannot hold.
    """
    if profile not in PROFILES:
        raise Rejected([_unknown(profile)])
    chosen = PROFILES[profile]
    period = period_of(month, "month", 1)
    outgoing = [each for each in payouts if each.month == period.first and goes_out(each, company)]
    people = {payee.payee_id: payee for payee in payees}
    problems = _problems(chosen, period, outgoing, kinds, company, people)
    if problems:
        raise Rejected(problems)
    entries = [
        _entry(people[line.payee_id], line.earning_code, line.amount_minor, line.currency)
        for line in payroll_lines(outgoing, kinds, company)
    ]
    if chosen.has_currency:
        return [_file(chosen, period, company, entries, "")]
    currencies = sorted({entry.currency for entry in entries}) or [company.currency]
    return [
        _file(chosen, period, company, [each for each in entries if each.currency == currency], currency)
        for currency in currencies
    ]


def _entry(payee: Payee, earning_code: str, amount_minor: int, currency: str) -> Entry:
    return Entry(payee.payee_id, payee.employee_id, payee.name, earning_code, amount_minor, currency)


def _file(
    profile: Profile, month: Period, company: Company, entries: Sequence[Entry], currency: str
) -> PayrollFile:
    settings = dict.fromkeys(profile.settings, "") | dict(company.payroll)
    batch = Batch(_batch_id(company, month, entries, currency), month, tuple(entries), settings)
    written = profile.write(batch)
    content = written.text.encode(profile.encoding)
    parts = ["payroll", profile.name, month_name(month.first), currency]
    name = "-".join(filter(None, parts)) + f".{profile.ending}"
    sums: dict[str, int] = {}
    for entry in entries:
        sums[entry.currency] = sums.get(entry.currency, 0) + entry.amount_minor
    control = Control(
        file=name,
        batch_id=batch.batch_id,
        month=month.first,
        profile=profile.name,
        rows=written.rows,
        sums_minor=sums,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return PayrollFile(name, content, control)


def _batch_id(company: Company, month: Period, entries: Sequence[Entry], currency: str) -> str:
    """Company, month and digest, at most 24 characters (ADP holds 25): ``ACME-202603-0a1b2c3d``."""
    paid = [
        [each.payee_id, each.employee_id, each.earning_code, each.amount_minor, each.currency] for each in entries
    ]
    content = json.dumps([company.name, month_name(month.first), currency, paid])
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    short_name = re.sub("[^A-Z0-9]", "", company.name.upper())[:8] or "PAY"
    return f"{short_name}-{month.first:%Y%m}-{digest}"


def _problems(
    profile: Profile,
    month: Period,
    outgoing: Sequence[Payout],
    kinds: Kinds,
    company: Company,
    people: Mapping[str, Payee],
) -> list[Problem]:
    employees = {
        payout.payee_id: people[payout.payee_id].employee_id if payout.payee_id in people else ""
        for payout in outgoing
    }
    without_id = [_missing_employee_id(each, month) for each in employees if not employees[each].strip()]
    known = [(payee_id, employee_id) for payee_id, employee_id in employees.items() if employee_id.strip()]
    codes = sorted({code for key, code in company.payroll.items() if key not in PROFILE_SETTINGS})
    return [
        *missing_codes(outgoing, kinds, company),
        *without_id,
        *profile.check(company.payroll, known, codes),
    ]


def left_empty(profile: str, company: Company) -> list[Problem]:
    """Settings that a profile would write and the company does not give: the file comes without them."""
    return [
        missing_setting(
            key, told("%(key)s is not given; the %(profile)s file leaves it empty.", key=key, profile=profile)
        )
        for key in PROFILES[profile].settings
        if not company.payroll.get(key)
    ]


def _missing_employee_id(payee_id: str, month: Period) -> Problem:
    sentence = told(
        "Payee %(payee)s is to be paid for %(month)s but has no employee_id.",
        payee=payee_id,
        month=month_name(month.first),
    )
    cure = told("Give the number by which payroll knows them.")
    return Problem("payees.csv", 0, "employee_id", "missing-employee-id", sentence, cure)


def _unknown(profile: str) -> Problem:
    sentence = told("There is no payroll profile %(name)s.", name=repr(profile))
    cure = told("Choose %(words)s.", words=", ".join(PROFILES))
    return Problem("payroll", 0, "profile", "unknown-profile", sentence, cure)
