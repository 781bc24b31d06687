"""Digests: what a closed month consisted of, so that a changed row shows.

A row is digested with all of its columns, its number too: swapping two rows changes the digest. The same rows
give the same digest on both databases.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, and_, select

from incentives.store import tables
from incentives.store.acts import said

FACTS = (
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
)
"""What people and deliveries said, each row known from an act on."""


def facts_sha256(connection: Connection, after: int, through: int) -> dict[str, str]:
    """By table, the digest of what became known after an act and up to another one.

    Of a versioned row also its end counts, where it came to end in this time.
    """
    return {model.__tablename__: _known_sha256(connection, model, after, through) for model in FACTS}


def _known_sha256(connection: Connection, model: type[tables.Base], after: int, through: int) -> str:
    table = tables.table_of(model)
    known = next(table.c[name] for name in ("known_from", "act_id", "id") if name in table.c)
    asked = select(*(column for column in table.columns if column.name != "known_until"))
    digest = hashlib.sha256()
    for row in connection.execute(asked.where(known > after, known <= through).order_by(*table.primary_key)):
        digest.update(_text(row))
    if "known_until" in table.c:
        until = table.c.known_until
        ended = select(table.c.id, until).where(and_(until > after, until <= through)).order_by(table.c.id)
        for row in connection.execute(ended):
            digest.update(_text(row))
    return digest.hexdigest()


def owners_sha256(connection: Connection, month: dt.date) -> Iterator[tuple[str, int, str]]:
    """Of each payee with entries in a month: how many, and their digest."""
    table = tables.table_of(tables.Entry)
    digests: dict[str, tuple[int, Any]] = {}
    for row in connection.execute(select(table).where(table.c.month == month).order_by(table.c.id)):
        number, digest = digests.get(row.payee_id) or (0, hashlib.sha256())
        digest.update(_text(row))
        digests[row.payee_id] = (number + 1, digest)
    for payee_id in sorted(digests):
        number, digest = digests[payee_id]
        yield payee_id, number, digest.hexdigest()


def month_sha256(connection: Connection, model: type[tables.Base], month: dt.date) -> str:
    """The digest of what a table holds of a month, or of the quarter that begins with it."""
    table = tables.table_of(model)
    day = table.c.quarter if "quarter" in table.c else table.c.month
    asked = select(table).where(day == month)
    return rows_sha256(sorted(tuple(row) for row in connection.execute(asked)))


def rows_sha256(rows: Iterable[Iterable[Any]]) -> str:
    """The digest of rows in their order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_text(row))
    return digest.hexdigest()


def seal_of(content: str) -> str:
    """The seal of what a close says."""
    return hashlib.sha256(content.encode()).hexdigest()


def _text(row: Iterable[Any]) -> bytes:
    return said([_plain(cell) for cell in row]).encode()


def _plain(cell: Any) -> Any:
    if isinstance(cell, bytes | memoryview):
        return hashlib.sha256(cell).hexdigest()
    return cell
