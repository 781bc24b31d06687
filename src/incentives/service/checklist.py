"""What has to be looked at before a month closes: each step is done, or blocks, or is waived with a reason."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, or_, select

from incentives.calculation.lines import Finding
from incentives.calendar import Period, month_name
from incentives.errors import Problem, Told, from_plain, marked, told
from incentives.store import tables
from incentives.store.closes import holds_in_force, open_questions, undecided

FindingKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the checklist: what it found, and how to get on. ``waived`` is the reason that was given."""

    name: str
    found: tuple[Told, ...]
    cure: Told
    may_be_waived: bool = True
    waived: str = ""

    @property
    def blocks(self) -> bool:
        """Whether the month cannot close as it is."""
        return bool(self.found) and not (self.waived and self.may_be_waived)


STEPS = (
    "month",
    "imports",
    "conflicts",
    "exceptions",
    "approvals",
    "questions",
    "holds",
    "payroll",
    "second-person",
)
"""Every step, in the order in which a person would take them."""


def checklist(
    connection: Connection,
    month: Period,
    today: dt.date,
    findings: Collection[Finding],
    payroll: Collection[Problem],
    closer: str,
    prepared: Preparation,
    waived: Mapping[str, str],
) -> list[Step]:
    """Every step with what stands in the way, given what a run of the month found.

    ``prepared`` is how it stood before that run.
    """
    waiting = undecided(connection)
    found: dict[str, tuple[Iterable[Told], Told]] = {
        "month": (_not_over(month, today), told("Wait until %(day)s is over.", day=month.last)),
        "imports": (
            _left_out(connection),
            told("Mend the rows at their source and bring them again: incentives import FOLDER"),
        ),
        "conflicts": (
            _conflicts(connection, waiting["conflict"]),
            told("Say which content counts: incentives decide conflict N keep|replace --reason …"),
        ),
        "exceptions": (
            (finding.message for finding in new_findings(connection, findings)),
            told("Give the credit a plan, the currency a rate, the target an amount, and bring it."),
        ),
        "approvals": (
            _undecided(waiting),
            told("Somebody else decides: incentives decide KIND N approve|reject"),
        ),
        "questions": (
            _unanswered(connection),
            told('Answer it: incentives answer N "…"'),
        ),
        "holds": (
            _holds(connection),
            told("Release it, or keep it and say so."),
        ),
        "payroll": (
            (problem.whole for problem in payroll),
            told("Bring what is missing; waived, the payout file is made once it is there."),
        ),
        "second-person": (
            _alone(month, closer, prepared),
            told("Ask a colleague to run again, or to close."),
        ),
    }
    return [
        Step(name, tuple(found[name][0]), found[name][1], name != "conflicts", waived.get(name, ""))
        for name in STEPS
    ]


def finding_key(finding: Finding) -> FindingKey:
    """What tells one exception from another."""
    return (finding.what, finding.invoice_id, finding.payee_id, finding.event_id)


def new_findings(connection: Connection, findings: Iterable[Finding]) -> list[Finding]:
    """Exceptions that no earlier close let pass. Conflicts have a step of their own."""
    waiver = tables.Waiver
    asked = select(tables.Act.after).join(waiver, waiver.act_id == tables.Act.id)
    passed = {
        tuple(key)
        for after in connection.execute(asked.where(waiver.item == "exceptions")).scalars()
        for key in json.loads(after)
    }
    return sorted(each for each in findings if each.what != "conflict" and finding_key(each) not in passed)


def _not_over(month: Period, today: dt.date) -> Iterator[Told]:
    if today <= month.last:
        yield told("%(month)s is not over: today is %(day)s.", month=month_name(month.first), day=today)


def _left_out(connection: Connection) -> list[Told]:
    """Rows that an import since the last close left out."""
    last = connection.execute(select(tables.Close.act_id).order_by(tables.Close.month.desc()).limit(1)).scalar()
    asked = select(tables.Import.act_id, tables.Import.name, tables.Import.left_out)
    rows = connection.execute(asked.where(tables.Import.act_id > (last or 0)).order_by(tables.Import.act_id))
    return [
        told(
            "Import %(number)s of %(name)s left out: %(problem)s",
            number=act_id,
            name=name,
            problem=from_plain(problem),
        )
        for act_id, name, left_out in rows
        for problem in json.loads(left_out)
    ]


_CAME_AGAIN = {
    "event": marked("Conflict %(number)s: event %(id)s came again with other content: %(content)s"),
    "invoice": marked("Conflict %(number)s: invoice %(id)s came again with other content: %(content)s"),
}


def _conflicts(connection: Connection, numbers: Collection[int]) -> list[Told]:
    conflict = tables.Conflict
    asked = select(conflict.id, conflict.kind, conflict.subject, conflict.content).where(conflict.id.in_(numbers))
    return [
        told(_CAME_AGAIN[kind], number=number, id=subject, content=content)
        for number, kind, subject, content in connection.execute(asked.order_by(conflict.id))
    ]


_WAITS = {
    "adjustment": marked("Adjustment %(number)s waits for approval."),
    "hold": marked("Hold %(number)s waits for approval."),
    "release": marked("Release %(number)s waits for approval."),
}


def _undecided(waiting: Mapping[str, list[int]]) -> list[Told]:
    """Proposals that wait. A rule that nobody approved yet is not in force, and stands in nobody's way."""
    return [told(text, number=number) for kind, text in _WAITS.items() for number in waiting[kind]]


def _unanswered(connection: Connection) -> list[Told]:
    return [
        told(
            "Question %(number)s of %(payee)s about %(cause)s has no answer.", number=n, payee=key[0], cause=key[4]
        )
        for n, key in open_questions(connection)
    ]


_KEEPS = {
    "invoice": marked("Hold %(number)s keeps invoice %(id)s: %(reason)s"),
    "customer": marked("Hold %(number)s keeps customer %(id)s: %(reason)s"),
    "payee": marked("Hold %(number)s keeps payee %(id)s: %(reason)s"),
}


def _holds(connection: Connection) -> list[Told]:
    return [
        told(_KEEPS[each.kind], number=each.hold_id, id=each.subject, reason=each.reason)
        for each in holds_in_force(connection)
    ]


def _alone(month: Period, closer: str, prepared: Preparation) -> Iterator[Told]:
    name = month_name(month.first)
    if not prepared.run_by:
        yield told("Nobody has run %(month)s yet: incentives run", month=name)
    elif prepared.run_by == closer:
        yield told("%(name)s made the last run of %(month)s too.", name=closer, month=name)
    if prepared.brought:
        yield told("%(name)s brought deliveries after the last run.", name=closer)
    if prepared.decided:
        yield told("%(name)s decided a conflict after the last run.", name=closer)


@dataclass(frozen=True, slots=True)
class Preparation:
    """Who made the last run of an open month ("": nobody yet), and whether whoever would close it has brought
    deliveries or decided a conflict since: what nobody else has looked at."""

    run_by: str
    brought: bool
    decided: bool


def preparation(connection: Connection, month: Period, closer: str) -> Preparation:
    """How an open month was prepared, as somebody would close it who should not have prepared it."""
    act, run = tables.Act, tables.Run
    last = select(act.id, act.actor).join(run, run.act_id == act.id).where(run.month == month.first)
    act_id, run_by = connection.execute(last.order_by(run.id.desc()).limit(1)).one_or_none() or (0, "")
    alone = or_(act.what == "import", and_(act.what == "decide", act.subject.startswith("conflict ")))
    asked = select(act.what).where(act.id > act_id, act.actor == closer, alone).distinct()
    since = set(connection.execute(asked).scalars()) if run_by else set()
    return Preparation(run_by, "import" in since, "decide" in since)
