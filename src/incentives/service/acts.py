"""Everything that was done, as an auditor looks through it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, select

from incentives.store import tables
from incentives.store.desk import Account


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that an act changed; None where it says nothing. Yes and no are worded where they are shown."""

    name: str
    before: str | bool | None
    after: str | bool | None


@dataclass(frozen=True, slots=True)
class Done:
    """An act: who did what when and why, and what it changed."""

    number: int
    at: dt.datetime
    actor: str
    what: str
    subject: str
    reason: str
    request: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which acts; an empty value is every one. ``until`` is the last day."""

    actor: str = ""
    what: str = ""
    subject: str = ""
    since: dt.date | None = None
    until: dt.date | None = None


def acts(connection: Connection, wanted: Filter, before: int = 0, limit: int = 50) -> tuple[list[Done], int]:
    """Acts, the newest first, and the act before which the next page begins (0: there is none)."""
    act = tables.Act
    asked = select(tables.table_of(act)).order_by(act.id.desc()).limit(limit + 1)
    if wanted.actor:
        asked = asked.where(act.actor == wanted.actor)
    if wanted.what:
        asked = asked.where(act.what == wanted.what)
    if wanted.subject:
        asked = asked.where(act.subject.contains(wanted.subject, autoescape=True))
    if wanted.since:
        asked = asked.where(act.at >= _midnight(wanted.since))
    if wanted.until:
        asked = asked.where(act.at < _midnight(wanted.until + dt.timedelta(days=1)))
    if before:
        asked = asked.where(act.id < before)
    rows = connection.execute(asked).all()
    found = [
        Done(
            row.id,
            row.at,
            row.actor,
            row.what,
            row.subject,
            row.reason,
            row.request,
            tuple(_changes(row.before, row.after)),
        )
        for row in rows[:limit]
    ]
    return found, found[-1].number if len(rows) > limit else 0


def actors(connection: Connection) -> list[str]:
    """Everybody who ever did something."""
    return list(connection.execute(select(tables.Act.actor).distinct().order_by(tables.Act.actor)).scalars())


def kinds(connection: Connection) -> list[str]:
    """Everything that was ever done."""
    return list(connection.execute(select(tables.Act.what).distinct().order_by(tables.Act.what)).scalars())


def namer(connection: Connection) -> Callable[[str], str]:
    """The name of who did something, by what the books know them by; who has no account goes by that."""

    @cache
    def name(actor: str) -> str:
        found = connection.execute(select(Account.name).where(Account.email == actor)).scalar()
        return str(found or actor)

    return name


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _changes(before: str, after: str) -> list[Change]:
    """What an act says before and after, name by name; a text that has no names goes without."""
    was, is_now = _read(before), _read(after)
    names = sorted({*was, *is_now})
    return [Change(name, was.get(name), is_now.get(name)) for name in names if was.get(name) != is_now.get(name)]


def _read(said: str) -> Mapping[str, str | bool]:
    try:
        found = json.loads(said) if said else {}
    except ValueError:
        found = said
    if isinstance(found, dict):
        return {
            name: value if isinstance(value, bool) else _text(value)
            for name, value in found.items()
            if value not in (None, "", [])
        }
    return {"": _text(found)}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(" ".join(map(_text, each)) if isinstance(each, list) else _text(each) for each in value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
