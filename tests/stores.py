"""Books for tests: made, opened, filled and looked into, on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, insert, select

from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.desk import CHANGEABLE
from incentives.store.engine import engine_for, read_url
from incentives.store.upgrade import upgrade

if TYPE_CHECKING:
    from postgres import Server

NOW = dt.datetime(2030, 1, 15, 9, 30, tzinfo=dt.UTC)
"""Late enough that every month of a test is over."""
ANA = Who("ana", NOW, "because", "a test")
BEN = Who("ben", NOW, "because", "a test")
CEM = Who("cem", NOW, "because", "a test")

WAIVED = {"exceptions": "known", "payroll": "known", "imports": "known", "second-person": "known"}


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine as the service makes it, closed at the end."""
    engine = engine_for(read_url(url))
    try:
        yield engine
    finally:
        engine.dispose()


def made(url: str, app_role: str = "") -> str:
    """Empty books at a URL."""
    with opened(url) as engine:
        upgrade(engine, app_role)
    return url


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where copies of books come from: making books takes a second, copying them hardly any time."""

    brand: str
    folder: Path
    server: Server | None

    def new(self) -> str:
        """The URL of a new empty database."""
        if self.server is not None:
            return self.server.fresh_database()
        return f"sqlite:///{self.folder / f'{uuid4().hex}.db'}"

    def copy(self, url: str) -> str:
        """A copy of books that nobody has open."""
        if self.server is not None:
            return self.server.fresh_database(like=url)
        copied = self.new()
        shutil.copy(file_of(url), file_of(copied))
        return copied

    def drop(self, url: str) -> None:
        """Copies of thousands of rounds would fill the disk."""
        if self.server is not None:
            self.server.drop(url)
        else:
            for ending in ("-wal", "-shm", ".seals"):
                Path(f"{file_of(url)}{ending}").unlink(missing_ok=True)
            file_of(url).unlink(missing_ok=True)


def file_of(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


def all_rows(connection: Connection, model: type[tables.Base]) -> list[Any]:
    """Every row of a table in the order of its key."""
    table = tables.table_of(model)
    return list(connection.execute(select(table).order_by(*table.primary_key)))


def everything(engine: Engine, *without: type[tables.Base]) -> dict[str, list[Any]]:
    """Every row of every table."""
    with engine.connect() as connection:
        return {model.__tablename__: all_rows(connection, model) for model in models() if model not in without}


def models() -> list[type[tables.Base]]:
    """The model of every table of the books: of what never changes, or only ends."""
    known = (mapper.class_ for mapper in tables.Base.registry.mappers)
    return sorted(
        (each for each in known if each.__tablename__ not in CHANGEABLE), key=lambda each: each.__tablename__
    )


def written(connection: Connection, model: type[tables.Base], **values: Any) -> None:
    """Insert one row, whatever the service would say."""
    connection.execute(insert(model).values(**values))


def waited(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether something becomes true in time."""
    import time

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.005)
    return condition()
