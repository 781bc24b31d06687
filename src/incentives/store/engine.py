"""One way into the store: SQLite or PostgreSQL, set up so that nothing that was acknowledged is lost.

Readers never wait. Writers take turns, on both databases: whoever writes holds the books, so that "is the month
open?" is still true when the row is written, and acts are numbered in the order in which they commit.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from incentives.errors import Problem, Rejected, Told

if TYPE_CHECKING:
    import psycopg

VARIABLE = "INCENTIVES_DATABASE_URL"
DEFAULT_FILE = "incentives.db"

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "2",  # FULL: what was committed survives a power cut
    "foreign_keys": "1",
    "recursive_triggers": "1",  # INSERT OR REPLACE deletes: only so does the guard against deleting see it
    "busy_timeout": "60000",
}
"""What SQLite is told on every connection, and answers when asked."""

SOON_MS = 250
"""For so long a writer on SQLite looks each millisecond whether the books are free."""

PLANNED = {
    "random_page_cost": "1.1",  # what is looked for is in memory, or on a disk without an arm
    "max_parallel_workers_per_gather": "0",  # whoever calculates uses every processor already
    "plan_cache_mode": "force_custom_plan",  # "since act 179" is the last few rows, "since any act" a third of all
}
"""How PostgreSQL plans on every connection: some people's facts by their index, not by reading everybody's."""


def chosen_url() -> URL:
    """The store that the environment names, or the file in this folder."""
    return read_url(os.environ.get(VARIABLE) or f"sqlite:///{DEFAULT_FILE}")


def read_url(written: str) -> URL:
    """A database address; :class:`Rejected` says what is wrong with it."""
    try:
        url = make_url(written)
    except ArgumentError:
        raise _wrong_url("It is not the address of a database.") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise _wrong_url(f"{url.drivername} is not a database that is known here.")
    if url.drivername == "sqlite" and not url.database:
        raise _wrong_url("A store in memory would forget everything.")
    return url


def _wrong_url(sentence: str) -> Rejected:
    cure = f"Write sqlite:///{DEFAULT_FILE} or postgresql://user:password@host/name."
    return Rejected([Problem(VARIABLE, 0, "", "unknown-database", Told(sentence), Told(cure))])


def shown(url: URL) -> str:
    """Where the store is, without its password."""
    if url.drivername == "sqlite":
        return str(Path(url.database or "").absolute())
    return url.render_as_string(hide_password=True).replace("+psycopg", "")


def engine_for(url: URL) -> Engine:
    """An engine that is set up as this store wants it; its errors do not tell what was to be written."""
    if url.drivername != "sqlite":
        engine = create_engine(url, pool_pre_ping=True, hide_parameters=True)
        event.listen(engine, "connect", _set_up_postgresql)
        return engine
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(raw: sqlite3.Connection, _: Any) -> None:
    raw.isolation_level = None  # transactions begin where we say so, not where the driver thinks
    for name, value in PRAGMAS.items():
        # Two that open a new file at once both turn its journal into a log. SQLite refuses the second on the spot,
        # however long it was told to wait: each of them reads already, so each would wait for the other for ever.
        _insist(raw, f"PRAGMA {name} = {value}", int(PRAGMAS["busy_timeout"]))


def _insist(raw: sqlite3.Connection, statement: str, milliseconds: int) -> None:
    """Have a statement done, looking each millisecond whether the books are free."""
    deadline = time.monotonic() + milliseconds / 1000
    while True:
        try:
            raw.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.001)
        else:
            return


def _set_up_postgresql(raw: psycopg.Connection[Any], _: Any) -> None:
    for name, value in PLANNED.items():
        raw.execute(f"SET {name} = {value}".encode())
    raw.commit()


def _begin_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection), "the connection is open"
    if not _begins_soon(raw):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begins_soon(raw: sqlite3.Connection) -> bool:
    """Whether a connection that writes got its turn within the first moments.

    Other processes hold the books for some milliseconds, mostly: so it looks again each millisecond. SQLite itself
    looks again after ever longer sleeps, up to a tenth of a second.
    """
    (patience,) = raw.execute("PRAGMA busy_timeout").fetchone()
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        _insist(raw, "BEGIN IMMEDIATE", min(patience, SOON_MS))
    except sqlite3.OperationalError:
        return False
    finally:
        raw.execute(f"PRAGMA busy_timeout = {patience}")
    return True


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the store for as long as it is read."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction, alone: all of it or nothing. Others who write wait until it has ended."""
    with _turn(engine), engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            _hold(connection)
            yield connection


@contextmanager
def trying(engine: Engine) -> Iterator[Connection]:
    """As :func:`writing`, and nothing of it is kept."""
    with _turn(engine), engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        transaction = connection.begin()
        try:
            _hold(connection)
            yield connection
        finally:
            transaction.rollback()


@contextmanager
def patient(connection: Connection, milliseconds: int) -> Iterator[None]:
    """Wait no longer than this for others who write; only SQLite has one lock for everything."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = connection.connection.driver_connection
    assert raw is not None, "the connection is open"
    raw.execute(f"PRAGMA busy_timeout = {milliseconds}")
    try:
        yield
    finally:
        raw.execute(f"PRAGMA busy_timeout = {PRAGMAS['busy_timeout']}")


_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Threads of this process that write SQLite: the next one wakes when the one before has ended.

    SQLite itself looks again after ever longer sleeps, up to a tenth of a second. Whoever waited for too long asks
    it all the same: it is what says no.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = _turns[str(engine.url.database)]
    has_it = turn.acquire(timeout=int(PRAGMAS["busy_timeout"]) / 1000)
    try:
        yield
    finally:
        if has_it:
            turn.release()


def _hold(connection: Connection) -> None:
    """Wait for the books; on SQLite the transaction began by holding them."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT id FROM books FOR UPDATE")
