"""Queries that every event and every chunk asks: worded once, and asked on the driver's own connection.

SQLAlchemy takes longer to word a query anew, or to find it among those it has worded, than either database takes
to answer it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Boolean, CompoundSelect, Connection, Date, Dialect, Select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from incentives.store.bulk import Row, translated

Value = str | int | dt.date | Collection[str]
"""What a query may be asked with; a collection where it says :class:`one_of`."""


class one_of(FunctionElement[bool]):  # noqa: N801 (reads as the condition that it is)
    """Whether a column holds one of the texts that the query is asked with under a name."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Any, name: str) -> None:
        self.named = name
        super().__init__(column)

    def self_group(self, against: Any = None) -> one_of:
        """It is a condition already: compared with true, SQLite would not look for it in an index."""
        return self


@compiles(one_of, "sqlite")
def _in_sqlite(element: one_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.clauses, **kw)} IN (SELECT value FROM json_each(:{element.named}))"


@compiles(one_of, "postgresql")
def _in_postgresql(element: one_of, compiler: SQLCompiler, **kw: Any) -> str:
    texts = f"SELECT json_array_elements_text(CAST(%({element.named})s AS json))"
    return f"{compiler.process(element.clauses, **kw)} = ANY(ARRAY({texts}))"


class Query:
    """A query with named values (``bindparam``, :class:`one_of`).

    Days are days in its rows; whatever else a column holds is as the driver gives it.
    """

    def __init__(self, asked: Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]) -> None:
        self._asked = asked
        columns = enumerate(asked.selected_columns)
        self._days = [place for place, column in columns if isinstance(column.type, Date)]
        self._worded: dict[str, tuple[str, dict[str, Any]]] = {}

    def rows(self, connection: Connection, **values: Value) -> Iterable[Row]:
        """The rows that answer it, as they come."""
        raw = connection.connection.driver_connection
        assert raw is not None, "the connection is open"
        worded, constant = self._worded.get(connection.dialect.name) or self._put_into_words(connection.dialect)
        is_sqlite = connection.dialect.name == "sqlite"
        found = raw.execute(worded, constant | {name: _written(each) for name, each in values.items()})
        if not is_sqlite:
            all_at_once: Iterable[Row] = found.fetchall()  # it has them all: one after the other takes longer
            return all_at_once
        return translated(found, self._days, _DAYS) if self._days else found

    def one(self, connection: Connection, **values: Value) -> Any:
        """The first cell of the first row; ``None`` if there is no row."""
        return next(iter(self.rows(connection, **values)), (None,))[0]

    def _put_into_words(self, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        if dialect.name == "sqlite":
            dialect = sqlite.dialect(paramstyle="named")
        compiled = self._asked.compile(dialect=dialect)
        self._worded[dialect.name] = found = (compiled.string, dict(compiled.params))
        return found


def _written(value: Value) -> str | int:
    """As both databases take it: a day as text, a list as JSON."""
    if isinstance(value, (str, int)):
        return value
    return value.isoformat() if isinstance(value, dt.date) else json.dumps(list(value))


class _Days(dict[str | None, dt.date | None]):
    """Days from text, each read once: a history has some thousands."""

    def __missing__(self, text: str | None) -> dt.date | None:
        day = self[text] = None if text is None else dt.date.fromisoformat(text)
        return day


_DAYS = _Days()
