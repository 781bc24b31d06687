"""The queue of jobs, and who works on it: beside the books, so that a worker asks for work without touching them.

Only numbers of jobs go through it; what a job is stands in the books (:class:`~incentives.store.desk.Job`). So
nothing is lost with it: what was not told here is found there. How far a job is stands here too, since on SQLite
nobody else can write while somebody writes the books; and what jobs found that somebody wants to look at, which is
soon no longer true and belongs neither into the books nor into their backups. And it counts what is counted
together by everybody who serves, and worth nothing after an hour.

SQLite: a file beside the books. PostgreSQL: a schema of its own, which ``incentives upgrade`` makes.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from huey import Huey, PostgresHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import PostgresStorage
from sqlalchemy import URL, Connection, Engine

NAME = "incentives"
SCHEMA = "incentives_queue"


class _Plain(Serializer):  # type: ignore[misc]
    """Messages as JSON: whoever can write to the queue cannot make the worker run what they like."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


def queue_of(engine: Engine) -> Huey:
    """The queue of a store. Whoever opens it closes it: ``queue_of(engine).storage.close()``."""
    settings: dict[str, Any] = {"results": False, "serializer": _Plain()}
    if engine.dialect.name == "sqlite":
        return SqliteHuey(NAME, filename=f"{engine.url.database}.queue", **settings)
    return PostgresHuey(NAME, connection=lambda: _connected(engine), create_tables=False, **settings)


@contextmanager
def opened(engine: Engine) -> Iterator[Huey]:
    """The queue of a store, for a moment."""
    queue = queue_of(engine)
    try:
        yield queue
    finally:
        queue.storage.close()


def make(connection: Connection, app_role: str = "") -> None:
    """The schema of the queue on PostgreSQL, and the role of the service that uses it."""
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    before = connection.exec_driver_sql("SHOW search_path").scalar_one()
    connection.exec_driver_sql(f"SET LOCAL search_path TO {SCHEMA}")
    for statement in PostgresStorage(NAME, create_tables=False).ddl:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"SET LOCAL search_path TO {before}")
    if app_role:
        role = connection.dialect.identifier_preparer.quote(app_role)
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}")
        for all_of in ("TABLES", "SEQUENCES"):
            connection.exec_driver_sql(f"GRANT ALL ON ALL {all_of} IN SCHEMA {SCHEMA} TO {role}")


def _connected(engine: Engine) -> psycopg.Connection:
    """A connection whose tables are those of the queue."""
    connection = psycopg.connect(**_arguments(engine.url), autocommit=True)
    connection.execute(f"SET search_path TO {SCHEMA}")
    return connection


def _arguments(url: URL) -> dict[str, Any]:
    names = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    given = {name: value for name, value in names.items() if value is not None}
    return {**given, "dbname": url.database, **url.query}


# How far ---------------------------------------------------------------------------------------------


def tell_how_far(queue: Huey, job_id: int, says: str, done: int, whole: int) -> None:
    """Say how far a job is; the last word counts."""
    queue.storage.put_data(f"job-{job_id}", json.dumps([says, done, whole]).encode())


def how_far(queue: Huey, job_id: int) -> tuple[str, int, int] | None:
    """What was said last of a job on its way."""
    found = queue.storage.peek_data(f"job-{job_id}")
    if not isinstance(found, bytes | memoryview):
        return None
    says, done, whole = json.loads(bytes(found))
    return says, done, whole


def forget_how_far(queue: Huey, job_id: int) -> None:
    """It has ended: its row says how."""
    queue.storage.delete_data(f"job-{job_id}")


# How often -------------------------------------------------------------------------------------------


def count(queue: Huey, key: str, amount: int = 1) -> int:
    """Count so many more under a key; how many there are then."""
    return int(queue.storage.incr(key, amount))


def forget_counts(queue: Huey) -> None:
    """Begin anew, with every key."""
    queue.storage.flush_counters()


# What was found --------------------------------------------------------------------------------------


def keep_found(queue: Huey, job_id: int, found: Any) -> None:
    """Keep what a job found, which is plain (JSON): for a while, and in no backup."""
    queue.storage.put_data(f"found-{job_id}", json.dumps(found).encode())


def found_by(queue: Huey, job_id: int) -> Any:
    """What a job found; ``None`` where it is not kept."""
    found = queue.storage.peek_data(f"found-{job_id}")
    return json.loads(bytes(found)) if isinstance(found, bytes | memoryview) else None


def forget_found(queue: Huey, job_id: int) -> None:
    """It is not kept any longer."""
    queue.storage.delete_data(f"found-{job_id}")


# The one that works ----------------------------------------------------------------------------------


@contextmanager
def only_worker(engine: Engine) -> Iterator[Callable[[], bool]]:
    """A way to ask whether this process is the one that works on a store's jobs; it is, until it ends.

    So whatever is under way in nobody's hands was left by one that died.
    """
    if engine.dialect.name == "sqlite":
        with open(f"{engine.url.database}.worker", "w", encoding="ascii") as file:  # noqa: PTH123
            yield lambda: _locks(file.fileno())
        return
    with _connected(engine) as connection:
        asked = "SELECT pg_try_advisory_lock(hashtext('incentives worker'))"
        yield lambda: bool((connection.execute(asked).fetchone() or [False])[0])


def _locks(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
