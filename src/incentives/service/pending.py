"""What waits for a decision, and what was decided: with everything that a person looks at before they decide."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select

from incentives.facts import Event, Invoice
from incentives.service.access import NotThere
from incentives.store import tables
from incentives.store.closes import DECIDED, HoldInForce, holds_in_force, undecided
from incentives.store.desk import Account
from incentives.store.facts_out import Ids, Known, event_from, invoice_from

PROPOSALS = ("adjustment", "hold", "release", "rule")
"""What one person proposes and another decides."""

DECIDES = ("author", "approver")
"""The roles that decide: somebody of finance who did not propose it. About rules, an approver does."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody proposes. ``about`` has the columns of its table: the amount, what is held, which rule.

    ``choice`` and ``decided`` are "" and ``None`` while it waits.
    """

    kind: str
    number: int
    author: str
    at: dt.datetime
    about: Mapping[str, Any]
    choice: str = ""
    decided_by: str = ""
    decided_at: dt.datetime | None = None
    decided_reason: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of two versions. ``currency`` is that of an amount in minor units, "" for everything else;
    ``line`` says of which line of an invoice it is."""

    name: str
    known: Any
    came: Any
    currency: str = ""
    line: str = ""

    @property
    def differs(self) -> bool:
        """Whether the two versions say different things."""
        return bool(self.known != self.came)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that came again with other content: both versions, field by field."""

    number: int
    kind: str
    subject: str
    source: str
    brought_by: str
    at: dt.datetime
    delivery: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A hold in force; ``release`` is the number of a proposal to end it that waits, 0 without one."""

    hold: HoldInForce
    release: int


def counts(connection: Connection) -> dict[str, int]:
    """How much of each kind waits."""
    return {kind: len(numbers) for kind, numbers in undecided(connection).items()}


def proposals(connection: Connection, kind: str, limit: int | None = None, after: int = 0) -> list[Proposal]:
    """What of a kind waits, the oldest first, up to a limit, after a number."""
    return _proposals(connection, kind, _waiting(connection, kind, limit, after))


def _waiting(connection: Connection, kind: str, limit: int | None, after: int) -> list[int]:
    return [number for number in undecided(connection)[kind] if number > after][:limit]


def was_proposed(connection: Connection, kind: str, number: int) -> bool:
    """Whether there is, or was, something of this number to decide."""
    table = tables.table_of(DECIDED[kind])
    return connection.execute(select(table.c.id).where(table.c.id == number)).first() is not None


def _proposals(connection: Connection, kind: str, numbers: Sequence[int]) -> list[Proposal]:
    table, act = tables.table_of(DECIDED[kind]), tables.table_of(tables.Act)
    decision, decided = tables.Decision, tables.table_of(tables.Act).alias()
    of_it = and_(decision.kind == kind, decision.subject_id == table.c.id)
    asked = (
        select(
            *(column for column in table.columns if column.name != "document"),
            act.c.actor.label("author"),
            act.c.at.label("proposed_at"),
            decision.choice,
            decided.c.actor.label("decided_by"),
            decided.c.at.label("decided_at"),
            decided.c.reason.label("decided_reason"),
        )
        .join(act, act.c.id == table.c.act_id)
        .outerjoin(decision, of_it)
        .outerjoin(decided, decided.c.id == decision.act_id)
        .where(table.c.id.in_(numbers))
        .order_by(table.c.id)
    )
    return [
        Proposal(
            kind=kind,
            number=row["id"],
            author=row["author"],
            at=row["proposed_at"],
            about=dict(row),
            choice=row["choice"] or "",
            decided_by=row["decided_by"] or "",
            decided_at=row["decided_at"],
            decided_reason=row["decided_reason"] or "",
        )
        for row in connection.execute(asked).mappings()
    ]


def settings(connection: Connection, number: int) -> tuple[str, str]:
    """The company's settings as they are in force, and as a revision of them says that waits;
    :class:`NotThere` where there is none of this number."""
    rule = tables.RuleRevision
    asked = select(rule.name, rule.document).where(rule.id == number, rule.kind == "company")
    found = connection.execute(asked).one_or_none()
    if found is None or number not in undecided(connection)["rule"]:
        raise NotThere(str(number))
    return Known(connection).documents().get(("company", found.name), ""), str(found.document)


def decided(connection: Connection, before: int = 0, limit: int = 25) -> tuple[list[Proposal], int]:
    """What was decided last, the newest first, and the decision before which the next page begins (0: none).

    Conflicts and the rules that opened the books are not among it: they have histories of their own.
    """
    decision = tables.Decision
    asked = select(decision.id, decision.kind, decision.subject_id).where(decision.kind.in_(PROPOSALS[:3]))
    if before:
        asked = asked.where(decision.id < before)
    rows = connection.execute(asked.order_by(decision.id.desc()).limit(limit + 1)).all()
    by_kind: dict[str, list[int]] = {}
    for _, kind, number in rows[:limit]:
        by_kind.setdefault(kind, []).append(number)
    made = {(e.kind, e.number): e for kind, some in by_kind.items() for e in _proposals(connection, kind, some)}
    return [made[kind, number] for _, kind, number in rows[:limit]], rows[limit - 1][0] if len(rows) > limit else 0


def holds(connection: Connection) -> list[Held]:
    """Every hold that keeps money back, with the proposal to end it."""
    waiting = {each.about["hold_id"]: each.number for each in proposals(connection, "release")}
    return [Held(each, waiting.get(each.hold_id, 0)) for each in holds_in_force(connection)]


def deciders(connection: Connection, authors: Collection[str]) -> dict[str, list[str]]:
    """By author, the names of those who may decide about what they proposed."""
    asked = select(Account.email, Account.name, Account.role_names).where(Account.active).order_by(Account.name)
    finance = [row for row in connection.execute(asked) if not set(row.role_names.split()).isdisjoint(DECIDES)]
    return {author: [row.name for row in finance if row.email != author] for author in authors}


# Conflicts -------------------------------------------------------------------------------------------


def conflicts(connection: Connection, limit: int | None = None, after: int = 0) -> list[Conflict]:
    """The conflicts that wait, the oldest first, up to a limit, after a number: with both versions."""
    wanted = _waiting(connection, "conflict", limit, after)
    conflict, act, delivery = tables.Conflict, tables.Act, tables.Import
    asked = (
        select(
            conflict.id,
            conflict.kind,
            conflict.subject,
            conflict.source,
            conflict.content,
            act.actor,
            act.at,
            delivery.name,
        )
        .join(act, act.id == conflict.act_id)
        .outerjoin(delivery, delivery.act_id == act.id)
        .where(conflict.id.in_(wanted))
        .order_by(conflict.id)
    )
    known = Known(connection)
    return [
        Conflict(
            row.id,
            row.kind,
            row.subject,
            row.source,
            row.actor,
            row.at,
            row.name or "",
            _fields(known, row.kind, row.source, row.subject, row.content),
        )
        for row in connection.execute(asked)
    ]


def _fields(known: Known, kind: str, source: str, subject: str, content: str) -> tuple[Field, ...]:
    """What stands now beside what came."""
    if kind == "event":
        stands = known.versions[source, subject][0]
        return tuple(_compared(stands, event_from(content), ("recorded_at", "event_id", "source")))
    (standing,) = known.invoices(_THIS, this=subject)
    came = invoice_from(content)
    return (*_compared(standing, came, ("invoice_id", "lines", "credits")), *_lines(standing, came))


_THIS: Ids = select(tables.Invoice.invoice_id).where(tables.Invoice.invoice_id == bindparam("this"))


def _compared(known: Event | Invoice, came: Event | Invoice, without: Collection[str]) -> list[Field]:
    """The fields of two records, those that are empty in both left out."""
    names = [each.name for each in dataclasses.fields(known) if each.name not in without]
    found = []
    for name in names:
        ours, theirs = getattr(known, name), getattr(came, name)
        if ours in (None, "") and theirs in (None, ""):
            continue
        found.append(_field(name, ours, theirs, known))
    return found


def _field(name: str, ours: Any, theirs: Any, of: Event | Invoice, line: str = "") -> Field:
    return Field(name, ours, theirs, of.currency if name.endswith("_minor") else "", line)


def _lines(known: Invoice, came: Invoice) -> list[Field]:
    """How many lines two invoices have, and what differs in lines of one name: an invoice may have hundreds."""
    ours, theirs = ({line.line: line for line in each.lines} for each in (known, came))
    found = [Field("lines", len(ours), len(theirs))]
    for line in dict.fromkeys((*ours, *theirs)):
        for name, of_none in _OF_LINES.items():
            stands, other = (getattr(each.get(line), name, of_none) for each in (ours, theirs))
            if stands != other:
                found.append(_field(name, stands, other, known, line))
    if ours.keys() == theirs.keys() and [*ours] != [*theirs]:
        found.append(Field("lines_in_order", ", ".join(ours), ", ".join(theirs)))
    return found


_OF_LINES = {"net_minor": None, "tax_minor": 0, "category": "", "cost_minor": 0, "commissionable": True}
"""What a line says, and what a line that is not there is taken to say: only its amount is missing."""
