"""Seals known outside the store: what a restored store is held against before it pays anybody.

A store that was put back to an earlier day knows nothing of the months it lost. So every seal is also written
to a file beside it, the witness; a store that does not have the newest seal that the witness names does not pay.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine

from incentives.calendar import month_name
from incentives.errors import Problem, Rejected, told
from incentives.store.closes import closes

VARIABLE = "INCENTIVES_SEALS"


def witness_file(engine: Engine) -> Path | None:
    """Where seals are written down outside the store: beside an SQLite file, or where the environment says."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    database = engine.url.database
    return Path(f"{database}.seals") if engine.dialect.name == "sqlite" and database else None


def unwitnessed(connection: Connection) -> list[tuple[str, str]]:
    """Month and seal of every close that is not written down outside: also of one that nobody lived to tell."""
    file = witness_file(connection.engine)
    if file is None:
        return []
    written = set(witnessed(file))
    return [seal for each in closes(connection) if (seal := (month_name(each.month), each.seal)) not in written]


def witness(engine: Engine, missing: Sequence[tuple[str, str]]) -> None:
    """Write seals down outside the store, once the store has kept them; it is not asked again."""
    file = witness_file(engine)
    if file is None or not missing:
        return
    text = "".join(f"{month} {seal}\n" for month, seal in missing)
    try:
        if file.exists() and not (file.read_bytes() or b"\n").endswith(b"\n"):
            text = f"\n{text}"  # what was being written when the power went stays a line of its own
        with file.open("a", encoding="ascii") as lines:
            lines.write(text)
            lines.flush()
            os.fsync(lines.fileno())
    except OSError as error:
        month, _ = missing[-1]
        sentence = told(
            "%(month)s is closed, but its seal could not be written down: %(reason)s.",
            month=month,
            reason=error.strerror,
        )
        cure = told("Make the file writable. The next close writes what is missing.")
        raise Rejected([Problem(str(file), 0, "", "seal-not-written", sentence, cure)]) from None


def witnessed(file: Path) -> list[tuple[str, str]]:
    """Month and seal of every whole line."""
    if not file.exists():
        return []
    found = map(_LINE.fullmatch, file.read_text(encoding="ascii", errors="replace").splitlines())
    return [(each[1], each[2]) for each in found if each]


_LINE = re.compile(r"(\d{4}-\d{2}) ([0-9a-f]{64})")


def check_not_behind(engine: Engine, connection: Connection) -> None:
    """Refuse to pay from a store that lacks a month which was closed before."""
    file = witness_file(engine)
    if file is None:
        return
    stored = {month_name(each.month): each.seal for each in closes(connection)}
    lost = [(month, seal) for month, seal in witnessed(file) if stored.get(month) != seal]
    if lost:
        month, seal = lost[-1]
        sentence = told(
            "It lacks %(month)s, which was closed under seal %(seal)s: it was put back to an earlier day.",
            month=month,
            seal=seal,
        )
        cure = told("Restore a newer backup. %(file)s tells which seals there were.", file=file)
        raise Rejected([Problem("books", 0, "", "behind-the-seals", sentence, cure)])
