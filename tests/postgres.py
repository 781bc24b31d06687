"""A PostgreSQL server of the tests' own: made in a temporary folder, on loopback only, gone when they end.

Use the fixtures of ``conftest.py``. A server takes a good second to make, so it is made when the first test
asks for one; a new empty database then takes some hundredths of a second.
"""

from __future__ import annotations

import os
import pwd
import runpy
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

HOST = "127.0.0.1"
OWNER = "incentives_owner"
APP = "incentives_app"

KEEPER = Path(__file__).with_name("postgres_keeper.py")
PACKAGES = Path(__file__).parent.parent / "scripts" / "system_packages"

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "60",
    "timezone": "Pacific/Auckland",  # where today is mostly not UTC's today
    "autovacuum": "off",  # a run is too short to need it, and it would come at another moment each time
}
HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

ATTEMPTS = 5  # another program may take a free port before the server does
PATIENCE = 60.0  # seconds until a server that is not ready counts as failed


@dataclass(frozen=True, slots=True)
class Databases:
    """One new empty database, as two roles see it: the owner makes the tables, the app may what it is granted."""

    owner_url: str
    app_url: str


class Server:
    """A running server. Its databases come and go; what is left of them goes with the server."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self.folder = folder
        self.port = port
        self._password = password
        self._names = (f"books_{number}" for number in count(1))
        self._admin = self._connect()

    def fresh_database(self, like: str = "") -> str:
        """The owner's URL of a new database: an empty one, or a copy of another that nobody is connected to."""
        return self.fresh_databases(like).owner_url

    def fresh_databases(self, like: str = "") -> Databases:
        """The URLs of a new database for its owner and for the app role."""
        name = next(self._names)
        template = like.rpartition("/")[2] or "template1"
        statement = "CREATE DATABASE {} OWNER {} TEMPLATE {}"
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, (name, OWNER, template))))
        return Databases(self._url(OWNER, name), self._url(APP, name))

    def drop(self, url: str) -> None:
        """Remove a database, also from under whoever is still connected to it."""
        name = sql.Identifier(url.rpartition("/")[2])
        self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def admin(self, name: str) -> psycopg.Connection:
        """A connection to a database as the superuser, whom only triggers can stop."""
        return self._connect(name)

    def close(self) -> None:
        self._admin.close()

    def make_roles(self) -> None:
        """Two roles that are nobody special. Only an owner may make tables, also where PUBLIC still could."""
        with self._connect("template1") as connection:
            for role in (OWNER, APP):
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(statement.format(sql.Identifier(role), self._password))
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(OWNER)))

    def _connect(self, name: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host=HOST, port=self.port, user="postgres", password=self._password, dbname=name, autocommit=True
        )

    def _url(self, role: str, name: str) -> str:
        return f"postgresql+psycopg://{role}:{self._password}@{HOST}:{self.port}/{name}"


@contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A new server, stopped and removed at the end. Only a durable one would survive a power cut."""
    folder = _folder()
    password = secrets.token_hex(16)
    settings = SETTINGS if durable else SETTINGS | HASTY
    try:
        _initialize(folder, password)
        with _started(folder, settings) as port:
            server = Server(folder, port, password)
            try:
                server.make_roles()
                yield server
            finally:
                server.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialize(folder: Path, password: str) -> None:
    (folder / "password").write_text(password, encoding="ascii")
    options = "--no-sync --no-locale --encoding=UTF8 --auth=scram-sha-256 --username=postgres --pwfile=password"
    with _kept(folder, "initdb", "-D", str(folder / "data"), *options.split()) as keeper:
        if keeper.wait(timeout=PATIENCE) != 0:
            raise RuntimeError(f"initdb failed:\n{_log(folder)}")


@contextmanager
def _started(folder: Path, settings: dict[str, str]) -> Iterator[int]:
    """The port of a server that answers."""
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    for _ in range(ATTEMPTS):
        port = _free_port()
        with _kept(folder, "postgres", "-D", str(folder / "data"), "-p", str(port), *options) as keeper:
            if _is_ready(folder, keeper):
                yield port
                return
    raise RuntimeError(f"PostgreSQL did not start:\n{_log(folder)}")


def _is_ready(folder: Path, keeper: subprocess.Popen[bytes]) -> bool:
    """Whether the server came up. Its own file says so; on the port another server might answer."""
    until = time.monotonic() + PATIENCE
    while keeper.poll() is None and time.monotonic() < until:
        if _status(folder) == "ready":
            return True
        time.sleep(0.01)
    return False


def _status(folder: Path) -> str:
    try:
        lines = (folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


@contextmanager
def _kept(folder: Path, program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of the server with its keeper, until the block ends.

    They stand in a session of their own, so that Ctrl-C reaches only the tests, which then stop them in order.
    """
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", KEEPER, folder, _user(), _binaries() / program, *arguments],
        stdin=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"},
        start_new_session=True,
    )
    with keeper:  # closes its standard input and waits for it
        yield keeper


def _binaries() -> Path:
    """The folder of initdb and postgres; a test that needs them fails without, since skipped is not passed."""
    found: Path | None = runpy.run_path(str(PACKAGES))["postgresql_binaries"]()
    if found is None:
        raise RuntimeError("PostgreSQL's server is missing. `scripts/system_packages postgresql` installs it.")
    return found


def _user() -> str:
    """Who runs the server: whoever runs the tests, unless that is root."""
    if os.geteuid() != 0:
        return ""
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        return "nobody"
    return "postgres"


def _folder() -> Path:
    """A new folder of the user that runs the server. Where root has its temporary files, that user may not go."""
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="incentives-postgresql-", dir="/tmp" if user else None))
    if user:
        shutil.chown(folder, user)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _log(folder: Path) -> str:
    """The end of what initdb and the server said."""
    said = (folder / "log").read_text(encoding="utf-8", errors="replace")
    return "\n".join(said.splitlines()[-20:])
