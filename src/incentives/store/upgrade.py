"""The store's shape: made, brought up to date, and checked before anything is done with it."""

from __future__ import annotations

import datetime as dt
import os
import uuid

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, inspect
from sqlalchemy.exc import DatabaseError, DBAPIError

from incentives.errors import IncentivesError
from incentives.places import data_dir
from incentives.store import guards, queue
from incentives.store.engine import reading, shown
from incentives.store.tables import Books

APP_ROLE = "INCENTIVES_APP_ROLE"
"""On PostgreSQL: the role of the service, which owns no table and may not change or delete a row."""


class StoreNotReady(IncentivesError):
    """The store is missing, behind, ahead or not guarded: nothing may be done with it until it is mended."""


def upgrade(engine: Engine, app_role: str | None = None) -> bool:
    """Make the store or bring it up to date, with its guards; one transaction. Whether anything was new."""
    role = os.environ.get(APP_ROLE, "") if app_role is None else app_role
    with engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            if engine.dialect.name == "postgresql":  # two who upgrade at once take turns
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('incentives upgrade'))")
            before = _revision(connection)
            if before not in (None, *_known()):
                raise StoreNotReady(_ahead(engine))
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            guards.make(connection, role)
            if engine.dialect.name == "postgresql":
                queue.make(connection, role)
            if before is None:
                books = insert(Books).values(id=1, store_id=str(uuid.uuid4()), made_at=dt.datetime.now(dt.UTC))
                connection.execute(books)
            return before != _head()


def check_ready(engine: Engine) -> None:
    """Refuse to start on a store that is missing, behind, ahead, or whose guards are not the manifest's."""
    try:
        with reading(engine) as connection:
            revision = _revision(connection)
            if revision is None:
                raise StoreNotReady(f"There are no books in {shown(engine.url)}. Make them: incentives init")
            if revision not in _known():
                raise StoreNotReady(_ahead(engine))
            if revision != _head():
                raise StoreNotReady(
                    f"The store {shown(engine.url)} is of an earlier version ({revision}; this program wants "
                    f"{_head()}). Make a backup, then: incentives upgrade"
                )
            found = guards.differences(connection)
    except DatabaseError as error:
        raise StoreNotReady(f"The store {shown(engine.url)} does not answer: {_first_line(error)}") from None
    if found:
        listed = "\n".join(f"  {each}" for each in found)
        raise StoreNotReady(
            f"The guards of {shown(engine.url)} are not as they should be:\n{listed}\n"
            "Find out who changed them; then incentives upgrade makes them anew, and incentives verify tells "
            "whether anything was changed meanwhile."
        )


def exists(engine: Engine) -> bool:
    """Whether there are books, of whatever version."""
    try:
        with reading(engine) as connection:
            return _revision(connection) is not None
    except DatabaseError as error:
        raise StoreNotReady(f"The store {shown(engine.url)} does not answer: {_first_line(error)}") from None


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return MigrationContext.configure(connection).get_current_revision()


def _known() -> list[str]:
    return [each.revision for each in _scripts().walk_revisions()]


def _head() -> str:
    head = _scripts().get_current_head()
    assert head is not None, "there is a migration"
    return head


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(data_dir("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _ahead(engine: Engine) -> str:
    return (
        f"The store {shown(engine.url)} is of a later version than this program. "
        "Install the version that made it, or restore a backup of before."
    )


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
