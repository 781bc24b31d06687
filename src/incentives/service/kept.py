"""Results that take long to calculate, kept for as long as nothing new becomes known."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, select

from incentives.store import tables
from incentives.store.acts import latest

Result = TypeVar("Result")


class Kept(Generic[Result]):
    """The last few results of each process and store. An act of anybody makes all of them old."""

    def __init__(self, at_most: int = 16) -> None:
        self._at_most = at_most
        self._found: WeakKeyDictionary[Engine, dict[Hashable, Result]] = WeakKeyDictionary()

    def has(self, connection: Connection, key: Hashable) -> bool:
        """Whether it is there."""
        return (latest(connection), key) in self._found.get(connection.engine, {})

    def get(self, connection: Connection, key: Hashable, calculate: Callable[[], Result]) -> Result:
        """What was found for a key before, or is calculated now, as everything is known now."""
        found = self._found.setdefault(connection.engine, {})
        asked = (latest(connection), key)
        if asked not in found:
            made = calculate()
            while len(found) >= self._at_most:
                found.pop(next(iter(found)), None)
            found[asked] = made
        return found[asked]


LITTLE = 5_000
"""So many invoices and events are calculated in no time."""


def is_little(connection: Connection) -> bool:
    """Whether the books are so small that whatever is asked is calculated within a page; of others it is a job."""
    found = 0
    for column in (tables.Event.id, tables.Invoice.id):
        some = select(column).limit(LITTLE + 1).subquery()
        found += connection.execute(select(func.count()).select_from(some)).scalar_one()
    return found <= LITTLE
