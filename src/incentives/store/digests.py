"""Digests: what a closed month consisted of, so that a changed row shows.

A row is digested with all of its columns, its number too, as the database keeps them: swapping two rows changes
the digest, and so does a day that is written differently. The same rows give the same digest on both databases.
Everything is read once, in the order of its key, however many months are asked for.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice, pairwise
from typing import Any

from sqlalchemy import Connection, Table, Text

from incentives.store import tables
from incentives.store.bulk import raw_rows

Row = Sequence[Any]
Sealed = dict[str, list[Any]]
"""By table, where there is any: how many rows, how many ends of earlier rows, and their digest."""

SAID = (
    tables.Act,
    tables.Import,
    tables.RuleRevision,
    tables.Decision,
    tables.Payee,
    tables.Reporting,
    tables.Membership,
    tables.Customer,
    tables.CreditRecord,
    tables.Invoice,
    tables.InvoiceLine,
    tables.Credit,
    tables.Assignment,
    tables.Target,
    tables.FxRate,
    tables.Event,
    tables.Conflict,
    tables.Adjustment,
    tables.Hold,
    tables.Release,
    tables.Question,
    tables.Answer,
    tables.Acknowledgement,
    tables.Run,
    tables.Waiver,
    tables.PayoutFile,
    tables.Delivery,
    tables.Receipt,
    tables.StatementFile,
)
"""What people and deliveries said and did: each row belongs to an act, and acts are sealed with a month."""

_ROWS_AT_ONCE = 5_000


def known_by(table: Table) -> str:
    """The column that names the act from which on a row is known."""
    return next(name for name in ("known_from", "act_id", "id") if name in table.columns)


def said_sha256(connection: Connection, bounds: Sequence[int]) -> list[Sealed]:
    """What became known in each span between two acts that follow each other in ``bounds``: after the one, up to
    and including the other.

    Of a versioned row also its end counts, in the span in which it came to end.
    """
    spans: list[Sealed] = [{} for _ in pairwise(bounds)]
    for model in SAID:
        table = tables.table_of(model)
        for sealed, found in zip(spans, _spans(connection, table, bounds), strict=True):
            if found.rows or found.ends:
                sealed[table.name] = [found.rows, found.ends, found.digest.hexdigest()]
    return spans


class _Span:
    """What a table says in one span, as it is read."""

    def __init__(self) -> None:
        self.rows, self.ends = 0, 0
        self.digest = hashlib.sha256()


def _spans(connection: Connection, table: Table, bounds: Sequence[int]) -> list[_Span]:
    spans = [_Span() for _ in pairwise(bounds)]
    known = known_by(table)
    names = [column.name for column in table.columns if column.name != "known_until"]
    at = names.index(known)
    for number, rows in _grouped(
        _read(connection, table, names, _within(known, bounds)), lambda row: bisect_left(bounds, row[at])
    ):
        spans[number - 1].rows += len(rows)
        spans[number - 1].digest.update(_text(rows))
    if "known_until" in table.columns:
        ends = _read(connection, table, ["id", "known_until"], _within("known_until", bounds))
        for number, rows in _grouped(ends, lambda row: bisect_left(bounds, row[1])):
            spans[number - 1].ends += len(rows)
            spans[number - 1].digest.update(_text(rows))
    return spans


def _within(column: str, bounds: Sequence[int]) -> str:
    return f'"{column}" > {bounds[0]:d} AND "{column}" <= {bounds[-1]:d}'


Owners = dict[str, dict[str, tuple[int, str]]]
"""By month (``2026-03-01``) and payee: how many entries, and their digest."""


def owners_sha256(connection: Connection, month: dt.date | None = None) -> Owners:
    """The digest of each payee's entries in a posting month, or in every one."""
    table = tables.table_of(tables.Entry)
    names = [column.name for column in table.columns]
    of_month, of_payee = names.index("month"), names.index("payee_id")
    where = "" if month is None else f"month = '{month:%Y-%m-%d}'"
    digests: dict[tuple[str, str], tuple[int, Any]] = {}
    for owner, rows in _grouped(
        _read(connection, table, names, where), lambda row: (str(row[of_month]), row[of_payee])
    ):
        number, digest = digests.get(owner) or (0, hashlib.sha256())
        digest.update(_text(rows))
        digests[owner] = (number + len(rows), digest)
    found: Owners = {}
    for day, payee_id in sorted(digests):
        number, digest = digests[day, payee_id]
        found.setdefault(day, {})[payee_id] = (number, digest.hexdigest())
    return found


def months_sha256(connection: Connection, model: type[tables.Base], month: dt.date | None = None) -> Sealed:
    """By month (or by the first day of the quarter): how many rows a table holds of it, and their digest."""
    table = tables.table_of(model)
    names = [column.name for column in table.columns]
    day = "quarter" if "quarter" in names else "month"
    at = names.index(day)
    where = "" if month is None else f"{day} = '{month:%Y-%m-%d}'"
    digests: dict[str, list[Any]] = {}
    for of_day, rows in _grouped(_read(connection, table, names, where), lambda row: str(row[at])):
        found = digests.setdefault(of_day, [0, hashlib.sha256()])
        found[0] += len(rows)
        found[1].update(_text(rows))
    return {of_day: [number, digest.hexdigest()] for of_day, (number, digest) in digests.items()}


def rows_sha256(rows: Iterable[Row]) -> str:
    """The digest of rows in their order."""
    return hashlib.sha256(_text(list(rows))).hexdigest()


def seal_of(content: str) -> str:
    """The seal of what a close says."""
    return hashlib.sha256(content.encode()).hexdigest()


# Rows as they are kept -------------------------------------------------------------------------------


def _read(connection: Connection, table: Table, names: Sequence[str], where: str) -> Iterator[Row]:
    """Rows in the order of their key, as the driver gives them: no type of ours stands between.

    The order of text is that of its code points, whatever order the database was set up with.
    """
    text = ' COLLATE "C"' if connection.dialect.name == "postgresql" else ""
    order = [f'"{c.name}"{text if isinstance(c.type, Text) else ""}' for c in table.primary_key]
    quoted = ", ".join(f'"{name}"' for name in names)
    asked = f"SELECT {quoted} FROM {table.name}" + (f" WHERE {where}" if where else "")
    yield from raw_rows(connection, f"{asked} ORDER BY {', '.join(order)}")


def _grouped(rows: Iterator[Row], key: Callable[[Row], Any]) -> Iterator[tuple[Any, list[Row]]]:
    """Rows that follow each other under one key; a long group may come in several parts."""
    for value, group in groupby(rows, key):
        while some := list(islice(group, _ROWS_AT_ONCE)):
            yield value, some


def _text(rows: Sequence[Row]) -> bytes:
    """Rows as JSON, each with a comma behind it: in however many parts they are written, it is the same."""
    return f"{_written(rows)[1:-1]},".encode() if rows else b""


def _plain(cell: Any) -> Any:
    if isinstance(cell, dt.date):
        return cell.isoformat()
    if isinstance(cell, bytes | memoryview):
        return hashlib.sha256(cell).hexdigest()
    raise TypeError(f"{type(cell).__name__} has no plain form")


_written = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
