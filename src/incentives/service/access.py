"""Who may see what: the one place in which reach is decided.

A role opens pages (:mod:`incentives.web.policy`); reach says whose figures are on them. Whoever asks for somebody
out of reach is told that there is no such thing, not that there is and they may not see it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, or_, select

from incentives.errors import IncentivesError
from incentives.facts import Language
from incentives.store import tables
from incentives.store.desk import Account

ROLES = ("rep", "manager", "credit", "author", "approver", "payroll", "auditor", "admin")
"""What somebody can be; several at once. ``author`` and ``approver`` are finance."""

SEE_ALL_PAY = frozenset({"author", "approver", "auditor"})
SEE_ALL_CUSTOMERS = SEE_ALL_PAY | {"credit"}


class NotThere(IncentivesError):
    """There is no such thing, or it is out of the viewer's reach: the answer is the same."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who is signed in. ``actor`` is what the books know them by: their e-mail address.

    ``payee_id`` is "" for who is not paid here; ``reports`` are the payees who report to them today. ``scopes``
    are a token's; a person at a page has none and is limited by ``roles`` alone.
    """

    account_id: int
    actor: str
    name: str
    roles: frozenset[str]
    payee_id: str = ""
    reports: frozenset[str] = frozenset()
    language: Language = "en"
    scopes: frozenset[str] | None = None

    def has(self, *roles: str) -> bool:
        """Whether they have one of these roles."""
        return not self.roles.isdisjoint(roles)

    @property
    def sees_all_pay(self) -> bool:
        """Finance and auditors see everybody's pay."""
        return not self.roles.isdisjoint(SEE_ALL_PAY)

    def sees_pay_of(self, payee_id: str) -> bool:
        """Their own; a manager also that of who reports to them."""
        if not payee_id:
            return False
        return self.sees_all_pay or payee_id == self.payee_id or (self.has("manager") and payee_id in self.reports)

    def payees(self) -> frozenset[str] | None:
        """Whose pay they see; ``None`` is everybody's."""
        if self.sees_all_pay:
            return None
        own = {self.payee_id} - {""}
        return frozenset(own | self.reports) if self.has("manager") else frozenset(own)


def viewer_of(connection: Connection, account_id: int, today: dt.date) -> Viewer | None:
    """The viewer that an account is today; ``None`` where it was ended."""
    found = connection.execute(_ACCOUNT, {"account": account_id}).one_or_none()
    if found is None or not found.active:
        return None
    roles = frozenset(found.role_names.split())
    reports = _reports(connection, found.payee_id, today) if found.payee_id and "manager" in roles else ()
    return Viewer(
        account_id=found.id,
        actor=found.email,
        name=found.name,
        roles=roles,
        payee_id=found.payee_id,
        reports=frozenset(reports),
        language=found.language,
    )


_ACCOUNT = select(tables.table_of(Account)).where(tables.table_of(Account).c.id == bindparam("account"))


def _reports(connection: Connection, manager_id: str, today: dt.date) -> Iterable[str]:
    row = tables.Reporting
    asked = select(row.payee_id).where(
        row.manager_id == manager_id,
        row.known_until.is_(None),
        row.starts_on <= today,
        or_(row.ends_on.is_(None), row.ends_on >= today),
    )
    return connection.execute(asked).scalars()


def reach_payee(connection: Connection, viewer: Viewer, payee_id: str) -> str:
    """The payee, if there is one and the viewer sees their pay; :class:`NotThere` if not."""
    if not viewer.sees_pay_of(payee_id) or connection.execute(_PAYEE, {"payee": payee_id}).first() is None:
        raise NotThere(payee_id)
    return payee_id


_PAYEE = select(tables.Payee.id).where(
    tables.Payee.payee_id == bindparam("payee"), tables.Payee.known_until.is_(None)
)


def reach_invoice(connection: Connection, viewer: Viewer, invoice_id: str) -> str:
    """The invoice, if the viewer may look at it.

    Finance, credit and auditors may look at every one; others at those that credit them, or who reports to them.
    """
    invoice = tables.Invoice
    asked = select(invoice.id).where(invoice.invoice_id == invoice_id, invoice.known_until.is_(None))
    if connection.execute(asked).first() is None or not (
        viewer.has(*SEE_ALL_CUSTOMERS) or _credits(connection, viewer, tables.Credit.invoice_id == invoice_id)
    ):
        raise NotThere(invoice_id)
    return invoice_id


def reach_customer(connection: Connection, viewer: Viewer, customer_id: str) -> str:
    """The customer, if the viewer may look at one of their invoices."""
    customer, invoice = tables.Customer, tables.Invoice
    asked = select(customer.id).where(customer.customer_id == customer_id, customer.known_until.is_(None))
    of_customer = select(invoice.invoice_id).where(
        invoice.customer_id == customer_id, invoice.known_until.is_(None)
    )
    if connection.execute(asked).first() is None or not (
        viewer.has(*SEE_ALL_CUSTOMERS) or _credits(connection, viewer, tables.Credit.invoice_id.in_(of_customer))
    ):
        raise NotThere(customer_id)
    return customer_id


def _credits(connection: Connection, viewer: Viewer, condition: object) -> bool:
    """Whether somebody in the viewer's reach is credited."""
    credit, mine = tables.Credit, viewer.payees()
    assert mine is not None, "whoever sees all pay sees all customers"
    asked = select(credit.id).where(condition, credit.known_until.is_(None), credit.payee_id.in_(mine))  # type: ignore[arg-type]
    return connection.execute(asked.limit(1)).first() is not None
