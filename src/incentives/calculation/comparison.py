"""What paying on signature would have paid, beside what cash pays (docs/rules.md section 12)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from incentives.calculation.book import Book
from incentives.calculation.lines import Line
from incentives.money import rounded
from incentives.rules.commission import Commission
from incentives.rules.plan import Plan, Version


@dataclass(slots=True)
class Compared:
    """One payee's month in one currency, minor units.

    ``never_came`` is the part of ``signature`` that stands on money which is overdue or written off and
    still has not come; it counts in the month in which signature would have paid it.
    """

    month: dt.date
    payee_id: str
    currency: str
    signature_minor: int = 0
    cash_minor: int = 0
    never_came_minor: int = 0


def on_signature(plan: Plan) -> Plan:
    """The same plan, paid when the contract is signed and never suspended; bonuses and draws left out."""
    versions = []
    for version in plan.versions:
        commissions = tuple(
            replace(
                each, earns_on="contract", release_at_ppm=1_000_000, suspend_after_days=None, never_suspended=True
            )
            for each in version.components
            if isinstance(each, Commission)
        )
        versions.append(Version(version.effective_from, version.reference, commissions))
    return replace(plan, versions=tuple(versions))


def compare(
    book: Book, cash: Iterable[Line], signature: Iterable[Line], commissions: set[tuple[str, str]]
) -> list[Compared]:
    """Per payee and month of earning: signature, cash, and what signature paid on money that never came.

    ``commissions`` names the components (plan, component) that are compared.
    """
    found: dict[tuple[dt.date, str, str], Compared] = {}

    def row(line: Line) -> Compared:
        key = (line.earned_on.replace(day=1), line.payee_id, line.currency)
        return found.setdefault(key, Compared(*key))

    for line in cash:
        if (line.plan, line.component) in commissions:
            row(line).cash_minor += line.amount_minor
    standing: dict[tuple[str, str, str, str], list[Line]] = {}
    for line in signature:
        row(line).signature_minor += line.amount_minor
        if line.invoice_id:
            key = (line.plan, line.component, line.payee_id, line.invoice_id)
            standing.setdefault(key, []).append(line)
    for (_, _, _, invoice_id), lines in standing.items():
        open_minor, collectible = _never_came(book, invoice_id)
        paid_minor = sum(line.amount_minor for line in lines)
        if open_minor and paid_minor > 0:
            row(lines[0]).never_came_minor += rounded(paid_minor * open_minor, collectible)
    return [found[key] for key in sorted(found)]


def _never_came(book: Book, invoice_id: str) -> tuple[int, int]:
    """What is still open of an invoice that is overdue or written off, and what is collectible."""
    timeline = book.timeline(book.invoices[invoice_id])
    collectible, collected = timeline.at_end_of(book.as_of)
    written_off = any(moment.event.type == "write_off" for moment in timeline.moments)
    if not collectible or not (written_off or timeline.due_on_at(book.as_of) < book.as_of):
        return 0, 1
    return collectible - collected, collectible
