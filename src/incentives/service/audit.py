"""One export that proves a month: its rules and how they changed, who approved and did what, its lines, its pay,
its seal (product: "prove March")."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from incentives.calendar import month_name
from incentives.errors import Problem, Rejected, told
from incentives.papers.cells import csv_text, defused
from incentives.papers.together import written_together
from incentives.service.runs import rules_in_force
from incentives.store import tables
from incentives.store.acts import latest
from incentives.store.closes import Closed, closes
from incentives.store.engine import reading
from incentives.store.facts_out import Known
from incentives.store.ledger import open_month


@dataclass(frozen=True, slots=True)
class Audited:
    """An export: the names of its files with how many rows each has, and the seal (``""``: the month is open)."""

    files: Mapping[str, int]
    seal: str


def audit(engine: Engine, month: dt.date, out: Path) -> Audited:
    """Write everything that an auditor asks of a month into a folder.

    Of a closed month what became known from the close before it up to its own; of the open one what became known
    since the last close. Raises :class:`Rejected` for a month that is neither.
    """
    with reading(engine) as connection:
        window = _window(connection, month.replace(day=1))
        texts = dict(_files(connection, window))
    with written_together(out) as beside:
        for name, text in texts.items():
            (beside / name).write_text(text, encoding="utf-8", newline="")
    counts = {name: text.count("\n") - 1 if name.endswith(".csv") else 1 for name, text in texts.items()}
    return Audited(counts, window.close.seal if window.close else "")


@dataclass(frozen=True, slots=True)
class _Window:
    """A month and the acts that belong to it: after one, through another."""

    month: dt.date
    after: int
    through: int
    close: Closed | None

    @property
    def rules_at(self) -> int:
        return self.close.known_through if self.close else self.through


def _window(connection: Connection, month: dt.date) -> _Window:
    before = 0
    for close in closes(connection):
        if close.month == month:
            return _Window(month, before, close.act_id, close)
        before = close.act_id
    oldest = open_month(connection, rules_in_force(connection))
    if oldest is None or oldest.first != month:
        name = month_name(month)
        sentence = told("The month is neither closed nor open.")
        cure = told("incentives status lists the months of these books.")
        raise Rejected([Problem(name, 0, "", "unknown-month", sentence, cure)])
    return _Window(month, before, latest(connection), None)


def _files(connection: Connection, window: _Window) -> Iterator[tuple[str, str]]:
    yield "seal.json", json.dumps(_seal(window), indent=2) + "\n"
    yield from _rules(connection, window)
    for name, model in _BY_ACT.items():
        yield f"{name}.csv", _csv(connection, model, window, by_month=False)
    for name, model in _BY_MONTH.items():
        yield f"{name}.csv", _csv(connection, model, window, by_month=True)


def _seal(window: _Window) -> dict[str, Any]:
    close = window.close
    if close is None:
        return {"month": month_name(window.month), "state": "open"}
    return {
        "month": month_name(window.month),
        "state": "closed",
        "seal": close.seal,
        "previous_seal": close.previous_seal,
        "prepared_by": close.prepared_by,
        "content": close.content,
    }


# Rules -----------------------------------------------------------------------------------------------


def _rules(connection: Connection, window: _Window) -> Iterator[tuple[str, str]]:
    """Every rule in force as it was written, and what changed in it since the month before."""
    before = Known(connection, window.after).documents() if window.after else {}
    now = Known(connection, window.rules_at).documents()
    for (kind, name), document in sorted(now.items()):
        file = f"rule-{kind}-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"
        yield f"{file}.toml", document
        earlier = before.get((kind, name), "")
        if earlier != document:
            yield f"{file}.diff", _diff(earlier, document, name)


def _diff(before: str, now: str, name: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), now.splitlines(), f"{name} before", f"{name} now", lineterm=""
    )
    return "\n".join(lines) + "\n"


# Tables ----------------------------------------------------------------------------------------------

_BY_ACT: Mapping[str, type[tables.Base]] = {
    "acts": tables.Act,
    "imports": tables.Import,
    "rule_changes": tables.RuleRevision,
    "approvals": tables.Decision,
    "adjustments": tables.Adjustment,
    "holds": tables.Hold,
    "releases": tables.Release,
    "questions": tables.Question,
    "answers": tables.Answer,
    "conflicts": tables.Conflict,
    "runs": tables.Run,
}
_BY_MONTH: Mapping[str, type[tables.Base]] = {
    "waivers": tables.Waiver,
    "entries": tables.Entry,
    "payouts": tables.Payout,
    "settled": tables.Settled,
    "deliveries": tables.Delivery,
    "receipts": tables.Receipt,
}
_LEFT_OUT = frozenset({"document"})
"""Rules stand in files of their own."""


def _csv(connection: Connection, model: type[tables.Base], window: _Window, by_month: bool) -> str:
    """A table's rows of the month, each with who did it and when where an act tells."""
    table = tables.table_of(model)
    columns = [column for column in table.columns if column.name not in _LEFT_OUT]
    asked = select(*columns).order_by(*table.primary_key)
    heads = [column.name for column in columns]
    if "act_id" in table.c:
        act = tables.table_of(tables.Act)
        asked = asked.add_columns(act.c.actor, act.c.at, act.c.reason.label("said")).join(
            act, act.c.id == table.c.act_id
        )
        heads += ["actor", "at", "act_reason"]
    if by_month:
        asked = asked.where(table.c.month == window.month)
    else:
        number = _act_of(table)
        asked = asked.where(number > window.after, number <= window.through)
    rows = [heads, *([_cell(cell) for cell in row] for row in connection.execute(asked))]
    return "".join(csv_text(rows))


def _act_of(table: Table) -> Any:
    return table.c.act_id if "act_id" in table.c else table.c.id


def _cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return cell.isoformat()
    return defused(cell) if isinstance(cell, str) else str(cell)
