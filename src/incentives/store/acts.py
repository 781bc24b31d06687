"""Acts: what a person did, when and why, in the transaction in which it was done (docs/trust: every change)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from incentives.store import tables


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
    connection.execute(
        insert(tables.Act).values(
            id=act_id,
            at=who.at,
            actor=who.actor,
            what=what,
            subject=subject,
            before=said(before),
            after=said(after),
            reason=who.reason,
            request=who.request,
        )
    )
    return act_id


def latest(connection: Connection) -> int:
    """The number of the newest act; 0 before the first."""
    return connection.execute(select(func.max(tables.Act.id))).scalar() or 0


def next_id(connection: Connection, table: type[tables.Base]) -> int:
    """The next number of a table: whoever writes is alone, so nobody takes it meanwhile."""
    column = tables.table_of(table).columns["id"]
    return (connection.execute(select(func.max(column))).scalar() or 0) + 1


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
