"""What has to be looked at before a month closes: each step is done, or blocks, or is waived with a reason."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, or_, select

from incentives.calculation.lines import Finding
from incentives.calendar import Period, month_name
from incentives.errors import Problem, from_plain
from incentives.store import tables
from incentives.store.closes import holds_in_force, open_questions, undecided

FindingKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the checklist: what it found, and how to get on. ``waived`` is the reason that was given."""

    name: str
    found: tuple[str, ...]
    cure: str
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
    found: dict[str, tuple[Iterable[str], str]] = {
        "month": (_not_over(month, today), f"Wait until {month.last} is over."),
        "imports": (
            _left_out(connection),
            "Mend the rows at their source and bring them again: incentives import FOLDER",
        ),
        "conflicts": (
            _conflicts(connection, waiting["conflict"]),
            "Say which content counts: incentives decide conflict N keep|replace --reason …",
        ),
        "exceptions": (
            (finding.message for finding in new_findings(connection, findings)),
            "Give the credit a plan, the currency a rate, the target an amount, and bring it.",
        ),
        "approvals": (
            _undecided(waiting),
            "Somebody else decides: incentives decide KIND N approve|reject",
        ),
        "questions": (
            (f"Question {n} of {key[0]} about {key[4]} has no answer." for n, key in open_questions(connection)),
            'Answer it: incentives answer N "…"',
        ),
        "holds": (
            (f"Hold {e.hold_id} keeps {e.kind} {e.subject}: {e.reason}" for e in holds_in_force(connection)),
            "Release it, or keep it and say so.",
        ),
        "payroll": (
            (str(problem) for problem in payroll),
            "Bring what is missing; waived, the payout file is made once it is there.",
        ),
        "second-person": (
            _alone(month, closer, prepared),
            "Ask a colleague to run again, or to close.",
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


def _not_over(month: Period, today: dt.date) -> list[str]:
    return [] if today > month.last else [f"{month_name(month.first)} is not over: today is {today}."]


def _left_out(connection: Connection) -> list[str]:
    """Rows that an import since the last close left out."""
    last = connection.execute(select(tables.Close.act_id).order_by(tables.Close.month.desc()).limit(1)).scalar()
    asked = select(tables.Import.act_id, tables.Import.name, tables.Import.left_out)
    rows = connection.execute(asked.where(tables.Import.act_id > (last or 0)).order_by(tables.Import.act_id))
    return [
        f"Import {act_id} of {name} left out: {from_plain(problem)}"
        for act_id, name, left_out in rows
        for problem in json.loads(left_out)
    ]


def _conflicts(connection: Connection, numbers: Collection[int]) -> list[str]:
    conflict = tables.Conflict
    asked = select(conflict.id, conflict.kind, conflict.subject, conflict.content).where(conflict.id.in_(numbers))
    return [
        f"Conflict {number}: {kind} {subject} came again with other content: {content}"
        for number, kind, subject, content in connection.execute(asked.order_by(conflict.id))
    ]


def _undecided(waiting: Mapping[str, list[int]]) -> list[str]:
    """Proposals that wait. A rule that nobody approved yet is not in force, and stands in nobody's way."""
    kinds = ("adjustment", "hold", "release")
    return [f"{kind.capitalize()} {number} waits for approval." for kind in kinds for number in waiting[kind]]


def _alone(month: Period, closer: str, prepared: Preparation) -> Iterator[str]:
    if not prepared.run_by:
        yield f"Nobody has run {month_name(month.first)} yet: incentives run"
    elif prepared.run_by == closer:
        yield f"{closer} made the last run of {month_name(month.first)} too."
    if prepared.brought:
        yield f"{closer} brought deliveries after the last run."
    if prepared.decided:
        yield f"{closer} decided a conflict after the last run."


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
