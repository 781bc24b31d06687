"""The databases of ``conftest.py`` are what they claim to be, and nothing is left of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, NullPool, create_engine, inspect, make_url
from sqlalchemy.exc import ProgrammingError

if TYPE_CHECKING:
    from postgres import Databases, Server

SPENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
import postgres
with postgres.running() as server:
    print(server.port, server.folder, flush=True)
    time.sleep(60)
"""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


def asked(url: str, question: str) -> str:
    with connected(url) as connection:
        return str(connection.exec_driver_sql(question).scalar())


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_a_database_is_new_empty_and_of_the_brand_that_it_says(
    database_url: str, request: pytest.FixtureRequest
) -> None:
    postgresql = "postgresql" in request.node.callspec.id
    version = asked(database_url, "SELECT version()" if postgresql else "SELECT 'SQLite ' || sqlite_version()")
    assert version.startswith("PostgreSQL " if postgresql else "SQLite ")
    with connected(database_url) as connection:
        assert inspect(connection).get_table_names() == []
        connection.exec_driver_sql("CREATE TABLE payments (id integer)")


def test_no_test_sees_what_another_left(postgresql: Server) -> None:
    first, second = postgresql.fresh_database(), postgresql.fresh_database()
    with connected(first) as connection:
        connection.exec_driver_sql("CREATE TABLE payments AS SELECT 7 AS id")
    with connected(second) as connection:
        assert inspect(connection).get_table_names() == []
    assert asked(postgresql.fresh_database(like=first), "SELECT id FROM payments") == "7"


def test_both_roles_connect_and_the_app_may_only_what_it_is_granted(databases: Databases) -> None:
    app = str(make_url(databases.app_url).username)
    assert asked(databases.owner_url, "SELECT current_user") != app
    assert asked(databases.app_url, "SELECT current_user") == app
    with connected(databases.owner_url) as connection:
        connection.exec_driver_sql("CREATE TABLE payments (id integer)")
        connection.exec_driver_sql("CREATE TABLE others (id integer)")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT ON payments TO {app}")
    with connected(databases.app_url) as connection:
        connection.exec_driver_sql("INSERT INTO payments VALUES (7)")
    for refused in (
        "UPDATE payments SET id = 8",
        "DELETE FROM payments",
        "TRUNCATE payments",
        "DROP TABLE payments",
        "SELECT * FROM others",
        "CREATE TABLE more (id integer)",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            asked(databases.app_url, refused)
    assert asked(databases.app_url, "SELECT id FROM payments") == "7"


def test_the_server_is_on_loopback_only_and_asks_for_a_password(postgresql: Server) -> None:
    assert answers("127.0.0.1", postgresql.port)
    assert not answers("127.0.0.2", postgresql.port)  # as any other address of this machine
    url = postgresql.fresh_database()
    sockets, addresses = (postgresql.folder / "data" / "postmaster.pid").read_text().splitlines()[4:6]
    assert (sockets, addresses.strip()) == ("", "127.0.0.1")
    assert asked(url, "SHOW timezone") == "Pacific/Auckland"
    with pytest.raises(Exception, match="password"):
        asked(make_url(url).set(password="wrong").render_as_string(hide_password=False), "SELECT 1")


def test_a_durable_server_writes_to_disk_and_is_gone_when_it_is_stopped(postgresql: Server) -> None:
    from postgres import running

    with running(durable=True) as server:
        url = server.fresh_database()
        written = [asked(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]
        assert written == ["on", "on", "on"]
        assert asked(postgresql.fresh_database(), "SHOW fsync") == "off"
        assert server.folder.exists() and answers("127.0.0.1", server.port)
    assert not server.folder.exists() and not answers("127.0.0.1", server.port)


def test_a_server_is_gone_soon_after_its_tests_were_killed() -> None:
    tests = Path(__file__).parent
    with subprocess.Popen([sys.executable, "-c", SPENT, tests], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        port, _, folder = run.stdout.readline().strip().partition(" ")
        assert answers("127.0.0.1", int(port))
        os.kill(run.pid, signal.SIGKILL)
    until = time.monotonic() + 30
    while Path(folder).exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(folder).exists() and not answers("127.0.0.1", int(port))
