"""Imports as they are read: what came, from whom, and what became of each row."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from incentives.errors import Told, from_plain
from incentives.service.access import NotThere
from incentives.service.deliveries import FileResult
from incentives.store import tables


@dataclass(frozen=True, slots=True)
class Imported:
    """An import: its files with their counts, and in words what it left out."""

    act_id: int
    name: str
    actor: str
    at: dt.datetime
    sha256: str
    files: tuple[FileResult, ...]
    left_out: tuple[Told, ...]

    @property
    def read(self) -> int:
        """How many rows came."""
        return sum(each.read for each in self.files)

    @property
    def accepted(self) -> int:
        """How many were new."""
        return sum(each.accepted for each in self.files)

    @property
    def duplicate(self) -> int:
        """How many were known."""
        return sum(each.duplicate for each in self.files)

    @property
    def rejected(self) -> int:
        """How many were left out, or contradict what is known."""
        return sum(each.rejected for each in self.files)


def imports(connection: Connection, before: int = 0, limit: int = 25) -> tuple[list[Imported], int]:
    """Imports, the newest first, and the act before which the next page begins (0: there is none)."""
    found = _imports(connection, before, limit + 1)
    return found[:limit], found[limit - 1].act_id if len(found) > limit else 0


def imported(connection: Connection, act_id: int) -> Imported:
    """One import; :class:`NotThere` where the act is none."""
    found = _imports(connection, act_id + 1, 1)
    if not found or found[0].act_id != act_id:
        raise NotThere(str(act_id))
    return found[0]


def _imports(connection: Connection, before: int, limit: int) -> list[Imported]:
    brought, act = tables.Import, tables.Act
    asked = (
        select(brought.act_id, brought.name, act.actor, act.at, brought.sha256, brought.counts, brought.left_out)
        .join(act, act.id == brought.act_id)
        .order_by(brought.act_id.desc())
        .limit(limit)
    )
    if before:
        asked = asked.where(brought.act_id < before)
    return [
        Imported(
            row.act_id,
            row.name,
            row.actor,
            row.at,
            row.sha256,
            tuple(FileResult(**each) for each in json.loads(row.counts)),
            tuple(map(from_plain, json.loads(row.left_out))),
        )
        for row in connection.execute(asked)
    ]
