"""The command that serves the pages and the API, with a worker beside."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import socket
import sys
from dataclasses import replace
from typing import Any, NoReturn

import click
from gunicorn.app.base import BaseApplication
from sqlalchemy import URL

from incentives.cli.books import books
from incentives.cli.working import Beside
from incentives.store.engine import engine_for, read_url, shown
from incentives.web import create_app, operators
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
    expect_free(host, port)
    click.echo(f"{settings.public_url} serves {shown(url)}. Stop with Ctrl-C.")
    chosen = options(host, port, workers)
    if has_worker:
        beside = Beside(url, settings)
        chosen |= {"when_ready": lambda _: beside.start(), "on_exit": lambda _: beside.stop()}
    Server(url, settings, chosen).run()


def expect_free(host: str, port: int) -> None:
    """Nobody serves there yet: two servers that share their connections would not notice each other."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        cure = f"Choose another port: --port {port + 1}, or make demo PORT={port + 1}."
        raise SystemExit(f"Cannot serve on {host}:{port}: {error.strerror}. {cure}") from None


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
    """How gunicorn serves: processes with a few threads each, and nothing on a shared disk between them.

    Each listens for itself, and Linux spreads connections over them: from one queue, the process that wakes first
    takes all that come together, and keeps them while they last.
    """
    return {
        "bind": f"{host}:{port}",
        "workers": workers,
        "worker_class": "gthread",
        "threads": 4,
        "timeout": 120,
        "graceful_timeout": 30,
        "loglevel": "warning",
        "control_socket_disable": True,
        "reuse_port": sys.platform == "linux",
    }


COMMANDS = (serve,)
