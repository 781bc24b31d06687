"""Backup and restore: whole while others write, verified at the end, and no pay from books that were put back."""

from __future__ import annotations

import datetime as dt
import os
import runpy
import shlex
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from closed_books import SAMPLE, close_through
from incentives.errors import Rejected
from incentives.service import copies
from incentives.service.copies import NotSound, backup, restore
from incentives.service.decisions import adjust
from incentives.service.deliveries import import_folder
from incentives.service.payouts import payout
from incentives.service.verification import breaches
from incentives.store import tables
from incentives.store.closes import closes
from incentives.store.upgrade import StoreNotReady, check_ready, upgrade
from stores import ANA, everything, made, opened

JANUARY, FEBRUARY = dt.date(2025, 1, 1), dt.date(2025, 2, 1)


@pytest.fixture(scope="module")
def january(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books whose first month is closed; with the seals that are known of it."""
    file = tmp_path_factory.mktemp("january") / "books.db"
    with opened(made(f"sqlite:///{file}")) as engine:
        import_folder(engine, ANA, SAMPLE)
        close_through(engine, JANUARY)
    return file


@pytest.fixture
def books(january: Path, tmp_path: Path) -> str:
    """The URL of a copy of these books."""
    for name in ("books.db", "books.db.seals"):
        shutil.copy(january.with_name(name), tmp_path / name)
    return f"sqlite:///{tmp_path / 'books.db'}"


def test_a_backup_holds_everything_and_verifies(books: str, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with opened(books) as engine:
        copied = backup(engine, tmp_path / "backup.db", progress=lambda done, of: told.append((done, of)))
        before = everything(engine)
    assert copied.size > 0 and sum(checked.looked_at for checked in copied.checks) > 100
    assert told and told[-1][0] == told[-1][1] > 0
    with opened(f"sqlite:///{copied.file}") as engine:
        assert everything(engine) == before
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup.db"]


def test_a_backup_is_of_one_moment_while_others_write(
    books: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PAGES_AT_ONCE", 5)
    done = threading.Event()

    def write() -> None:
        with opened(books) as engine:
            while not done.is_set():
                adjust(engine, ANA, "P01", 100, "EUR", JANUARY)

    writer = threading.Thread(target=write)
    with opened(books) as engine:
        writer.start()
        try:
            for number in range(5):
                copied = backup(engine, tmp_path / f"backup-{number}.db")
                with opened(f"sqlite:///{copied.file}") as copy:
                    rows = everything(copy)
                acts = len(rows[tables.Act.__tablename__])
                assert len(rows[tables.Adjustment.__tablename__]) > 0 or number == 0
                assert rows[tables.Act.__tablename__][-1].id == acts
        finally:
            done.set()
            writer.join()


def test_a_backup_never_overwrites(books: str, tmp_path: Path) -> None:
    (tmp_path / "backup.db").write_text("something dear")
    with opened(books) as engine, pytest.raises(Rejected, match="There is a file already"):
        backup(engine, tmp_path / "backup.db")
    assert (tmp_path / "backup.db").read_text() == "something dear"


def test_a_backup_of_books_that_were_touched_says_so_and_is_kept(books: str, tmp_path: Path) -> None:
    touch(books)
    with opened(books) as engine, pytest.raises(NotSound, match=r"\[5\] entries, month 2025-01, payee P01"):
        backup(engine, tmp_path / "backup.db")
    assert (tmp_path / "backup.db").exists()
    with opened(f"sqlite:///{tmp_path / 'elsewhere.db'}") as engine, pytest.raises(NotSound):
        restore(tmp_path / "backup.db", engine)
    assert not (tmp_path / "elsewhere.db").exists() or not (tmp_path / "elsewhere.db").stat().st_size


def touch(url: str) -> None:
    """An amount by hand, with the guard put back."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        ((guard,),) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'guard_entries_update'")
        connection.execute("DROP TRIGGER guard_entries_update")
        connection.execute("UPDATE entries SET amount_minor = amount_minor + 1 WHERE id = 1")
        connection.execute(guard)
    connection.close()


def test_what_was_backed_up_comes_back_where_no_books_are(books: str, tmp_path: Path) -> None:
    with opened(books) as engine:
        backup(engine, tmp_path / "backup.db")
        before = everything(engine)
    with opened(f"sqlite:///{tmp_path / 'new.db'}") as engine:
        restored = restore(tmp_path / "backup.db", engine)
        assert restored.kept is None and restored.behind == ""
        check_ready(engine)
        assert everything(engine) == before
        assert breaches(engine) == []


def test_books_are_replaced_only_when_asked_and_stay_under_another_name(books: str, tmp_path: Path) -> None:
    with opened(books) as engine:
        backup(engine, tmp_path / "backup.db")
        adjust(engine, ANA, "P01", 100, "EUR", JANUARY)
        later = everything(engine)
        with pytest.raises(Rejected, match="There are books already"):
            restore(tmp_path / "backup.db", engine)
        assert everything(engine) == later
        restored = restore(tmp_path / "backup.db", engine, replace=True)
        assert restored.kept == tmp_path / "books.db.replaced-1"
        assert everything(engine)[tables.Adjustment.__tablename__] == []
    with opened(f"sqlite:///{restored.kept}") as engine:
        assert everything(engine) == later


def test_books_that_somebody_has_open_are_not_replaced(
    books: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PATIENCE_MS", 50)
    with opened(books) as engine, opened(books) as other:
        backup(engine, tmp_path / "backup.db")
        before = everything(engine)
        with other.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM acts")
            with pytest.raises(Rejected, match="Somebody has these books open"):
                restore(tmp_path / "backup.db", engine, replace=True)
        assert everything(engine) == before
    assert not list(tmp_path.glob("*.replaced*")) and not list(tmp_path.glob("*.unfinished*"))


@pytest.mark.parametrize("content", [b"", b"a letter", b"SQLite format 3\0 and nothing behind it"])
def test_what_is_no_backup_is_not_restored(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "backup.db").write_bytes(content)
    with opened(f"sqlite:///{tmp_path / 'new.db'}") as engine, pytest.raises(Rejected, match="It holds no books"):
        restore(tmp_path / "backup.db", engine)


def test_a_backup_without_its_guards_is_not_restored(books: str, tmp_path: Path) -> None:
    with opened(books) as engine:
        backup(engine, tmp_path / "backup.db")
    with sqlite3.connect(tmp_path / "backup.db") as connection:
        connection.execute("DROP TRIGGER guard_closes_delete")
    connection.close()
    with (
        opened(f"sqlite:///{tmp_path / 'new.db'}") as engine,
        pytest.raises(StoreNotReady, match="trigger closes guard_closes_delete is missing"),
    ):
        restore(tmp_path / "backup.db", engine)


def test_books_behind_the_newest_seal_do_not_pay_until_newer_ones_are_restored(books: str, tmp_path: Path) -> None:
    with opened(books) as engine:
        backup(engine, tmp_path / "january.db")
        close_through(engine, FEBRUARY)
        backup(engine, tmp_path / "february.db")
        restored = restore(tmp_path / "january.db", engine, replace=True)
        assert "It lacks 2025-02" in restored.behind
        assert [each.where for each in breaches(engine)] == ["month 2025-02"]
        with pytest.raises(Rejected, match="It lacks 2025-02"):
            payout(engine, ANA, JANUARY, "generic")
        assert restore(tmp_path / "february.db", engine, replace=True).behind == ""
        assert breaches(engine) == []
        assert payout(engine, ANA, JANUARY, "generic").number == 1
        with engine.connect() as connection:
            assert [each.month for each in closes(connection)] == [JANUARY, FEBRUARY]


# PostgreSQL -----------------------------------------------------------------------------------------------


def test_on_postgresql_the_commands_that_are_named_do_it(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCENTIVES_SEALS", str(tmp_path / "seals"))
    server = request.getfixturevalue("postgresql")
    source, target = made(server.fresh_database()), server.fresh_database()
    with opened(source) as engine:
        import_folder(engine, ANA, SAMPLE)
        close_through(engine, JANUARY)
        before = everything(engine)
        with pytest.raises(Rejected, match="pg_dump --format=custom") as refused:
            backup(engine, tmp_path / "books.dump")
    typed(refused.value, source)
    with opened(target) as engine:
        with pytest.raises(Rejected, match="pg_restore --single-transaction") as refused:
            restore(tmp_path / "books.dump", engine)
        typed(refused.value, target)
        upgrade(engine)
        check_ready(engine)
        assert everything(engine) == before
        assert breaches(engine) == []


def typed(refused: Rejected, url: str) -> None:
    """Type the first command that a refusal names."""
    command = shlex.split(refused.problems[0].cure.removeprefix("Run: ").partition("; then ")[0])
    binaries = runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "system_packages"))
    server = (binaries["postgresql_binaries"]() / "postgres").resolve()  # of the same version, whatever PATH says
    program = server.with_name(command[0])
    password = make_url(url).password or ""
    subprocess.run([program, *command[1:]], env=os.environ | {"PGPASSWORD": password}, check=True, timeout=60)
    assert password not in " ".join(command)
