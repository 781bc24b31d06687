"""A delivery of facts into the books: whole or not at all, and the same delivery twice adds nothing.

A folder is one, and so is what a program sends or a person types: both are read by the same rules, and taken in by
the same act with its counts.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, bindparam, insert, select
from sqlalchemy.orm import InstrumentedAttribute

from incentives.documents.company import read_company
from incentives.documents.plans import read_plan
from incentives.errors import Problem, Rejected, as_plain, told
from incentives.facts import Company, Event, EventRef
from incentives.feeds.documents import COMPANY, PLANS
from incentives.feeds.folder import OPTIONAL, Reading, read_folder, read_rows
from incentives.feeds.known import Known
from incentives.feeds.tables import FileCount, Given, Progress
from incentives.rules.plan import Plan
from incentives.service.decisions import write_decision
from incentives.store import tables
from incentives.store.acts import Who, latest, next_id, record, said
from incentives.store.engine import reading, trying, writing
from incentives.store.facts_in import Count, save
from incentives.store.facts_out import EVENTS, event_from
from incentives.store.facts_out import Known as KnownFacts

PEOPLE_MAINTAIN = ("payees.csv", "customers.csv", "assignments.csv", *OPTIONAL)
"""Files of which a complete folder says everything: what it no longer lists ends."""


Outcome = Literal["accepted", "duplicate", "conflict"]


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of the rows of a file: read = accepted + duplicate + rejected; ``waiting`` of the rejected
    contradict what is known and are kept for a person's decision."""

    file: str
    read: int
    accepted: int
    duplicate: int
    rejected: int
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a delivery brought. ``proposed`` are rules that wait for somebody else's approval."""

    act_id: int
    files: tuple[FileResult, ...]
    left_out: tuple[Problem, ...]
    proposed: tuple[str, ...]
    gone: int
    events: tuple[Outcome, ...] = ()
    """What became of each event that came without a folder."""

    @property
    def accepted(self) -> int:
        """How many rows and rules were new."""
        return sum(each.accepted for each in self.files)

    @property
    def waiting(self) -> int:
        """How many rows wait for a decision."""
        return sum(each.waiting for each in self.files)


def import_folder(
    engine: Engine,
    who: Who,
    folder: Path,
    *,
    accept_good_rows: bool = False,
    complete: bool = False,
    progress: Progress | None = None,
) -> Delivered:
    """Take a dataset folder into the books.

    Into empty books a folder must be whole, and its rules open them. Later it may bring only what is new; a
    changed rule waits for somebody else. ``complete`` says that it lists everything that people maintain: what
    it no longer lists ends. Raises :class:`Rejected` with every mistake; then nothing was taken.
    """
    with reading(engine) as connection:
        through = latest(connection)
    read = read_against(engine, folder, accept_good_rows, progress)
    if read.facts is None:
        raise Rejected(read.problems)
    with writing(engine) as connection:
        if _is_told_otherwise(connection, through):  # two deliveries may each be right and together wrong
            read = read_against(engine, folder, accept_good_rows, progress)
        if read.facts is None:
            raise Rejected(read.problems)
        return _take_in(connection, who, folder.name, read, complete=complete)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a folder would bring. ``problems`` are all its mistakes; ``left_out`` counts the rows that would not be
    taken without them. ``files`` is empty where nothing of it can be taken, not even its good rows."""

    files: tuple[FileResult, ...]
    problems: tuple[Problem, ...]
    left_out: int
    proposed: tuple[str, ...]
    gone: int

    @property
    def may_be_taken(self) -> bool:
        """Whether at least its good rows can be taken."""
        return bool(self.files)


def look(
    engine: Engine, who: Who, folder: Path, *, complete: bool = False, progress: Progress | None = None
) -> Looked:
    """What :func:`import_folder` would bring, with every mistake; nothing is kept."""
    read = read_against(engine, folder, False, progress)
    problems = read.problems
    if problems:
        read = read_against(engine, folder, True, progress)
    if read.facts is None:
        return Looked((), problems, 0, (), 0)
    with trying(engine) as connection:
        taken = _take_in(connection, who, folder.name, read, complete=complete)
    left_out = sum(each.rejected - each.waiting for each in taken.files)
    return Looked(taken.files, problems, left_out, taken.proposed, taken.gone)


def deliver(engine: Engine, who: Who, name: str, rows: Mapping[str, Given]) -> Delivered:
    """Take in rows that come without a folder: by file name ("events.csv") what would stand in its columns.

    ``name`` says in the books what this was. Raises :class:`Rejected` with every mistake, where ``line`` counts
    the rows of a file from 1 and ``path`` is the column; then nothing was taken.
    """
    with writing(engine) as connection:
        return deliver_in(connection, who, name, rows)


def deliver_in(connection: Connection, who: Who, name: str, rows: Mapping[str, Given]) -> Delivered:
    """:func:`deliver`, within a transaction that may do more."""
    facts = KnownFacts(connection)
    rules = facts.rules()
    if rules is None:
        cure = told("Bring a whole dataset folder first: incentives import FOLDER")
        raise Rejected([Problem(name, 0, "", "nothing-yet", told("These books are empty."), cure)])
    currencies = _Currencies(connection)
    known = Known(
        company=rules.company,
        plans={plan.plan: plan for plan in rules.plans} | _proposed_plans(connection),
        payee_ids=_Ids(connection, tables.Payee.payee_id),
        customer_ids=_Ids(connection, tables.Customer.customer_id),
        invoice_currencies=currencies,
        reporting=tuple(facts.reporting()) if rows.get("reporting.csv") else (),
        expect=currencies.expect,
    )
    read = read_rows(rows, known)
    if read.facts is None:
        raise Rejected(read.problems)
    outcomes = _outcomes(connection, read)
    return replace(_take_in(connection, who, name, read), events=outcomes)


def _take_in(connection: Connection, who: Who, name: str, read: Reading, *, complete: bool = False) -> Delivered:
    """What was read becomes known, by an act of its own."""
    assert read.facts is not None, "what holds mistakes is not taken"
    act_id = record(connection, who, "import", name, after={"sha256": read.sha256})
    rules, proposed = _save_rules(connection, act_id, read)
    wanted = frozenset(PEOPLE_MAINTAIN) & read.held if complete else frozenset()
    counts = save(connection, act_id, read.facts, read.credits_of.items(), wanted)
    files = (*rules, *(_result(each, counts[each.file]) for each in read.counts))
    gone = sum(count.gone for count in counts.values())
    connection.execute(
        insert(tables.Import).values(
            act_id=act_id,
            name=name,
            sha256=read.sha256,
            counts=said([_plain(each) for each in files]),
            left_out=said([as_plain(problem.whole) for problem in read.problems]),
        )
    )
    return Delivered(act_id, files, read.problems, tuple(proposed), gone)


def _outcomes(connection: Connection, read: Reading) -> tuple[Outcome, ...]:
    """What becomes of each event, row by row: one that says what stands is a duplicate, one that says something
    else under a known id a conflict."""
    assert read.facts is not None
    count = next((each.read for each in read.counts if each.file == _EVENTS), 0)
    if not count:
        return ()
    known = standing(connection, read.facts.events)
    repeats, events = frozenset(read.repeats[_EVENTS]), iter(read.facts.events)
    return tuple("duplicate" if line in repeats else _outcome(next(events), known) for line in range(1, count + 1))


def _outcome(event: Event, standing: dict[EventRef, Event]) -> Outcome:
    known = standing.setdefault(event.ref, event)
    if known is event:
        return "accepted"
    return "duplicate" if known == event else "conflict"


def standing(connection: Connection, events: Collection[Event]) -> dict[EventRef, Event]:
    """Of these events what counts now: what came first, or what a person put in its place."""
    ids = {event.event_id for event in events}
    found = {event.ref: event for event in (Event(*row) for row in EVENTS.rows(connection, events=ids))}
    for source, subject, content in connection.execute(_REPLACED, {"ids": list(ids)}):
        found[source, subject] = event_from(content)
    return found


_REPLACED = (
    select(tables.Conflict.source, tables.Conflict.subject, tables.Conflict.content)
    .join(
        tables.Decision,
        (tables.Decision.kind == "conflict") & (tables.Decision.subject_id == tables.Conflict.id),
    )
    .where(
        tables.Conflict.kind == "event",
        tables.Conflict.subject.in_(bindparam("ids", expanding=True)),
        tables.Decision.choice == "replace",
    )
    .order_by(tables.Decision.act_id)
)


_EVENTS = "events.csv"


def _is_told_otherwise(connection: Connection, through: int) -> bool:
    """Whether facts or rules became known after an act."""
    asked = (select(model.act_id).where(model.act_id > through) for model in (tables.Import, tables.Decision))
    return any(connection.execute(each.limit(1)).first() for each in asked)


def read_against(
    engine: Engine, folder: Path, accept_good_rows: bool, progress: Progress | None = None
) -> Reading:
    """Read a folder against what the books know already; nothing is taken."""
    with reading(engine) as connection:
        facts = KnownFacts(connection)
        rules = facts.rules()
        if rules is None:
            return read_folder(folder, accept_good_rows=accept_good_rows, progress=progress)
        currencies = _Currencies(connection)
        known = Known(
            company=rules.company,
            plans={plan.plan: plan for plan in rules.plans} | _proposed_plans(connection),
            payee_ids=frozenset(each.payee_id for each in facts.payees()),
            customer_ids=frozenset(each.customer_id for each in facts.customers()),
            invoice_currencies=currencies,
            reporting=tuple(facts.reporting()),
            expect=currencies.expect,
        )
        return read_folder(folder, accept_good_rows=accept_good_rows, progress=progress, known=known)


class _Currencies(Mapping[str, str]):
    """The currency of each known invoice, asked for some thousands at a time."""

    _ASKED = select(tables.Invoice.invoice_id, tables.Invoice.currency).where(
        tables.Invoice.known_until.is_(None), tables.Invoice.invoice_id.in_(bindparam("ids", expanding=True))
    )

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.found: dict[str, str | None] = {}

    def expect(self, invoice_ids: Collection[str]) -> None:
        """These will be looked up."""
        unknown = [each for each in invoice_ids if each not in self.found]
        self.found |= dict.fromkeys(unknown)
        self.found |= {row[0]: row[1] for row in self.connection.execute(self._ASKED, {"ids": unknown})}

    def __getitem__(self, invoice_id: str) -> str:
        if invoice_id not in self.found:
            self.expect([invoice_id])
        currency = self.found[invoice_id]
        if currency is None:
            raise KeyError(invoice_id)
        return currency

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("there may be millions: ask for those you need")

    def __len__(self) -> int:
        raise AssertionError("there may be millions: ask for those you need")


class _Ids(Container[str]):
    """The ids of one kind that are known now, each asked for when it is needed."""

    def __init__(self, connection: Connection, column: InstrumentedAttribute[str]) -> None:
        self.connection, self.column = connection, column
        self.found: dict[str, bool] = {}

    def __contains__(self, found: object) -> bool:
        key = str(found)
        if key not in self.found:
            asked = select(self.column).where(self.column == key, self.column.class_.known_until.is_(None))
            self.found[key] = self.connection.execute(asked.limit(1)).first() is not None
        return self.found[key]


# Rules -----------------------------------------------------------------------------------------------


def _save_rules(connection: Connection, act_id: int, read: Reading) -> tuple[list[FileResult], list[str]]:
    """Propose what differs from what is in force. The first rules of all open the books."""
    results, proposed = [], []
    documents = [("plan", name, f"{PLANS}/{name}", text) for name, text in sorted(read.plan_texts.items())]
    if read.company_text:
        documents.insert(0, ("company", COMPANY, COMPANY, read.company_text))
    opens = bool(documents) and connection.execute(select(tables.RuleRevision.id).limit(1)).first() is None
    for kind, name, place, document in documents:
        if _is_known(connection, kind, name, document):
            results.append(FileResult(place, 1, 0, 1, 0))
            continue
        results.append(FileResult(place, 1, 1, 0, 0))
        revision_id = propose(connection, act_id, kind, name, document)
        if opens:
            write_decision(connection, act_id, "rule", revision_id, "approve")
        else:
            proposed.append(place)
    return results, proposed


def propose(connection: Connection, act_id: int, kind: str, name: str, document: str) -> int:
    """Keep a rule as it was written, for somebody else to approve; its number."""
    revision_id = next_id(connection, tables.RuleRevision)
    values = {"id": revision_id, "act_id": act_id, "kind": kind, "name": name, "document": document}
    connection.execute(insert(tables.RuleRevision).values(**values))
    return revision_id


def _is_known(connection: Connection, kind: str, name: str, document: str) -> bool:
    """Whether the rule is in force as it is, or waits for approval already."""
    revision, decision = tables.RuleRevision, tables.Decision
    asked = (
        select(revision.document, decision.choice)
        .outerjoin(decision, (decision.kind == "rule") & (decision.subject_id == revision.id))
        .where(revision.kind == kind, revision.name == name)
        .order_by(decision.act_id, revision.id)
    )
    rows = list(connection.execute(asked))
    approved = [document for document, choice in rows if choice == "approve"]
    candidates = approved[-1:] + [text for text, choice in rows if choice not in ("approve", "reject")]
    return any(_meaning(kind, text) == _meaning(kind, document) for text in candidates)


def _meaning(kind: str, document: str) -> Company | Plan:
    """What a document says, however it is written."""
    made: Company | Plan | None = read_company(document, COMPANY)[0] if kind == "company" else _plan(document)
    assert made is not None, "it was read before"
    return made


def _plan(document: str) -> Plan:
    plan, _ = read_plan(document, PLANS)
    assert plan is not None, "it was read before"
    return plan


def _proposed_plans(connection: Connection) -> dict[str, Plan]:
    """Plans that wait for approval: facts may already refer to them."""
    return {name: _plan(document) for name, document in connection.execute(_PROPOSED)}


_PROPOSED = (
    select(tables.RuleRevision.name, tables.RuleRevision.document)
    .outerjoin(
        tables.Decision,
        (tables.Decision.kind == "rule") & (tables.Decision.subject_id == tables.RuleRevision.id),
    )
    .where(tables.RuleRevision.kind == "plan", tables.Decision.id.is_(None))
)


# Counts ----------------------------------------------------------------------------------------------


def _result(read: FileCount, count: Count) -> FileResult:
    """A file's control totals. Rows that the reading found twice in the file are duplicates too."""
    accepted = count.new + count.changed
    duplicate = read.read - read.rejected - accepted - count.waiting
    return FileResult(read.file, read.read, accepted, duplicate, read.rejected + count.waiting, count.waiting)


def _plain(result: FileResult) -> dict[str, object]:
    return {name: getattr(result, name) for name in FileResult.__slots__}
