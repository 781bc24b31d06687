"""What needs a second person, and the answers that somebody waits for.

An adjustment, a hold, its release and a rule are proposed by one person and decided by another; the store itself
refuses a decision by the author. A conflict is decided by anybody: it was nobody's proposal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, Engine, and_, bindparam, insert, select

from incentives.documents.written import listed, nearest, shown
from incentives.errors import Problem, Rejected, Told, marked, told
from incentives.ledger.entries import Draft
from incentives.money import LIMIT_MINOR, major
from incentives.store import tables
from incentives.store.acts import Who, next_id, record
from incentives.store.closes import DECIDED, holds_in_force, open_questions, undecided
from incentives.store.engine import reading, writing
from incentives.store.facts_in import replace_invoice
from incentives.store.facts_out import invoice_from
from incentives.store.queries import Query

CHOICES = {
    "rule": ("approve", "reject"),
    "adjustment": ("approve", "reject"),
    "hold": ("approve", "reject"),
    "release": ("approve", "reject"),
    "conflict": ("keep", "replace"),
}
"""What can be decided about each kind of thing that waits."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Something that waits for a decision: by whom it was proposed, and what it says."""

    kind: str
    number: int
    author: str
    at: dt.datetime
    says: str


# Proposals -------------------------------------------------------------------------------------------


def adjust(engine: Engine, who: Who, payee_id: str, amount_minor: int, currency: str, earned_on: dt.date) -> int:
    """Propose an amount for a payee, with a reason; its number. It counts once somebody else approves it."""
    with writing(engine) as connection:
        return adjust_in(connection, who, payee_id, amount_minor, currency, earned_on)


def adjust_in(
    connection: Connection, who: Who, payee_id: str, amount_minor: int, currency: str, earned_on: dt.date
) -> int:
    """:func:`adjust`, within a transaction that may do more."""
    problems = wrong_with_adjustment(connection, who, payee_id)
    if not 0 < abs(amount_minor) < LIMIT_MINOR:
        nothing, too_much = told("An adjustment of nothing changes nothing."), told("The amount is too large.")
        sentence, cure = too_much if amount_minor else nothing, told("Write another amount.")
        problems.append(_problem("adjustment", "amount", "amount", sentence, cure))
    _refuse(problems)
    says = {"payee": payee_id, "amount": major(amount_minor, currency), "currency": currency, "on": earned_on}
    act_id = record(connection, who, "adjust", payee_id, after=says)
    number = next_id(connection, tables.Adjustment)
    connection.execute(
        insert(tables.Adjustment).values(
            id=number,
            act_id=act_id,
            payee_id=payee_id,
            amount_minor=amount_minor,
            currency=currency,
            earned_on=earned_on,
            reason=who.reason,
        )
    )
    return number


def wrong_with_adjustment(connection: Connection, who: Who, payee_id: str) -> list[Problem]:
    """What is wrong with an adjustment, whatever its amount."""
    return [*_unknown(connection, "payee", payee_id), *_without_reason(who)]


def hold(engine: Engine, who: Who, kind: str, subject: str) -> int:
    """Propose to keep back what an invoice, a customer or a payee would be paid; its number."""
    with writing(engine) as connection:
        return hold_in(connection, who, kind, subject)


def hold_in(connection: Connection, who: Who, kind: str, subject: str) -> int:
    """:func:`hold`, within a transaction that may do more."""
    _refuse([*_unknown(connection, kind, subject), *_without_reason(who)])
    act_id = record(connection, who, "hold", f"{kind} {subject}")
    number = next_id(connection, tables.Hold)
    values = {"id": number, "act_id": act_id, "kind": kind, "subject": subject, "reason": who.reason}
    connection.execute(insert(tables.Hold).values(**values))
    return number


def release(engine: Engine, who: Who, hold_id: int) -> int:
    """Propose to end a hold; the number of the proposal."""
    with writing(engine) as connection:
        return release_in(connection, who, hold_id)


def release_in(connection: Connection, who: Who, hold_id: int) -> int:
    """:func:`release`, within a transaction that may do more."""
    problems = _without_reason(who)
    if hold_id not in {each.hold_id for each in holds_in_force(connection)}:
        sentence = told("No hold %(number)s is in force.", number=hold_id)
        cure = told("incentives waiting lists them.")
        problems.append(_problem("release", "hold", "not-in-force", sentence, cure))
    if _release_waits(connection, hold_id):
        sentence = told("A release of this hold waits already.")
        cure = told("Let somebody decide about that one first.")
        problems.append(_problem("release", "hold", "already-waiting", sentence, cure))
    _refuse(problems)
    act_id = record(connection, who, "release", f"hold {hold_id}")
    number = next_id(connection, tables.Release)
    values = {"id": number, "act_id": act_id, "hold_id": hold_id, "reason": who.reason}
    connection.execute(insert(tables.Release).values(**values))
    return number


def _release_waits(connection: Connection, hold_id: int) -> bool:
    """Whether somebody proposed it already, and nobody has decided."""
    release = tables.Release
    asked = select(release.id).where(release.hold_id == hold_id)
    return not set(connection.execute(asked).scalars()).isdisjoint(undecided(connection)["release"])


# Decisions -------------------------------------------------------------------------------------------


def waiting(engine: Engine) -> list[Waits]:
    """Everything that waits for a decision, oldest first by kind."""
    with reading(engine) as connection:
        return [
            _described(connection, kind, number)
            for kind, numbers in undecided(connection).items()
            for number in numbers
        ]


def decide(engine: Engine, who: Who, kind: str, number: int, choice: str) -> None:
    """Decide about something that waits.

    Raises :class:`Rejected` where it does not wait, where the choice is none, where its author would decide, or
    where a reason is missing: for whatever is rejected, and for every adjustment.
    """
    with writing(engine) as connection:
        decide_in(connection, who, kind, number, choice)


def decide_in(connection: Connection, who: Who, kind: str, number: int, choice: str) -> None:
    """:func:`decide`, within a transaction that may do more."""
    place = f"{kind} {number}"
    if kind not in CHOICES or choice not in CHOICES[kind]:
        sentence = told("%(found)s is not a choice here.", found=choice)
        cure = told("Choose %(words)s.", words=listed(CHOICES.get(kind, CHOICES)))
        _refuse([_problem(place, "choice", "unknown", sentence, cure)])
    if number not in undecided(connection)[kind]:
        sentence, cure = told("It does not wait for a decision."), told("incentives waiting lists what waits.")
        _refuse([_problem(place, "", "not-waiting", sentence, cure)])
    waits = _described(connection, kind, number)
    if kind != "conflict" and waits.author == who.actor:
        sentence = told("%(name)s proposed it: somebody else decides.", name=who.actor)
        _refuse([_problem(place, "", "second-person", sentence, told("Ask a colleague to decide."))])
    if kind == "adjustment" or choice == "reject":
        _refuse(_without_reason(who))
    act_id = record(connection, who, "decide", place, before=waits.says, after=choice)
    write_decision(connection, act_id, kind, number, choice)
    if kind == "conflict" and choice == "replace":
        _replace_invoice(connection, act_id, number)


def write_decision(connection: Connection, act_id: int, kind: str, subject_id: int, choice: str) -> None:
    """Write a decision of an act; the store refuses one by the author of what is decided."""
    values = {"act_id": act_id, "kind": kind, "subject_id": subject_id, "choice": choice}
    connection.execute(insert(tables.Decision).values(id=next_id(connection, tables.Decision), **values))


def _replace_invoice(connection: Connection, act_id: int, number: int) -> None:
    """An invoice that was chosen is known from now on. Of an event, the decision says which version counts."""
    conflict = tables.Conflict
    asked = select(conflict.kind, conflict.content).where(conflict.id == number)
    kind, content = connection.execute(asked).one()
    if kind == "invoice":
        replace_invoice(connection, act_id, invoice_from(content))


def _described(connection: Connection, kind: str, number: int) -> Waits:
    table = tables.table_of(DECIDED[kind])
    row = connection.execute(select(table).where(table.c.id == number)).mappings().one()
    author = connection.execute(
        select(tables.Act.actor, tables.Act.at).where(tables.Act.id == row["act_id"])
    ).one()
    match kind:
        case "rule":
            says = f"{row['name']} as it was delivered"
        case "adjustment":
            amount = major(row["amount_minor"], row["currency"])
            says = f"{amount} {row['currency']} for {row['payee_id']} on {row['earned_on']}: {row['reason']}"
        case "hold":
            says = f"keep {row['kind']} {row['subject']}: {row['reason']}"
        case "release":
            says = f"release hold {row['hold_id']}: {row['reason']}"
        case _:
            says = f"{row['kind']} {row['subject']} came again as {row['content']}"
    return Waits(kind, number, author.actor, author.at, says)


# Questions -------------------------------------------------------------------------------------------


def ask(engine: Engine, who: Who, payee_id: str, cause: str, question: str) -> list[int]:
    """Ask about every line of a cause; the questions' numbers. A take-back waits until it is answered."""
    with writing(engine) as connection:
        entry = tables.Entry
        asked = select(entry.plan, entry.component, entry.kind).where(
            entry.payee_id == payee_id, entry.cause == cause, entry.kind != "payout"
        )
        lines = sorted(set(map(tuple, connection.execute(asked))))
        problems = []
        if not lines:
            sentence = told("%(payee)s has no line of cause %(cause)s.", payee=payee_id, cause=shown(cause))
            cure = told("Look at the statement for causes.")
            problems.append(_problem("question", "cause", "unknown", sentence, cure))
        if not question.strip():
            sentence, cure = told("There is no question."), told("Write what is unclear.")
            problems.append(_problem("question", "text", "empty", sentence, cure))
        _refuse(problems)
        act_id = record(connection, who, "ask", f"{payee_id} {cause}", after=question)
        first = next_id(connection, tables.Question)
        for number, (plan, component, kind) in enumerate(lines, first):
            connection.execute(
                insert(tables.Question).values(
                    id=number,
                    act_id=act_id,
                    payee_id=payee_id,
                    plan=plan,
                    component=component,
                    kind=kind,
                    cause=cause,
                    question=question,
                )
            )
        return list(range(first, first + len(lines)))


def answer(engine: Engine, who: Who, question_id: int, text: str) -> None:
    """Answer a question, once."""
    answer_together(engine, who, (question_id,), text)


def answer_together(engine: Engine, who: Who, numbers: Collection[int], text: str) -> None:
    """Answer questions about several lines of one cause with the same words."""
    with writing(engine) as connection:
        problems = []
        for number in sorted(set(numbers) - {each for each, _ in open_questions(connection)}):
            sentence = told("No question %(number)s is open.", number=number)
            cure = told("incentives waiting lists them.")
            problems.append(_problem("answer", "question", "unknown", sentence, cure))
        if not text.strip():
            problems.append(_problem("answer", "text", "empty", told("There is no answer."), told("Write one.")))
        _refuse(problems)
        act_id = record(connection, who, "answer", f"question {', '.join(map(str, numbers))}", after=text)
        for number in numbers:
            connection.execute(insert(tables.Answer).values(question_id=number, act_id=act_id, answer=text))


def questions(engine: Engine) -> list[tuple[int, str]]:
    """Questions that wait for an answer."""
    with reading(engine) as connection:
        asked = select(tables.Question.id, tables.Question.question)
        text = dict(connection.execute(asked).all())
        return [
            (number, f"{key[0]} asks about {key[4]} ({key[3]}): {text[number]}")
            for number, key in open_questions(connection)
        ]


# What follows in the ledger --------------------------------------------------------------------------


def adjustment_drafts(connection: Connection, as_of: dt.date) -> Iterator[Draft]:
    """Entries for adjustments that were approved and are not in the ledger yet."""
    approved = list(_approved_adjustments().rows(connection, as_of=as_of))
    done = {row[0] for row in _posted_adjustments().rows(connection)} if approved else set()
    for number, payee_id, amount_minor, currency, earned_on in approved:
        cause = f"adjustment:{number}"
        if cause not in done:
            yield Draft(
                payee_id=payee_id,
                plan="",
                component="adjustment",
                kind="adjustment",
                cause=cause,
                invoice_id="",
                earned_on=earned_on,
                payable_on=earned_on,
                amount_minor=amount_minor,
                currency=currency,
                plan_version=earned_on,
                stood_minor=0,
            )


@cache
def _approved_adjustments() -> Query:
    adjustment, decision = tables.Adjustment, tables.Decision
    approved = and_(
        decision.kind == "adjustment", decision.subject_id == adjustment.id, decision.choice == "approve"
    )
    says = (adjustment.payee_id, adjustment.amount_minor, adjustment.currency, adjustment.earned_on)
    asked = select(adjustment.id, *says).join(decision, approved).order_by(adjustment.id)
    return Query(asked.where(adjustment.earned_on <= bindparam("as_of")))


@cache
def _posted_adjustments() -> Query:
    return Query(select(tables.Entry.cause).where(tables.ADJUSTMENTS))


# Mistakes --------------------------------------------------------------------------------------------

_IDS = {
    "payee": tables.Payee.payee_id,
    "customer": tables.Customer.customer_id,
    "invoice": tables.Invoice.invoice_id,
}


_UNKNOWN = {
    "payee": marked("No payee %(id)s is known."),
    "customer": marked("No customer %(id)s is known."),
    "invoice": marked("No invoice %(id)s is known."),
}


def _unknown(connection: Connection, kind: str, subject: str) -> list[Problem]:
    column = _IDS[kind]
    if connection.execute(select(column).where(column == subject).limit(1)).first() is not None:
        return []
    near = nearest(subject, connection.execute(select(column).distinct().limit(10_000)).scalars())
    cure = told("Did you mean %(near)s?", near=shown(near)) if near else told("Check the id.")
    return [_problem(kind, "id", "unknown", told(_UNKNOWN[kind], id=shown(subject)), cure)]


def _without_reason(who: Who) -> list[Problem]:
    if who.reason.strip():
        return []
    return [_problem("reason", "", "missing", told("A reason is missing."), told('Say why: --reason "…"'))]


def _problem(place: str, path: str, code: str, sentence: Told, cure: Told) -> Problem:
    return Problem(place, 0, path, code, sentence, cure)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Rejected(problems)
