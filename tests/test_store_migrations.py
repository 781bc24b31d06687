"""The store's shape on both databases: made from nothing, guarded, and refused where it is not as it should be."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, insert, inspect, make_url, select, text, update
from sqlalchemy.exc import DBAPIError, ProgrammingError

from incentives.service.deliveries import import_folder
from incentives.service.months import close
from incentives.service.payouts import payout
from incentives.service.runs import run
from incentives.service.verification import breaches
from incentives.store import guards, tables
from incentives.store import upgrade as upgrading
from incentives.store.acts import record
from incentives.store.closes import closes
from incentives.store.desk import CHANGEABLE
from incentives.store.engine import reading, writing
from incentives.store.tables import APPEND_ONLY, VERSIONED, Base
from incentives.store.upgrade import StoreNotReady, check_ready, exists, upgrade
from stores import ANA, BEN, CEM, NOW, WAIVED, Shelf, everything, file_of, made, models, opened, written

if TYPE_CHECKING:
    from postgres import Databases, Server

SAMPLE = Path(__file__).parent.parent / "sample_data"
JANUARY, FEBRUARY, MARCH = (dt.date(2026, month, 1) for month in (1, 2, 3))
BRANDS = ["sqlite", "postgresql"]


@pytest.fixture(scope="module", params=BRANDS)
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    server: Server | None = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    return Shelf(request.param, tmp_path_factory.mktemp("books"), server)


@pytest.fixture(scope="module")
def empty(shelf: Shelf) -> str:
    """Empty books, to be copied."""
    return made(shelf.new())


@pytest.fixture(scope="module")
def full(shelf: Shelf, empty: str) -> str:
    """Books with at least a row in every table, and a closed month; to be copied."""
    url = shelf.copy(empty)
    with opened(url) as engine:
        _fill(engine)
    return url


@pytest.fixture
def books(shelf: Shelf, empty: str) -> Iterator[Engine]:
    url = shelf.copy(empty)
    with opened(url) as engine:
        yield engine
    shelf.drop(url)


@pytest.fixture(scope="module")
def full_books(full: str) -> Iterator[Engine]:
    """Nothing is ever committed here."""
    with opened(full) as engine:
        yield engine


def _fill(engine: Engine) -> None:
    import_folder(engine, ANA, SAMPLE)
    with writing(engine) as connection:
        act_id = record(connection, ANA, "all of it")
        one = {"id": 1, "act_id": act_id}
        by_ana: list[tuple[type[Base], dict[str, Any]]] = [
            (tables.SharedId, {"event_id": "e"}),
            (tables.Conflict, one | {"kind": "event", "source": "", "subject": "e", "content": "{}"}),
            (tables.Adjustment, one | _ADJUSTMENT),
            (tables.Hold, one | {"kind": "payee", "subject": "p", "reason": "r"}),
            (tables.Release, one | {"hold_id": 1, "reason": "r"}),
            (tables.Question, one | _QUESTION),
            (tables.Answer, {"question_id": 1, "act_id": act_id, "answer": "a"}),
            (tables.Acknowledgement, one | {"payee_id": "p", "kind": "letter", "subject": "s", "sha256": "s"}),
            (tables.Run, one | _run(JANUARY)),
            (tables.Entry, _entry(1, JANUARY)),
            (tables.Waiver, {"month": JANUARY, "item": "holds", "act_id": act_id, "reason": "r"}),
            (tables.ClosedOwner, {"month": JANUARY, "payee_id": "p", "entries": 1, "sha256": "s"}),
            (tables.Payout, _PAYOUT),
            (tables.Settled, {"entry_id": 1, "month": JANUARY}),
            (tables.PayoutFile, _file(act_id)),
            (tables.Delivery, one | {"month": JANUARY, "profile": "generic"}),
            (tables.Receipt, {"month": JANUARY, "profile": "generic", "act_id": act_id, "note": ""}),
            (tables.Statement, _STATEMENT | {"language": "en", "document": "{}"}),
            (tables.StatementFile, _STATEMENT | {"act_id": act_id, "content": b"pdf"}),
            (tables.Close, _close(JANUARY, act_id)),
        ]
        for model, values in by_ana:
            written(connection, model, **values)
        propose_rule = {"id": 1000, "act_id": act_id, "kind": "plan", "name": "p", "document": ""}
        written(connection, tables.RuleRevision, **propose_rule)


_ADJUSTMENT = {"payee_id": "p", "amount_minor": 1, "currency": "EUR", "earned_on": JANUARY, "reason": "r"}
_QUESTION = dict.fromkeys(("payee_id", "plan", "component", "kind", "cause", "question"), "q")
_STATEMENT = {"quarter": JANUARY, "payee_id": "p", "sha256": "s"}
_PAYOUT = {"month": JANUARY, "payee_id": "p", "currency": "EUR"} | dict.fromkeys(
    (
        "positive_minor",
        "negative_minor",
        "brought_forward_minor",
        "recovered_minor",
        "pay_minor",
        "carried_forward_minor",
    ),
    0,
)


def _file(act_id: int) -> dict[str, Any]:
    key = {"month": JANUARY, "profile": "generic", "name": "pay.csv"}
    return key | {"act_id": act_id, "content": b"pay", "control": "{}", "sha256": "s"}


def _run(month: dt.date) -> dict[str, Any]:
    return {"month": month, "as_of": month, "known_through": 1, "scope": "everybody", "entries": 1}


def _entry(number: int, month: dt.date) -> dict[str, Any]:
    words = dict.fromkeys(("payee_id", "plan", "component", "kind", "cause", "invoice_id", "currency"), "x")
    days = dict.fromkeys(("month", "earned_on", "payable_on", "plan_version"), month)
    return {"id": number, "run_id": 1, "amount_minor": 100, "stood_minor": 0} | words | days


def _close(month: dt.date, act_id: int, previous: str = "") -> dict[str, Any]:
    said = {"prepared_by": "ben", "known_through": 1, "content": "{}", "seal": f"seal of {month}"}
    return {"month": month, "act_id": act_id, "run_id": 1, "previous_seal": previous} | said


def refused(engine: Engine, message: str, statement: Any, *parameters: Any) -> None:
    """The database itself refuses a statement, for the reason that it gives."""
    with engine.connect() as connection:
        transaction = connection.execution_options(writes=True).begin()
        with pytest.raises(DBAPIError, match=message):
            connection.execute(text(statement) if isinstance(statement, str) else statement, *parameters)
        transaction.rollback()


# From empty up ------------------------------------------------------------------------------------------


def test_migrations_make_what_the_tables_say(books: Engine) -> None:
    with reading(books) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_make_also_what_a_comparison_does_not_look_at(shelf: Shelf, books: Engine) -> None:
    """Checks, named constraints, conditions of indexes: as the tables themselves would be made."""
    with opened(shelf.new()) as straight, straight.begin() as connection:
        Base.metadata.create_all(connection)
        guards.make(connection)
        wanted = guards.present(connection)
    with reading(books) as connection:
        found = guards.present(connection)
    assert {name: _clauses(said) for name, said in found.items()} == {
        name: _clauses(said) for name, said in wanted.items()
    }


def test_books_of_every_earlier_version_are_brought_up_to_date_with_all_that_is_in_them(
    shelf: Shelf, tmp_path: Path
) -> None:
    with opened(made(shelf.new())) as today:
        import_folder(today, ANA, SAMPLE)
        run(today, ANA)
        first = close(today, BEN, dt.date(2025, 1, 1), waive=WAIVED)
        header, came_first = (SAMPLE / "events.csv").read_text(encoding="utf-8").splitlines()[:2]
        other, elsewhere = came_first.replace(".00", ".01"), came_first.replace(",bank", ",card")
        (tmp_path / "events.csv").write_text("\n".join((header, other, elsewhere, "")), encoding="utf-8")
        import_folder(today, ANA, tmp_path)
        kept = everything(today)
        assert len(kept["conflicts"]) == len(kept["shared_ids"]) == 1
        for version in reversed(_versions()[1:]):
            with opened(shelf.new()) as earlier:
                _make(earlier, version)
                _pour(today, earlier)
                with pytest.raises(StoreNotReady, match="incentives upgrade"):
                    check_ready(earlier)
                assert upgrade(earlier)
                check_ready(earlier)
                assert everything(earlier) == kept
                assert [each.seal for each in closes(earlier.connect())] == [first.seal]
                assert list(breaches(earlier)) == []


def _versions() -> list[str]:
    """From the newest back to the first."""
    found = [each.revision for each in upgrading._scripts().walk_revisions()]
    assert len(found) > 1
    return found


def _make(engine: Engine, version: str) -> None:
    config = upgrading._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def _pour(full: Engine, into: Engine) -> None:
    """Every row of one store into another that has fewer tables; what it lacks is empty or made by the upgrade."""
    with full.connect() as source, into.begin() as target:
        there = set(inspect(target).get_table_names())
        for table in Base.metadata.sorted_tables:
            rows = source.execute(select(table)).mappings().all()
            assert table.name in there or not rows or table.name == "shared_ids"
            if rows and table.name in there:
                target.execute(insert(table), [dict(row) for row in rows])


def _clauses(definition: str) -> list[str]:
    """A table's definition in whatever order its columns and constraints stand; a renamed one is in quotes."""
    definition = definition.replace('"', "")
    if not definition.startswith("CREATE TABLE"):
        return [definition]
    return sorted(part.rstrip(" ,)") for part in re.split(r",(?= CONSTRAINT)|,(?= \w+ [A-Z])", definition))


def test_the_guards_are_those_of_the_manifest(shelf: Shelf, books: Engine) -> None:
    """After a deliberate change: ``python scripts/write_guards.py``, and read what it changed."""
    manifest = json.loads(guards.manifest(shelf.brand).read_text(encoding="utf-8"))
    with reading(books) as connection:
        assert guards.present(connection) == manifest
        assert guards.differences(connection) == []
    check_ready(books)


def test_every_table_is_append_only_or_versioned_or_stands_on_the_desk() -> None:
    assert sorted((*APPEND_ONLY, *VERSIONED, *CHANGEABLE)) == sorted(Base.metadata.tables)
    assert len(VERSIONED) == 11


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(full: str, shelf: Shelf) -> None:
    with opened(shelf.copy(full)) as engine:
        before = everything(engine)
        assert upgrade(engine) is False
        assert everything(engine) == before
        check_ready(engine)


def test_an_upgrade_mends_guards_that_somebody_dropped(books: Engine) -> None:
    with books.begin() as connection:
        for name, table, _ in _triggers(connection):
            connection.exec_driver_sql(_drop(connection, name, table))
    with pytest.raises(StoreNotReady):
        check_ready(books)
    upgrade(books)
    check_ready(books)


# What the guards refuse --------------------------------------------------------------------------------


def test_the_books_that_are_tried_hold_a_row_of_everything(full_books: Engine) -> None:
    assert [name for name, rows in everything(full_books).items() if not rows] == []


@pytest.mark.parametrize("table", [*APPEND_ONLY, *VERSIONED])
def test_nothing_is_deleted(table: str, full_books: Engine, shelf: Shelf) -> None:
    message = f"{table}.*(append-only|keeps its history)"
    refused(full_books, message, f"DELETE FROM {table}")
    if shelf.brand == "postgresql":
        refused(full_books, message, f"TRUNCATE {table} CASCADE")
    else:
        message = f"{message}|the month is closed|months close in order"
        refused(full_books, message, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


@pytest.mark.parametrize("table", [*APPEND_ONLY, *VERSIONED])
def test_no_column_is_changed(table: str, full_books: Engine) -> None:
    for column in Base.metadata.tables[table].columns:
        if column.name != "known_until":
            same = f'UPDATE {table} SET "{column.name}" = "{column.name}"'
            if table in APPEND_ONLY:
                refused(full_books, f"{table}.*append-only", same)
            else:
                refused(full_books, f"{table}.*may only be ended, once", same)


@pytest.mark.parametrize("table", VERSIONED)
def test_a_versioned_row_ends_once_and_nothing_else_of_it_changes(table: str, full_books: Engine) -> None:
    versioned = Base.metadata.tables[table]
    one = update(versioned).where(versioned.c.id == 1)
    with full_books.connect() as connection:
        transaction = connection.execution_options(writes=True).begin()
        assert connection.execute(one.values(known_until=1)).rowcount == 1
        for again in (one.values(known_until=2), one.values(known_until=None)):
            nested = connection.begin_nested()
            with pytest.raises(DBAPIError, match="may only be ended, once"):
                connection.execute(again)
            nested.rollback()
        transaction.rollback()
    for column in versioned.columns:
        if column.name not in ("known_until", "id"):
            other = select(column).where(versioned.c.id == 1).scalar_subquery()
            changed = _another(column, full_books, other)
            message = "may only be ended, once"
            refused(full_books, message, one.values({"known_until": 1, column.name: changed}))


def _another(column: Any, engine: Engine, asked: Any) -> Any:
    """A value of a column's type that does not stand there."""
    with engine.connect() as connection:
        stands = connection.execute(select(asked)).scalar()
    if isinstance(stands, dt.date):
        return stands + dt.timedelta(days=1)
    if stands is None:
        return dt.date(2001, 1, 1) if column.type.python_type is dt.date else 7
    return stands + 1 if isinstance(stands, int) else f"{stands}!"


def test_nothing_is_posted_into_a_closed_month(full_books: Engine) -> None:
    refused(full_books, "entries: the month is closed", _insert(tables.Entry), _entry(2, JANUARY))
    values = {"id": 2, "act_id": 1} | _run(JANUARY)
    refused(full_books, "runs: the month is closed", _insert(tables.Run), values)
    both = [_entry(2, FEBRUARY), _entry(3, JANUARY)]
    refused(full_books, "entries: the month is closed", _insert(tables.Entry).values(both))


def test_into_the_open_month_it_is(full_books: Engine) -> None:
    with full_books.connect() as connection:
        transaction = connection.execution_options(writes=True).begin()
        connection.execute(_insert(tables.Entry), _entry(2, FEBRUARY))
        connection.execute(_insert(tables.Close), _close(FEBRUARY, 1, "seal of 2026-01-01"))
        transaction.rollback()


@pytest.mark.parametrize("month", [dt.date(2025, 12, 1), MARCH, dt.date(2026, 2, 2), dt.date(2027, 2, 1)])
def test_months_close_in_order(month: dt.date, full_books: Engine) -> None:
    refused(full_books, "months close in order", _insert(tables.Close), _close(month, 1, "seal of 2026-01-01"))


def test_december_is_followed_by_january(books: Engine) -> None:
    december, january = dt.date(2025, 12, 1), dt.date(2026, 1, 1)
    with writing(books) as connection:
        act_id = record(connection, ANA, "close")
        written(connection, tables.Run, id=1, act_id=act_id, **_run(december))
        written(connection, tables.Close, **_close(december, act_id))
        written(connection, tables.Close, **_close(january, act_id, "seal of 2025-12-01"))


def test_a_month_closes_once_and_two_never_follow_the_same(full_books: Engine) -> None:
    refused(full_books, "months close in order", _insert(tables.Close), _close(JANUARY, 1, "another"))
    refused(full_books, "uq_closes_previous_seal|closes.previous_seal", _insert(tables.Close), _close(FEBRUARY, 1))


@pytest.mark.parametrize("kind", ["rule", "adjustment", "hold", "release"])
def test_nobody_decides_about_what_they_proposed(kind: str, full_books: Engine) -> None:
    subject = 1000 if kind == "rule" else 1
    decided = {"id": 999, "kind": kind, "subject_id": subject, "choice": "approve"}
    with full_books.connect() as connection:
        transaction = connection.execution_options(writes=True).begin()
        nested = connection.begin_nested()
        own = record(connection, ANA, "decide")
        with pytest.raises(DBAPIError, match="a second person decides"):
            connection.execute(_insert(tables.Decision), decided | {"act_id": own})
        nested.rollback()
        others = record(connection, BEN, "decide")
        connection.execute(_insert(tables.Decision), decided | {"act_id": others})
        nested = connection.begin_nested()
        with pytest.raises(DBAPIError, match=r"uq_decisions|UNIQUE"):
            connection.execute(_insert(tables.Decision), decided | {"id": 1001, "act_id": others})
        nested.rollback()
        transaction.rollback()


@pytest.mark.parametrize("amount_minor", [2**53, -(2**53), 2**63 - 1])
def test_an_amount_out_of_reach_is_refused(amount_minor: int, full_books: Engine) -> None:
    entry = _entry(2, FEBRUARY) | {"amount_minor": amount_minor}
    refused(full_books, "in_reach", _insert(tables.Entry), entry)


def test_the_guards_hold_also_where_replication_would_switch_triggers_off(postgresql: Server) -> None:
    url = made(postgresql.fresh_database())
    with opened(url) as engine:
        _fill(engine)
        name = make_url(url).database or ""
    with postgresql.admin(name) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in ("DELETE FROM entries", "UPDATE entries SET amount_minor = 0"):
            with pytest.raises(Exception, match="entries: append-only"):
                connection.execute(statement)


def _insert(model: type[Base]) -> Any:
    return tables.table_of(model).insert()


# A guard that is gone -----------------------------------------------------------------------------------


def _triggers(connection: Connection) -> list[tuple[str, str, str]]:
    """Name, table and definition of every trigger of ours."""
    if connection.dialect.name == "sqlite":
        asked = "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
    else:
        asked = (
            "SELECT tgname, tgrelid::regclass::text, pg_get_triggerdef(oid) || '; ALTER TABLE ' "
            "|| tgrelid::regclass || ' ENABLE ALWAYS TRIGGER ' || tgname "
            "FROM pg_trigger WHERE NOT tgisinternal ORDER BY 2, 1"
        )
    return [(name, table, said) for name, table, said in connection.exec_driver_sql(asked)]


def _drop(connection: Connection, name: str, table: str) -> str:
    return f"DROP TRIGGER {name}" if connection.dialect.name == "sqlite" else f"DROP TRIGGER {name} ON {table}"


def _said_by_check(engine: Engine) -> str:
    with pytest.raises(StoreNotReady) as caught:
        check_ready(engine)
    return str(caught.value)


def test_any_trigger_that_is_dropped_is_missed_by_name(books: Engine) -> None:
    with books.connect() as connection:
        triggers = _triggers(connection)
    assert len(triggers) > 2 * len((*APPEND_ONLY, *VERSIONED))
    for name, table, _ in triggers:
        with books.connect() as connection:
            transaction = connection.execution_options(writes=True).begin()
            connection.exec_driver_sql(_drop(connection, name, table))
            assert guards.differences(connection) == [f"trigger {table} {name} is missing"]
            transaction.rollback()
    for name, table, definition in triggers[::10]:
        with books.begin() as connection:
            connection.exec_driver_sql(_drop(connection, name, table))
        said = _said_by_check(books)
        assert f"  trigger {table} {name} is missing\n" in said
        assert "incentives upgrade makes them anew" in said
        with books.begin() as connection:
            connection.exec_driver_sql(definition)
    check_ready(books)


CHANGES = {
    "sqlite": {
        "DROP INDEX uq_payees_now": "index payees uq_payees_now is missing",
        "CREATE TRIGGER more AFTER INSERT ON entries BEGIN SELECT 1; END": "trigger entries more is not one",
        "CREATE TRIGGER sqlitex AFTER INSERT ON entries BEGIN SELECT 1; END": "trigger entries sqlitex is not one",
        "CREATE TABLE more (id INTEGER)": "table more more is not one of ours",
        "CREATE VIEW more AS SELECT 1": "view more more is not one of ours",
    },
    "postgresql": {
        "DROP INDEX uq_payees_now": "index payees uq_payees_now is missing",
        "ALTER TABLE entries DISABLE TRIGGER guard_entries_delete": "trigger entries guard_entries_delete is diff",
        "ALTER TABLE entries ENABLE TRIGGER guard_entries_delete": "trigger entries guard_entries_delete is diff",
        "ALTER TABLE decisions DROP CONSTRAINT uq_decisions_kind_subject_id": "constraint decisions uq_decisions_",
        "ALTER TABLE entries DROP CONSTRAINT ck_entries_amount_minor_in_reach": "constraint entries ck_entries_a",
        "ALTER TABLE entries ALTER amount_minor TYPE numeric": "column entries amount_minor is different",
        "ALTER TABLE entries ALTER amount_minor DROP NOT NULL": "column entries amount_minor is different",
        "CREATE OR REPLACE FUNCTION guard_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NEW; END $$": "function guard_refuse is different",
        "CREATE RULE more AS ON INSERT TO entries DO INSTEAD NOTHING": "rule entries more is not one of ours",
        "CREATE TABLE more (id integer)": "column more id is not one of ours",
        "ALTER TABLE entries ENABLE ROW LEVEL SECURITY": "policy entries rows is not one of ours",
    },
}


@pytest.mark.parametrize(
    ("shelf", "change"),
    [(brand, change) for brand, changes in CHANGES.items() for change in changes],
    indirect=["shelf"],
)
def test_another_change_of_the_shape_is_found_too(change: str, shelf: Shelf, full_books: Engine) -> None:
    with full_books.connect() as connection:
        transaction = connection.execution_options(writes=True).begin()
        connection.exec_driver_sql(change)
        found = guards.differences(connection)
        transaction.rollback()
    assert [said for said in found if said.startswith(CHANGES[shelf.brand][change])] != []


def test_a_manifest_that_names_nothing_guards_nothing(
    books: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.json").write_text("{}", encoding="ascii")
    monkeypatch.setattr(guards, "manifest", lambda brand: tmp_path / "empty.json")
    with pytest.raises(AssertionError, match="guards nothing"):
        check_ready(books)


# A store that is not ready ------------------------------------------------------------------------------


def test_where_there_are_no_books_it_says_how_to_make_them(database_url: str) -> None:
    with opened(database_url) as engine:
        assert not exists(engine)
        said = _said_by_check(engine)
        assert "There are no books in" in said and said.endswith("Make them: incentives init")
        assert str(make_url(database_url).password) not in said


def test_a_store_of_an_earlier_version_is_to_be_upgraded(books: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from incentives.store import upgrade as module

    head = module._head()
    monkeypatch.setattr(module, "_head", lambda: "9999")
    said = _said_by_check(books)
    assert f"is of an earlier version ({head}; this program wants 9999)" in said
    assert said.endswith("Make a backup, then: incentives upgrade")


def test_a_store_of_a_later_version_is_left_alone(books: Engine) -> None:
    with books.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    said = _said_by_check(books)
    assert "is of a later version than this program" in said
    assert said.endswith("Install the version that made it, or restore a backup of before.")
    before = everything(books)
    with pytest.raises(StoreNotReady, match="of a later version"):
        upgrade(books)
    assert everything(books) == before
    assert exists(books)


def test_a_store_that_does_not_answer_says_so(tmp_path: Path) -> None:
    for url in ("postgresql://nobody@127.0.0.1:1/books", f"sqlite:///{tmp_path / 'no such folder' / 'books.db'}"):
        with opened(url) as engine:
            for ask in (check_ready, exists):
                with pytest.raises(StoreNotReady, match="does not answer"):
                    ask(engine)


def test_a_file_that_is_no_store_says_so(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_bytes(b"This is a letter, not a database. " * 100)
    with opened(f"sqlite:///{tmp_path / 'books.db'}") as engine:
        for ask in (check_ready, exists):
            with pytest.raises(StoreNotReady, match="does not answer"):
                ask(engine)


def test_an_upgrade_that_fails_leaves_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: Connection, app_role: str = "") -> None:
        raise RuntimeError("the power went")

    with opened(database_url) as engine:
        with monkeypatch.context() as patched:
            patched.setattr(guards, "make", broken)
            with pytest.raises(RuntimeError, match="the power went"):
                upgrade(engine)
        assert not exists(engine)
        with engine.connect() as connection:
            assert guards.present(connection).keys() <= {f"pragma {name}" for name in _pragmas()}
        assert upgrade(engine) is True
        check_ready(engine)


def _pragmas() -> list[str]:
    from incentives.store.engine import PRAGMAS

    return list(PRAGMAS)


def test_a_copied_file_is_the_whole_store(tmp_path: Path) -> None:
    """Everything that was committed stands in the file once nobody has it open."""
    url = made(f"sqlite:///{tmp_path / 'books.db'}")
    with opened(url) as engine:
        import_folder(engine, ANA, SAMPLE)
        before = everything(engine)
    assert not Path(f"{file_of(url)}-wal").exists()
    with opened(url) as engine:
        assert everything(engine) == before


# The role of the service on PostgreSQL ------------------------------------------------------------------


@pytest.fixture(scope="module")
def for_app(postgresql: Server) -> str:
    """Empty books that the role of the service may use, to be copied."""
    fresh = postgresql.fresh_databases()
    return made(fresh.owner_url, _app(fresh))


@pytest.fixture
def app_databases(postgresql: Server, for_app: str) -> Iterator[Databases]:
    """Books as their owner and as the role of the service see them."""
    fresh = postgresql.fresh_databases(like=for_app)
    yield fresh
    postgresql.drop(fresh.owner_url)


@pytest.fixture
def as_app(app_databases: Databases) -> Iterator[Engine]:
    with opened(app_databases.app_url) as engine:
        yield engine


def _app(databases: Databases) -> str:
    return str(make_url(databases.app_url).username)


def test_the_role_of_the_service_imports_runs_closes_and_pays(as_app: Engine) -> None:
    check_ready(as_app)
    import_folder(as_app, ANA, SAMPLE)
    first = run(as_app, ANA).month.first
    closed = close(as_app, BEN, first, waive=WAIVED)
    assert payout(as_app, CEM, first, "generic").seal == closed.seal
    assert run(as_app, ANA).month.first > first


def test_the_role_may_be_named_by_the_environment(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCENTIVES_APP_ROLE", _app(databases))
    with opened(databases.owner_url) as owner:
        upgrade(owner)
    with opened(databases.app_url) as engine:
        check_ready(engine)
        import_folder(engine, ANA, SAMPLE)


def test_the_role_of_the_service_cannot_pass_the_guards(as_app: Engine) -> None:
    import_folder(as_app, ANA, SAMPLE)
    for model in models():
        table, columns = model.__tablename__, tables.table_of(model).columns
        column = next(name for name in columns.keys() if (table, name) != ("books", "id"))  # noqa: SIM118
        for statement in (
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f'UPDATE {table} SET "{column}" = "{column}"',
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"DROP TRIGGER guard_{table}_delete ON {table}",
            f"CREATE RULE more AS ON INSERT TO {table} DO INSTEAD NOTHING",
            f"DROP TABLE {table}",
        ):
            with as_app.connect() as connection, pytest.raises(ProgrammingError, match=r"denied|must be owner"):
                connection.exec_driver_sql(statement)
    for statement in (
        "SET session_replication_role = replica",
        "CREATE TABLE more (id integer)",
        "CREATE OR REPLACE FUNCTION guard_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN; END $$",
        "UPDATE alembic_version SET version_num = '9999'",
        "SELECT * INTO more FROM entries",
    ):
        with as_app.connect() as connection, pytest.raises(ProgrammingError, match=r"denied|must be owner"):
            connection.exec_driver_sql(statement)


def test_the_books_may_be_held_but_not_changed(as_app: Engine) -> None:
    refused(as_app, "books: append-only", "UPDATE books SET id = 1")


@pytest.mark.parametrize(
    ("grant", "named"),
    [
        ("UPDATE ON entries", "grant on entries: the role may INSERT, SELECT, UPDATE"),
        ("DELETE ON events", "grant on events: the role may DELETE, INSERT, SELECT"),
        ("TRUNCATE ON acts", "grant on acts: the role may INSERT, SELECT, TRUNCATE"),
        ("TRIGGER ON entries", "grant on entries: the role may INSERT, SELECT, TRIGGER"),
        (
            "UPDATE (amount_minor) ON entries",
            "grant on entries: the role may INSERT, SELECT, UPDATE (amount_minor)",
        ),
        (
            "UPDATE (payee_id) ON credits",
            "grant on credits: the role may INSERT, SELECT, UPDATE (known_until), UPDATE",
        ),
    ],
)
def test_a_role_that_may_more_than_it_should_is_found(
    grant: str, named: str, app_databases: Databases, as_app: Engine
) -> None:
    with opened(app_databases.owner_url) as owner, owner.begin() as connection:
        connection.exec_driver_sql(f"GRANT {grant} TO {_app(app_databases)}")
    assert named in _said_by_check(as_app)


def test_a_role_that_may_less_than_it_must_is_found(app_databases: Databases, as_app: Engine) -> None:
    app = _app(app_databases)
    with opened(app_databases.owner_url) as owner, owner.begin() as connection:
        connection.exec_driver_sql(f"REVOKE ALL ON settled FROM {app}")
        connection.exec_driver_sql(f"REVOKE UPDATE (known_until) ON payees FROM {app}")
    said = _said_by_check(as_app)
    assert "grant on settled: the role may nothing" in said
    assert "grant on payees: the role may INSERT, SELECT\n" in said


def test_an_upgrade_takes_back_what_was_granted_besides(app_databases: Databases, as_app: Engine) -> None:
    app = _app(app_databases)
    with opened(app_databases.owner_url) as owner:
        with owner.begin() as connection:
            connection.exec_driver_sql(f"GRANT ALL ON entries TO {app}")
        assert "grant on entries" in _said_by_check(as_app)
        upgrade(owner, app)
    check_ready(as_app)


def test_an_act_bears_the_time_at_which_it_was_done(books: Engine) -> None:
    with writing(books) as connection:
        record(connection, ANA, "look")
    with reading(books) as connection:
        assert connection.execute(select(tables.Act.at)).scalar() == NOW
