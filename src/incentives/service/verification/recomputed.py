"""Everything calculated anew, and held against the ledger (invariants 2, 3, 4, 6, 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from incentives.calculation.chunks import Chunk
from incentives.calculation.explanation import total
from incentives.calculation.lines import Finding, Line
from incentives.calculation.position import Movement
from incentives.calculation.reasons import CommissionWhy, Undone
from incentives.documents.plans import read_plan
from incentives.engines.chunks import over
from incentives.ledger.entries import Draft, difference
from incentives.money import EXACT, rounded
from incentives.service.runs import Difference
from incentives.service.verification.report import Breach, Check, Found, View
from incentives.store import soundness, tables
from incentives.store.facts_out import Known
from incentives.store.soundness import AT_MOST
from incentives.store.source import StoreSource


@dataclass(frozen=True, slots=True)
class _LastRun:
    """The run after which the ledger should be what a calculation gives."""

    run_id: int
    as_of: dt.date
    known_through: int


def _last_run(connection: Connection) -> _LastRun | None:
    run = tables.Run
    asked = select(run.id, run.as_of, run.known_through).order_by(run.id.desc()).limit(1)
    found = connection.execute(asked).first()
    return None if found is None else _LastRun(*found)


EXPLAIN_ALL_UP_TO = 200_000
"""Lines. Explaining a line takes as long as calculating it: of a larger ledger, a part is explained."""


def _sample(entries: int, run_id: int) -> slice:
    """Which lines of each chunk are explained: all, or every so many, other ones after each run."""
    every = 1 + entries // EXPLAIN_ALL_UP_TO
    return slice(run_id % every, None, every)


# Whoever has lines -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Seen:
    """What came of a chunk."""

    lines: int
    breaches: list[Breach]
    invoices: tuple[str, ...]
    conflicts: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a chunk should have, against what it has; works wherever the chunk was calculated."""

    posted: Difference
    explained: slice

    def __call__(self, chunk: Chunk) -> _Seen:
        """The difference is nothing; lines are the sum of their reasons; an invoice's are one rounded total."""
        drafts = difference(chunk.lines, self.posted.standing(chunk))
        breaches = [_missing(draft) for _, draft in zip(range(AT_MOST), drafts, strict=False)]
        breaches += _unexplained(chunk.lines[self.explained])
        breaches += _totals(chunk.lines)
        conflicts = [each for each in chunk.findings if each.what == "conflict"]
        return _Seen(len(chunk.lines), breaches, chunk.invoices, conflicts)


def _missing(draft: Draft) -> Breach:
    line = f"{draft.plan}, {draft.component}, {draft.kind}, cause {draft.cause}"
    should = draft.stood_minor + draft.amount_minor
    sentence = f"{draft.stood_minor} minor units stand; calculated anew, {should} should."
    if not draft.amount_minor:
        sentence = "It stands under other dates, or another version of its rule, than calculated anew."
    return Breach(3, "entries", f"payee {draft.payee_id}, {line}", sentence)


def _unexplained(lines: Iterable[Line]) -> Iterator[Breach]:
    for line in lines:
        explained = total(line.explained())
        if explained != line.amount_minor * EXACT:
            sentence = f"{line.amount_minor} minor units; its explanation gives {explained} at 10^-12."
            yield Breach(4, "entries", _place(line), sentence)


def _place(line: Line) -> str:
    return f"payee {line.payee_id}, {line.plan}, {line.component}, {line.kind}, cause {line.cause}"


class _Invoice:
    """What a payee has of an invoice under a component, line by line."""

    __slots__ = ("amount_minor", "exact", "last", "movement", "proportional")

    def __init__(self) -> None:
        self.amount_minor = self.exact = 0
        self.proportional = True
        self.last: Line | None = None
        self.movement: Movement | None = None

    def is_continued(self, movement: Movement) -> bool:
        """Whether a line begins where the one before it ended; in between, commission may have been kept."""
        earlier, self.movement = self.movement, movement
        stood = earlier.after if earlier else 0
        return movement.before == stood or (earlier is not None and movement.cause == earlier.cause)


def _totals(lines: Iterable[Line]) -> Iterator[Breach]:
    """Invariant 7 for commission that is not taken over a whole window: the sum of an invoice is its rounded exact
    total; nothing is taken back beyond what was earned (a factor may earn less than nothing); what went down to
    nothing leaves nothing, unless the rules let a part be kept."""
    found: dict[tuple[str, str, str, str], _Invoice] = {}
    for line in lines:
        why = line.why
        if not isinstance(why, CommissionWhy) or why.windows:
            continue
        key = (line.payee_id, line.plan, line.component, line.invoice_id)
        invoice = found.get(key)
        if invoice is None:
            invoice = found[key] = _Invoice()
        invoice.amount_minor += line.amount_minor
        invoice.exact, invoice.last = why.after_exact, line
        if line.kind != "earning" and any(
            part.exact != part.proportional for part in why.parts if isinstance(part, Undone)
        ):
            invoice.proportional = False
        if not invoice.is_continued(why.movement):
            invoice.proportional = False
        if why.after_exact < min(0, why.before_exact) and line.kind != "earning":
            yield Breach(7, "entries", _place(line), "More was taken back than was earned.")
    for invoice in found.values():
        yield from _total(invoice)


def _total(invoice: _Invoice) -> Iterator[Breach]:
    line = invoice.last
    assert line is not None and isinstance(line.why, CommissionWhy)
    if invoice.amount_minor != rounded(invoice.exact, EXACT):
        sentence = f"The lines of {line.invoice_id} sum to {invoice.amount_minor}; exact is {invoice.exact}."
        yield Breach(7, "entries", _place(line), sentence)
    if invoice.proportional and not line.why.movement.after and invoice.exact and _is_alone(line):
        yield Breach(
            7, "entries", _place(line), f"{line.invoice_id} was reversed in full; something still stands."
        )


def _is_alone(line: Line) -> bool:
    """Whether the payee's commission follows the whole position: a manager's is shared with those who left."""
    assert isinstance(line.why, CommissionWhy)
    return any(credit.payee_id == line.payee_id for credit in line.why.invoice.credits)


def _ledger(view: View) -> Found:
    """Facts, approved rules and closes as they were known at the last run give the ledger, to the cent; every
    event that was known is applied, or waits, or was found wanting."""
    last = _last_run(view.connection)
    rules = Known(view.connection, last.known_through).rules() if last else None
    if last is None or rules is None:
        if last is not None:
            yield Breach(3, "rule_revisions", f"run {last.run_id}", "No approved rules were in force at it.")
        return
    source = StoreSource(view.connection, rules, last.known_through)
    explained = _sample(soundness.rows(view.connection, "entries"), last.run_id)
    work = _Compared(Difference(source, source.team_plans(), upto_run=last.run_id), explained)
    looked: set[str] = set()
    conflicts: set[str] = set()
    lines = 0
    for seen in over(source, rules.plans, last.as_of, work, workers=view.workers):
        yield seen.lines
        yield from seen.breaches
        looked.update(seen.invoices)
        conflicts.update(each.event_id for each in seen.conflicts)
        lines += seen.lines
        if view.progress:
            view.progress(lines)
    yield from _in_no_state(view.connection, last, looked, conflicts)


def _in_no_state(connection: Connection, last: _LastRun, looked: set[str], conflicts: set[str]) -> Found:
    """Events of invoices that nothing calculated; conflicts that nobody was told of."""
    event = tables.Event
    known = select(event.invoice_id).where(event.known_from <= last.known_through).distinct()
    for invoice_id in connection.execute(known).scalars():
        yield 1
        if invoice_id not in looked:
            sentence = "Its events are neither applied, nor waiting, nor found wanting."
            yield Breach(2, "events", f"invoice {invoice_id}", sentence)
    versions = Known(connection, last.known_through).versions
    for (source, event_id), each in versions.items():
        yield 1
        both_known = len([one for one in each if one.occurred_on <= last.as_of]) > 1
        if both_known and event_id not in conflicts:
            sentence = "It came in two versions, and nobody was told."
            yield Breach(2, "conflicts", f"{source} {event_id}", sentence)


# Rows of the ledger ----------------------------------------------------------------------------------


def _stood(view: View) -> Found:
    """Every entry says truly what stood for its line before it."""
    connection = view.connection
    yield int(connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() or 0)
    sums = (
        "SELECT id, payee_id, stood_minor, amount_minor, sum(amount_minor) OVER (PARTITION BY payee_id, plan, "
        "component, kind, cause, currency ORDER BY id) AS stands FROM entries"
    )
    asked = (
        f"SELECT id, payee_id, stood_minor, stands - amount_minor FROM ({sums}) AS sums "
        f"WHERE stood_minor + amount_minor <> stands ORDER BY id LIMIT {AT_MOST}"
    )
    for number, payee_id, says, stood in connection.exec_driver_sql(asked):
        sentence = f"It says that {says} stood before it; {stood} did."
        yield Breach(4, "entries", f"row {number}, payee {payee_id}", sentence)


def _named_rules(view: View) -> Found:
    """Every entry of a plan names a version of it that was approved, in the currency of the plan."""
    versions = set(_approved_versions(view.connection))
    asked = "SELECT DISTINCT plan, plan_version, currency FROM entries WHERE plan <> ''"
    for plan, version, currency in view.connection.exec_driver_sql(asked):
        yield 1
        if (plan, str(version), currency) not in versions:
            sentence = f"No version of {version} in {currency} was ever approved."
            yield Breach(4, "entries", f"plan {plan}", sentence)


def _approved_versions(connection: Connection) -> Iterator[tuple[str, str, str]]:
    revision, decision = tables.RuleRevision, tables.Decision
    approved = and_(decision.kind == "rule", decision.subject_id == revision.id, decision.choice == "approve")
    asked = select(revision.name, revision.document).join(decision, approved).where(revision.kind == "plan")
    for name, document in connection.execute(asked):
        yield from _versions_of(name, document)


@lru_cache(maxsize=256)
def _versions_of(name: str, document: str) -> tuple[tuple[str, str, str], ...]:
    plan, _ = read_plan(document, name)
    if plan is None:
        return ()
    return tuple((plan.plan, each.effective_from.isoformat(), plan.currency) for each in plan.versions)


class _Says(NamedTuple):
    """What an adjustment says."""

    payee_id: str
    amount_minor: int
    currency: str
    earned_on: dt.date
    payable_on: dt.date


def _adjustments(view: View) -> Found:
    """Adjustments stand in the ledger as they were approved, once; nothing else stands there under their name."""
    connection, entry = view.connection, tables.Entry
    last = _last_run(connection)
    approved = dict(_approved_adjustments(connection))
    asked = select(entry.id, entry.cause, *(getattr(entry, name) for name in _Says._fields))
    met = set()
    for number, cause, *says in connection.execute(asked.where(entry.kind == "adjustment").order_by(entry.id)):
        yield 1
        if cause not in approved or cause in met:
            again = "twice" if cause in met else "but nobody approved it"
            yield Breach(8, "entries", f"row {number}", f"{cause} was posted, {again}.")
        elif approved[cause][1] != _Says(*says):
            yield Breach(3, "entries", f"row {number}", f"It is not what {cause} says.")
        met.add(cause)
    for cause, (act_id, says_) in approved.items():
        yield 1
        if cause not in met and last and act_id <= last.known_through and says_.earned_on <= last.as_of:
            yield Breach(3, "entries", cause, "It was approved, but it is not in the ledger.")


def _approved_adjustments(connection: Connection) -> Iterator[tuple[str, tuple[int, _Says]]]:
    """By cause: the act that approved it, and what it says. It is payable on its own day."""
    adjustment, decision = tables.Adjustment, tables.Decision
    of_it = and_(decision.kind == "adjustment", decision.subject_id == adjustment.id, decision.choice == "approve")
    asked = select(decision.act_id, tables.table_of(adjustment)).join(decision, of_it)
    for row in connection.execute(asked):
        says = _Says(row.payee_id, row.amount_minor, row.currency, row.earned_on, row.earned_on)
        yield f"adjustment:{row.id}", (row[0], says)


CHECKS = (
    Check("what stood before each entry", (4,), "entries", _stood),
    Check("rule versions of entries", (4,), "entries", _named_rules),
    Check("adjustments as approved", (3, 8), "adjustments", _adjustments),
    Check("everything calculated anew", (2, 3, 4, 6, 7), "entries", _ledger),
)
