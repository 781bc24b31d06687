"""Statements of a quarter: fixed when its last month closes, printed once, never made anew."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, insert, select

from incentives.calculation.book import Book
from incentives.calculation.chunks import Chunk, Wanted
from incentives.calculation.earned import Calculation
from incentives.calculation.lines import Line
from incentives.calculation.waiting import waiting
from incentives.calendar import Period, month_name, period_of, periods
from incentives.engines.chunks import over
from incentives.errors import Problem, Rejected, told
from incentives.facts import Language, Membership, Payee
from incentives.ledger.entries import Entry
from incentives.ledger.pay import Payout
from incentives.ledger.statement import Background, pools_of, statement
from incentives.papers.statement.document import Document, canonical, written
from incentives.papers.together import written_together
from incentives.store import tables
from incentives.store.acts import Who, record
from incentives.store.closes import closed, payouts_of
from incentives.store.engine import reading, writing
from incentives.store.facts_out import Known, Rules
from incentives.store.ledger import entries
from incentives.store.source import StoreSource


@dataclass(frozen=True, slots=True)
class JustWritten:
    """What a transaction wrote that is not committed yet, by payee: processes beside it cannot see it."""

    entries: Mapping[str, Sequence[Entry]]
    payouts: Mapping[str, Sequence[Payout]]


def issue(
    connection: Connection, rules: Rules, quarter: Period, issued_on: dt.date, after: int = 0, workers: int = 1
) -> int:
    """Fix the statement of everybody who has something in the ledger by the quarter's end; how many.

    ``after`` is the last entry that this transaction did not write itself.
    """
    number = 0
    work = _Issuing(StoreSource(connection, rules), quarter, issued_on)
    if workers > 1:
        work.just_written = _just_written(connection, quarter, after)
    issued = over(work.source, rules.plans, quarter.last, work, work.source.everything(), workers=workers)
    for payee_id, language, document in chain.from_iterable(issued):
        values = {"quarter": quarter.first, "payee_id": payee_id, "language": language}
        values |= {"document": document.decode("ascii"), "sha256": hashlib.sha256(document).hexdigest()}
        connection.execute(insert(tables.Statement).values(values))
        number += 1
    return number


def _just_written(connection: Connection, quarter: Period, after: int) -> JustWritten:
    """The entries after one, and the payouts of the quarter's last month: it closes in this transaction."""
    written: dict[str, list[Entry]] = {}
    for entry in entries(connection, after=after):
        written.setdefault(entry.payee_id, []).append(entry)
    paid: dict[str, list[Payout]] = {}
    for payout in payouts_of(connection, [period_of(quarter.last, "month", 1).first]):
        paid.setdefault(payout.payee_id, []).append(payout)
    return JustWritten(written, paid)


if TYPE_CHECKING:
    from incentives.papers.statement.pdf import Printed

Issued = tuple[str, str, bytes]
"""Payee, language, the document as it is kept."""


@dataclass
class _Issuing:
    """Makes the statements of one quarter, a chunk of payees at a time; wherever the chunk was calculated."""

    source: StoreSource
    quarter: Period
    issued_on: dt.date
    just_written: JustWritten = field(default_factory=lambda: JustWritten({}, {}))

    def __call__(self, chunk: Chunk) -> list[Issued]:
        """The statements of a chunk's payees."""
        lines: dict[str, list[Line]] = {}
        for line in chunk.lines:
            lines.setdefault(line.payee_id, []).append(line)
        issued = []
        for payee_id in sorted({*chunk.payees, *chunk.members}):
            posted = list(entries(self._connection, payee_id, through=self.quarter.last))
            posted += self.just_written.entries.get(payee_id, ())
            if posted:
                calculation = self._calculation(chunk, payee_id)
                issued.append(self._of_payee(chunk, payee_id, posted, lines.get(payee_id, []), calculation))
        return issued

    def _calculation(self, chunk: Chunk, payee_id: str) -> Calculation:
        """The chunk's own; a manager's also knows what their people wait for, which a chunk needs for some plans
        only."""
        if chunk.calculation is not None and payee_id not in self._around.managers:
            return chunk.calculation
        facts, around = self.source.part(Wanted((payee_id,), (payee_id,)))
        return Calculation(Book(facts, self.source.rules.plans, self.quarter.last, around))

    def _of_payee(
        self, chunk: Chunk, payee_id: str, posted: list[Entry], lines: list[Line], calculation: Calculation
    ) -> Issued:
        around, company = self._around, self.source.rules.company
        payee = around.people.get(payee_id) or Payee(payee_id, payee_id)
        background = Background(
            company=company,
            plans=self.source.rules.plans,
            lines=lines,
            as_of=self.quarter.last,
            pools=pools_of(payee_id, around.memberships, chunk.team_pools, self.quarter),
            waiting=list(waiting(calculation, payee_id)),
            customers={
                each.invoice_id: around.customers.get(each.customer_id, each.customer_id)
                for each in calculation.invoices_of(payee_id)
            },
            notes=around.notes,
            contact=company.contact,
        )
        months = [each.first for each in periods(self.quarter.first, self.quarter.last, "month", 1)]
        paid = payouts_of(self._connection, months, payee_id)
        paid += self.just_written.payouts.get(payee_id, ())
        made = statement(payee, self.quarter, posted, paid, background, self.issued_on)
        return payee_id, payee.language, written(made)

    @property
    def _connection(self) -> Connection:
        return self.source.known.connection

    @cached_property
    def _around(self) -> _Around:
        """Asked once in each process, where the first chunk is told."""
        return _Around.now(self._connection)


@dataclass(frozen=True, slots=True)
class _Around:
    """What statements say beside what was calculated: who people are, and what was written."""

    people: Mapping[str, Payee]
    memberships: Sequence[Membership]
    managers: frozenset[str]
    notes: Mapping[str, str]
    customers: Mapping[str, str]

    @classmethod
    def now(cls, connection: Connection) -> _Around:
        known = Known(connection)
        return cls(
            people={each.payee_id: each for each in known.payees()},
            memberships=list(known.memberships()),
            managers=frozenset(each.manager_id for each in known.reporting()),
            notes=adjustment_notes(connection),
            customers={each.customer_id: each.name for each in known.customers()},
        )


def adjustment_notes(connection: Connection) -> dict[str, str]:
    """What a person wrote about an adjustment, by its cause."""
    asked = select(tables.Adjustment.id, tables.Adjustment.reason)
    return {f"adjustment:{number}": reason for number, reason in connection.execute(asked)}


# On paper --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paper:
    """An issued statement as it was first printed."""

    quarter: dt.date
    payee_id: str
    pdf: bytes
    document: Document
    language: Language
    seal: str


def printed(
    engine: Engine,
    who: Who,
    day: dt.date,
    payee_id: str | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Paper]:
    """The statements of the quarter that a day lies in, of everybody or of one payee, as PDF.

    What was never printed is printed and kept; what was, comes as it is. Raises :class:`Rejected` where nothing
    was issued: the quarter's last month is open, or the payee has nothing in the ledger.
    """
    with reading(engine) as connection:
        quarter, seal = _issued_quarter(connection, day)
        issued = _issued(connection, quarter.first, payee_id)
        done = _papers(connection, quarter.first)
    if not issued:
        name = month_name(quarter.first)
        sentence = told("Nothing was issued to anybody for the quarter from %(month)s.", month=name)
        if payee_id:
            sentence = told(
                "Nothing was issued to %(payee)s for the quarter from %(month)s.", payee=payee_id, month=name
            )
        raise Rejected([Problem("statements", 0, "payee", "unknown", sentence, told("Check the id."))])
    from incentives.papers.statement.pdf import Job, render_many  # a second to load: only who prints waits for it

    missing = [each for each in issued if each.payee_id not in done]
    jobs = [Job(each.payee_id, json.loads(each.document), each.language, seal) for each in missing]
    for number, made in enumerate(render_many(jobs, processes), 1):
        with writing(engine) as connection:
            _keep(connection, who, quarter.first, made)
        if progress:
            progress(number, len(jobs))
    with reading(engine) as connection:
        done = _papers(connection, quarter.first)
    return [
        Paper(quarter.first, e.payee_id, done[e.payee_id], json.loads(e.document), e.language, seal)
        for e in issued
    ]


def _issued_quarter(connection: Connection, day: dt.date) -> tuple[Period, str]:
    rules = Known(connection).rules()
    starts = rules.company.fiscal_year_starts if rules else 1
    quarter = period_of(day, "quarter", starts)
    close = closed(connection, period_of(quarter.last, "month", 1).first)
    if close is None:
        name = month_name(quarter.last)
        sentence = told(
            "The quarter from %(first)s has no statements yet: %(month)s is open.",
            first=month_name(quarter.first),
            month=name,
        )
        cure = told("Close it first: incentives close %(month)s", month=name)
        raise Rejected([Problem("statements", 0, "", "open", sentence, cure)])
    return quarter, close.seal


def _issued(connection: Connection, quarter: dt.date, payee_id: str | None) -> list[Any]:
    statement_row = tables.table_of(tables.Statement)
    asked = select(statement_row).where(statement_row.c.quarter == quarter)
    if payee_id is not None:
        asked = asked.where(statement_row.c.payee_id == payee_id)
    return sorted(connection.execute(asked), key=lambda row: str(row.payee_id))


def _papers(connection: Connection, quarter: dt.date) -> dict[str, bytes]:
    file = tables.StatementFile
    asked = select(file.payee_id, file.content).where(file.quarter == quarter)
    return {payee_id: bytes(content) for payee_id, content in connection.execute(asked)}


def _keep(connection: Connection, who: Who, quarter: dt.date, made: Printed) -> None:
    """Keep a paper, unless somebody printed it meanwhile: then theirs stands."""
    if made.key in _papers(connection, quarter):
        return
    act_id = record(connection, who, "print", f"statement {month_name(quarter)} {made.key}")
    sha256 = hashlib.sha256(made.pdf).hexdigest()
    values = {"quarter": quarter, "payee_id": made.key, "act_id": act_id, "sha256": sha256}
    connection.execute(insert(tables.StatementFile).values(content=made.pdf, **values))


def write(papers: Iterable[Paper], out: Path) -> None:
    """The papers into a folder, together or not at all, each beside the same as a page and as JSON."""
    from incentives.papers.statement.page import statement_html  # charts take a second to load

    with written_together(out) as beside:
        for paper in papers:
            name = f"statement-{month_name(paper.quarter)}-{file_name(paper.payee_id)}"
            (beside / f"{name}.pdf").write_bytes(paper.pdf)
            page = statement_html(paper.document, paper.language, paper.seal)
            (beside / f"{name}.html").write_text(page, encoding="utf-8")
            (beside / f"{name}.json").write_bytes(canonical(paper.document) + b"\n")


def file_name(payee_id: str) -> str:
    """An id as part of a file's name: what could lead out of the folder, or clash, is spelled out."""
    safe = re.sub(r"[^A-Za-z0-9._-]", lambda found: f"%{ord(found.group()):x}", payee_id)
    return safe.lstrip(".") or "payee"
