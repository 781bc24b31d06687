"""Acts: what a person did, when and why, in the transaction in which it was done (docs/trust: every change)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, func, select

from incentives.store import tables
from incentives.store.bulk import insert_rows
from incentives.store.queries import Query


@dataclass(frozen=True, slots=True)
class Who:
    """Who does something, when, and why; ``request`` ties it to what asked for it."""

    actor: str
    at: dt.datetime
    reason: str = ""
    request: str = ""


def record(
    connection: Connection, who: Who, what: str, subject: str = "", before: Any = "", after: Any = ""
) -> int:
    """Write an act; its number is the newest knowledge there is."""
    act_id = next_id(connection, tables.Act)
    at = tables.Instant().process_bind_param(who.at, connection.dialect)
    says = (subject, said(before), said(after), who.reason, who.request)
    insert_rows(connection, tables.Act, [(act_id, at, who.actor, what, *says)])
    return act_id


def latest(connection: Connection) -> int:
    """The number of the newest act; 0 before the first."""
    return _last(tables.Act).one(connection) or 0


def next_id(connection: Connection, table: type[tables.Base]) -> int:
    """The next number of a table: whoever writes is alone, so nobody takes it meanwhile."""
    return (_last(table).one(connection) or 0) + 1


@cache
def _last(table: type[tables.Base]) -> Query:
    return Query(select(func.max(tables.table_of(table).columns["id"])))


def said(value: Any) -> str:
    """A value as text that is the same for the same value: JSON with its keys in order."""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no plain form")
