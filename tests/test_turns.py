"""Whoever writes SQLite gets a turn soon after whoever writes now, and knows when to give up."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from incentives.store import engine as turns
from incentives.store.engine import PRAGMAS, patient, writing
from stores import made


@pytest.fixture
def other(tmp_path: Path) -> sqlite3.Connection:
    """Another process holds the books."""
    made(f"sqlite:///{tmp_path / 'books.db'}")
    connection = sqlite3.connect(tmp_path / "books.db", isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection


@pytest.fixture
def books(tmp_path: Path, other: sqlite3.Connection) -> Engine:
    return turns.engine_for(turns.read_url(f"sqlite:///{tmp_path / 'books.db'}"))


@pytest.mark.parametrize("soon_ms", [250, 5], ids=["looking each millisecond", "and then as SQLite does"])
def test_a_writer_waits_for_another_process(
    books: Engine, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, soon_ms: int
) -> None:
    monkeypatch.setattr(turns, "SOON_MS", soon_ms)
    threading.Timer(0.1, other.rollback).start()
    with writing(books) as connection:
        assert not other.in_transaction
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == int(PRAGMAS["busy_timeout"])


def test_whoever_opens_a_new_file_waits_for_another_who_does(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.1, other.rollback).start()
    with turns.engine_for(turns.read_url(f"sqlite:///{tmp_path / 'new.db'}")).connect() as connection:
        assert not other.in_transaction
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_whoever_opens_a_new_file_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRAGMAS, "busy_timeout", "20")
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        turns.engine_for(turns.read_url(f"sqlite:///{tmp_path / 'new.db'}")).connect()
    assert other.in_transaction


def test_a_writer_that_has_little_patience_gives_up(books: Engine, other: sqlite3.Connection) -> None:
    with (
        books.connect().execution_options(writes=True) as connection,
        patient(connection, milliseconds=20),
        pytest.raises(OperationalError, match="locked"),
        connection.begin(),
    ):
        pass
    assert other.in_transaction


def test_a_turn_ends_with_what_was_written_and_with_what_failed(books: Engine, other: sqlite3.Connection) -> None:
    other.rollback()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), writing(books):
            1 / 0  # noqa: B018
    written = []

    def write() -> None:
        with writing(books):
            written.append(threading.get_ident())

    with writing(books):
        waits = threading.Thread(target=write)
        waits.start()
        waits.join(0.05)
        assert not written
    waits.join(10)
    assert written
