"""Whether rows hang together: numbers without a gap, in the order of acts, and nothing that points nowhere.

What no constraint of the database says, or what somebody who took the constraints away may have broken. Every
function names the rows, the first few of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from incentives.store import tables
from incentives.store.desk import CHANGEABLE
from incentives.store.digests import known_by
from incentives.store.tables import Base

AT_MOST = 20
"""Rows that are named of one table; where so many are wrong, more names help nobody."""

MONTHS = ("settled", "payouts", "closed_owners", "payout_files", "deliveries", "receipts", "waivers")
"""Tables of which every row is of a closed month."""

_POINTS = (
    ("events", "known_from", "acts", "id"),
    ("events", "invoice_id", "invoices", "invoice_id"),
    ("invoice_lines", "invoice_id", "invoices", "invoice_id"),
    ("invoices", "customer_id", "customers", "customer_id"),
    ("credits", "invoice_id", "invoices", "invoice_id"),
    ("credits", "payee_id", "payees", "payee_id"),
    ("entries", "run_id", "runs", "id"),
    ("entries", "payee_id", "payees", "payee_id"),
    ("settled", "entry_id", "entries", "id"),
    *((table, "month", "closes", "month") for table in MONTHS),
)
"""What points somewhere without a foreign key in the database."""

WRITTEN_BY: Mapping[str, tuple[str, ...]] = {
    "imports": ("import",),
    "conflicts": ("import",),
    "events": ("import",),
    "rule_revisions": ("import", "propose"),
    "decisions": ("import", "decide"),
    "adjustments": ("adjust",),
    "holds": ("hold",),
    "releases": ("release",),
    "questions": ("ask",),
    "answers": ("answer",),
    "acknowledgements": ("acknowledge",),
    "runs": ("run",),
    "closes": ("close",),
    "waivers": ("waive",),
    "payout_files": ("close", "payout"),
    "deliveries": ("payout",),
    "receipts": ("receipt",),
    "statement_files": ("print",),
} | dict.fromkeys(tables.VERSIONED, ("import", "decide"))
"""Which acts write a table."""

LEAVES: Mapping[str, str] = {
    "import": "imports",
    "run": "runs",
    "close": "closes",
    "decide": "decisions",
    "adjust": "adjustments",
    "hold": "holds",
    "release": "releases",
    "ask": "questions",
    "answer": "answers",
    "acknowledge": "acknowledgements",
    "waive": "waivers",
    "payout": "deliveries",
    "receipt": "receipts",
    "print": "statement_files",
}
"""What an act leaves behind."""


def numbered() -> list[Table]:
    """The tables whose rows are numbered from 1."""
    return [table for table in _tables() if "id" in table.columns and table.name != "books"]


def rows(connection: Connection, table: str) -> int:
    """How many rows a table has."""
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() or 0)


def gaps(connection: Connection, table: Table) -> Iterator[tuple[int, int]]:
    """Numbers that are missing, each gap by its first and last; of a whole table, whatever is below 1 is one."""
    name = table.name
    least, most, number = connection.exec_driver_sql(f"SELECT min(id), max(id), count(*) FROM {name}").one()
    if not number or (least == 1 and most == number):
        return
    asked = f"SELECT before, id FROM (SELECT id, lag(id, 1, 0) OVER (ORDER BY id) AS before FROM {name}) AS pairs"
    for before, number in connection.exec_driver_sql(
        f"{asked} WHERE id <> before + 1 ORDER BY id LIMIT {AT_MOST}"
    ):
        yield before + 1, number - 1


def out_of_order(connection: Connection, table: Table, column: str) -> list[int]:
    """Rows that claim to be older than the row before them."""
    asked = (
        f"SELECT later.id FROM {table.name} AS later JOIN {table.name} AS earlier ON earlier.id = later.id - 1 "
        f'WHERE later."{column}" < earlier."{column}" ORDER BY later.id LIMIT {AT_MOST}'
    )
    return [row[0] for row in connection.exec_driver_sql(asked)]


def ordered() -> Iterator[tuple[Table, str]]:
    """Every numbered table with the column that grows with its numbers."""
    for table in numbered():
        if table.name == "entries":
            yield table, "run_id"
            yield table, "month"
        elif known_by(table) != "id":
            yield table, known_by(table)


def points() -> Iterator[tuple[str, str, str, str]]:
    """Everything that points somewhere: table and column, and where to."""
    for table in _tables():
        for key in table.foreign_keys:
            yield table.name, key.parent.name, key.column.table.name, key.column.name
    yield from _POINTS


def dangling(connection: Connection, table: str, column: str, other: str, key: str) -> list[tuple[str, Any]]:
    """Rows that point nowhere: the row, and where it points.

    Compared as sets, each read once: neither database is sure to have an index that would help row by row.
    """
    asked = f'SELECT "{column}" FROM {table} WHERE "{column}" IS NOT NULL EXCEPT SELECT "{key}" FROM {other}'
    lost = [str(row[0]) for row in connection.exec_driver_sql(f"{asked} LIMIT {AT_MOST}")]
    names = key_of(table)
    found: list[tuple[str, Any]] = []
    for value in lost:
        rows = _select(table, [*names, column], f'"{column}" = {_literal(value)}')
        found += (
            (row_named(names, row), row[-1]) for row in connection.exec_driver_sql(f"{rows} LIMIT {AT_MOST}")
        )
    return found[:AT_MOST]


def _select(table: str, names: Sequence[str], where: str) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f"SELECT {columns} FROM {table} WHERE {where}"


def _literal(value: str) -> str:
    """A value of the store in a statement of our own; both databases read a number in quotes as one."""
    return "'" + value.replace("'", "''").replace("%", "%%") + "'"


def written_by_others(connection: Connection, table: str) -> list[tuple[str, str]]:
    """Rows whose act does something else: the row, and what the act says it does."""
    names = key_of(table)
    known = known_by(Base.metadata.tables[table])
    may = ", ".join(f"'{what}'" for what in WRITTEN_BY[table])
    asked = (
        f"SELECT {', '.join(f't.{_quoted(name)}' for name in names)}, a.what FROM {table} AS t "
        f"JOIN acts AS a ON a.id = t.{known} WHERE t.{known} IN "
        f"(SELECT id FROM acts WHERE what NOT IN ({may})) LIMIT {AT_MOST}"
    )
    return [(row_named(names, row), row[-1]) for row in connection.exec_driver_sql(asked)]


def acts_without_trace(connection: Connection, what: str) -> list[int]:
    """Acts that left nothing of what they say they did."""
    table = LEAVES[what]
    known = known_by(Base.metadata.tables[table])
    asked = (
        f"SELECT id FROM acts WHERE what = '{what}' AND id NOT IN (SELECT {known} FROM {table}) LIMIT {AT_MOST}"
    )
    return [row[0] for row in connection.exec_driver_sql(asked)]


def key_of(table: str) -> list[str]:
    """The columns that name a row of a table."""
    return [column.name for column in Base.metadata.tables[table].primary_key]


def row_named(names: Sequence[str], row: Sequence[Any]) -> str:
    """A row by its key: ``row 17``, or ``month 2026-03-01, payee_id p1``."""
    if list(names) == ["id"]:
        return f"row {row[0]}"
    return ", ".join(f"{name} {cell}" for name, cell in zip(names, row, strict=False))


def _quoted(name: str) -> str:
    return f'"{name}"'


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table.name not in CHANGEABLE]
