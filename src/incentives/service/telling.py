"""Telling people what happened: found in the acts that came since it was last looked, kept as notices, sent as a
digest by e-mail to whoever wants one.

A notice holds ids and days, never an amount; its sentence is made when it is read, in the reader's language. An
e-mail also names nobody. Looking twice tells nothing twice: a notice is unique by account, kind and key.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Insert, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from incentives.calculation.book import Book
from incentives.calculation.chunks import Wanted
from incentives.calendar import month_name
from incentives.papers.languages import Speaker, marked
from incentives.store import tables
from incentives.store.acts import latest
from incentives.store.closes import closes
from incentives.store.desk import Account, Notice, ToldThrough
from incentives.store.engine import reading
from incentives.store.facts_out import Known
from incentives.store.source import StoreSource
from incentives.store.tables import table_of

WENT_BACK = ("refund", "payment_reversed", "chargeback")
LANDED = ("payment", "chargeback_reversed")
PAST_DUE_DAYS = 14
"""How long after its due date somebody is still told that an invoice went past it."""

SAYS: Mapping[str, str] = {
    "cash": marked("Cash landed on invoice %(invoice)s, on %(day)s."),
    "back": marked("Money went back on invoice %(invoice)s, on %(day)s."),
    "past due": marked("Invoice %(invoice)s is past due since %(day)s."),
    "statement": marked("Your statement of the quarter from %(month)s is issued."),
    "answer": marked("Your question has an answer."),
    "question": marked("A question about a line waits for an answer."),
    "approval": marked("A proposal waits for approval: %(what)s %(number)s."),
    "closed": marked("%(month)s is closed: its payroll file is ready."),
}
"""What a notice of each kind says."""

WHAT: Mapping[str, str] = {
    "rule": marked("rule"),
    "adjustment": marked("adjustment"),
    "hold": marked("hold"),
    "release": marked("release"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A notice as it is found: for whom, and what tells it from others."""

    account_id: int
    kind: str
    key: str
    details: Mapping[str, str]
    about: str


@dataclass(frozen=True, slots=True)
class Read:
    """A notice as somebody reads it. ``about`` is the page to look at."""

    number: int
    kind: str
    details: Mapping[str, str]
    about: str
    made_at: dt.datetime
    is_new: bool

    def said(self, speaker: Speaker) -> str:
        """Its sentence."""
        values = dict(self.details)
        if "day" in values:
            values["day"] = speaker.day(dt.date.fromisoformat(values["day"]))
        if "month" in values:
            values["month"] = speaker.month(dt.date.fromisoformat(f"{values['month']}-01"))
        if "what" in values:
            word = WHAT[values["what"]]
            values["what"] = speaker.say(word)
        return speaker.say(SAYS[self.kind], **values)


# Found -----------------------------------------------------------------------------------------------


def look_for_news(engine: Engine, now: dt.datetime, today: dt.date) -> int:
    """Keep a notice of everything that happened since it was last looked; how many were new.

    The first time it looks back to the close before the last one.
    """
    with reading(engine) as connection:
        upto = latest(connection)
        after = told_through(connection, "notices")
        accounts = _accounts(connection)
        found = [*_news(connection, accounts, after, upto)] if after < upto else []
        if told_through(connection, "past due", first=0) < today.toordinal():
            found += _past_due(connection, accounts, today)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        number = sum(_keep(connection, each, now) for each in found)
        keep_told_through(connection, "notices", upto)
        keep_told_through(connection, "past due", today.toordinal())
    return number


def told_through(connection: Connection, what: str, first: int | None = None) -> int:
    """How far somebody was told; ``first`` before they ever were, or the close before the last one."""
    found = connection.execute(select(ToldThrough.act_id).where(ToldThrough.what == what)).scalar()
    if found is not None:
        return found
    if first is not None:
        return first
    done = closes(connection)
    return done[-2].act_id - 1 if len(done) > 1 else 0


def keep_told_through(connection: Connection, what: str, act_id: int) -> None:
    """Told as far as this act."""
    asked = _insert(connection, ToldThrough).values(what=what, act_id=act_id)
    connection.execute(asked.on_conflict_do_update(index_elements=["what"], set_={"act_id": act_id}))


def _keep(connection: Connection, told: Told, now: dt.datetime) -> int:
    values = {"account_id": told.account_id, "kind": told.kind, "key": told.key, "about": told.about}
    asked = _insert(connection, Notice).values(**values, details=json.dumps(dict(told.details)), made_at=now)
    return connection.execute(asked.on_conflict_do_nothing()).rowcount


def _insert(connection: Connection, model: Any) -> Any:
    brand = sqlite if connection.dialect.name == "sqlite" else postgresql
    made: Insert = brand.insert(model)
    return made


@dataclass(frozen=True, slots=True)
class _Reader:
    account_id: int
    email: str
    roles: frozenset[str]
    payee_id: str


class _Accounts:
    """Who can be told: those who may sign in."""

    def __init__(self, readers: Iterable[_Reader]) -> None:
        self.readers = list(readers)
        self.of_payee = {each.payee_id: each for each in self.readers if each.payee_id}
        self.of_email = {each.email: each for each in self.readers}

    def with_role(self, *roles: str, but: str = "") -> Iterator[_Reader]:
        """Whoever has one of these roles, but for whoever did it."""
        return (each for each in self.readers if not each.roles.isdisjoint(roles) and each.email != but)


def _accounts(connection: Connection) -> _Accounts:
    asked = select(Account.id, Account.email, Account.role_names, Account.payee_id).where(Account.active)
    return _Accounts(_Reader(n, email, frozenset(r.split()), p) for n, email, r, p in connection.execute(asked))


def _news(connection: Connection, accounts: _Accounts, after: int, upto: int) -> Iterator[Told]:
    yield from _cash(connection, accounts, after, upto)
    yield from _closed(connection, accounts, after, upto)
    yield from _questions(connection, accounts, after, upto)
    yield from _answers(connection, accounts, after, upto)
    for proposal in proposals(connection, after, upto):
        details = {"what": proposal.kind, "number": str(proposal.number)}
        for each in accounts.with_role("approver", but=proposal.author):
            yield Told(each.account_id, "approval", f"{proposal.kind} {proposal.number}", details, "/decisions")


def _cash(connection: Connection, accounts: _Accounts, after: int, upto: int) -> Iterator[Told]:
    event, credit = tables.Event, tables.Credit
    asked = (
        select(event.id, event.type, event.invoice_id, event.occurred_on, credit.payee_id)
        .join(credit, (credit.invoice_id == event.invoice_id) & credit.known_until.is_(None))
        .where(event.known_from > after, event.known_from <= upto, event.type.in_((*LANDED, *WENT_BACK)))
        .where(credit.payee_id.in_(list(accounts.of_payee)))
        .order_by(event.id)
    )
    for number, what, invoice_id, day, payee_id in connection.execute(asked):
        kind = "cash" if what in LANDED else "back"
        details = {"invoice": invoice_id, "day": day.isoformat()}
        account_id = accounts.of_payee[payee_id].account_id
        yield Told(account_id, kind, f"event {number}", details, f"/invoices/{quote(invoice_id)}")


def _closed(connection: Connection, accounts: _Accounts, after: int, upto: int) -> Iterator[Told]:
    statement = tables.Statement
    for close in closes(connection):
        if not after < close.act_id <= upto:
            continue
        month = month_name(close.month)
        for each in accounts.with_role("payroll"):
            yield Told(each.account_id, "closed", month, {"month": month}, f"/payroll/{month}")
        ends = quarter_that_ends(close.month)
        asked = select(statement.quarter, statement.payee_id).where(statement.quarter == ends)
        for quarter, payee_id in connection.execute(asked):
            if payee_id not in accounts.of_payee:
                continue
            name = month_name(quarter)
            about = f"/statements/{name}/{quote(payee_id, safe='')}"
            yield Told(accounts.of_payee[payee_id].account_id, "statement", name, {"month": name}, about)


def quarter_that_ends(month: dt.date) -> dt.date:
    """The first day of the three months that end with a month; statements are kept under it."""
    index = month.year * 12 + month.month - 3
    return dt.date(index // 12, index % 12 + 1, 1)


def _questions(connection: Connection, accounts: _Accounts, after: int, upto: int) -> Iterator[Told]:
    for act_id, actor in _acts(connection, tables.Question.act_id, after, upto):
        for each in accounts.with_role("author", "approver", but=actor):
            yield Told(each.account_id, "question", f"question {act_id}", {}, "/questions")


def _answers(connection: Connection, accounts: _Accounts, after: int, upto: int) -> Iterator[Told]:
    question, answer = tables.Question, tables.Answer
    asked = (
        select(question.act_id, tables.Act.actor, question.payee_id)
        .join(answer, answer.question_id == question.id)
        .join(tables.Act, tables.Act.id == question.act_id)
        .where(answer.act_id > after, answer.act_id <= upto)
        .distinct()
        .order_by(question.act_id)
    )
    for act_id, actor, payee_id in connection.execute(asked):
        if reader := accounts.of_email.get(actor):
            about = f"/pay/{quote(payee_id, safe='')}"
            yield Told(reader.account_id, "answer", f"question {act_id}", {}, about)


def _acts(connection: Connection, column: Any, after: int, upto: int) -> list[tuple[int, str]]:
    act = tables.Act
    asked = select(act.id, act.actor).join(column.class_, column == act.id).distinct().order_by(act.id)
    return [(number, actor) for number, actor in connection.execute(asked.where(act.id > after, act.id <= upto))]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something that was proposed and that nobody decided about in the same breath."""

    kind: str
    number: int
    author: str


def proposals(connection: Connection, after: int, upto: int) -> Iterator[Proposal]:
    """What came to wait for approval between two acts, and still does."""
    act, decision = tables.Act, tables.Decision
    models = (("rule", tables.RuleRevision), ("adjustment", tables.Adjustment))
    for kind, model in (*models, ("hold", tables.Hold), ("release", tables.Release)):
        table = table_of(model)
        decided = select(decision.subject_id).where(decision.kind == kind)
        asked = (
            select(table.c.id, act.actor)
            .join(act, act.id == table.c.act_id)
            .where(act.id > after, act.id <= upto, table.c.id.not_in(decided))
            .order_by(table.c.id)
        )
        for number, actor in connection.execute(asked):
            yield Proposal(kind, number, actor)


def _past_due(connection: Connection, accounts: _Accounts, today: dt.date) -> list[Told]:
    """Invoices that went past their due date in the last days and are still open, by the calculation itself."""
    rules = Known(connection).rules()
    late = _maybe_late(connection, today, list(accounts.of_payee)) if rules else {}
    found = []
    for payee_id, invoice_ids in late.items():
        assert rules is not None
        facts, around = StoreSource(connection, rules).part(Wanted((payee_id,)))
        book = Book(facts, rules.plans, today, around)
        for invoice in facts.invoices:
            if invoice.invoice_id not in invoice_ids:
                continue
            timeline = book.timeline(invoice)
            collectible, collected = timeline.at_end_of(today)
            due_on = timeline.due_on_at(today)
            if collected < collectible and _is_just_past(due_on, today):
                details = {"invoice": invoice.invoice_id, "day": due_on.isoformat()}
                key = f"{invoice.invoice_id} {due_on}"
                about = f"/invoices/{quote(invoice.invoice_id)}"
                found.append(Told(accounts.of_payee[payee_id].account_id, "past due", key, details, about))
    return found


def _maybe_late(connection: Connection, today: dt.date, payees: Collection[str]) -> dict[str, set[str]]:
    """Invoices by payee that were due lately, first or by a change."""
    invoice, event, credit = tables.Invoice, tables.Event, tables.Credit
    since = today - dt.timedelta(days=PAST_DUE_DAYS)
    first = select(invoice.invoice_id).where(
        invoice.known_until.is_(None), invoice.due_on >= since, invoice.due_on < today
    )
    moved = select(event.invoice_id).where(event.new_due_on >= since, event.new_due_on < today)
    asked = select(credit.payee_id, credit.invoice_id).where(
        credit.known_until.is_(None),
        credit.payee_id.in_(payees),
        credit.invoice_id.in_(first.union(moved).scalar_subquery()),
    )
    found: dict[str, set[str]] = {}
    for payee_id, invoice_id in connection.execute(asked.order_by(credit.payee_id)):
        found.setdefault(payee_id, set()).add(invoice_id)
    return found


def _is_just_past(due_on: dt.date, today: dt.date) -> bool:
    return today - dt.timedelta(days=PAST_DUE_DAYS) <= due_on < today


# Read ------------------------------------------------------------------------------------------------


def notices(connection: Connection, account_id: int, limit: int = 100) -> list[Read]:
    """What somebody was told, newest first."""
    table = table_of(Notice)
    asked = select(table).where(table.c.account_id == account_id).order_by(table.c.id.desc()).limit(limit)
    return [read_of(row) for row in connection.execute(asked)]


def unread(connection: Connection, account_id: int) -> int:
    """How many notices somebody has not read."""
    return int(connection.execute(_UNREAD, {"account": account_id}).scalar_one())


_UNREAD = (
    select(func.count())
    .select_from(Notice)
    .where(Notice.account_id == bindparam("account"), Notice.read_at.is_(None))
)


def mark_read(engine: Engine, account_id: int, now: dt.datetime, number: int | None = None) -> None:
    """Somebody has read a notice of theirs; ``None``: all of them."""
    asked = update(Notice).where(Notice.account_id == account_id, Notice.read_at.is_(None))
    if number is not None:
        asked = asked.where(Notice.id == number)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(asked.values(read_at=now))


def about(connection: Connection, account_id: int, number: int) -> str:
    """The page that a notice of somebody's own leads to; "" where there is none."""
    asked = select(Notice.about).where(Notice.account_id == account_id, Notice.id == number)
    return connection.execute(asked).scalar() or ""


def read_of(row: Any) -> Read:
    """A row as it is read."""
    return Read(row.id, row.kind, json.loads(row.details), row.about, row.made_at, row.read_at is None)
