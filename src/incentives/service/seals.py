"""Seals known outside the store: what a restored store is held against before it pays anybody.

A store that was put back to an earlier day knows nothing of the months it lost. So every seal is also written
to a file beside it, the witness; a store that does not have the newest seal that the witness names does not pay.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from sqlalchemy import Connection, Engine

from incentives.calendar import month_name
from incentives.errors import Problem, Rejected
from incentives.store.closes import closes

VARIABLE = "INCENTIVES_SEALS"


def witness_file(engine: Engine) -> Path | None:
    """Where seals are written down outside the store: beside an SQLite file, or where the environment says."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    database = engine.url.database
    return Path(f"{database}.seals") if engine.dialect.name == "sqlite" and database else None


def witness(engine: Engine, month: dt.date, seal: str) -> None:
    """Write a seal down outside the store."""
    file = witness_file(engine)
    if file is not None:
        with file.open("a", encoding="ascii") as lines:
            lines.write(f"{month_name(month)} {seal}\n")
            lines.flush()
            os.fsync(lines.fileno())


def check_not_behind(engine: Engine, connection: Connection) -> None:
    """Refuse to pay from a store that lacks a month which was closed before."""
    file = witness_file(engine)
    if file is None or not file.exists():
        return
    stored = {month_name(each.month): each.seal for each in closes(connection)}
    lost = [
        line.split()
        for line in file.read_text(encoding="ascii").splitlines()
        if len(line.split()) == 2 and stored.get(line.split()[0]) != line.split()[1]
    ]
    if lost:
        month, seal = lost[-1]
        sentence = f"It lacks {month}, which was closed under seal {seal}: it was put back to an earlier day."
        cure = f"Restore a newer backup. {file} tells which seals there were."
        raise Rejected([Problem("books", 0, "", "behind-the-seals", sentence, cure)])
