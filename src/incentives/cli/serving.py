"""Commands that serve: the pages and the API, and the accounts that open them."""

from __future__ import annotations

import datetime as dt
import getpass
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

import click
from gunicorn.app.base import BaseApplication
from sqlalchemy import URL, Engine

from incentives.cli.books import BY, books, who
from incentives.jobs import run_waiting, work
from incentives.papers import summary
from incentives.service import accounts, hooks, people, telling
from incentives.service.access import ROLES
from incentives.service.digests import Post, send_digests
from incentives.store.engine import engine_for, read_url, reading, shown
from incentives.store.upgrade import check_ready
from incentives.web import create_app, logs, operators
from incentives.web.passwords import hashed
from incentives.web.settings import Settings, read_settings


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn around the application, made anew in each of its processes."""

    def __init__(self, url: URL, settings: Settings, options: dict[str, Any]) -> None:
        self.url, self.settings, self.options = url, settings, options
        operators.count_together()
        super().__init__()

    def load_config(self) -> None:
        """Take the options."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, on connections of this process's own."""
        return create_app(engine_for(self.url), self.settings)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 to be reached from other machines.")
@click.option("--workers", type=click.IntRange(1), default=min(multiprocessing.cpu_count(), 4), show_default=True)
@click.option("--worker/--no-worker", "has_worker", default=True, help="Do the jobs too, in a process beside.")
def serve(port: int, host: str, workers: int, has_worker: bool) -> None:
    """Serve the pages and the API, on the books that exist, and do what takes longer than a page may.

    \b
    Example:
      incentives serve --port 8000
    """
    with books(make=True) as engine:
        url = engine.url
        settings = read_settings(url, port=port)
        create_app(engine, settings)  # what is not as it should be is said here, once, and nothing is served
    run(url, settings, host, port, workers, has_worker=has_worker)


def run(url: URL, settings: Settings, host: str, port: int, workers: int, *, has_worker: bool = True) -> None:
    """Serve a store until it is stopped, with a worker beside that ends with it."""
    click.echo(f"{settings.public_url} serves {shown(url)}. Stop with Ctrl-C.")
    chosen = options(host, port, workers)
    if has_worker:
        beside = Beside(url, settings)
        chosen |= {"when_ready": lambda _: beside.start(), "on_exit": lambda _: beside.stop()}
    Server(url, settings, chosen).run()


def run_anew(url: URL, port: int, today: dt.date, *, has_worker: bool) -> NoReturn:
    """Serve a store of this machine as on one day, by this process begun anew; it ends with that.

    The server forks, and what draws charts is a thread of its own: forked once it has drawn, it never draws again.
    """
    words = [
        url.render_as_string(hide_password=False),
        str(port),
        today.isoformat(),
        "worker" if has_worker else "",
    ]
    operators.leave_nothing()
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-c", _ANEW, *words])


_ANEW = "import sys; from incentives.cli.serving import begun_anew; begun_anew(*sys.argv[1:])"


def begun_anew(written: str, port: str, today: str, worker: str) -> None:
    """What :func:`run_anew` leads to."""
    url = read_url(written)
    settings = replace(read_settings(url, port=int(port)), today=dt.date.fromisoformat(today))
    run(url, settings, "127.0.0.1", int(port), 2, has_worker=bool(worker))


def options(host: str, port: int, workers: int) -> dict[str, Any]:
    """How gunicorn serves: processes with a few threads each, and nothing on a shared disk between them."""
    return {
        "bind": f"{host}:{port}",
        "workers": workers,
        "worker_class": "gthread",
        "threads": 4,
        "timeout": 120,
        "graceful_timeout": 30,
        "loglevel": "warning",
        "control_socket_disable": True,
    }


# The worker ------------------------------------------------------------------------------------------


@click.command()
@click.option("--once", is_flag=True, help="Do what waits, and end.")
def worker(once: bool) -> None:
    """Do the jobs that the pages ask for; `serve` does it too, unless told otherwise.

    One worker works on a store at a time: a second one stands by and takes over when the first ends.

    \b
    Example:
      incentives worker
    """
    with books(make=True) as engine:
        settings = read_settings(engine.url)
        if once:
            click.echo(f"{run_waiting(engine)} jobs done.")
            return
        click.echo(f"Working on the jobs of {shown(engine.url)}. Stop with Ctrl-C.")
        _work(engine.url, settings)


def _work(url: URL, settings: Settings) -> None:
    """Work on a store's jobs, on connections of this process's own."""
    logs.set_up()
    engine = engine_for(url)
    try:
        check_ready(engine)
        work.serve(engine, _sweeps(settings), settings.now)
    finally:
        engine.dispose()


def _sweeps(settings: Settings) -> tuple[work.Sweep, ...]:
    """What the worker looks after every minute: telling people, and other systems."""
    post = Post(settings.public_url, settings.smtp_url)

    def tell(engine: Engine) -> None:
        now = dt.datetime.now(dt.UTC)
        telling.look_for_news(engine, now, settings.now().date())
        send_digests(engine, post, now)

    def send(engine: Engine) -> None:
        now = dt.datetime.now(dt.UTC)
        hooks.look_for_messages(engine, now)
        hooks.send_due(engine, now, private=settings.private_hooks)

    return tell, send


class Beside:
    """A worker in a process beside the server: started with it, started again should it die, ended with it.

    It gets its settings through a pipe, and ends when nobody holds the other side any more: also where the server
    was killed.
    """

    PROGRAM = "from incentives.cli.serving import work_beside; work_beside()"
    SECONDS = 5

    def __init__(self, url: URL, settings: Settings) -> None:
        self.told = pickle.dumps((url, settings))
        self.stopping = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and watch it."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.stopping.is_set():
            self.process = subprocess.Popen([sys.executable, "-c", self.PROGRAM], stdin=subprocess.PIPE)
            assert self.process.stdin is not None
            self.process.stdin.write(self.told)
            self.process.stdin.flush()
            self.process.wait()
            self.stopping.wait(self.SECONDS)

    def stop(self) -> None:
        """Let it end what is under way, for as long as the server itself may take."""
        self.stopping.set()
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(work.SECONDS_TO_END + 5)


def work_beside() -> None:
    """The worker's own process: settings come through its standard input, which then says when to end."""
    url, settings = pickle.load(sys.stdin.buffer)

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)  # past Python's own buffer, which could not be closed while it is read
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    _work(url, settings)


# Accounts --------------------------------------------------------------------------------------------


@click.group()
def user() -> None:
    """Accounts of the people who sign in."""


@user.command(name="add")
@click.argument("email")
@click.option("--name", required=True, help="As others see it.")
@click.option("--role", "roles", multiple=True, required=True, help=f"One of {', '.join(ROLES)}; may be repeated.")
@click.option("--payee", "payee_id", default="", help="The payee they are, for whoever is paid here.")
@click.option("--language", default="en", show_default=True)
@click.option("--password", default=None, help="Asked for where it is not given.")
@BY
def add(
    email: str, name: str, roles: tuple[str, ...], payee_id: str, language: str, password: str | None, actor: str
) -> None:
    """Make an account.

    \b
    Example:
      incentives user add femke@example.com --name "Femke Bos" --role author
    """
    with books(make=True) as engine:
        person = accounts.Person(email, name, roles, payee_id, language)
        accounts.add(engine, who(actor), person, hashed(engine, password or getpass.getpass("Password: ")))
        click.echo(f"{email} may sign in.")


@user.command(name="list")
def list_() -> None:
    """List the accounts: who may sign in, and as what.

    \b
    Example:
      incentives user list
    """
    with books() as engine, reading(engine) as connection:
        found = people.people(connection, dt.datetime.now(dt.UTC))
    rows = [
        (e.email, e.name, " ".join(e.roles), e.payee_id or "-", "may sign in" if e.active else "switched off")
        for e in found
    ]
    for line in summary.table(("account", "name", "roles", "payee", "state"), rows):
        click.echo(line)


@user.command()
@click.argument("email")
@click.option("--name", default=None, help="As others see it.")
@click.option("--role", "roles", multiple=True, help=f"One of {', '.join(ROLES)}; these replace those there are.")
@click.option("--payee", "payee_id", default=None, help='The payee they are; "" for nobody.')
@click.option("--password", is_flag=True, help="Ask for another password.")
@click.option("--enable", is_flag=True, help="Let them sign in again.")
@BY
def change(
    email: str,
    name: str | None,
    roles: tuple[str, ...],
    payee_id: str | None,
    password: bool,
    enable: bool,
    actor: str,
) -> None:
    """Change an account. Other roles or another payee sign it out everywhere, at once.

    \b
    Example:
      incentives user change femke@example.com --role author --role approver
    """
    with books() as engine:
        found = _found(engine, email)
        person = accounts.Person(
            found.email,
            found.name if name is None else name,
            roles or found.roles,
            found.payee_id if payee_id is None else payee_id,
            found.language,
            found.digest,
        )
        accounts.change(engine, who(actor), found.account_id, person, active=found.active or enable)
        if password:
            people.set_password(
                engine, who(actor), found.account_id, hashed(engine, getpass.getpass("Password: "))
            )
    click.echo(f"{email} is changed.")


@user.command()
@click.argument("email")
@BY
def disable(email: str, actor: str) -> None:
    """Switch an account off: it is signed out everywhere, at once, and its tokens open nothing.

    \b
    Example:
      incentives user disable femke@example.com
    """
    with books() as engine:
        found = _found(engine, email)
        person = accounts.Person(
            found.email, found.name, found.roles, found.payee_id, found.language, found.digest
        )
        accounts.change(engine, who(actor), found.account_id, person, active=False)
    click.echo(f"{email} may not sign in any more.")


def _found(engine: Engine, email: str) -> people.Listed:
    with reading(engine) as connection:
        return people.find(connection, email, dt.datetime.now(dt.UTC))


COMMANDS = (serve, worker, user)
