"""company.toml -> the company, or every mistake in it (docs/formats.md)."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from incentives.documents import written
from incentives.documents.fields import (
    Currency,
    Document,
    Fraction,
    Strict,
    Table,
    Text,
    Texts,
    Whole,
    YesNo,
    loaded,
    not_above_one,
    problems_in,
)
from incentives.documents.plans import read_toml
from incentives.errors import Problem, marked, told
from incentives.facts import Company
from incentives.ledger.payroll import ADJUSTMENT, DEDUCTION, PROFILE_SETTINGS
from incentives.money import PPM
from incentives.rules.plan import COMPONENT_KINDS


class Format(Strict):
    """The version of the file format: 1 is the only one so far."""

    wrong = marked("%(found)s is not a format known here.")
    cure = told("Write format = 1.")

    def read(self, value: Any) -> int:
        if isinstance(value, bool) or value != 1 or not isinstance(value, int):
            self.refuse(value)
        return 1


class TimeZone(Text):
    """A time zone of the IANA database."""

    cure = told('Write its IANA name, such as "Europe/Amsterdam".')

    def read(self, value: Any) -> str:
        name = super().read(value)
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
            sentence = told("%(found)s is not a known time zone.", found=written.shown(name))
            near = written.nearest(name, zoneinfo.available_timezones(), cutoff=0.8)
            cure = told("Did you mean %(near)s?", near=written.shown(near)) if near else self.cure
            raise written.Unreadable("unknown-time-zone", sentence, cure) from None
        return name


PayrollSchema: type[Document] = type(
    "PayrollSchema",
    (Document,),
    {key: Text() for key in (*COMPONENT_KINDS, ADJUSTMENT, DEDUCTION, *PROFILE_SETTINGS)},
)
"""Earning code per component kind, the deduction code of recovered money, settings of payroll profiles."""


class CompanySchema(Document):
    """Whose books these are."""

    format = Format(required=True)
    name = Text(required=True)
    currency = Currency(required=True)
    timezone = TimeZone(required=True)
    fiscal_year_starts = Whole(1, 12, required=True)
    low_risk_grades = Texts()
    recovery_cap = Fraction(check=not_above_one)
    hold_disputed = YesNo()
    contact = Text()
    payroll = Table(PayrollSchema)


def read_company(text: str, place: str) -> tuple[Company | None, list[Problem]]:
    """The company from its TOML text: it and no problems, or nothing and every problem."""
    document, problems = read_toml(text, place)
    if document is None:
        return None, problems
    try:
        read = loaded(CompanySchema, document)
    except ValidationError as error:
        return None, sorted(problems_in(error.messages, place))
    return _company(read), []


def _company(read: Mapping[str, Any]) -> Company:
    return Company(
        name=read["name"],
        currency=read["currency"],
        timezone=read["timezone"],
        fiscal_year_starts=read["fiscal_year_starts"],
        low_risk_grades=tuple(read.get("low_risk_grades", ("A",))),
        recovery_cap_ppm=read.get("recovery_cap", PPM),
        hold_disputed=read.get("hold_disputed", True),
        payroll=dict(read.get("payroll", {})),
        contact=read.get("contact", ""),
    )
