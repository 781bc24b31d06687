"""Questions about lines, with the amounts they ask about and their answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from incentives.store import tables


@dataclass(frozen=True, slots=True)
class Asked:
    """A line that was asked about: what stands for it in the ledger, in which month it was posted last."""

    number: int
    plan: str
    component: str
    kind: str
    invoice_id: str
    earned_on: dt.date | None
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asked about every line of a cause. ``answer`` is "" while it waits."""

    act_id: int
    payee_id: str
    payee: str
    cause: str
    text: str
    asked_by: str
    asked_at: dt.datetime
    lines: tuple[Asked, ...]
    answer: str = ""
    answered_by: str = ""
    answered_at: dt.datetime | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of its lines that an answer is for."""
        return tuple(each.number for each in self.lines)

    @property
    def about(self) -> str:
        """What people call its cause: the invoices of its lines, or what the books call it where it has none."""
        return ", ".join(dict.fromkeys(each.invoice_id for each in self.lines if each.invoice_id)) or self.cause


def questions(
    connection: Connection,
    payees: Collection[str] | None,
    *,
    is_open: bool,
    before: int = 0,
    limit: int = 20,
) -> tuple[list[Question], int]:
    """Questions of some payees (``None``: everybody's), and where the next page begins (0: there is none).

    Open ones come oldest first, all of them up to ``limit``; answered ones newest first.
    """
    question, answer = tables.Question, tables.Answer
    asked = (
        select(question.act_id, func.max(answer.act_id))
        .outerjoin(answer, answer.question_id == question.id)
        .group_by(question.act_id, answer.act_id)
    )
    asked = asked.where(answer.question_id.is_(None) if is_open else answer.question_id.is_not(None))
    if payees is not None:
        asked = asked.where(question.payee_id.in_(payees))
    if before:
        asked = asked.where(question.act_id > before if is_open else question.act_id < before)
    order = question.act_id if is_open else question.act_id.desc()
    rows = connection.execute(asked.order_by(order).limit(limit + 1)).all()
    found = [_question(connection, act_id, answered) for act_id, answered in rows[:limit]]
    return found, found[-1].act_id if len(rows) > limit else 0


def _question(connection: Connection, act_id: int, answered: int | None) -> Question:
    question, answer, act = tables.Question, tables.Answer, tables.Act
    asked = (
        select(tables.table_of(question))
        .outerjoin(answer, answer.question_id == question.id)
        .where(question.act_id == act_id, answer.act_id == answered if answered else answer.act_id.is_(None))
        .order_by(question.id)
    )
    rows = connection.execute(asked).all()
    first = rows[0]
    by = connection.execute(select(act.actor, act.at).where(act.id == act_id)).one()
    name = connection.execute(
        select(tables.Payee.name).where(
            tables.Payee.payee_id == first.payee_id, tables.Payee.known_until.is_(None)
        )
    ).scalar()
    lines = tuple(
        _asked(connection, row.id, (row.payee_id, row.plan, row.component, row.kind, row.cause)) for row in rows
    )
    made = (act_id, first.payee_id, name or first.payee_id, first.cause, first.question, by.actor, by.at, lines)
    if answered is None:
        return Question(*made)
    said = connection.execute(select(answer.answer).where(answer.act_id == answered).limit(1)).scalar_one()
    who = connection.execute(select(act.actor, act.at).where(act.id == answered)).one()
    return Question(*made, said, who.actor, who.at)


def _asked(connection: Connection, number: int, key: tuple[str, str, str, str, str]) -> Asked:
    entry = tables.Entry
    asked = (
        select(
            func.sum(entry.amount_minor),
            func.max(entry.currency),
            func.max(entry.invoice_id),
            func.max(entry.earned_on),
        )
        .where(entry.payee_id == key[0], entry.plan == key[1], entry.component == key[2])
        .where(entry.kind == key[3], entry.cause == key[4])
    )
    amount_minor, currency, invoice_id, earned_on = connection.execute(asked).one()
    return Asked(number, *key[1:4], invoice_id or "", earned_on, int(amount_minor or 0), currency or "")
