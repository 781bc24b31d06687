"""Somebody edits the database of closed months by hand, guards and all: verify names what was touched.

Every edit is made in a transaction of its own with the guards of the table taken away and put back, as an intruder
would, verified in it, and rolled back.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError

from closed_books import fill
from incentives.service.verification import Breach, checks_of
from incentives.store import guards, tables
from incentives.store.digests import SAID
from stores import made, opened

EDITS = 500
EDITS_ON_POSTGRESQL = 30
KINDS = ("changed", "deleted", "copied", "swapped")

TOUCHED = (
    *SAID,
    tables.Entry,
    tables.Close,
    tables.ClosedOwner,
    tables.Payout,
    tables.Settled,
    tables.Statement,
)
"""Every table but ``books``, which belongs to no month."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """What an intruder did, to say so where it was not found."""

    kind: str
    table: str
    rows: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.table}: {self.rows}"


class Nothing(Exception):
    """The dice fell on an edit that changes nothing, or that the table itself does not take."""


class Intruder:
    """Edits one row or two by hand. Rows are read and written as the database keeps them."""

    def __init__(self, connection: Connection, dice: Random) -> None:
        self.connection, self.dice = connection, dice
        self.is_sqlite = connection.dialect.name == "sqlite"
        self.triggers = guard_statements(connection)

    def edit(self) -> Edit:
        """Do something to some table, behind its guards."""
        table = tables.table_of(self.dice.choice(TOUCHED))
        kind = self.dice.choice(KINDS)
        rows = self.rows(table)
        if not rows:
            raise Nothing
        self.unguard(table)
        try:
            said = getattr(self, kind)(table, rows)
        except DBAPIError as error:
            raise Nothing from error
        self.guard(table)
        return Edit(kind, table.name, said)

    # What can be done --------------------------------------------------------------------------------

    def changed(self, table: Table, rows: Sequence[Row]) -> str:
        """Another value in one column."""
        row, column = self.dice.choice(rows), self.dice.choice(list(table.columns)).name
        value = self.another(row[column], [each[column] for each in rows])
        if value == row[column]:
            raise Nothing
        after = row | {column: value}
        self.delete(table, row)
        self.insert(table, after)
        return f"{column} of {key(table, row)} from {shortly(row[column])} to {shortly(value)}"

    def deleted(self, table: Table, rows: Sequence[Row]) -> str:
        """A row less."""
        row = self.dice.choice(rows)
        self.delete(table, row)
        return key(table, row)

    def copied(self, table: Table, rows: Sequence[Row]) -> str:
        """A row more, like another one but for its key."""
        row = self.dice.choice(rows)
        name = self.dice.choice([column.name for column in table.primary_key])
        values = [each[name] for each in rows]
        free = max(values) + 1 if isinstance(row[name], int) else self.another(row[name], values)
        after = row | {name: free}
        if "event_id" in after and name == "id":
            after["event_id"] += "-again"
        self.insert(table, after)
        return f"{key(table, row)} as {key(table, after)}"

    def swapped(self, table: Table, rows: Sequence[Row]) -> str:
        """Two rows exchange everything but their keys."""
        if len(rows) < 2:
            raise Nothing
        one, other = self.dice.sample(list(rows), 2)
        keys = {column.name for column in table.primary_key}
        kept = [{name: row[name] for name in keys} for row in (one, other)]
        if other | kept[0] == one:
            raise Nothing
        self.delete(table, one)
        self.delete(table, other)
        self.insert(table, other | kept[0])
        self.insert(table, one | kept[1])
        return f"{key(table, one)} and {key(table, other)}"

    def another(self, value: Any, values: Sequence[Any]) -> Any:
        """Another value for a column: that of another row, or one close by."""
        others = [each for each in values if each != value]
        if others and self.dice.random() < 0.5:
            return self.dice.choice(others)
        match value:
            case None:
                raise Nothing
            case int():
                return value + self.dice.choice((-1, 1, 1000))
            case dt.date():
                return value + dt.timedelta(days=self.dice.choice((-1, 1, 31)))
            case bytes():
                return value + b" "
            case str() if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
                day = dt.date.fromisoformat(value) + dt.timedelta(days=self.dice.choice((-1, 1, 31)))
                return day.isoformat()
            case _:
                return self.dice.choice((f"{value} ", f"{value}x", value[:-1], value.swapcase()))

    # How it is done ----------------------------------------------------------------------------------

    def rows(self, table: Table) -> list[Row]:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        order = ", ".join(f'"{column.name}"' for column in table.primary_key)
        asked = f"SELECT {names} FROM {table.name} ORDER BY {order}"
        return [dict(row) for row in self.connection.exec_driver_sql(asked).mappings()]

    def insert(self, table: Table, row: Row) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(f":{name}" for name in row)
        self.connection.execute(text(f"INSERT INTO {table.name} ({names}) VALUES ({values})"), row)

    def delete(self, table: Table, row: Row) -> None:
        keys = [column.name for column in table.primary_key]
        where = " AND ".join(f'"{name}" = :{name}' for name in keys)
        self.connection.execute(
            text(f"DELETE FROM {table.name} WHERE {where}"), {name: row[name] for name in keys}
        )

    def unguard(self, table: Table) -> None:
        """Take the guards of a table away; what points to it does not count until the end, which never comes."""
        if self.is_sqlite:
            self.connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for name, _ in self.triggers[table.name]:
                self.connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            self.connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")

    def guard(self, table: Table) -> None:
        for name, statement in self.triggers[table.name]:
            again = statement if self.is_sqlite else f"ALTER TABLE {table.name} ENABLE ALWAYS TRIGGER {name}"
            self.connection.exec_driver_sql(again)


def guard_statements(connection: Connection) -> dict[str, list[tuple[str, str]]]:
    """By table, its triggers and on SQLite how they are made."""
    asked = "SELECT tbl_name, name, sql FROM sqlite_schema WHERE type = 'trigger'"
    if connection.dialect.name != "sqlite":
        asked = (
            "SELECT c.relname, t.tgname, '' FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace"
        )
    found: dict[str, list[tuple[str, str]]] = {}
    for table, name, statement in connection.exec_driver_sql(asked):
        found.setdefault(table, []).append((name, statement))
    return found


def key(table: Table, row: Row) -> str:
    return ", ".join(f"{column.name} {row[column.name]}" for column in table.primary_key)


def shortly(value: Any) -> str:
    return repr(value)[:60]


# What is found --------------------------------------------------------------------------------------------


def named(connection: Connection, table: str) -> tuple[Breach | None, list[Breach]]:
    """The first breach that names a table and a place in it, and everything that was found until then."""
    found: list[Breach] = []
    for checked in checks_of(connection):
        for breach in checked.breaches:
            found.append(breach)
            if breach.table == table and breach.where:
                return breach, found
    return None, found


def edits(connection: Connection, number: int, seed: int) -> Iterator[tuple[Edit, Breach | None, list[Breach]]]:
    """As many edits, each verified and undone."""
    dice = Random(seed)
    with connection.begin():
        intruder = Intruder(connection, dice)
        assert not [each for done in checks_of(connection) for each in done.breaches]
    while number:
        transaction = connection.begin()
        try:
            edit = intruder.edit()
            assert not guards.differences(connection), "the guards were put back"
            yield edit, *named(connection, edit.table)
            number -= 1
        except Nothing:
            pass
        finally:
            transaction.rollback()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Books with closed months, in which every table has rows."""
    folder = tmp_path_factory.mktemp("closed")
    url = made(f"sqlite:///{folder / 'books.db'}")
    with opened(url) as engine:
        fill(engine, folder / "late")
    return url


def test_every_edit_of_a_closed_month_is_found_and_named(closed: str) -> None:
    seed = int(os.environ.get("TAMPERING_SEED", Random().randrange(10**6)))
    met: Counter[tuple[str, str]] = Counter()
    with opened(closed) as engine, engine.connect() as connection:
        for edit, breach, found in edits(connection, EDITS, seed):
            met[edit.table, edit.kind] += 1
            listed = "\n".join(map(str, found)) or "nothing was found"
            assert breach is not None, f"TAMPERING_SEED={seed}: {edit} was not named:\n{listed}"
    assert {table for table, _ in met} == {tables.table_of(each).name for each in TOUCHED}, f"seed {seed}"
    assert {kind for _, kind in met} == set(KINDS), f"seed {seed}"


def test_every_edit_is_found_on_postgresql_too(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = int(os.environ.get("TAMPERING_SEED", Random().randrange(10**6)))
    url = made(request.getfixturevalue("databases").owner_url)
    with opened(url) as engine:
        fill(engine, tmp_path / "late", papers=False)
        with engine.connect() as connection:
            for edit, breach, found in edits(connection, EDITS_ON_POSTGRESQL, seed):
                listed = "\n".join(map(str, found)) or "nothing was found"
                assert breach is not None, f"TAMPERING_SEED={seed}: {edit} was not named:\n{listed}"


@pytest.mark.parametrize("content", ["", "{}", "[1]", "{'act': 1", '{"ACT":1}'])
def test_a_close_that_cannot_be_read_is_named_by_its_month(closed: str, content: str) -> None:
    with opened(closed) as engine, engine.connect() as connection:
        intruder = Intruder(connection, Random(1))
        table = tables.table_of(tables.Close)
        row = intruder.rows(table)[3]
        intruder.unguard(table)
        intruder.delete(table, row)
        intruder.insert(table, row | {"content": content})
        intruder.guard(table)
        breach, found = named(connection, "closes")
        connection.rollback()
    assert breach is not None and breach.where == f"month {str(row['month'])[:7]}", found
