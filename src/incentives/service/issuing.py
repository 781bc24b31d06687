"""Statements of a quarter: fixed when its last month closes, printed once, never made anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import Connection, insert, select

from incentives.calculation.bonuses import PoolOutcome
from incentives.calculation.book import Book
from incentives.calculation.chunks import Chunk, Wanted
from incentives.calculation.earned import Calculation
from incentives.calculation.lines import Line
from incentives.calculation.waiting import waiting
from incentives.calendar import Period, periods
from incentives.engines.chunks import over
from incentives.facts import Payee
from incentives.ledger.entries import Entry
from incentives.ledger.statement import Background, pools_of, statement
from incentives.papers.statement.document import Document, as_document, canonical, digest
from incentives.store import tables
from incentives.store.closes import payouts_of
from incentives.store.facts_out import Known, Rules
from incentives.store.ledger import entries
from incentives.store.source import StoreSource


def issue(connection: Connection, rules: Rules, quarter: Period, issued_on: dt.date) -> int:
    """Fix the statement of everybody who has something in the ledger by the quarter's end; how many."""
    number = 0
    for payee_id, language, document in _Issuing(connection, rules, quarter, issued_on).documents():
        connection.execute(
            insert(tables.Statement).values(
                quarter=quarter.first,
                payee_id=payee_id,
                language=language,
                document=canonical(document).decode("ascii"),
                sha256=digest(document),
            )
        )
        number += 1
    return number


Issued = tuple[str, str, Document]
"""Payee, language, document."""


class _Issuing:
    """The statements of one quarter, some payees at a time."""

    def __init__(self, connection: Connection, rules: Rules, quarter: Period, issued_on: dt.date) -> None:
        self.connection, self.rules, self.quarter, self.issued_on = connection, rules, quarter, issued_on
        self.source = StoreSource(connection, rules)
        known = Known(connection)
        self.people = {each.payee_id: each for each in known.payees()}
        self.memberships = list(known.memberships())
        self.notes = _notes(connection)
        self.months = [each.first for each in periods(quarter.first, quarter.last, "month", 1)]
        self.pools: list[PoolOutcome] = []

    def documents(self) -> Iterator[Issued]:
        """A document for each payee; teams are calculated first, so that their pools are at hand."""
        scope = self.source.everything()
        for issued in over(self.source, self.rules.plans, self.quarter.last, self._of_chunk, scope):
            yield from issued

    def _of_chunk(self, chunk: Chunk) -> list[Issued]:
        self.pools += chunk.pools
        lines: dict[str, list[Line]] = {}
        for line in chunk.lines:
            lines.setdefault(line.payee_id, []).append(line)
        issued = []
        for payee_id in sorted({*chunk.payees, *chunk.members}):
            posted = list(entries(self.connection, payee_id, through=self.quarter.last))
            if posted:
                issued.append(self._of_payee(payee_id, posted, lines.get(payee_id, [])))
        return issued

    def _of_payee(self, payee_id: str, posted: list[Entry], lines: list[Line]) -> Issued:
        payee = self.people.get(payee_id) or Payee(payee_id, payee_id)
        facts, around = self.source.part(Wanted((payee_id,), (payee_id,)))
        calculation = Calculation(Book(facts, self.rules.plans, self.quarter.last, around))
        names = {each.customer_id: each.name for each in facts.customers}
        background = Background(
            company=self.rules.company,
            plans=self.rules.plans,
            lines=lines,
            as_of=self.quarter.last,
            pools=pools_of(payee_id, self.memberships, self.pools, self.quarter),
            waiting=list(waiting(calculation, payee_id)),
            customers={each.invoice_id: names.get(each.customer_id, each.customer_id) for each in facts.invoices},
            notes=self.notes,
        )
        paid = payouts_of(self.connection, self.months, payee_id)
        made = statement(payee, self.quarter, posted, paid, background, self.issued_on)
        return payee_id, payee.language, as_document(made)


def _notes(connection: Connection) -> dict[str, str]:
    """What a person wrote about an adjustment, by its cause."""
    asked = select(tables.Adjustment.id, tables.Adjustment.reason)
    return {f"adjustment:{number}": reason for number, reason in connection.execute(asked)}
