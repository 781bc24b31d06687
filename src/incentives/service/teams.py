"""A manager's team: who reports to whom, and which of their customers are a risk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from incentives.service.receivables import OpenInvoice, Warned
from incentives.store import tables


@dataclass(frozen=True, slots=True)
class Manager:
    """Somebody to whom people report, and who they are."""

    payee_id: str
    name: str
    reports: frozenset[str]


@dataclass(slots=True)
class Risk:
    """A customer with open invoices that are late, disputed, or that credit was warned about."""

    customer_id: str
    customer: str
    invoices: list[OpenInvoice] = field(default_factory=list)

    @property
    def days_past_due(self) -> int:
        """Of the invoice that is late the longest."""
        return max(each.days_past_due for each in self.invoices)

    @property
    def open_minor(self) -> dict[str, int]:
        """What is open on these invoices, by currency."""
        found: dict[str, int] = {}
        for each in self.invoices:
            found[each.currency] = found.get(each.currency, 0) + each.open_minor
        return found

    @property
    def disputed(self) -> list[OpenInvoice]:
        """Those that are disputed now."""
        return [each for each in self.invoices if each.disputed_since is not None]

    @property
    def warnings(self) -> list[Warned]:
        """What credit was told."""
        return [warned for each in self.invoices for warned in each.warnings]

    @property
    def payees(self) -> list[str]:
        """Whom these invoices credit."""
        return sorted({payee_id for each in self.invoices for payee_id in each.payees})


def managers(connection: Connection, today: dt.date) -> list[Manager]:
    """Everybody to whom somebody reports today, by name."""
    row = tables.Reporting
    asked = select(row.manager_id, row.payee_id).where(row.known_until.is_(None), _on(today))
    reports: dict[str, set[str]] = {}
    for manager_id, payee_id in connection.execute(asked):
        reports.setdefault(manager_id, set()).add(payee_id)
    names = names_of(connection, reports)
    found = [Manager(each, names.get(each, each), frozenset(people)) for each, people in reports.items()]
    return sorted(found, key=lambda each: (each.name.casefold(), each.payee_id))


def _on(today: dt.date) -> ColumnElement[bool]:
    row = tables.Reporting
    return and_(row.starts_on <= today, or_(row.ends_on.is_(None), row.ends_on >= today))


def names_of(connection: Connection, payee_ids: Iterable[str]) -> dict[str, str]:
    """The names of payees by their ids."""
    payee = tables.Payee
    asked = select(payee.payee_id, payee.name).where(
        payee.payee_id.in_(sorted(payee_ids)), payee.known_until.is_(None)
    )
    return {row.payee_id: row.name for row in connection.execute(asked)}


def risks(found: Iterable[OpenInvoice]) -> list[Risk]:
    """The customers of open invoices that are late, disputed or warned about; the longest late first."""
    of: dict[str, Risk] = {}
    for each in found:
        if each.days_past_due or each.disputed_since is not None or each.warnings:
            of.setdefault(each.customer_id, Risk(each.customer_id, each.customer)).invoices.append(each)
    return sorted(of.values(), key=lambda risk: (-risk.days_past_due, risk.customer.casefold()))
