"""Copies of the books: a backup while others write, and back again. Both end with a verification.

An SQLite file is copied by SQLite itself, from one moment on and whatever is written meanwhile. PostgreSQL has
tools of its own for it; asked for a copy, the exact commands are named (``docs/operations.md``).
"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import URL, Engine

from incentives.errors import IncentivesError, Problem, Rejected, Told
from incentives.service import seals
from incentives.service.verification import Breach, Checked, verify
from incentives.store.engine import engine_for, reading
from incentives.store.upgrade import check_ready, exists

Progress = Callable[[int, int], None]
"""Told how many pages of the file are copied, of how many."""

PAGES_AT_ONCE = 2_000
"""Some 8 MB: often enough to tell how far it is."""
PATIENCE_MS = 2_000
"""How long the place of a restored file may still be held by somebody who is just leaving."""


class NotSound(IncentivesError):
    """A copy that does not verify: what was copied was not sound, or the copy is not what it should be."""

    def __init__(self, file: Path, breaches: tuple[Breach, ...]) -> None:
        self.file, self.breaches = file, breaches
        said = "\n".join(f"  {breach}" for breach in breaches)
        super().__init__(f"{file} does not verify:\n{said}")


@dataclass(frozen=True, slots=True)
class Copied:
    """A backup that verifies: where, how large, and every check that was made of it."""

    file: Path
    size: int
    checks: tuple[Checked, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """Books that were put back. ``kept`` is where those before them are now; ``behind`` says which month they lack
    that is known to be closed: until newer ones are restored, nobody is paid from them."""

    file: Path
    kept: Path | None
    behind: str
    checks: tuple[Checked, ...]


def backup(engine: Engine, file: Path, *, workers: int = 1, progress: Progress | None = None) -> Copied:
    """Copy the books into a file while others write, and verify the copy.

    Raises :class:`Rejected` where the file exists, or on PostgreSQL, with the command that does it there;
    :class:`NotSound` where the copy does not verify. Then it is kept, for whoever finds out why.
    """
    source = _file_of(engine.url, "backup", file)
    if file.exists():
        raise _rejected(file, "exists", "There is a file already.", "Name another one.")
    with _unfinished(file) as copy:
        _copied(source, copy, progress)
        checks = _verified(copy, workers)
        copy.replace(file)
    _settle(file)
    _refuse_unsound(file, checks)
    return Copied(file, file.stat().st_size, checks)


def restore(
    file: Path, engine: Engine, *, replace: bool = False, workers: int = 1, progress: Progress | None = None
) -> Restored:
    """Put the books of a backup where the engine looks for its books.

    They are copied beside that place, checked and verified, and only then put there. ``replace`` allows that
    there are books: these stay under another name. Raises :class:`Rejected` where there is no backup, or where
    there are books that may not be replaced or that somebody has open; :class:`NotSound` where the backup does
    not verify; :class:`incentives.store.upgrade.StoreNotReady` where its guards are not as they should be.
    Then nothing was put anywhere.
    """
    place = _file_of(engine.url, "restore", file)
    if place.exists() and place.stat().st_size and exists(engine) and not replace:
        cure = "Restore elsewhere, or keep them under another name: --replace"
        raise _rejected(place, "books-there", "There are books already.", cure)
    with _unfinished(place) as copy:
        _copied(file, copy, progress)
        checks = _verified(copy, workers)
        _refuse_unsound(file, checks)
        engine.dispose()
        kept = _made_room(place) if place.exists() else None
        copy.replace(place)
    _settle(place)
    return Restored(place, kept, _behind(engine), checks)


# Files -----------------------------------------------------------------------------------------------


def _copied(source: Path, target: Path, progress: Progress | None) -> None:
    """All of a database as it is at one moment: while its reader stays, later writes are none of it."""

    def told(_: int, remaining: int, pages: int) -> None:
        if progress:
            progress(pages - remaining, pages)

    with closing(sqlite3.connect(target)) as writer:
        try:
            with closing(_opened(source)) as reader:
                reader.execute("BEGIN")
                if not reader.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'books'").fetchone()[0]:
                    raise _no_books(source)
                reader.backup(writer, pages=PAGES_AT_ONCE, progress=told)
        except sqlite3.DatabaseError:
            raise _no_books(source) from None


def _opened(file: Path) -> sqlite3.Connection:
    """A database that is only read. A backup nobody writes to: it may lie where nothing can be written."""
    beside = "" if Path(f"{file}-wal").exists() or os.access(file.parent, os.W_OK) else "&immutable=1"
    uri = f"{file.absolute().as_uri()}?mode=ro{beside}"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    """A file beside another, gone at the end unless it took its place; so are those that SQLite lays beside it."""
    copy = file.with_name(f"{file.name}.unfinished")
    _gone(copy)
    try:
        yield copy
    finally:
        _gone(copy)


def _gone(file: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{file}{ending}").unlink(missing_ok=True)


def _made_room(place: Path) -> Path:
    """Keep the books that are there under another name; the new ones then take the place at one stroke."""
    _alone(place)
    kept = next(
        name for number in count(1) if not (name := place.with_name(f"{place.name}.replaced-{number}")).exists()
    )
    try:
        os.link(place, kept)
    except OSError:  # a file system without links
        shutil.copy2(place, kept)
    return kept


def _alone(place: Path) -> None:
    """Bring everything into the file itself, which works only where nobody else has it open."""
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        try:
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        except sqlite3.OperationalError:
            mode = "locked"
    if mode != "delete":
        cure = "Stop the service and whoever else has them open, then try again."
        raise _rejected(place, "in-use", "Somebody has these books open.", cure)


def _settle(file: Path) -> None:
    """A new name survives a power cut once its folder is written down."""
    for path in (file, file.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# Whether they are sound ------------------------------------------------------------------------------


def _verified(copy: Path, workers: int) -> tuple[Checked, ...]:
    """Every check, on a copy whose shape and guards are right."""
    engine = engine_for(URL.create("sqlite", database=str(copy)))
    try:
        check_ready(engine)
        return tuple(verify(engine, workers=workers))
    finally:
        engine.dispose()


def _refuse_unsound(file: Path, checks: tuple[Checked, ...]) -> None:
    breaches = tuple(breach for checked in checks for breach in checked.breaches)
    if breaches:
        raise NotSound(file, breaches)


def _behind(engine: Engine) -> str:
    """Which closed month the books lack; ``""``: none that is known."""
    with reading(engine) as connection:
        try:
            seals.check_not_behind(engine, connection)
        except Rejected as rejected:
            return str(rejected.problems[0])
    return ""


# PostgreSQL ------------------------------------------------------------------------------------------


def commands(url: URL, what: str, file: Path) -> list[str]:
    """What to type for a backup of PostgreSQL, or to put one back into an empty database. The password is asked
    for, or stands where PostgreSQL looks for it."""
    open_ = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    address = shlex.quote(open_.render_as_string())
    name = shlex.quote(str(file))
    if what == "backup":
        return [f"pg_dump --format=custom --file={name} {address}", "incentives verify"]
    return [
        f"pg_restore --single-transaction --no-owner --dbname={address} {name}",
        "incentives upgrade",
        "incentives verify",
    ]


def _file_of(url: URL, what: str, file: Path) -> Path:
    """Where an SQLite database is; on PostgreSQL :class:`Rejected` names the commands."""
    if url.drivername == "sqlite":
        return Path(url.database or "")
    typed = "; then ".join(commands(url, what, file))
    sentence = f"PostgreSQL has its own tools for a {what}."
    raise _rejected(file, "postgresql", sentence, f"Run: {typed}")


def _no_books(file: Path) -> Rejected:
    return _rejected(file, "no-books", "It holds no books.", "Name a file that incentives backup made.")


def _rejected(file: Path, code: str, sentence: str, cure: str) -> Rejected:
    return Rejected([Problem(str(file), 0, "", code, Told(sentence), Told(cure))])
